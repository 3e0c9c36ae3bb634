"""Readings of two channels of sound without a journal."""

from __future__ import annotations

import numpy as np
import pytest

from simvoice.reading.reading import read_channels
from simvoice.scoring.metrics.definitions import definitions
from simvoice.scoring.metrics.registry import measure_reading
from simvoice.timing.turns import TimedWord
from tests.planted.talk import END_S, NUMBERS, sound


def test_two_channels_give_the_times_of_the_conversation() -> None:
    learner, patient = sound()
    reading = read_channels(learner, patient)
    found = {m.key: m for m in measure_reading(reading)}
    assert reading.speech_times.end_s == END_S
    # The planted noise of 0.4 s is not in the learner's channel of `sound`.
    assert found["learner_speech"].value == pytest.approx(NUMBERS["learner_speech"], abs=0.2)
    assert found["patient_speech"].value == pytest.approx(NUMBERS["patient_speech"], abs=0.2)


def test_a_metric_that_needs_a_journal_says_so() -> None:
    learner, patient = sound()
    found = {m.key: m for m in measure_reading(read_channels(learner, patient))}
    need_journal = [metric.key for metric in definitions() if "journal" in metric.needs]
    assert need_journal
    for key in need_journal:
        assert found[key].value is None
        assert "needs the journal of an attempt" in found[key].reason


def test_words_in_any_order_are_sorted() -> None:
    learner, patient = sound()
    words = [TimedWord("patient", "you", 2.0, 2.4), TimedWord("learner", "hello", 1.0, 1.3)]
    reading = read_channels(learner, patient, words=words)
    assert [word.text for word in reading.words] == ["hello", "you"]
    assert "words" in reading.available


def test_channels_of_different_length_and_empty_ones_are_read() -> None:
    learner, patient = sound()
    assert read_channels(learner[:16000], patient).speech_times.end_s == END_S
    empty = np.zeros(0, np.int16)
    found = {m.key: m for m in measure_reading(read_channels(empty, empty))}
    assert found["talk_share"].reason == "not measurable here: the learner did not speak"
