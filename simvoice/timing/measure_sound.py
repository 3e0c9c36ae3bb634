"""Measure two channels of sound: speech, voice and recording quality of each speaker.

The sound is processed block by block. Each block leaves a few numbers for each second of speech, so
ten hours of sound need hardly more memory than ten minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import RATE, Pcm16, samples, seconds
from simvoice.timing.activity import (
    PEAK_FRAMES,
    Activity,
    frame_activity,
    noise_floors,
    runs,
    runs_to_intervals,
)
from simvoice.timing.intervals import Intervals
from simvoice.timing.prosody import VoiceProfile, join_profiles, measure_voice
from simvoice.timing.quality import BlockQuality, Quality, combine_blocks, measure_block_quality
from simvoice.timing.spectrum import CONTEXT, FRAME, FRAME_S, Bands, bands, frames_in

BLOCK_S = 30.0
"""Seconds in a block. The noise floor is measured over three blocks: long enough that no one speaks
during nine tenths of them, short enough to follow noise that changes, such as an opened door."""
BLOCK = samples(BLOCK_S)
_CONTEXT_FRAMES = PEAK_FRAMES + 8
"""Frames of the neighbouring blocks that decisions at the edges of a block need."""

Blocks = Iterable[tuple[Pcm16, Pcm16]]
"""(learner, patient) in pieces of any length, int16, 16 kHz, both channels on one clock."""


@dataclass(frozen=True, slots=True, eq=False)
class ChannelMeasurement:
    """Measurements of one channel."""

    speech: Intervals
    voice: VoiceProfile
    quality: Quality


@dataclass(frozen=True, slots=True, eq=False)
class SoundMeasurement:
    """Measurements of both channels."""

    learner: ChannelMeasurement
    patient: ChannelMeasurement
    length_s: float


def measure_sound(blocks: Blocks, *, learner_end: int | None = None) -> SoundMeasurement:
    """Measure sound that comes in pieces.

    The result does not depend on how the sound is cut into pieces. A channel that ends before the
    other counts as silent from there on. learner_end: samples after which the learner's channel is
    padding and no recording; it says nothing about the room and is not lost.
    """
    measurer = _BlockMeasurer(learner_end)
    for learner, patient in _in_blocks(blocks):
        measurer.add((learner, patient))
    return measurer.finish()


def measure_channels(
    learner: Pcm16, patient: Pcm16, *, learner_end: int | None = None
) -> SoundMeasurement:
    """Measure two whole channels; int16 [n] each, 16 kHz. learner_end: as for `measure_sound`."""
    return measure_sound([(learner, patient)], learner_end=learner_end)


def _in_blocks(blocks: Blocks) -> Iterator[tuple[Pcm16, Pcm16]]:
    """Cut pieces of any length into pieces of `BLOCK` samples; the last one may be shorter."""
    rest: list[Pcm16] = [np.empty(0, np.int16), np.empty(0, np.int16)]
    for piece in blocks:
        start = 0
        while start < max(channel.size for channel in piece):
            taken = BLOCK - rest[0].size
            parts = [channel[start : start + taken] for channel in piece]
            width = max(part.size for part in parts)
            rest = [
                np.concatenate((old, part, np.zeros(width - part.size, np.int16)))
                for old, part in zip(rest, parts, strict=True)
            ]
            start += width
            if rest[0].size == BLOCK:
                yield rest[0], rest[1]
                rest = [np.empty(0, np.int16), np.empty(0, np.int16)]
    if rest[0].size:
        yield rest[0], rest[1]


@dataclass(slots=True, eq=False)
class _Block:
    """A block of both channels, kept until the next block is known."""

    pcm: tuple[Pcm16, Pcm16]
    power: list[Bands]


@dataclass(slots=True, eq=False)
class _ChannelState:
    """Measurements of one channel so far."""

    stays: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    opens: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    from_frame: int = 0
    """The frame at which `stays` and `opens` begin."""
    runs: list[NDArray[np.int64]] = field(default_factory=list)
    """Runs of speech frames that are complete."""
    voices: list[VoiceProfile] = field(default_factory=list)
    qualities: list[BlockQuality] = field(default_factory=list)

    def add_activity(self, made: Activity, is_last: bool) -> None:
        """Add the activity of one more block; keep only frames whose run may continue."""
        self.stays = np.concatenate((self.stays, made.stays))
        self.opens = np.concatenate((self.opens, made.opens))
        stretches = runs(self.stays, self.opens)
        # Speech after the last silent frame may continue in the next block.
        silent = np.flatnonzero(~self.stays)
        until = self.stays.size if is_last else int(silent[-1]) if silent.size else 0
        self.runs.append(stretches[stretches[:, 1] <= until] + self.from_frame)
        self.stays, self.opens = self.stays[until:], self.opens[until:]
        self.from_frame += until


class _BlockMeasurer:
    """Measures each block as soon as the next block is known."""

    def __init__(self, learner_end: int | None) -> None:
        ends = (learner_end, None)
        self._ends = tuple(None if end is None else frames_in(end) for end in ends)
        """Frames of each channel that are recorded; None for all."""
        self._blocks: list[_Block] = []
        self._channels = (_ChannelState(), _ChannelState())
        self._measured = 0
        """Number of blocks measured."""
        self._samples = 0

    def add(self, pcm: tuple[Pcm16, Pcm16]) -> None:
        """Add the next block of both channels."""
        if self._blocks:
            self._complete_last_frame(self._blocks[-1], pcm)
        before = self._blocks[-1].pcm if self._blocks else (None, None)
        power = [bands(own, old) for own, old in zip(pcm, before, strict=True)]
        self._blocks.append(_Block(pcm, power))
        self._samples += pcm[0].size
        if len(self._blocks) >= 2:
            self._measure(len(self._blocks) - 2, is_last=False)
        if len(self._blocks) > 2:
            self._blocks.pop(0)

    def finish(self) -> SoundMeasurement:
        """Measure the last block and return the measurements of all blocks."""
        if self._blocks:
            self._measure(len(self._blocks) - 1, is_last=True)
        learner, patient = (
            ChannelMeasurement(
                runs_to_intervals(np.concatenate(c.runs) if c.runs else np.empty((0, 2), np.int64)),
                join_profiles(c.voices),
                combine_blocks(c.qualities),
            )
            for c in self._channels
        )
        return SoundMeasurement(learner, patient, seconds(self._samples))

    @staticmethod
    def _complete_last_frame(block: _Block, following: tuple[Pcm16, Pcm16]) -> None:
        """Compute the last frame of a block again: its window needs samples of the next block."""
        for k in (0, 1):
            tail = block.pcm[k][-2 * CONTEXT - RATE // 100 :]
            block.power[k][-1:] = bands(tail, None, following[k])[-1:]

    def _measure(self, index: int, *, is_last: bool) -> None:
        blocks = self._blocks
        block = blocks[index]
        whole = [np.concatenate([b.power[k] for b in blocks]) for k in (0, 1)]
        begin = sum(len(b.power[0]) for b in blocks[:index])
        count = len(block.power[0])
        lo, hi = (
            max(0, begin - _CONTEXT_FRAMES),
            min(len(whole[0]), begin + count + _CONTEXT_FRAMES),
        )
        near = [power[lo:hi] for power in whole]
        first = self._measured * round(BLOCK_S / FRAME_S)
        recorded = [
            power if end is None else power[: max(0, end - first + begin)]
            for power, end in zip(whole, self._ends, strict=True)
        ]
        both = noise_floors(*recorded)
        made = [
            _cut_activity(frame_activity(near[k], near[1 - k], both[k]), begin - lo, count)
            for k in (0, 1)
        ]
        speech_runs = [runs(a.stays, a.opens) for a in made]
        speaking = [_frame_mask(found, count) for found in speech_runs]
        at_s = self._measured * BLOCK_S
        for k, channel in enumerate(self._channels):
            end = self._ends[k]
            known = slice(0, count if end is None else min(count, max(0, end - first)))
            channel.add_activity(made[k], is_last)
            channel.voices.append(
                measure_voice(block.pcm[k], block.power[k], made[k].level_db, speech_runs[k], at_s)
            )
            if known.stop > 0 or end is None:
                channel.qualities.append(
                    measure_block_quality(
                        block.pcm[k][: None if end is None else known.stop * FRAME],
                        block.power[k][known],
                        block.power[1 - k][known],
                        both[k],
                        speaking[k][known],
                        speaking[1 - k][known],
                    )
                )
        self._measured += 1


def _cut_activity(made: Activity, begin: int, count: int) -> Activity:
    part = slice(begin, begin + count)
    return Activity(made.stays[part], made.opens[part], made.level_db[part])


def _frame_mask(found: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    edges = np.zeros(count + 1, dtype=np.int64)
    np.add.at(edges, found[:, 0], 1)
    np.add.at(edges, found[:, 1], -1)
    return np.cumsum(edges[:-1]) > 0
