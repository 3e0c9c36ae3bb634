"""The final rise of an utterance, on voices with known pitch."""

from __future__ import annotations

import numpy as np
import pytest

from simvoice.audio import RATE, Pcm16
from simvoice.timing.prosody import RISES, final_rise


def buzz(*hz: float, seconds: float = 1.0) -> Pcm16:
    """A voice of ten harmonics whose pitch passes through these values, evenly in time."""
    times = np.arange(round(seconds * RATE)) / RATE
    pitch = np.interp(times, np.linspace(0.0, seconds, len(hz)), hz)
    phase = 2.0 * np.pi * np.cumsum(pitch) / RATE
    wave = sum(np.sin(k * phase) / k for k in range(1, 11))
    return np.asarray(6000.0 * wave, dtype=np.int16)


def quiet(seconds: float) -> Pcm16:
    return np.zeros(round(seconds * RATE), dtype=np.int16)


@pytest.mark.parametrize("low_hz", [90.0, 140.0, 220.0])
def test_a_rise_at_the_end_is_found_and_a_fall_is_not(low_hz: float) -> None:
    up = [low_hz * 2.0 ** (st / 12.0) for st in (0.0, 0.0, 0.0, 6.0)]
    rise = final_rise(buzz(*up))
    assert rise is not None
    assert RISES[0] < rise <= 6.0
    assert final_rise(buzz(*reversed(up))) == pytest.approx(0.0, abs=0.1)
    assert final_rise(buzz(low_hz, low_hz)) == pytest.approx(0.0, abs=0.1)


def test_silence_after_the_utterance_changes_nothing() -> None:
    voice = buzz(120.0, 120.0, 170.0)
    after = np.concatenate([voice, quiet(0.3)])
    assert final_rise(after) == pytest.approx(final_rise(voice), abs=0.3)


def test_without_a_steady_pitch_there_is_no_value() -> None:
    noise = np.random.default_rng(1).integers(-3000, 3000, RATE).astype(np.int16)
    assert final_rise(quiet(1.0)) is None
    assert final_rise(quiet(0.0)) is None
    assert final_rise(noise) is None
    blip = np.concatenate([buzz(120.0, 120.0), quiet(0.4), buzz(150.0, 150.0, seconds=0.05)])
    assert final_rise(blip) is None


def test_hiss_that_looks_like_a_high_pitch_is_no_rise() -> None:
    hiss = np.concatenate([buzz(110.0, 100.0), buzz(440.0, 440.0, seconds=0.08)])
    assert final_rise(hiss) == pytest.approx(0.0, abs=0.3)
