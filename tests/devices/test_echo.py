"""The canceller removes the patient's voice from the microphone and keeps the learner's."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from simvoice.audio import FRAME, RATE, Pcm, to_float, to_int16
from simvoice.devices.echo import LAG_S, EchoCanceller, canceller_available
from simvoice.devices.loopback import Loopback
from simvoice.devices.sound_card import choose_echo_mode
from simvoice.errors import LibraryMissing


def voice(duration_s: float, pitch_hz: float, seed: int) -> Pcm:
    """Return a buzz with moving pitch, vowels and syllables, at about -20 dBFS."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(duration_s * RATE)) / RATE
    moving = pitch_hz * (1 + 0.15 * np.sin(2 * np.pi * 0.6 * t + rng.random()))
    phase = 2 * np.pi * np.cumsum(moving) / RATE
    vowel = 1 + 0.8 * np.sin(2 * np.pi * 1.7 * t)
    buzz = sum(np.cos(k * phase + rng.random()) * vowel ** (k % 3) / k for k in range(1, 20))
    swell = np.clip(np.sin(2 * np.pi * 3.1 * t + rng.random()), 0, 1) ** 0.5
    made = np.asarray(buzz) * swell + rng.normal(0, 0.05, t.size) * swell
    scaled: Pcm = (made * 0.1 / np.sqrt(np.mean(made**2))).astype(np.float32)
    return scaled


def echo_of(sound: Pcm, delay_s: float, level_db: float, seed: int = 0) -> Pcm:
    """Return the echo of a small room: a delay, a direct path and 150 ms of decay."""
    rng = np.random.default_rng(seed)
    n = RATE // 4
    room = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / (0.15 * RATE))
    room[0] = 3.0
    room *= 10 ** (level_db / 20) / np.sqrt(np.sum(room**2))
    path = np.concatenate([np.zeros(round(delay_s * RATE)), room])
    heard: Pcm = np.convolve(sound, path)[: len(sound)].astype(np.float32)
    return heard


def cancelled(microphone: Pcm, reference: Pcm) -> Pcm:
    canceller = EchoCanceller()
    mic, far = to_int16(microphone), to_int16(reference)
    frames = [
        canceller.process(mic[i : i + FRAME], far[i : i + FRAME])
        for i in range(0, len(mic) - FRAME + 1, FRAME)
    ]
    return to_float(np.concatenate(frames))


def power_db(sound: Pcm, start_s: float, end_s: float) -> float:
    part = sound[round(start_s * RATE) : round(end_s * RATE)].astype(np.float64)
    return 10 * float(np.log10(np.mean(part**2) + 1e-12))


def likeness(spoken: Pcm, got: Pcm) -> float:
    """Return the correlation above 300 Hz: below, the canceller's high-pass shifts the phase."""
    parts = []
    for sound in (spoken, got):
        spectrum = np.fft.rfft(sound)
        spectrum[: 300 * len(sound) // RATE] = 0
        parts.append(np.fft.irfft(spectrum, len(sound)))
    return float(np.corrcoef(*parts)[0, 1])


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.03, 0.13, 0.3])
def test_an_echo_is_reduced_by_15_db_within_two_seconds(delay_s: float) -> None:
    far = voice(6.0, 180.0, 1)
    echo = echo_of(far, delay_s, -12.0)
    noise = np.random.default_rng(2).normal(0, 10 ** (-65 / 20), far.size).astype(np.float32)
    clean = cancelled(echo + noise, far)
    assert power_db(echo, 2.0, 6.0) - power_db(clean, 2.0, 6.0) >= 15.0


@pytest.mark.slow
def test_the_learner_speaking_over_the_patient_is_not_removed() -> None:
    far = voice(8.0, 180.0, 1)
    near = np.zeros_like(far)
    near[5 * RATE : 7 * RATE] = voice(2.0, 110.0, 9)
    clean = cancelled(echo_of(far, 0.08, -12.0) + near, far)
    kept_db = power_db(clean, 5.1, 7.0) - power_db(near, 5.1, 7.0)
    assert kept_db > -6.0
    lag = round(LAG_S * RATE)
    spoken = near[5 * RATE : 7 * RATE]
    got = clean[5 * RATE + lag : 7 * RATE + lag]
    assert likeness(spoken, got) > 0.7


def test_without_playback_the_learner_is_only_delayed() -> None:
    near = voice(3.0, 110.0, 9)
    clean = cancelled(near, np.zeros_like(near))
    lag = round(LAG_S * RATE)
    span = clean.size - lag
    assert likeness(near[RATE:span], clean[RATE + lag :]) > 0.9


def test_the_error_without_the_library_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    assert not canceller_available()
    with pytest.raises(LibraryMissing, match="pip install pywebrtc-audio"):
        EchoCanceller()
    assert choose_echo_mode(Loopback("loudspeaker", -10.0, 0.1, 0.1, -60.0)) == "half-duplex"


def test_loudspeakers_get_the_canceller_and_headphones_need_none() -> None:
    assert choose_echo_mode(Loopback("loudspeaker", -10.0, 0.1, 0.1, -60.0)) == "canceller"
    assert choose_echo_mode(Loopback("headphones", None, None, 0.1, -60.0)) == "headphones"
