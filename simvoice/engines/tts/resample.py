"""Whole clips from one rate to another (soxr). Streams are the devices' business."""

from __future__ import annotations

import numpy as np
import soxr  # type: ignore[import-untyped]

from simvoice.audio import RATE, Pcm


def to_rate(pcm: Pcm, rate: int) -> Pcm:
    """pcm: float32 [n] at `rate` Hz. Returns it at 16 kHz."""
    if rate == RATE or pcm.size == 0:
        return pcm.astype(np.float32, copy=False)
    # MQ: 40 dB less stop-band than HQ, still below 16 bits of a synthetic voice, half the time.
    return np.asarray(soxr.resample(pcm, rate, RATE, quality="MQ"), dtype=np.float32)
