"""Record the planted speech: sentences of several voices, with the true edges of each sound.

The truth comes from the clean clip alone, by a rule that no detector uses: speech is where the
level over 5 ms is at most `VOICED_DB` below the clip's loudest 5 ms. Quieter stretches shorter
than `CLOSURE_S` (the closures of p, t and k) belong to the word.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np

from simvoice.audio import RATE, Pcm, samples
from simvoice.ports import SpokenWord, Voice, VoiceStyle
from simvoice.timing.intervals import Intervals, at_least, bridge, intervals, shift

VOICED_DB = 35.0
"""Below a clip's loudest 5 ms, dB: breath and the vocoder's tail are quieter, the weakest fricative
is louder."""
CLOSURE_S = 0.15
"""Seconds: closures of stops last up to 0.14 s; the shortest pause that counts is 0.2 s."""
MARGIN_S = 0.03
"""Seconds of margin around a clip, so that the cut makes no sound."""
LEVEL_DBFS = -23.0
"""RMS of the speech in a clip: a voice at arm's length from a microphone."""
_WINDOW = samples(0.005)
_HOP = samples(0.001)
_SHORTEST_S = 0.03

VOICES: tuple[VoiceStyle, ...] = (
    VoiceStyle(),
    VoiceStyle(formant_shift=1.17, pitch_hz=205.0, pitch_range=1.2),
    VoiceStyle(formant_shift=0.96, pitch_hz=92.0, pitch_range=0.7, duration=1.15),
    VoiceStyle(formant_shift=1.12, pitch_hz=178.0, pitch_range=0.9, duration=1.1),
    VoiceStyle(formant_shift=1.05, pitch_hz=130.0, pitch_range=1.4, duration=0.9),
    VoiceStyle(formant_shift=1.2, pitch_hz=235.0, pitch_range=1.1, duration=0.95),
)
"""A man, a woman, a slow deep man, an older woman, a quick lively man, a young woman. The last
two speak only in the test conversations, on which nothing is fitted."""

ClipKind = Literal["sentences", "short", "acknowledgements", "fillers"]


@dataclass(frozen=True, eq=False)
class Take:
    """One sentence spoken by one voice, trimmed."""

    text: str
    pcm: Pcm
    """float32 [n], 16 kHz, at `LEVEL_DBFS`."""
    speech: Intervals
    """The stretches of sound, seconds from the clip's start."""
    words: tuple[SpokenWord, ...]
    syllables_s: tuple[float, ...]
    """The ends of the syllables, seconds from the clip's start."""

    @property
    def onset_s(self) -> float:
        """Start of the first sound, seconds."""
        return float(self.speech[0, 0])

    @property
    def offset_s(self) -> float:
        """End of the last sound, seconds."""
        return float(self.speech[-1, 1])

    @property
    def length_s(self) -> float:
        """Seconds from the first sound to the last."""
        return self.offset_s - self.onset_s


Bank = dict[ClipKind, tuple[Take, ...]]


@cache
def texts() -> dict[ClipKind, tuple[str, ...]]:
    """Return the sentences to speak, by kind."""
    data = files("simvoice.research.calibrate") / "data" / "sentences.toml"
    raw = tomllib.loads(data.read_text(encoding="utf-8"))
    kinds: tuple[ClipKind, ...] = ("sentences", "short", "acknowledgements", "fillers")
    return {kind: tuple(raw[kind]) for kind in kinds}


def sounding(pcm: Pcm) -> Intervals:
    """Return where a clean clip sounds, by the rule above; seconds, to 1 ms."""
    power = np.concatenate(([0.0], np.cumsum(pcm.astype(np.float64) ** 2)))
    starts = np.arange(0, max(0, pcm.size - _WINDOW) + 1, _HOP)
    if pcm.size < _WINDOW:
        return intervals([])
    level = power[starts + _WINDOW] - power[starts]
    if level.max() <= 0.0:
        return intervals([])
    loud = level > level.max() * 10.0 ** (-VOICED_DB / 10.0)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8)))
    # A window is loud as soon as sound enters it, so its centre estimates the edge best.
    runs = (edges.reshape(-1, 2) * _HOP + _WINDOW / 2.0) / RATE
    return at_least(bridge(intervals(runs), CLOSURE_S), _SHORTEST_S)


def record_take(voice: Voice, text: str, style: VoiceStyle) -> Take:
    """Speak one sentence, trim it and set its level. Raises StageFailed."""
    spoken = voice.speak(text, style)
    found = sounding(spoken.pcm)
    lo = max(0, samples(float(found[0, 0]) - MARGIN_S))
    hi = min(spoken.pcm.size, samples(float(found[-1, 1]) + MARGIN_S))
    pcm = faded(spoken.pcm[lo:hi])
    by_s = -lo / RATE
    speech = shift(found, by_s)
    inside = np.concatenate([pcm[samples(a) : samples(b)] for a, b in speech])
    level = float(np.sqrt(np.mean(inside.astype(np.float64) ** 2)))
    gain = min(10.0 ** (LEVEL_DBFS / 20.0) / level, 0.98 / float(np.abs(pcm).max()))
    return Take(
        text,
        pcm * np.float32(gain),
        speech,
        tuple(SpokenWord(w.text, w.start_s + by_s, w.end_s + by_s) for w in spoken.words),
        tuple(at_s + by_s for at_s in spoken.syllable_ends_s),
    )


def faded(pcm: Pcm) -> Pcm:
    """Return the sound with ramps of 3 ms at both ends, so that cuts do not click."""
    n = min(samples(0.003), pcm.size // 2)
    out = pcm.astype(np.float32, copy=True)
    if n:
        ramp = np.linspace(0.0, 1.0, n, dtype=np.float32)
        out[:n] *= ramp
        out[-n:] *= ramp[::-1]
    return out


def record_bank(
    voice: Voice, style: VoiceStyle, progress: Callable[[], None] = lambda: None
) -> Bank:
    """Record all sentences with one voice."""
    bank: Bank = {}
    for kind, lines in texts().items():
        takes = []
        for text in lines:
            takes.append(record_take(voice, text, style))
            progress()
        bank[kind] = tuple(takes)
    return bank
