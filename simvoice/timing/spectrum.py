"""Power of sound in frequency bands, frame by frame; the input of speech detection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import RATE, Pcm16

FRAME_S = 0.01
"""Seconds from one frame to the next."""
FRAME = RATE // 100
"""Samples from one frame to the next."""
_WINDOW = 256
"""Samples, 16 ms: short enough to locate an edge to the frame, long enough for bands of 125 Hz."""
CONTEXT = (_WINDOW - FRAME) // 2
"""Samples before and after a frame that its window includes."""
_EDGES_HZ = (80, 200, 330, 500, 700, 950, 1250, 1650, 2150, 2800, 3600, 4600, 6000, 7900)
"""Edges of bands about as wide as those of hearing, from the lowest voice to the highest s."""
BANDS = len(_EDGES_HZ) - 1

Bands = NDArray[np.float32]
"""float32 [frames, BANDS]: power in each band relative to a full-scale square wave."""

_CHUNK = 1000
"""Frames transformed at a time, so that they fit into the processor's cache."""


_FIRST_BINS = np.searchsorted(np.fft.rfftfreq(_WINDOW, 1.0 / RATE), _EDGES_HZ)
_HANN = np.hanning(_WINDOW).astype(np.float32)
# Two-sided power of a windowed frame, so that the bands of white noise add up to its power.
_SCALE = np.float32(2.0 / (_WINDOW * float(np.sum(_HANN.astype(np.float64) ** 2))) / 32768.0**2)


def frames_in(samples: int) -> int:
    """Number of whole frames in a number of samples."""
    return samples // FRAME


def bands(pcm: Pcm16, before: Pcm16 | None = None, after: Pcm16 | None = None) -> Bands:
    """float32 [n // FRAME, BANDS]: power in each band and frame.

    pcm: int16 [n], 16 kHz. before, after: the sound around it where it is known; `CONTEXT` samples
    of each are used.
    """
    count = frames_in(pcm.size)
    if count == 0:
        return np.empty((0, BANDS), dtype=np.float32)
    around = np.zeros(pcm.size + 2 * CONTEXT, dtype=np.int16)
    around[CONTEXT : CONTEXT + pcm.size] = pcm
    if before is not None and before.size:
        part = before[-CONTEXT:]
        around[CONTEXT - part.size : CONTEXT] = part
    if after is not None and after.size:
        part = after[:CONTEXT]
        around[CONTEXT + pcm.size : CONTEXT + pcm.size + part.size] = part
    out = np.empty((count, BANDS), dtype=np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(around, _WINDOW)[::FRAME]
    for start in range(0, count, _CHUNK):
        some = windows[start : min(start + _CHUNK, count)].astype(np.float32)
        spectrum = np.fft.rfft(some * _HANN, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        # Not a matrix product: for matrices this small, the threads of a BLAS mostly wait.
        below = power[:, : _FIRST_BINS[-1]]
        np.add.reduceat(below, _FIRST_BINS[:-1], axis=1, out=out[start : start + len(some)])
    out *= _SCALE
    return out


def decibels(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power in decibels; digital silence is -120 dB."""
    return np.asarray(10.0 * np.log10(np.maximum(power, np.float32(1e-12))), dtype=np.float32)
