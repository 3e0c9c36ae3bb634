"""Two channels of any length, in pieces of any length."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from simvoice.audio import RATE, Pcm16
from simvoice.timing.measure_sound import BLOCK_S, SoundMeasurement, measure_channels, measure_sound
from tests.planted.talk import BACKCHANNEL, END_S, LEARNER_VOICE, PATIENT_VOICE, sound

LONG = 3
"""Repetitions of the planted talk: more than four blocks."""


@pytest.fixture(scope="module")
def talk() -> tuple[Pcm16, Pcm16]:
    learner, patient = sound()
    return np.tile(learner, LONG), np.tile(patient, LONG)


@pytest.fixture(scope="module")
def whole(talk: tuple[Pcm16, Pcm16]) -> SoundMeasurement:
    return measure_channels(*talk)


@pytest.mark.slow
def test_planted_speech_is_found_across_blocks(whole: SoundMeasurement) -> None:
    assert LONG * END_S > 4 * BLOCK_S
    truth = (sorted((*LEARNER_VOICE, BACKCHANNEL)), PATIENT_VOICE)
    for lane, expected in zip((whole.learner, whole.patient), truth, strict=True):
        repeated = np.concatenate([np.array(expected) + k * END_S for k in range(LONG)])
        assert lane.speech.shape == repeated.shape
        assert np.abs(lane.speech - repeated).max() <= 0.02


@pytest.mark.slow
@pytest.mark.parametrize("size", [7 * 160 + 3, 10 * RATE + 1, 31 * RATE])
def test_the_result_does_not_depend_on_the_pieces(
    talk: tuple[Pcm16, Pcm16], whole: SoundMeasurement, size: int
) -> None:
    learner, patient = talk
    pieces = ((learner[i : i + size], patient[i : i + size]) for i in range(0, learner.size, size))
    made = measure_sound(pieces)
    for one, two in ((made.learner, whole.learner), (made.patient, whole.patient)):
        assert np.array_equal(one.speech, two.speech)
        assert one.quality == two.quality
        for field in fields(one.voice):
            assert np.array_equal(getattr(one.voice, field.name), getattr(two.voice, field.name))
    assert made.length_s == whole.length_s


def test_a_channel_that_ends_first_is_silent_from_there_on(talk: tuple[Pcm16, Pcm16]) -> None:
    learner, patient = talk
    made = measure_channels(learner[: 12 * RATE], patient)
    assert made.length_s == pytest.approx(LONG * END_S)
    assert made.learner.speech[-1, 1] == pytest.approx(12.0, abs=0.02)


def test_empty_sound_has_no_speech() -> None:
    empty = np.empty(0, np.int16)
    for made in (
        measure_sound([]),
        measure_channels(empty, empty),
        measure_channels(empty, np.zeros(100, np.int16)),
    ):
        assert len(made.learner.speech) == len(made.patient.speech) == 0
        assert made.learner.voice.pitch_hz.size == 0


# -- conditions -----------------------------------------------------------------------------


def test_noise_is_measured_to_a_decibel_or_two() -> None:
    for noise_dbfs in (-70.0, -50.0):
        quality = measure_channels(*sound(noise_dbfs)).learner.quality
        assert quality.noise_dbfs == pytest.approx(noise_dbfs, abs=1.5)
        assert quality.speech_dbfs == pytest.approx(20 * np.log10(6000 / 32768 / 2**0.5), abs=1.0)


def test_a_leak_is_measured_and_is_no_speech() -> None:
    learner, patient = (channel.astype(np.float64) for channel in sound())
    leaking = (learner + 10.0 ** (-30.0 / 20.0) * patient).astype(np.int16)
    made = measure_channels(leaking, patient.astype(np.int16))
    assert made.learner.quality.leak_db == pytest.approx(-30.0, abs=3.0)
    assert made.patient.quality.leak_db < -50.0
    assert len(made.learner.speech) == len(LEARNER_VOICE) + 1


def test_lost_frames_are_counted() -> None:
    learner, patient = sound()
    for frame in range(0, learner.size // 320, 50):  # 20 ms of each second
        learner[frame * 320 : (frame + 1) * 320] = 0
    quality = measure_channels(learner, patient)
    assert quality.learner.quality.lost == pytest.approx(0.02, abs=0.004)
    assert quality.patient.quality.lost == 0.0


def test_a_channel_that_is_silent_by_nature_has_lost_nothing() -> None:
    learner, patient = sound(noise_dbfs=-200.0)
    made = measure_channels(learner, patient)
    assert made.learner.quality.lost == 0.0
    assert len(made.patient.speech) == len(PATIENT_VOICE)


@pytest.mark.parametrize("tail_s", [0.5, 20.0, 70.0])
def test_padding_after_the_end_of_a_file_is_not_lost_and_hides_no_noise(tail_s: float) -> None:
    learner, patient = sound(noise_dbfs=-50.0)[0], sound(noise_dbfs=-200.0)[1]
    plain = measure_channels(learner, patient)
    padding = np.zeros(round(tail_s * RATE), np.int16)
    padded = [np.concatenate((channel, padding)) for channel in (learner, patient)]
    made = measure_channels(padded[0], padded[1], learner_end=learner.size)
    assert made.length_s == pytest.approx(END_S + tail_s)
    assert made.learner.speech.shape == plain.learner.speech.shape
    assert np.abs(made.learner.speech - plain.learner.speech).max() <= 0.021
    assert np.abs(made.patient.speech - plain.patient.speech).max() <= 0.021
    assert made.learner.quality.lost == 0.0
    assert made.learner.quality.noise_dbfs == pytest.approx(-50.0, abs=1.5)
    # without the end, the silence is taken for the room, and the room for speech
    wrong = measure_channels(padded[0], padded[1]).learner
    assert tail_s < 10.0 or wrong.quality.noise_dbfs < -55.0


def test_clipping_is_counted() -> None:
    learner, patient = sound()
    loud = np.clip(learner.astype(np.int32) * 8, -32768, 32767).astype(np.int16)
    made = measure_channels(loud, patient)
    assert made.learner.quality.clipped > 0.3
    assert made.patient.quality.clipped == 0.0
