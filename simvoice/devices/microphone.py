"""What a microphone really gives: its input, its offset, and whether it is a microphone at all.

`InputPicker` works in the callback of a sound card; the others work on the runtime's frames.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import FRAME, FRAME_S, INAUDIBLE, Pcm16, samples

# -- the input of a card

MOST_INPUTS = 2
"""Inputs that are looked at. Cards with more put loop-backs of their outputs behind the first two,
and those would give the patient's voice as the learner's."""

INPUT_OVER_DB = 12.0
"""An input this much louder than the chosen one takes its place. The two sides of a stereo
microphone differ by less, and a voice is 20 dB over the noise of an empty input."""

LEVEL_HELD_S = 2.0
"""Seconds in which a remembered level falls by 60 dB: longer than a pause inside a sentence."""


class InputPicker:
    """Picks the input of a sound card that the microphone is on: the one with the voice.

    The choice is made before a block is passed on, so no start of a word is lost.
    """

    def __init__(self, rate: int) -> None:
        """rate: the device's rate, Hz."""
        self._rate = rate
        self._power = np.zeros(1)
        self.chosen = 0
        """Index of the input, from 0."""

    def pick(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the samples of the input with the voice, float32 [n], of a block [n, inputs]."""
        block = block[:, :MOST_INPUTS]
        if block.shape[1] == 1:
            return block[:, 0]
        fallen = 10.0 ** (-6.0 * len(block) / (LEVEL_HELD_S * self._rate))
        # The variance leaves an offset out: an empty input may have a large one.
        self._power = np.maximum(self._power * fallen, block.var(axis=0))
        best = int(np.argmax(self._power))
        if self._power[best] > self._power[self.chosen] * 10.0 ** (INPUT_OVER_DB / 10.0):
            self.chosen = best
        return block[:, self.chosen]


# -- an offset

OFFSET_FRAMES = 50
"""Frames whose middle value is the offset: 1 s. A cough or a plosive moves few of their means."""

OFFSET_EVERY = 5
"""Frames between two measurements: also the number that the first one needs."""


class OffsetRemover:
    """Takes a constant offset out of the microphone's sound.

    An offset makes silence look loud. A sound whose offset is not audible (`INAUDIBLE`) passes
    unchanged, sample by sample.
    """

    def __init__(self) -> None:
        self._means: deque[float] = deque(maxlen=OFFSET_FRAMES)
        self._frames = 0
        self._applied = 0.0
        self.offset = 0.0
        """The offset that is taken out, in steps of int16; 0 without one."""

    def process(self, pcm: Pcm16) -> Pcm16:
        """Return int16 [320] without the offset, clipped at full scale."""
        self._means.append(float(pcm.mean()))
        self._frames += 1
        if self._frames % OFFSET_EVERY == 0:
            low, found, high = np.percentile(self._means, [25, 50, 75])
            # Rumble moves the means too; while they are wide apart, what was known stays.
            if high - low < max(INAUDIBLE, abs(found)):
                self.offset = float(found) if abs(found) > INAUDIBLE else 0.0
        if self.offset == 0.0 and self._applied == 0.0:
            return pcm
        # A step of the correction would click.
        taken = np.linspace(self._applied, self.offset, FRAME)
        self._applied = self.offset
        return np.clip(np.rint(pcm - taken), -32768, 32767).astype(np.int16)


# -- the speaker's own sound

SEARCHED_S = 0.8
"""Seconds of played sound in which the heard sound is looked for: no device is later."""

WINDOW_S = 0.1
"""Seconds of heard sound that are compared: a syllable, so that a copy is found within 0.2 s."""

SEARCH_EVERY = 3
"""Frames between two searches of all delays. A known delay is looked at in every frame."""

TAPS = 16
"""Length of the filter that may lie between played and heard, in samples: 1 ms. It covers two
resamplers and a delay between two samples; the sound of a loudspeaker in a room needs 50 ms."""

COPIED_SHARE = 0.99
"""Share of the heard power that the filter must explain. Noise 20 dB under the sound prevents it,
and so do a loudspeaker and a room."""

LEAST_GAIN = 0.05
"""A weaker copy is crosstalk in a headset's cable; a monitor is not weakened."""

HELD_FRAMES = 10
"""Frames after a copy in which `HELD_SHARE` is enough: what the resamplers damp, as an s, is
explained worse."""

HELD_SHARE = 0.7
"""A learner who begins to speak, as loud as the copy or louder, is heard at once."""

COPIED_S = 0.6
"""Seconds of copy after which the microphone is called a copy: shorter than the self-test's two
sweeps, and shorter than the patient's first sentence."""

SILENT_FRAMES = 2
"""Frames of exact silence in a row that must be heard as well. A live microphone has noise."""

_HEARD = samples(WINDOW_S)
_PLAYED = samples(SEARCHED_S)
_SIZE = 1 << (_PLAYED + _HEARD - 1).bit_length()


class OwnSound:
    """Recognises a "microphone" that gives the speaker's own sound, without any air between.

    When a microphone is unplugged, sound servers give its program another source, and the only one
    left is often the monitor of the speaker. The patient would then be taken for the learner.
    """

    def __init__(self) -> None:
        self._played = np.zeros(_PLAYED, np.float32)
        self._heard = np.zeros(_HEARD, np.float32)
        self._delay: int | None = None
        """Samples from played to heard, once known."""
        self._frames = 0
        self._hold = 0
        self._copied = 0
        self._unlike = 0
        self._silent = 0
        self._was_silent = False

    @property
    def certain(self) -> bool:
        """Whether the microphone is no microphone: it copies the speaker and is silent with it."""
        return self._was_silent and self._copied * FRAME_S >= COPIED_S

    def push(self, heard: Pcm16, played: Pcm16) -> bool:
        """Return whether a frame of the microphone is a copy of what was played.

        heard: int16 [320]. played: int16 [320], the frame last written to the speaker.
        """
        self._frames += 1
        self._played = _shift(self._played, played)
        self._heard = _shift(self._heard, heard)
        self._silent = self._silent + 1 if np.abs(heard.astype(np.int32)).max() <= 1 else 0
        if self._silent >= SILENT_FRAMES:
            self._was_silent = True
            self._unlike = 0
        if self._silent > 0 or float(np.abs(self._heard).max()) <= INAUDIBLE:
            return False
        share = self._share_copied()
        self._hold = HELD_FRAMES if share >= COPIED_SHARE else self._hold - 1
        if self._hold > 0 and share >= HELD_SHARE:
            self._copied += 1
            self._unlike = 0
            return True
        # Sound of its own: this is a microphone. Short copies must not add up over an encounter.
        self._unlike += 1
        if self._unlike > HELD_FRAMES:
            self._copied, self._was_silent = 0, False
        return False

    def _share_copied(self) -> float:
        share = 0.0 if self._delay is None else self._explained(self._delay)
        if share < COPIED_SHARE and self._frames % SEARCH_EVERY == 0:
            found = self._find_delay()
            if found is not None and (other := self._explained(found)) > share:
                self._delay, share = found, other
        return share

    def _find_delay(self) -> int | None:
        """Return the delay at which played and heard sound are most alike, in samples."""
        if float(np.abs(self._played).max()) <= INAUDIBLE:
            return None
        spectrum = np.fft.rfft(self._played, _SIZE) * np.conj(np.fft.rfft(self._heard, _SIZE))
        alike = np.fft.irfft(spectrum, _SIZE)[: _PLAYED - _HEARD + 1]
        sums = np.concatenate([[0.0], np.cumsum(self._played.astype(np.float64) ** 2)])
        power = (sums[_HEARD:] - sums[:-_HEARD])[: alike.size]
        at = int(np.argmax(np.abs(alike) / np.sqrt(power + _HEARD * INAUDIBLE**2)))
        return _PLAYED - _HEARD - at

    def _explained(self, delay: int) -> float:
        """Return the share of the heard power that a short filter of the played sound explains.

        0 for a copy too weak to be a monitor's.
        """
        start = _PLAYED - _HEARD - delay
        shifts = range(start - TAPS // 2, start + TAPS // 2)
        if shifts[0] < 0 or shifts[-1] + _HEARD > _PLAYED:
            return 0.0
        pieces = np.stack([self._played[at : at + _HEARD] for at in shifts], axis=1)
        pieces = pieces.astype(np.float64)
        heard = self._heard.astype(np.float64)
        played_power = float(np.sum(pieces[:, TAPS // 2] ** 2))
        heard_power = float(np.sum(heard**2))
        if played_power <= _HEARD * INAUDIBLE**2 or heard_power < LEAST_GAIN**2 * played_power:
            return 0.0
        matrix = pieces.T @ pieces + 1e-6 * played_power * np.eye(TAPS)
        fitted = pieces @ np.linalg.solve(matrix, pieces.T @ heard)
        return 1.0 - float(np.sum((heard - fitted) ** 2)) / heard_power


def _shift(history: NDArray[np.float32], frame: Pcm16) -> NDArray[np.float32]:
    return np.concatenate([history[len(frame) :], frame.astype(np.float32)])
