"""A typed turn has words and no sound: measures of speech leave it out."""

from __future__ import annotations

import pytest

from simvoice.reading.reading import read
from simvoice.record.events import (
    ClockHeld,
    Ended,
    JournalEntry,
    LearnerTurn,
    LearnerVoice,
)
from simvoice.scoring.metrics.registry import measure_reading
from tests.planted.builder import (
    SoundlessAttempt,
    delay,
    learner_turn,
    patient_speech,
)


def typed(turn: int, at_s: float, text: str, *codes: str) -> LearnerTurn:
    return learner_turn(turn, at_s, text, *codes, end_s=at_s, is_typed=True)


ENTRIES: tuple[JournalEntry, ...] = (
    patient_speech(1, 1.0, "They said you would have the result."),
    LearnerVoice(start_s=4.0, end_s=6.0, level_dbfs=-24.0),
    learner_turn(2, 4.0, "How are you feeling about it?", "question_open"),
    patient_speech(2, 7.0, "I have not slept."),
    typed(3, 24.0, "What worries you most?", "question_open"),
    delay(3, 24.0, 24.6, 0.0),
    patient_speech(3, 24.6, "That nobody tells me."),
    Ended(at_s=30.0, reason="learner"),
)


def values(*entries: JournalEntry) -> dict[str, float | None]:
    return {m.key: m.value for m in measure_reading(read(SoundlessAttempt(entries)))}


def test_typed_words_are_no_speech() -> None:
    reading = read(SoundlessAttempt(ENTRIES))
    assert reading.timeline.speech_s("learner") == pytest.approx(2.0)
    assert [word.text for word in reading.words if word.who == "learner"][-1] == "it?"
    assert not [silence for silence in reading.timeline.silences if silence.start_s > 8.0]


def test_as_speech_the_same_turn_would_be_measured() -> None:
    spoken = tuple(
        e.model_copy(update={"is_typed": False, "end_s": 24.5}) if e.turn == 3 else e
        for e in ENTRIES
        if isinstance(e, LearnerTurn)
    )
    others = tuple(e for e in ENTRIES if not isinstance(e, LearnerTurn))
    reading = read(SoundlessAttempt((*spoken, *others)))
    assert [silence.kind for silence in reading.timeline.silences] == ["after_statement"]
    assert reading.timeline.speech_s("learner") == pytest.approx(2.5)


def test_what_typed_words_do_is_kept() -> None:
    turns = read(SoundlessAttempt(ENTRIES)).of(LearnerTurn)
    assert [code.code for turn in turns for code in turn.codes].count("question_open") == 2


def test_metrics_of_the_voice_are_those_of_the_spoken_turn_alone() -> None:
    spoken = tuple(e for e in ENTRIES if not (isinstance(e, LearnerTurn) and e.is_typed))
    one, two = values(*ENTRIES), values(*spoken)
    for key in ("learner_speech", "talk_share", "learner_turns", "longest_monologue"):
        assert one[key] == two[key], key


def test_without_a_spoken_turn_the_voice_is_not_measured() -> None:
    silent = tuple(
        e
        for e in ENTRIES
        if not isinstance(e, LearnerVoice) and not (isinstance(e, LearnerTurn) and not e.is_typed)
    )
    found = {m.key: m for m in measure_reading(read(SoundlessAttempt(silent)))}
    assert found["longest_monologue"].value is None
    assert found["longest_monologue"].reason


def test_a_silence_under_a_held_clock_is_none() -> None:
    held = (ClockHeld(at_s=10.0, held=True), ClockHeld(at_s=20.0, held=False))
    waited = tuple(e for e in ENTRIES if not (isinstance(e, LearnerTurn) and e.is_typed))
    assert read(SoundlessAttempt(waited)).timeline.silences
    assert not read(SoundlessAttempt((*held, *waited))).timeline.silences
