"""Speech activity from sound alone, against planted truth."""

from __future__ import annotations

import numpy as np
import pytest

from simvoice.audio import RATE, Pcm16, samples
from simvoice.timing.activity import greatest_around, noise_power, smoothed
from simvoice.timing.intervals import Intervals
from simvoice.timing.measure_sound import measure_channels
from simvoice.timing.spectrum import bands, decibels
from tests.planted.talk import BACKCHANNEL, LEARNER_VOICE, PATIENT_VOICE, sound


def speech_intervals(pcm: Pcm16, other: Pcm16 | None = None) -> Intervals:
    """Speech of one speaker, seconds; the other speaker's channel is silent if not given."""
    return measure_channels(pcm, np.zeros_like(pcm) if other is None else other).learner.speech


def tone(duration_s: float, dbfs: float) -> Pcm16:
    """A sine whose root-mean-square level is `dbfs`."""
    time_s = np.arange(samples(duration_s)) / RATE
    peak = 32768.0 * np.sqrt(2.0) * 10.0 ** (dbfs / 20.0)
    return (peak * np.sin(2 * np.pi * 200.0 * time_s)).astype(np.int16)


@pytest.mark.parametrize("noise_dbfs", [-90.0, -70.0, -50.0])
def test_planted_speech_is_found_within_20_ms(noise_dbfs: float) -> None:
    truth = (sorted((*LEARNER_VOICE, BACKCHANNEL)), PATIENT_VOICE)
    for channel, expected in zip(sound(noise_dbfs), truth, strict=True):
        found = speech_intervals(channel)
        assert found.shape == (len(expected), 2)
        assert np.abs(found - np.array(expected)).max() <= 0.02


def test_the_bands_of_a_tone_add_up_to_its_power() -> None:
    level = decibels(bands(tone(1.0, -20.0)).sum(axis=1))
    assert level[2:-2] == pytest.approx(-20.0, abs=0.2)


def test_silence_has_no_power_and_no_speech() -> None:
    silent = np.zeros(RATE, dtype=np.int16)
    assert not bands(silent).any()
    assert len(speech_intervals(silent)) == 0


@pytest.mark.parametrize("noise_dbfs", [-70.0, -40.0])
def test_the_noise_of_a_room_is_measured_during_speech(noise_dbfs: float) -> None:
    for channel in sound(noise_dbfs):
        found = float(decibels(noise_power(smoothed(bands(channel))).sum()))
        assert found == pytest.approx(noise_dbfs, abs=1.0)


def test_frames_do_not_depend_on_how_the_sound_is_cut() -> None:
    channel = sound()[0][: 3 * RATE]
    half = RATE
    cut = [
        bands(channel[:half], None, channel[half:]),
        bands(channel[half:], channel[:half], None),
    ]
    assert np.array_equal(np.concatenate(cut), bands(channel))


def test_the_greatest_value_around_equals_a_plain_search() -> None:
    values = np.random.default_rng(0).standard_normal(57).astype(np.float32)
    plain = [values[max(0, k - 5) : k + 6].max() for k in range(57)]
    assert greatest_around(values, 5).tolist() == plain


@pytest.mark.parametrize("leak_db", [-40.0, -25.0])
def test_leak_of_the_other_voice_is_no_speech(leak_db: float) -> None:
    learner, patient = (channel.astype(np.float64) for channel in sound())
    leaking = (learner + 10.0 ** (leak_db / 20.0) * patient).astype(np.int16)
    found = speech_intervals(leaking, patient.astype(np.int16))
    assert found.shape == (len(LEARNER_VOICE) + 1, 2)
    assert np.abs(found - np.array(sorted((*LEARNER_VOICE, BACKCHANNEL)))).max() <= 0.02


def test_steady_noise_is_no_speech() -> None:
    noise = np.random.default_rng(3).standard_normal(5 * RATE) * 800.0
    assert len(speech_intervals(noise.astype(np.int16))) == 0


def test_a_click_is_no_speech() -> None:
    pcm = np.zeros(2 * RATE, dtype=np.int16)
    pcm[RATE : RATE + 400] = tone(0.025, -10.0)
    assert len(speech_intervals(pcm)) == 0


def test_a_stop_closure_does_not_split_a_word() -> None:
    word = np.concatenate((tone(0.3, -20.0), np.zeros(samples(0.12), np.int16), tone(0.3, -20.0)))
    padded = np.concatenate((np.zeros(RATE, np.int16), word, np.zeros(RATE, np.int16)))
    assert speech_intervals(padded) == pytest.approx(np.array([[1.0, 1.72]]), abs=0.011)


@pytest.mark.parametrize("length", [0, 1, 159, 160])
def test_hardly_any_sound_is_no_speech(length: int) -> None:
    assert len(speech_intervals(np.zeros(length, dtype=np.int16))) == 0
