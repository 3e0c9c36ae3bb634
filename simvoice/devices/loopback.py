"""Test whether the microphone picks up the speaker, by playing sweeps.

Two logarithmic sweeps are played; the echo's impulse response is found by deconvolution
(Farina 2000, "Simultaneous measurement of impulse response and distortion with a swept-sine
technique"). An echo has the same delay in both, noise does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from simvoice.audio import (
    FRAME,
    FRAME_S,
    RATE,
    SILENT_DBFS,
    Pcm,
    Pcm16,
    level_dbfs,
    samples,
    to_float,
    to_int16,
)
from simvoice.ports import AudioLine

SWEEP_S = 0.4
LISTEN_S = 0.6
"""Seconds after each sweep: longer than any delay of a sound card's two directions."""
BEFORE_S = 0.4
"""Seconds of silence before the first sweep; the second half measures the noise."""
LEVEL_DBFS = -20.0
"""Level of the sweep: as loud as the patient speaks."""
LOUDSPEAKER_DB = -45.0
"""An echo weaker than this, at the patient's level, does not pass the voice gates."""
PROMINENCE_DB = 18.0
"""Peak of the impulse response over its median: noise alone reaches 15 to 16 dB."""
ECHO_S = 0.05
"""Seconds of the impulse response that count as echo; more would only add noise."""
AGREE_S = 0.003
"""Seconds by which the delays of both sweeps may differ: device clocks drift far less."""

LoopbackVerdict = Literal["headphones", "loudspeaker"]


@dataclass(frozen=True, slots=True)
class Loopback:
    """The result of the self-test."""

    verdict: LoopbackVerdict
    echo_db: float | None
    """Level of the echo relative to the played sound, dB; None without an echo."""
    delay_s: float | None
    """Seconds from writing a frame to its echo, as `MicFrame.output_delay_s`; None without one."""
    stated_delay_s: float
    """The delay that the line reported during the test, seconds."""
    noise_dbfs: float
    """Level of the microphone before the first sweep."""


@lru_cache(maxsize=1)
def sweep() -> Pcm:
    """Return the sweep, float32 [6400]: 200 to 7000 Hz, faded at both ends."""
    t = np.arange(samples(SWEEP_S)) / RATE
    low, high = 200.0, 7000.0
    rate = np.log(high / low)
    wave = np.sin(2 * np.pi * low * SWEEP_S / rate * (np.exp(t * rate / SWEEP_S) - 1.0))
    fade = samples(0.01)
    wave[:fade] *= np.linspace(0.0, 1.0, fade)
    wave[-fade:] *= np.linspace(1.0, 0.0, fade)
    gain = 10.0 ** (LEVEL_DBFS / 20.0) * np.sqrt(2.0)
    swept: Pcm = (wave * gain).astype(np.float32)
    return swept


def find_echo(played: Pcm, recorded: Pcm) -> tuple[float, float, float]:
    """Find the echo of `played` in `recorded`, both float32 at 16 kHz from the same instant.

    Returns (delay in seconds, echo level in dB relative to `played`, prominence in dB).
    """
    size = 1 << int(np.ceil(np.log2(len(played) + len(recorded))))
    x = np.fft.rfft(played, size)
    power = np.abs(x) ** 2
    # The added power avoids a division by zero outside the sweep's band.
    inverse = np.conj(x) / (power + 1e-2 * power.max())
    response = np.fft.irfft(np.fft.rfft(recorded, size) * inverse, size)
    own = np.fft.irfft(x * inverse, size)
    usable = np.abs(response[: max(1, len(recorded) - len(played))])
    at = int(np.argmax(usable))
    floor = float(np.median(usable)) + 1e-12
    # The median magnitude of Gaussian noise is 0.6745 of its standard deviation.
    ring = response[at : at + samples(ECHO_S)]
    energy = float(np.sum(ring**2)) - len(ring) * (floor / 0.6745) ** 2
    share = max(energy, float(usable[at]) ** 2) / float(np.sum(own**2))
    prominence_db = 20.0 * float(np.log10(usable[at] / floor + 1e-12))
    return at / RATE, 10.0 * float(np.log10(share + 1e-12)), prominence_db


def measure_loopback(line: AudioLine) -> Loopback:
    """Play two sweeps through a started line and return the result.

    Takes 2.4 s of the line's time, or twice that when a stall spoils the first measurement. Raises
    DeviceLost when the device is disconnected.
    """
    first = _measure(line)
    return first if first is not None else _measure(line) or _UNSTEADY


def judge(
    found: list[tuple[float, float, float]], stated_delay_s: float, noise_dbfs: float
) -> Loopback | None:
    """Return the verdict; None when the sweeps contradict each other.

    found: the result of `find_echo` for each sweep.
    """
    delays = [delay for delay, _, _ in found]
    clear = [prominence >= PROMINENCE_DB for _, _, prominence in found]
    if not any(clear):
        return Loopback("headphones", None, None, stated_delay_s, noise_dbfs)
    if not all(clear) or max(delays) - min(delays) > AGREE_S:
        return None
    echo_db = float(np.mean([level for _, level, _ in found]))
    verdict: LoopbackVerdict = "loudspeaker" if echo_db >= LOUDSPEAKER_DB else "headphones"
    return Loopback(verdict, echo_db, float(np.mean(delays)), stated_delay_s, noise_dbfs)


_UNSTEADY = Loopback("loudspeaker", None, None, 0.0, SILENT_DBFS)
"""The result when the sweeps never agree. The canceller is then safer than a possible echo."""


def _measure(line: AudioLine) -> Loopback | None:
    wave = to_int16(sweep())
    silence = np.zeros(FRAME, np.int16)
    before, _ = _exchange(line, [silence] * round(BEFORE_S / FRAME_S))
    found = []
    stated: list[float] = []
    for _ in range(2):
        frames = [wave[i : i + FRAME] for i in range(0, len(wave), FRAME)]
        recorded, delays = _exchange(line, frames + [silence] * round(LISTEN_S / FRAME_S))
        if len(recorded) > len(wave):
            found.append(find_echo(sweep(), to_float(recorded)))
        stated += delays
    stated_s = float(np.median(stated)) if stated else 0.0
    return judge(found, stated_s, level_dbfs(before[-samples(BEFORE_S / 2) :]))


def _exchange(line: AudioLine, frames: list[Pcm16]) -> tuple[Pcm16, list[float]]:
    recorded: list[Pcm16] = []
    delays: list[float] = []
    for frame in frames:
        got = line.read()
        if got is None:
            break
        recorded.append(np.zeros(got.lost * FRAME, np.int16))
        recorded.append(got.pcm)
        delays.append(got.output_delay_s)
        line.write(frame)
    return np.concatenate(recorded or [np.zeros(0, np.int16)]), delays
