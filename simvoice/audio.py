"""Frames, rates and sample time.

Inside simvoice, sound is mono at 16 kHz. Devices use int16 in frames of 20 ms; engines use float32
in -1..1. Session time counts samples of the learner's microphone (`RATE` a second), never a wall
clock.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Hertz. What Whisper, Silero, Smart Turn and webrtcvad all take."""

FRAME_S = 0.02
"""Seconds in one frame: the finest step webrtcvad and a browser's worklet share well."""

FRAME = 320
"""Samples in one frame."""

SILENT_DBFS = -96.0
"""The level given to digital silence: one step of int16 is at -90 dBFS."""

INAUDIBLE = 33
"""int16 peak, about -60 dBFS: quieter sound is not heard in a quiet room."""

WINDOW_S = 0.005
"""The step of `voiced_span`: the error of onset and offset."""

VOICED_DB = 35.0
"""A window so far below the loudest is silence: breath and the vocoder's tail are quieter."""

Pcm16 = NDArray[np.int16]
"""int16 [n], mono, 16 kHz."""

Pcm = NDArray[np.float32]
"""float32 [n], mono, 16 kHz, -1..1."""


def to_float(pcm: Pcm16) -> Pcm:
    """Convert int16 to float32 in -1..1."""
    return pcm.astype(np.float32) / np.float32(32768.0)


def to_int16(pcm: Pcm) -> Pcm16:
    """Convert float32 to int16, clipped at full scale."""
    return (np.clip(pcm, -1.0, 32767.0 / 32768.0) * 32768.0).astype(np.int16)


def level_dbfs(pcm: Pcm16 | Pcm) -> float:
    """Return the root-mean-square level in dB relative to full scale, at least `SILENT_DBFS`."""
    if pcm.size == 0:
        return SILENT_DBFS
    wide = pcm.astype(np.float64)
    if pcm.dtype == np.int16:
        wide /= 32768.0
    power = float(np.mean(wide * wide))
    return max(SILENT_DBFS, 10.0 * float(np.log10(power))) if power > 0.0 else SILENT_DBFS


def seconds(samples: int) -> float:
    """Convert samples at `RATE` to seconds."""
    return samples / RATE


def samples(duration_s: float) -> int:
    """Convert seconds to the nearest whole sample at `RATE`."""
    return round(duration_s * RATE)


def voiced_span(pcm: Pcm) -> tuple[int, int]:
    """Return the first and one past the last sample with voice, to `WINDOW_S`.

    (0, 0) when all is silent.
    """
    window = samples(WINDOW_S)
    count = -(-len(pcm) // window)
    padded = np.pad(pcm.astype(np.float64), (0, count * window - len(pcm)))
    power = np.mean(padded.reshape(count, window) ** 2, axis=1) if count else np.zeros(0)
    if power.size == 0 or power.max() <= 0.0:
        return 0, 0
    voiced = np.flatnonzero(power > power.max() * 10.0 ** (-VOICED_DB / 10.0))
    return int(voiced[0]) * window, min(len(pcm), (int(voiced[-1]) + 1) * window)


_WORD_ENDS_S = 0.04
"""How far the times of synthesised words may be off."""
_LEAST_SEARCH_S = 0.02
_SMOOTHED_S = 0.01
"""One period of a low voice, so that a zero crossing inside a vowel does not count as quiet."""


def quietest_sample(pcm: Pcm, end_s: float, start_s: float) -> int:
    """Return the sample at which to cut between two words, where a cut is heard least.

    end_s: end of the first word, seconds in pcm. start_s: start of the second.
    """
    low = min(max(0, samples(end_s - _WORD_ENDS_S)), pcm.size - 1)
    high = min(pcm.size, max(samples(start_s + _WORD_ENDS_S), low + samples(_LEAST_SEARCH_S)))
    power = pcm[low:high].astype(np.float64) ** 2
    return low + int(np.argmin(np.convolve(power, np.ones(samples(_SMOOTHED_S)), mode="same")))
