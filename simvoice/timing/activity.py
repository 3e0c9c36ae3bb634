"""Speech activity from sound alone, for recordings that come without a journal.

Level against the recording's own noise floor, in frames of 10 ms, with hysteresis: speech begins
when the level rises well above the floor and ends when it falls close to it. It knows nothing of
voices, so it is for clean channels; the journal's own voice intervals come first where they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import RATE, SILENT_DBFS, Pcm16
from simvoice.timing.intervals import Intervals, at_least, bridge, empty, intervals

FRAME_S = 0.01
"""Seconds in one frame of the level."""
_FRAME = RATE // 100
_OPEN_DB = 15.0
"""Above the floor speech begins: the loud parts of a syllable are 25 dB and more above a quiet
room, breath and chair noises below 15."""
_STAY_DB = 8.0
"""Above the floor speech goes on: weak ends of words fall to here."""
_QUIETEST_DBFS = -60.0
"""A floor below this is digital silence, in which a resampler's ringing would pass for speech."""
_BRIDGE_S = 0.15
"""Stop closures inside words are shorter than this; pauses are longer."""
_SHORTEST_S = 0.06
"""A click is shorter than any syllable."""
_BLOCK_FRAMES = 60_000
"""Ten minutes at a time, so that memory does not grow with the recording."""


def levels_dbfs(pcm: Pcm16) -> NDArray[np.float64]:
    """float64 [n // 160]: level of each whole frame of 10 ms, dB relative to full scale."""
    frames = pcm[: len(pcm) // _FRAME * _FRAME].reshape(-1, _FRAME)
    out = np.empty(len(frames), dtype=np.float64)
    for start in range(0, len(frames), _BLOCK_FRAMES):
        wide = frames[start : start + _BLOCK_FRAMES].astype(np.float32) / np.float32(32768.0)
        power = np.mean(wide * wide, axis=1, dtype=np.float64)
        out[start : start + len(wide)] = 10.0 * np.log10(np.maximum(power, 1e-12))
    return np.maximum(out, SILENT_DBFS)


def noise_floor_dbfs(levels: NDArray[np.float64]) -> float:
    """The level of the room: the 10th percentile, because nobody speaks nine tenths of a time."""
    if levels.size == 0:
        return _QUIETEST_DBFS
    return max(_QUIETEST_DBFS, float(np.percentile(levels, 10)))


def speech_intervals(pcm: Pcm16) -> Intervals:
    """pcm: int16 [n], 16 kHz, one speaker. Seconds from the first sample, at 10 ms."""
    levels = levels_dbfs(pcm)
    floor = noise_floor_dbfs(levels)
    staying = levels > floor + _STAY_DB
    edges = np.flatnonzero(np.diff(np.concatenate(([False], staying, [False])).astype(np.int8)))
    runs = edges.reshape(-1, 2)
    if len(runs) == 0:
        return empty()
    peaks = np.maximum.reduceat(levels, runs[:, 0])
    # reduceat runs on to the next start; what lies between is quieter than any run, so the
    # maximum is the run's own.
    spoken = runs[peaks > floor + _OPEN_DB]
    return at_least(bridge(intervals(spoken * FRAME_S), _BRIDGE_S), _SHORTEST_S)
