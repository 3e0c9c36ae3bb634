"""What tells one learner of an exam day from all others: a name, words, a code and a sound.

Marked text is made of syllables that no page, log or case has. Marked sound is a chord of sines
whose frequencies are multiples of 50 Hz: its period is one frame, so that even a single frame of
20 ms out of it is recognised, wherever it begins.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from simvoice.audio import FRAME, RATE, Pcm, Pcm16, to_int16

_ONSETS = ("zw", "qu", "vr", "zh", "kv", "gz", "dv", "pf")
_VOWELS = ("a", "e", "i", "o", "u")
_STEP_HZ = RATE // FRAME
_GRID_HZ = np.arange(500, 3501, _STEP_HZ)
"""Where a telephone carries sound, and where no resampler or high-pass filter takes it away."""
_TONES = 6
_SHARED = 2
"""Tones that two learners may have in common: then the likeness of their chords is about 0.33."""
_PEAK = 0.25
"""Of full scale, so that it is loud beside the fan of a room."""


@dataclass(frozen=True)
class Marks:
    """The marks of one learner."""

    number: int
    name: str
    """Two words; the learner says and types it, and an account has it."""
    words: tuple[str, ...]
    """What the learner says in the encounter, and no one else."""
    answer: str
    """What the learner types after it."""
    tones_hz: tuple[int, ...]
    phases: tuple[float, ...] = field(repr=False)
    code: str = ""
    """The text of the code, in groups; empty without one."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text that must not be found, without the code when there is none."""
        written = [*self.name.split(), *self.words, self.answer]
        if self.code:
            plain = self.code.replace("-", "")
            written += [self.code, plain, self.code.replace("-", " ")]
        return tuple(written)

    @cached_property
    def needles(self) -> tuple[bytes, ...]:
        """The texts in every encoding that `search` looks for, in lower case where it has cases."""
        return tuple(dict.fromkeys(needle for text in self.texts for needle in encodings(text)))

    @cached_property
    def base64_needles(self) -> tuple[bytes, ...]:
        """The texts in base64, where upper and lower case differ."""
        found = (each for text in self.texts for each in base64_forms(text))
        return tuple(dict.fromkeys(found))

    @cached_property
    def frame(self) -> Pcm:
        """One period of the sound: float32 [320]."""
        t = np.arange(FRAME) / RATE
        waves = [
            np.sin(2 * np.pi * hz * t + phase)
            for hz, phase in zip(self.tones_hz, self.phases, strict=True)
        ]
        chord = np.sum(waves, axis=0)
        return np.asarray(_PEAK * chord / np.abs(chord).max(), np.float32)

    def sound(self, frames: int) -> Pcm16:
        """Return the chord: int16 [320 x frames]."""
        return np.tile(to_int16(self.frame), frames)


def encodings(text: str) -> list[bytes]:
    """Return the encodings that do not tell upper from lower case, in lower case."""
    low = text.lower()
    return [
        low.encode(),
        low.encode("utf-16-le"),
        low.encode("utf-16-be"),
        low.encode().hex().encode(),
        text.encode().hex().encode(),
        text.upper().encode().hex().encode(),
    ]


def base64_forms(text: str) -> list[bytes]:
    """Return what base64 makes of a text at each of its three places in a group of bytes.

    The characters at the ends also hold bits of what stands beside the text, and are left out.
    """
    found = []
    for given in {text, text.lower(), text.upper()}:
        for before in range(3):
            raw = bytes(before) + given.encode()
            whole = base64.b64encode(raw[: len(raw) // 3 * 3])
            found.append(whole[4:] if before else whole)
    return [each for each in found if len(each) >= 8]


def make_marks(count: int, seed: int) -> list[Marks]:
    """Return the marks of learners whom nothing confuses. Equal seeds give equal marks."""
    chosen = random.Random(seed)
    made: list[Marks] = []
    written: set[str] = set()

    def word(syllables: int) -> str:
        while True:
            parts = (chosen.choice(_ONSETS) + chosen.choice(_VOWELS) for _ in range(syllables))
            found = "".join(parts)
            if found not in written:
                written.add(found)
                return found

    for number in range(count):
        made.append(
            Marks(
                number=number,
                name=f"{word(4).title()} {word(4).title()}",
                words=(word(5), word(5)),
                answer=word(6),
                tones_hz=_tones(chosen, made),
                phases=tuple(chosen.uniform(0, 2 * np.pi) for _ in range(_TONES)),
            )
        )
    return made


def _tones(chosen: random.Random, made: Sequence[Marks]) -> tuple[int, ...]:
    while True:
        tones = tuple(sorted(int(hz) for hz in chosen.sample(list(_GRID_HZ), _TONES)))
        if all(len(set(tones) & set(other.tones_hz)) <= _SHARED for other in made):
            return tones


def text_of_others(page: str, others: Iterable[Marks]) -> list[str]:
    """Return what a page shows of others, as sentences that name no mark."""
    low = page.lower()
    return [
        f"a mark of learner {other.number}"
        for other in others
        if any(text.lower() in low for text in other.texts)
    ]
