"""Speech activity from two channels of sound, for recordings that come without a journal.

A frame of 10 ms is speech when its channel holds more than can be explained otherwise: more, band
by band, than the room's own noise and than the other speaker's voice leaking in, and not much less
than the loudest sound of the last second, as breath and fading echo are. The first follows the
likelihood detector of Sohn, Kim & Sung 1999 (doi 10.1109/97.736233) with the ratio in decibels;
the leak is the linear coupling that the channels show while the other one speaks.

It knows nothing of voices: a door that slams into a channel is speech to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import Pcm16
from simvoice.timing.intervals import Intervals, at_least, bridge, intervals
from simvoice.timing.spectrum import BANDS, FRAME_S, Bands, bands, decibels

BRIDGE_S = 0.15
"""Stop closures inside words are shorter than this; pauses are longer."""
SHORTEST_S = 0.06
"""A click is shorter than any syllable."""

_QUIETEST_DB = -85.0
"""A band never counts as quieter: below it lie a converter's steps and a resampler's ringing."""
_QUIET_SHARE = 10.0
"""Percent of the time in which surely nobody speaks: nobody talks nine tenths of a minute."""
_SMOOTHED = 5
"""Frames over which power is averaged before it is compared: noise alone then hardly varies."""
_OVER_DB = 1.5
"""What a band of steady noise exceeds its own mean by in one frame of six."""
_STAY_DB = 0.4
"""Mean excess over all bands with which speech goes on; noise alone has it in 1 frame of 500."""
_OPEN_DB = 0.9
"""Mean excess that speech has to reach somewhere to be begun."""
_OPEN_FRAMES = 2
"""For so many frames."""
_BELOW_PEAK_DB = 35.0
"""Speech is at most so much quieter than the loudest frame around it: the weakest fricative lies
30 dB below the vowel beside it, breath and echo lie lower."""
PEAK_FRAMES = 100
"""How far "around" reaches to both sides: as long as a syllable's echo."""
_FAINT_DB = 25.0
"""Where all is quiet for a second, the peak is taken to be at most so far below the loud frames of
the whole block."""
_LEAK_LOUD_DB = 10.0
"""The coupling is read where the other voice is within this of its loud frames."""
_LEAK_SHARE = 50.0
"""Percentile of the coupling: the speaker's own voice raises it in far fewer than half of the
frames in which the other one is loud."""
_LEAK_MOST = 0.1
"""Power. More is no leak: both channels then hold the same sound."""
_LEAK_MARGIN = 4.0
"""Power. A leak varies with the head's turning; 6 dB above its mean it is still one."""
_LEAK_LATE_FRAMES = 3
"""A leak arrives up to 30 ms late: 10 m of air, or a loudspeaker's buffer."""


@dataclass(frozen=True, slots=True, eq=False)
class NoiseFloor:
    """What one channel holds when its speaker is silent."""

    noise: Bands
    """float32 [BANDS]: mean power of the room's noise."""
    leak: Bands
    """float32 [BANDS]: power gain with which the other channel's voice is heard in this one."""


def _expected_bias_db() -> Bands:
    """How far the mean of steady noise lies above the percentile that is read, band by band."""
    random = np.random.default_rng(1)
    white = (random.standard_normal(60 * 16_000) * 500.0).astype(np.int16)
    power = bands(white)
    read = np.percentile(decibels(smoothed(power)), _QUIET_SHARE, axis=0)
    return np.asarray(decibels(power.mean(axis=0)) - read, dtype=np.float32)


def smoothed(power: Bands) -> Bands:
    """float32 [frames, BANDS]: the mean over `_SMOOTHED` frames around each."""
    half = _SMOOTHED // 2
    padded = np.pad(power, ((half, half), (0, 0)), mode="edge")
    out = padded[: len(power)].copy()
    for k in range(1, _SMOOTHED):
        out += padded[k : k + len(power)]
    return out / np.float32(_SMOOTHED)


_BIAS_DB = _expected_bias_db()


def noise_of(power: Bands) -> Bands:
    """float32 [BANDS]: the room's noise in a minute or so of a channel."""
    if len(power) == 0:
        return np.full(BANDS, 10.0 ** (_QUIETEST_DB / 10.0), dtype=np.float32)
    level = np.percentile(decibels(smoothed(power)), _QUIET_SHARE, axis=0) + _BIAS_DB
    return np.asarray(10.0 ** (np.maximum(level, _QUIETEST_DB) / 10.0), dtype=np.float32)


def leak_of(own: Bands, other: Bands, noise: Bands, other_noise: Bands) -> Bands:
    """float32 [BANDS]: power gain from the other's channel into this one; 0 without a leak."""
    if len(own) == 0:
        return np.zeros(BANDS, dtype=np.float32)
    total = other.sum(axis=1)
    level = decibels(total)
    loud = (level > np.percentile(level, 90) - _LEAK_LOUD_DB) & (total > 20.0 * other_noise.sum())
    if np.count_nonzero(loud) < 100:
        return np.zeros(BANDS, dtype=np.float32)
    source = smoothed(other)[loud]
    gain = np.percentile(
        (smoothed(own)[loud] - noise) / np.maximum(source, 1e-12), _LEAK_SHARE, axis=0
    )
    return np.asarray(np.clip(gain, 0.0, _LEAK_MOST), dtype=np.float32)


def noise_floors(one: Bands, two: Bands) -> tuple[NoiseFloor, NoiseFloor]:
    """What each of two channels holds while its speaker is silent, from a minute or so of both."""
    noises = noise_of(one), noise_of(two)
    return (
        NoiseFloor(noises[0], leak_of(one, two, *noises)),
        NoiseFloor(noises[1], leak_of(two, one, *noises[::-1])),
    )


def _around(power: Bands) -> Bands:
    """Each band's greatest power in the frames whose sound may be in this one, late or averaged."""
    out = power.copy()
    for k in range(1, _LEAK_LATE_FRAMES + _SMOOTHED // 2 + 1):
        np.maximum(out[k:], power[:-k], out=out[k:])
    for k in range(1, _SMOOTHED // 2 + 1):
        np.maximum(out[:-k], power[k:], out=out[:-k])
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """What is decided about each frame of a channel."""

    stays: NDArray[np.bool_]
    """bool [frames]: speech goes on here if it has begun."""
    opens: NDArray[np.bool_]
    """bool [frames]: speech may begin here."""
    level_db: NDArray[np.float32]
    """float32 [frames]: level over what the room and the other voice explain, dBFS."""


def activity(own: Bands, other: Bands, floor: NoiseFloor) -> Activity:
    """own, other: float32 [frames, BANDS] of the two channels, a second more on both sides than
    is wanted, because edges look around."""
    if len(own) == 0:
        return Activity(np.empty(0, np.bool_), np.empty(0, np.bool_), np.empty(0, np.float32))
    explained = floor.noise
    if floor.leak.any():
        leak = np.float32(_LEAK_MARGIN) * floor.leak
        explained = floor.noise + leak * _around(other)
    excess = decibels(smoothed(own)) - decibels(explained) - np.float32(_OVER_DB)
    score = np.maximum(excess, 0.0).mean(axis=1)
    level = decibels(np.maximum(own - explained, 0.0).sum(axis=1))
    faintest = float(np.percentile(level, 95)) - _FAINT_DB
    near = level > np.maximum(greatest_around(level, PEAK_FRAMES), faintest) - _BELOW_PEAK_DB
    return Activity(near & (score > _STAY_DB), near & (score > _OPEN_DB), level)


def greatest_around(values: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """float32 [n]: the greatest value within `reach` of each (van Herk 1992: three passes)."""
    width = 2 * reach + 1
    n = values.size
    padded = np.pad(values, (reach, reach + -(n + 2 * reach) % width), constant_values=-np.inf)
    rows = padded.reshape(-1, width)
    forth = np.maximum.accumulate(rows, axis=1).ravel()
    back = np.maximum.accumulate(rows[:, ::-1], axis=1)[:, ::-1].ravel()
    return np.asarray(np.maximum(back[:n], forth[width - 1 : width - 1 + n]), dtype=np.float32)


def runs(stays: NDArray[np.bool_], opens: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64 [k, 2]: first and one past the last frame of each stretch in which speech goes on and
    somewhere could have begun."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], stays, [False])).astype(np.int8)))
    found = edges.reshape(-1, 2)
    counted = np.concatenate(([0], np.cumsum(opens)))
    has_begun = counted[found[:, 1]] - counted[found[:, 0]] >= _OPEN_FRAMES
    return np.asarray(found[has_begun], dtype=np.int64)


def spoken(found: NDArray[np.int64]) -> Intervals:
    """Frames from `runs` to seconds, with closures bridged and clicks left out."""
    return at_least(bridge(intervals(found * FRAME_S), BRIDGE_S), SHORTEST_S)


def speech_intervals(pcm: Pcm16, other: Pcm16 | None = None) -> Intervals:
    """pcm: int16 [n], 16 kHz, one speaker; other: the other speaker's channel. Seconds from the
    first sample, at 10 ms.

    For a recording that fits the memory and is of one piece; `listen` takes any.
    """
    own = bands(pcm)
    beside = np.zeros_like(own)
    if other is not None:
        theirs = bands(other)
        beside[: len(theirs)] = theirs[: len(own)]
    floor, _ = noise_floors(own, beside)
    made = activity(own, beside, floor)
    return spoken(runs(made.stays, made.opens))
