"""Speech activity from sound alone, against planted truth."""

from __future__ import annotations

import numpy as np
import pytest

from simvoice.audio import RATE, SILENT_DBFS, Pcm16, samples
from simvoice.timing.activity import levels_dbfs, noise_floor_dbfs, speech_intervals
from tests.planted_talk import BACKCHANNEL, LEARNER_VOICE, PATIENT_VOICE, sound


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


def test_the_level_of_a_tone_is_the_tones() -> None:
    assert levels_dbfs(tone(1.0, -20.0)) == pytest.approx(-20.0, abs=0.05)


def test_silence_has_the_level_of_silence_and_no_speech() -> None:
    silent = np.zeros(RATE, dtype=np.int16)
    assert set(levels_dbfs(silent).tolist()) == {SILENT_DBFS}
    assert len(speech_intervals(silent)) == 0
    assert noise_floor_dbfs(levels_dbfs(silent)) == -60.0


def test_steady_noise_is_no_speech() -> None:
    noise = np.random.default_rng(3).standard_normal(5 * RATE) * 800.0
    assert len(speech_intervals(noise.astype(np.int16))) == 0


def test_a_click_is_no_speech() -> None:
    pcm = np.zeros(2 * RATE, dtype=np.int16)
    pcm[RATE : RATE + 400] = tone(0.025, -10.0)
    assert len(speech_intervals(pcm)) == 0


def test_a_stop_closure_does_not_part_a_word() -> None:
    word = np.concatenate((tone(0.3, -20.0), np.zeros(samples(0.12), np.int16), tone(0.3, -20.0)))
    padded = np.concatenate((np.zeros(RATE, np.int16), word, np.zeros(RATE, np.int16)))
    assert speech_intervals(padded) == pytest.approx(np.array([[1.0, 1.72]]), abs=0.011)


@pytest.mark.parametrize("length", [0, 1, 159, 160])
def test_hardly_any_sound_is_no_speech(length: int) -> None:
    assert len(speech_intervals(np.zeros(length, dtype=np.int16))) == 0
