"""The news beat of a journal, and when the patient's distress was high."""

from __future__ import annotations

import pytest

from simvoice.reading.news import distressed, news_beat
from simvoice.reading.reading import read
from simvoice.record.events import (
    JournalEntry,
    LearnerTurn,
    PatientMove,
    PatientSpeech,
)
from simvoice.scoring.metrics.registry import measure_reading
from tests.planted.builder import (
    SoundlessAttempt,
    delay,
    learner_turn,
    patient_move,
    patient_speech,
)


def turn(number: int, start_s: float, end_s: float, *codes: str) -> LearnerTurn:
    return learner_turn(number, start_s, "some words", *codes, end_s=end_s)


def speech(number: int, start_s: float, end_s: float, delivered: str = "Oh.") -> PatientSpeech:
    return patient_speech(number, start_s, delivered, end_s=end_s)


def move(number: int, at_s: float, distress: float, kind: str = "answer") -> PatientMove:
    return patient_move(number, at_s, kind=kind, ledger={"distress": distress})


WARNED = turn(1, 2.0, 4.0, "warning_shot")
TOLD = turn(2, 6.0, 9.0, "headline")
ANSWERED = turn(3, 20.0, 22.0, "empathy_name")


def test_a_news_beat_has_its_warning_its_silence_and_its_response() -> None:
    beat = news_beat([speech(0, 0.0, 1.0), WARNED, TOLD, speech(2, 14.0, 15.0), ANSWERED])
    assert beat is not None
    assert (beat.warned_s, beat.headline_s, beat.told_s) == (2.0, 6.0, 9.0)
    assert (beat.silence_s, beat.first) == (5.0, "patient")
    assert beat.response == ("empathy_name",)
    assert beat.is_empathic


def test_a_learner_who_continues_speaks_first() -> None:
    beat = news_beat([TOLD, turn(3, 10.5, 12.0, "plan"), speech(3, 13.0, 14.0)])
    assert beat is not None
    assert (beat.silence_s, beat.first, beat.warned_s) == (1.5, "learner", None)
    assert not beat.is_empathic


def test_without_news_there_is_no_beat_and_without_words_no_response() -> None:
    assert news_beat([WARNED, speech(1, 5.0, 6.0)]) is None
    beat = news_beat([TOLD])
    assert beat is not None
    assert (beat.silence_s, beat.first, beat.response) == (None, None, ())


def numbers(*entries: JournalEntry) -> dict[str, float | None]:
    return {m.key: m.value for m in measure_reading(read(SoundlessAttempt(entries, 40.0)))}


def test_the_metrics_of_a_news_beat_are_its_times() -> None:
    found = numbers(WARNED, TOLD, speech(2, 14.0, 15.0), ANSWERED)
    assert found["news_warning"] == pytest.approx(4.0)
    assert found["news_silence"] == pytest.approx(5.0)
    assert found["silences_after_news"] == 1
    assert numbers(TOLD)["news_warning"] is None


def test_the_machine_s_own_delay_after_the_news_is_no_silence() -> None:
    slow = delay(2, 9.0, 14.0, 4.6)
    answered = (WARNED, TOLD, slow, speech(2, 14.0, 15.0), ANSWERED)
    assert numbers(*answered)["news_silence"] == pytest.approx(4.6)
    continued = turn(3, 10.5, 12.0, "plan")
    assert numbers(TOLD, continued, slow)["news_silence"] == pytest.approx(1.5)


def test_a_silence_after_a_shown_feeling_is_a_silence_after_a_cue() -> None:
    found = numbers(
        turn(1, 0.0, 2.0), move(1, 2.5, 0.3, "feel"), speech(1, 3.0, 5.0), turn(2, 8.0, 9.0)
    )
    assert (found["silences_after_cue"], found["silences_after_question"]) == (1, 0)
    asked = numbers(
        turn(1, 0.0, 2.0), move(1, 2.5, 0.3), speech(1, 3.0, 5.0, "Why?"), turn(2, 8.0, 9.0)
    )
    assert (asked["silences_after_cue"], asked["silences_after_question"]) == (0, 1)


def test_distress_is_high_from_one_move_to_the_next_that_lowers_it() -> None:
    moves = [move(1, 5.0, 0.4), move(2, 10.0, 0.7), move(3, 20.0, 0.65), move(4, 30.0, 0.5)]
    assert distressed(moves, 0.6) == [(10.0, 30.0)]
    assert distressed(moves[:3], 0.6) == [(10.0, float("inf"))]
    assert distressed([], 0.6) == []
