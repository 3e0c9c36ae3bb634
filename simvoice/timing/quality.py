"""Recording conditions, measured from the sound itself: noise, leak, clipping, lost sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import SILENT_DBFS, Pcm16
from simvoice.timing.activity import NoiseFloor
from simvoice.timing.spectrum import FRAME, Bands, decibels, frames_in

_FULL_SCALE = 32_700
"""Smallest amplitude that counts as clipped: slightly below the largest value, for converters that
stop short of it."""
_STEP = 300
"""Smallest amplitude (-41 dBFS) from which a jump to digital silence is a cut, not an ending."""
_LONGEST_CUT = 20
"""Frames. A longer stretch is a pause that a noise gate made."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Conditions of one channel."""

    noise_dbfs: float
    """Level of the room's noise."""
    speech_dbfs: float
    """Level of the speech without the noise; `SILENT_DBFS` without speech."""
    leak_db: float
    """Level of the other speaker's voice in this channel relative to its own channel, dB;
    `SILENT_DBFS` when there is no leak."""
    clipped: float
    """Share of the speech's samples at full scale, 0..1."""
    lost: float
    """Share of the time in which sound is missing, 0..1."""

    @property
    def snr_db(self) -> float:
        """Speech over noise, dB."""
        return self.speech_dbfs - self.noise_dbfs


@dataclass(frozen=True, slots=True)
class BlockQuality:
    """Counts of one block of a channel; `combine_blocks` combines them."""

    frames: int
    noise: float
    """Power."""
    speech_frames: int
    speech: float
    """Sum of power over the speech frames, without the noise."""
    leak: float
    """Power gain."""
    clipped: int
    """Samples."""
    silent: int
    """Frames of digital silence outside speech."""
    quiet: int
    """Frames outside speech."""
    cut: int
    """Frames of digital silence that begin or end with a jump."""
    zero: int
    """Frames of digital silence."""


def measure_block_quality(
    pcm: Pcm16,
    own: Bands,
    other: Bands,
    noise_floor: NoiseFloor,
    speaking: NDArray[np.bool_],
    other_speaking: NDArray[np.bool_],
) -> BlockQuality:
    """Measure one block of a channel. speaking, other_speaking: bool [frames]."""
    frames = pcm[: frames_in(pcm.size) * FRAME].reshape(-1, FRAME)
    zero = np.max(np.abs(frames), axis=1, initial=0) == 0
    noise = float(noise_floor.noise.sum())
    total = own.sum(axis=1, dtype=np.float64)
    source = other[other_speaking].sum(axis=0, dtype=np.float64)
    leaked = float((source * noise_floor.leak).sum())
    # A leak below the room's noise cannot be told from variation of the noise.
    if leaked < noise * np.count_nonzero(other_speaking):
        leaked = 0.0
    return BlockQuality(
        frames=len(frames),
        noise=noise,
        speech_frames=int(np.count_nonzero(speaking)),
        speech=float(np.maximum(total[speaking] - noise, 0.0).sum()),
        leak=leaked / float(source.sum()) if leaked > 0.0 else 0.0,
        clipped=int(np.count_nonzero((pcm >= _FULL_SCALE) | (pcm <= -_FULL_SCALE))),
        silent=int(np.count_nonzero(zero & ~speaking)),
        quiet=int(np.count_nonzero(~speaking)),
        cut=_cut_frames(frames, zero),
        zero=int(np.count_nonzero(zero)),
    )


def _cut_frames(frames: Pcm16, zero: NDArray[np.bool_]) -> int:
    """Number of frames in stretches of digital silence that begin or end with a jump."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], zero, [False])).astype(np.int8)))
    count = 0
    for first, last in edges.reshape(-1, 2).tolist():
        before = abs(int(frames[first - 1, -1])) if first > 0 else 0
        after = abs(int(frames[last, 0])) if last < len(frames) else 0
        if max(before, after) >= _STEP and last - first <= _LONGEST_CUT:
            count += last - first
    return count


def combine_blocks(blocks: Sequence[BlockQuality]) -> Quality:
    """Conditions of a channel from all of its blocks."""
    frames = sum(block.frames for block in blocks)
    if frames == 0:
        return Quality(SILENT_DBFS, SILENT_DBFS, SILENT_DBFS, 0.0, 0.0)
    speech_frames = sum(block.speech_frames for block in blocks)
    quiet = sum(block.quiet for block in blocks)
    is_silent_by_nature = sum(block.silent for block in blocks) > 0.5 * quiet
    missing = sum(block.cut if is_silent_by_nature else block.zero for block in blocks)
    leaks = [block.leak for block in blocks if block.speech_frames or block.leak]
    return Quality(
        noise_dbfs=_db(float(np.median([block.noise for block in blocks]))),
        speech_dbfs=_db(sum(block.speech for block in blocks) / max(1, speech_frames)),
        leak_db=_db(float(np.median(leaks)) if leaks else 0.0),
        clipped=sum(block.clipped for block in blocks) / max(1, speech_frames * FRAME),
        lost=missing / frames,
    )


def _db(power: float) -> float:
    return max(SILENT_DBFS, float(decibels(np.array([power], dtype=np.float32))[0]))
