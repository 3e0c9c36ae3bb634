"""Louder or softer without clipping."""

from __future__ import annotations

import numpy as np

from simvoice.audio import Pcm


def louder(pcm: Pcm, gain_db: float) -> Pcm:
    """float32 [n] by `gain_db`, and what comes above 0.7 bent smoothly below full scale."""
    return limited(pcm * np.float32(10.0 ** (gain_db / 20.0)))


def limited(pcm: Pcm) -> Pcm:
    """Bend what is above 0.7 smoothly below full scale instead of clipping it."""
    knee, room = np.float32(0.7), np.float32(0.29)
    over = np.abs(pcm) > knee
    bent = pcm.copy()
    bent[over] = np.sign(pcm[over]) * (knee + room * np.tanh((np.abs(pcm[over]) - knee) / room))
    return bent
