"""Two channels of sound of any length to who spoke when, how, and under which conditions.

The sound is taken block by block; what stays of a block is a few numbers a second of speech, so
that ten hours need hardly more memory than ten minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import RATE, Pcm16, samples, seconds
from simvoice.timing.activity import PEAK_FRAMES, Activity, activity, noise_floors, runs, spoken
from simvoice.timing.intervals import Intervals
from simvoice.timing.prosody import VoiceProfile, describe, join
from simvoice.timing.quality import BlockQuality, Quality, add_up, look
from simvoice.timing.spectrum import CONTEXT, Bands, bands

BLOCK_S = 30.0
"""Seconds in a block. The room is listened to over three of them: long enough that nobody speaks
nine tenths of it, short enough to follow a door that opens to a corridor."""
BLOCK = samples(BLOCK_S)
_AROUND = PEAK_FRAMES + 8
"""Frames of the neighbouring blocks that the edges of a block look at."""

Blocks = Iterable[tuple[Pcm16, Pcm16]]
"""(learner, patient) in pieces of any length, int16, 16 kHz, on one clock."""


@dataclass(frozen=True, slots=True, eq=False)
class ChannelMeasurement:
    """One channel."""

    speech: Intervals
    voice: VoiceProfile
    quality: Quality


@dataclass(frozen=True, slots=True, eq=False)
class SoundMeasurement:
    """Both channels."""

    learner: ChannelMeasurement
    patient: ChannelMeasurement
    length_s: float


def measure_sound(blocks: Blocks) -> SoundMeasurement:
    """However the sound is cut into pieces, the result is the same. A channel that ends before
    the other is silent from there on."""
    ear = _Ear()
    for learner, patient in _in_blocks(blocks):
        ear.hear((learner, patient))
    return ear.all()


def measure_blocks(learner: Pcm16, patient: Pcm16) -> SoundMeasurement:
    """The same for two whole channels; int16 [n], 16 kHz."""
    return measure_sound([(learner, patient)])


def _in_blocks(blocks: Blocks) -> Iterator[tuple[Pcm16, Pcm16]]:
    """Pieces of any length to pieces of `BLOCK` samples, the last one shorter."""
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
    """A block of both channels that waits to be decided."""

    pcm: tuple[Pcm16, Pcm16]
    power: list[Bands]


@dataclass(slots=True, eq=False)
class _Channel:
    """What has come of one channel so far."""

    stays: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    opens: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    from_frame: int = 0
    """The frame at which `stays` and `opens` begin."""
    found: list[NDArray[np.int64]] = field(default_factory=list)
    voices: list[VoiceProfile] = field(default_factory=list)
    qualities: list[BlockQuality] = field(default_factory=list)

    def decide(self, made: Activity, is_last: bool) -> None:
        """Take the decisions of one more block; keep only what is still open."""
        self.stays = np.concatenate((self.stays, made.stays))
        self.opens = np.concatenate((self.opens, made.opens))
        stretches = runs(self.stays, self.opens)
        # What comes after the last silent frame may go on in the next block.
        silent = np.flatnonzero(~self.stays)
        until = self.stays.size if is_last else int(silent[-1]) if silent.size else 0
        self.found.append(stretches[stretches[:, 1] <= until] + self.from_frame)
        self.stays, self.opens = self.stays[until:], self.opens[until:]
        self.from_frame += until


class _Ear:
    """Takes blocks, decides each once the next one is there."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._channels = (_Channel(), _Channel())
        self._decided = 0
        """Blocks that are decided."""
        self._samples = 0

    def hear(self, pcm: tuple[Pcm16, Pcm16]) -> None:
        if self._blocks:
            self._mend_seam(self._blocks[-1], pcm)
        before = self._blocks[-1].pcm if self._blocks else (None, None)
        power = [bands(own, old) for own, old in zip(pcm, before, strict=True)]
        self._blocks.append(_Block(pcm, power))
        self._samples += pcm[0].size
        if len(self._blocks) >= 2:
            self._decide(len(self._blocks) - 2, is_last=False)
        if len(self._blocks) > 2:
            self._blocks.pop(0)

    def all(self) -> SoundMeasurement:
        if self._blocks:
            self._decide(len(self._blocks) - 1, is_last=True)
        learner, patient = (
            ChannelMeasurement(
                spoken(np.concatenate(c.found) if c.found else np.empty((0, 2), np.int64)),
                join(c.voices),
                add_up(c.qualities),
            )
            for c in self._channels
        )
        return SoundMeasurement(learner, patient, seconds(self._samples))

    @staticmethod
    def _mend_seam(block: _Block, following: tuple[Pcm16, Pcm16]) -> None:
        """The last frame of a block looks at the first samples of the next one."""
        for k in (0, 1):
            tail = block.pcm[k][-2 * CONTEXT - RATE // 100 :]
            block.power[k][-1:] = bands(tail, None, following[k])[-1:]

    def _decide(self, index: int, *, is_last: bool) -> None:
        blocks = self._blocks
        block = blocks[index]
        whole = [np.concatenate([b.power[k] for b in blocks]) for k in (0, 1)]
        begin = sum(len(b.power[0]) for b in blocks[:index])
        count = len(block.power[0])
        lo, hi = max(0, begin - _AROUND), min(len(whole[0]), begin + count + _AROUND)
        near = [power[lo:hi] for power in whole]
        both = noise_floors(whole[0], whole[1])
        made = [_middle(activity(near[k], near[1 - k], both[k]), begin - lo, count) for k in (0, 1)]
        talks = [runs(a.stays, a.opens) for a in made]
        speaking = [_mask(found, count) for found in talks]
        at_s = self._decided * BLOCK_S
        for k, channel in enumerate(self._channels):
            channel.decide(made[k], is_last)
            channel.voices.append(
                describe(block.pcm[k], block.power[k], made[k].level_db, talks[k], at_s)
            )
            channel.qualities.append(
                look(
                    block.pcm[k],
                    block.power[k],
                    block.power[1 - k],
                    both[k],
                    speaking[k],
                    speaking[1 - k],
                )
            )
        self._decided += 1


def _middle(made: Activity, begin: int, count: int) -> Activity:
    part = slice(begin, begin + count)
    return Activity(made.stays[part], made.opens[part], made.level_db[part])


def _mask(found: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    edges = np.zeros(count + 1, dtype=np.int64)
    np.add.at(edges, found[:, 0], 1)
    np.add.at(edges, found[:, 1], -1)
    return np.cumsum(edges[:-1]) > 0
