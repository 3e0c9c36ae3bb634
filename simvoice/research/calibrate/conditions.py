"""Disturb a conversation as rooms, microphones and lines do, each by a known amount."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simvoice.audio import RATE, Pcm, Pcm16, samples, to_int16
from simvoice.research.calibrate.clips import LEVEL_DBFS
from simvoice.simulate.signals import pink_noise


@dataclass(frozen=True, slots=True)
class RecordingCondition:
    """The disturbances of a recording; the defaults give a clean recording."""

    name: str
    noise_db: float | None = None
    """Ratio of speech to noise on both channels, dB."""
    bleed_db: float | None = None
    """Level of the other's voice in each channel, dB relative to the channel's voice (negative)."""
    reverb_s: float = 0.0
    """Seconds in which the room's echo falls by 60 dB."""
    clip_db: float = 0.0
    """Gain before the converter clips, dB."""
    dropped: float = 0.0
    """Share of lost frames of 20 ms, 0..1."""


STANDARD: tuple[RecordingCondition, ...] = (
    RecordingCondition("clean"),
    RecordingCondition("noise 30 dB", noise_db=30.0),
    RecordingCondition("noise 20 dB", noise_db=20.0),
    RecordingCondition("noise 10 dB", noise_db=10.0),
    RecordingCondition("bleed -40 dB", noise_db=45.0, bleed_db=-40.0),
    RecordingCondition("bleed -25 dB", noise_db=45.0, bleed_db=-25.0),
    RecordingCondition("reverberation", noise_db=45.0, reverb_s=0.4),
    RecordingCondition("clipping", noise_db=45.0, clip_db=18.0),
    RecordingCondition("dropped frames", noise_db=45.0, dropped=0.02),
)
"""The conditions on which the error table is fitted."""

HELD_OUT: tuple[RecordingCondition, ...] = (
    RecordingCondition("noise 35 dB", noise_db=35.0),
    RecordingCondition("noise 25 dB", noise_db=25.0),
    RecordingCondition("noise 15 dB", noise_db=15.0),
    RecordingCondition("bleed -32 dB", noise_db=45.0, bleed_db=-32.0),
    RecordingCondition("bleed -30 dB, noise 25 dB", noise_db=25.0, bleed_db=-30.0),
    RecordingCondition("less reverberation", noise_db=45.0, reverb_s=0.3),
    RecordingCondition("less clipping", noise_db=45.0, clip_db=14.0),
    RecordingCondition("fewer dropped frames", noise_db=45.0, dropped=0.01),
)
"""Test conditions, on which nothing is fitted; they give the coverage of the intervals."""

_DIRECT_DB = 6.0
"""Direct sound over echo at 1 m from a microphone in an office, dB."""


def disturb(
    learner: Pcm, patient: Pcm, condition: RecordingCondition, seed: int
) -> tuple[Pcm16, Pcm16]:
    """Return both channels as they would be recorded, int16. Equal seeds give equal sound."""
    random = np.random.default_rng(seed)
    channels = [learner.astype(np.float32), patient.astype(np.float32)]
    if condition.reverb_s > 0.0:
        channels = [_reverberant(c, condition.reverb_s, random) for c in channels]
    if condition.bleed_db is not None:
        gain = 10.0 ** (condition.bleed_db / 20.0)
        channels = [
            own + np.float32(gain) * _through_air(other, random)
            for own, other in (channels, channels[::-1])
        ]
    if condition.noise_db is not None:
        channels = [_noisy(c, LEVEL_DBFS - condition.noise_db, random) for c in channels]
    if condition.clip_db > 0.0:
        channels = [c * np.float32(10.0 ** (condition.clip_db / 20.0)) for c in channels]
    pcm = [to_int16(c) for c in channels]
    if condition.dropped > 0.0:
        pcm = [_dropped(c, condition.dropped, random) for c in pcm]
    return pcm[0], pcm[1]


def _noisy(pcm: Pcm, level_dbfs: float, random: np.random.Generator) -> Pcm:
    noise = pink_noise(20.0, level_dbfs, int(random.integers(2**31)))
    return pcm + np.resize(noise, pcm.size)


def _through_air(pcm: Pcm, random: np.random.Generator) -> Pcm:
    """Return the other's voice as it arrives: delayed and slightly low-passed."""
    late = samples(float(random.uniform(0.002, 0.01)))
    moved = np.concatenate((np.zeros(late, np.float32), pcm))[: pcm.size]
    dull = moved.copy()
    dull[1:] = 0.7 * moved[1:] + 0.3 * moved[:-1]
    return dull


def _reverberant(pcm: Pcm, rt60_s: float, random: np.random.Generator) -> Pcm:
    """Return direct sound and a noise tail that falls by 60 dB in `rt60_s` (Polack 1988)."""
    n = samples(rt60_s)
    tail = random.standard_normal(n) * 10.0 ** (-3.0 * np.arange(n) / n)
    tail[: samples(0.004)] = 0.0  # the first reflection arrives after the direct sound
    tail *= 10.0 ** (-_DIRECT_DB / 20.0) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return _convolved(pcm, tail.astype(np.float32))


def _convolved(pcm: Pcm, response: Pcm) -> Pcm:
    """Convolve by overlap-add, so that memory stays small for long recordings."""
    block = 1 << 17
    size = 1 << (block + response.size - 1).bit_length()
    spectrum = np.fft.rfft(response, size)
    out = np.zeros(pcm.size + size, np.float32)
    for start in range(0, pcm.size, block):
        made = np.fft.irfft(np.fft.rfft(pcm[start : start + block], size) * spectrum, size)
        out[start : start + size] += made.astype(np.float32)
    return out[: pcm.size]


def _dropped(pcm: Pcm16, share: float, random: np.random.Generator) -> Pcm16:
    """Replace lost frames by zeros, one to three in a row."""
    frame = RATE // 50
    out = pcm.copy()
    lost = 0
    while lost < share * pcm.size / frame:
        run = int(random.integers(1, 4))
        at = int(random.integers(0, max(1, pcm.size // frame - run)))
        out[at * frame : (at + run) * frame] = 0
        lost += run
    return out
