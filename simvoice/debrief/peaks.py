"""The outline of a recording, small enough for a page."""

from __future__ import annotations

import numpy as np

from simvoice.audio import RATE, Pcm16
from simvoice.debrief.model import Peaks

PER_S = 50
"""Bins a second: one for each frame, and finer than a screen's pixels for all but short talks."""


def peaks(learner: Pcm16, patient: Pcm16, per_s: int = PER_S) -> Peaks:
    """learner, patient: int16 [n], 16 kHz. per_s: bins a second, a divisor of 16,000."""
    return Peaks(per_s=per_s, learner=_channel(learner, per_s), patient=_channel(patient, per_s))


def _channel(pcm: Pcm16, per_s: int) -> tuple[int, ...]:
    size = RATE // per_s
    bins = -(-len(pcm) // size)
    padded = np.zeros(bins * size, dtype=np.int16)
    padded[: len(pcm)] = pcm
    rows = padded.reshape(bins, size)
    both = np.column_stack((rows.min(axis=1), rows.max(axis=1))) if bins else rows
    # Towards zero, so that silence with one stray step of noise draws as a straight line.
    scaled = np.trunc(both.astype(np.float64) * (127.0 / 32767.0)).clip(-127, 127)
    return tuple(scaled.astype(np.int64).ravel().tolist())
