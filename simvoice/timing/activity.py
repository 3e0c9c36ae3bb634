"""Detect speech activity in two channels of sound, for recordings without a journal.

A frame of 10 ms counts as speech when two conditions hold. Its power, band by band, exceeds the
room's noise and the leak of the other speaker's voice. Its level is not far below the loudest sound
within a second, as breath and fading echo are. The first condition follows the likelihood detector
of Sohn, Kim & Sung 1999 (doi 10.1109/97.736233) with the ratio in decibels. The leak is the linear
coupling between the channels while the other speaker speaks.

The detector does not recognise voices: a slamming door counts as speech.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simvoice.timing.intervals import Intervals, at_least, bridge, intervals
from simvoice.timing.spectrum import BANDS, FRAME_S, Bands, bands, decibels

BRIDGE_S = 0.15
"""Seconds. Stop closures inside words are shorter than this; pauses are longer."""
SHORTEST_S = 0.06
"""Seconds. Every syllable is longer than this; a click is shorter."""

_QUIETEST_DB = -85.0
"""Lowest level of a band. Below it are only a converter's steps and a resampler's ringing."""
_QUIET_SHARE = 10.0
"""Percent of the time that is surely silent: a speaker does not speak nine tenths of a minute."""
_SMOOTHED = 5
"""Frames over which power is averaged before comparison, so that noise alone hardly varies."""
_OVER_DB = 1.5
"""Level by which a band of steady noise exceeds its own mean in one frame of six."""
_STAY_DB = 0.4
"""Mean excess over all bands at which speech continues; noise alone has it in 1 frame of 500."""
_OPEN_DB = 0.9
"""Mean excess that a stretch must reach to count as speech."""
_OPEN_FRAMES = 2
"""Number of frames in which a stretch must reach `_OPEN_DB`."""
_BELOW_PEAK_DB = 35.0
"""Speech is at most this much below the loudest frame around it: the weakest fricative is 30 dB
below the vowel next to it, breath and echo are lower."""
PEAK_FRAMES = 100
"""Reach of "around" to both sides: as long as a syllable's echo."""
_FAINT_DB = 25.0
"""The peak counts as at most this far below the loud frames of the whole block, also where a whole
second is quiet."""
_LEAK_LOUD_DB = 10.0
"""The coupling is measured where the other voice is within this range of its loud frames."""
_LEAK_SHARE = 50.0
"""Percentile of the coupling that is used: the speaker's own voice raises the coupling in far fewer
than half of the frames in which the other speaker is loud."""
_LEAK_MOST = 0.1
"""Largest power gain of a leak; above it both channels hold the same sound."""
_LEAK_MARGIN = 4.0
"""Power ratio. A leak varies as heads turn; up to 6 dB above its mean it still counts as leak."""
_LEAK_LATE_FRAMES = 3
"""A leak arrives up to 30 ms late: 10 m of air, or a loudspeaker's buffer."""


@dataclass(frozen=True, slots=True, eq=False)
class NoiseFloor:
    """The power in one channel while its speaker is silent."""

    noise: Bands
    """float32 [BANDS]: mean power of the room's noise."""
    leak: Bands
    """float32 [BANDS]: power gain from the other channel's voice to this channel."""


def _expected_bias_db() -> Bands:
    """float32 [BANDS]: mean of steady noise minus the percentile that is measured, dB."""
    random = np.random.default_rng(1)
    white = (random.standard_normal(60 * 16_000) * 500.0).astype(np.int16)
    power = bands(white)
    read = np.percentile(decibels(smoothed(power)), _QUIET_SHARE, axis=0)
    return np.asarray(decibels(power.mean(axis=0)) - read, dtype=np.float32)


def smoothed(power: Bands) -> Bands:
    """float32 [frames, BANDS]: the mean over `_SMOOTHED` frames around each frame."""
    if len(power) == 0:
        return power
    half = _SMOOTHED // 2
    padded = np.pad(power, ((half, half), (0, 0)), mode="edge")
    out = padded[: len(power)].copy()
    for k in range(1, _SMOOTHED):
        out += padded[k : k + len(power)]
    return out / np.float32(_SMOOTHED)


_BIAS_DB = _expected_bias_db()


def noise_power(smooth: Bands) -> Bands:
    """float32 [BANDS]: mean power of the room's noise, from about a minute of a channel's power,
    smoothed."""
    if len(smooth) == 0:
        return np.full(BANDS, 10.0 ** (_QUIETEST_DB / 10.0), dtype=np.float32)
    level = np.percentile(decibels(smooth), _QUIET_SHARE, axis=0) + _BIAS_DB
    return np.asarray(10.0 ** (np.maximum(level, _QUIETEST_DB) / 10.0), dtype=np.float32)


def _leak_gain(
    own: Bands, other: Bands, other_power: Bands, noise: Bands, other_noise: Bands
) -> Bands:
    """float32 [BANDS]: power gain from the other channel to this one; 0 without a leak.

    own, other: the power of both channels, smoothed. other_power: as measured.
    """
    if len(own) == 0:
        return np.zeros(BANDS, dtype=np.float32)
    total = other_power.sum(axis=1)
    level = decibels(total)
    loud = (level > np.percentile(level, 90) - _LEAK_LOUD_DB) & (total > 20.0 * other_noise.sum())
    if np.count_nonzero(loud) < 100:
        return np.zeros(BANDS, dtype=np.float32)
    gain = np.percentile((own[loud] - noise) / np.maximum(other[loud], 1e-12), _LEAK_SHARE, axis=0)
    return np.asarray(np.clip(gain, 0.0, _LEAK_MOST), dtype=np.float32)


def noise_floors(one: Bands, two: Bands) -> tuple[NoiseFloor, NoiseFloor]:
    """The noise floor of each of two channels, from about a minute of both.

    One may be shorter, where its recording ends.
    """
    own, other = smoothed(one), smoothed(two)
    noises = noise_power(own), noise_power(other)
    both = min(len(one), len(two))
    if len(one) != len(two):
        one, two = one[:both], two[:both]
        own, other = smoothed(one), smoothed(two)
    return (
        NoiseFloor(noises[0], _leak_gain(own, other, two, *noises)),
        NoiseFloor(noises[1], _leak_gain(other, own, one, *noises[::-1])),
    )


def _greatest_power_around(power: Bands) -> Bands:
    """float32 [frames, BANDS]: greatest power of the frames whose leak may reach each frame.

    A leak arrives late, and power is averaged over neighbouring frames.
    """
    out = power.copy()
    for k in range(1, _LEAK_LATE_FRAMES + _SMOOTHED // 2 + 1):
        np.maximum(out[k:], power[:-k], out=out[k:])
    for k in range(1, _SMOOTHED // 2 + 1):
        np.maximum(out[:-k], power[k:], out=out[:-k])
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """Whether each frame of a channel may be speech."""

    stays: NDArray[np.bool_]
    """bool [frames]: speech that has begun continues here."""
    opens: NDArray[np.bool_]
    """bool [frames]: speech may begin here."""
    level_db: NDArray[np.float32]
    """float32 [frames]: level without the room's noise and the leak, dBFS."""


def frame_activity(own: Bands, other: Bands, noise_floor: NoiseFloor) -> Activity:
    """Decide which frames of a channel may be speech.

    own, other: float32 [frames, BANDS] of the two channels. The first and last second are less
    reliable, because decisions use the frames around; pass a second more on both sides.
    """
    if len(own) == 0:
        return Activity(np.empty(0, np.bool_), np.empty(0, np.bool_), np.empty(0, np.float32))
    explained = noise_floor.noise
    if noise_floor.leak.any():
        leak = np.float32(_LEAK_MARGIN) * noise_floor.leak
        explained = noise_floor.noise + leak * _greatest_power_around(other)
    excess = decibels(smoothed(own)) - decibels(explained) - np.float32(_OVER_DB)
    score = np.maximum(excess, 0.0).mean(axis=1)
    level = decibels(np.maximum(own - explained, 0.0).sum(axis=1))
    faintest = float(np.percentile(level, 95)) - _FAINT_DB
    near = level > np.maximum(greatest_around(level, PEAK_FRAMES), faintest) - _BELOW_PEAK_DB
    return Activity(near & (score > _STAY_DB), near & (score > _OPEN_DB), level)


def greatest_around(values: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """float32 [n]: the greatest value within `reach` of each one (van Herk 1992: three passes)."""
    width = 2 * reach + 1
    n = values.size
    padded = np.pad(values, (reach, reach + -(n + 2 * reach) % width), constant_values=-np.inf)
    rows = padded.reshape(-1, width)
    forth = np.maximum.accumulate(rows, axis=1).ravel()
    back = np.maximum.accumulate(rows[:, ::-1], axis=1)[:, ::-1].ravel()
    return np.asarray(np.maximum(back[:n], forth[width - 1 : width - 1 + n]), dtype=np.float32)


def runs(stays: NDArray[np.bool_], opens: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64 [k, 2]: first and one past the last frame of each stretch of speech.

    A stretch counts when it has at least `_OPEN_FRAMES` frames at which speech may begin.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], stays, [False])).astype(np.int8)))
    found = edges.reshape(-1, 2)
    counted = np.concatenate(([0], np.cumsum(opens)))
    has_begun = counted[found[:, 1]] - counted[found[:, 0]] >= _OPEN_FRAMES
    return np.asarray(found[has_begun], dtype=np.int64)


def runs_to_intervals(found: NDArray[np.int64]) -> Intervals:
    """Convert frames from `runs` to seconds, bridge closures and drop clicks."""
    return at_least(bridge(intervals(found * FRAME_S), BRIDGE_S), SHORTEST_S)
