"""The record's turns, coded in context."""

from __future__ import annotations

import pytest

from simvoice.coding.coder import code
from simvoice.coding.context import LIKELY
from simvoice.reading.coded_turns import code_turns_in_context, rises_in_sound
from simvoice.record.events import Coded, ConcernShown, JournalEntry, LearnerTurn, PatientSpeech
from simvoice.scoring.instruments.cues import responses
from tests.planted.builder import SoundlessAttempt, learner_turn, patient_speech

SAYS = ConcernShown(line="fear", concern="boys", text="Who has the boys", kind="concern")
HINT = ConcernShown(line="hint", concern="boys", text="Who has the boys", kind="cue")


def patient(at_s: float, delivered: str, line: str = "x") -> PatientSpeech:
    return patient_speech(1, at_s, delivered, line_id=line, end_s=at_s + 1.0)


def learner(at_s: float, text: str) -> LearnerTurn:
    codes = [Coded(code=c.name, words=c.words, confidence=c.confidence) for c in code(text)]
    return learner_turn(1, at_s, text, *codes, end_s=at_s + 1.0)


def last(*entries: JournalEntry, shows: tuple[ConcernShown, ...] = ()) -> set[str]:
    turns = [e for e in code_turns_in_context(entries, shows) if isinstance(e, LearnerTurn)]
    return {each.code for each in turns[-1].codes}


COMFORT = "Don't worry."


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        ((), "premature"),
        ((learner(1.0, "What worries you most?"),), "earned"),
        ((learner(1.0, "You must be frightened."),), "earned"),
        ((learner(1.0, "Do you smoke?"),), "premature"),
        ((patient(1.0, "Who has the boys?", "fear"),), "earned"),
        ((patient(1.0, "I've got the two boys.", "hint"),), "premature"),
    ],
)
def test_comfort_is_premature_until_the_worry_was_asked_named_or_told(
    before: tuple[JournalEntry, ...], kind: str
) -> None:
    found = last(*before, learner(5.0, COMFORT), shows=(SAYS, HINT))
    assert {each for each in found if each.startswith("reassurance_")} == {f"reassurance_{kind}"}


def test_only_words_since_the_last_turn_can_be_reflected() -> None:
    boys = patient(1.0, "My boys are seven and nine.")
    assert "reflection" in last(boys, learner(3.0, "Your boys."))
    assert "reflection" not in last(
        boys, learner(3.0, "I see."), patient(5.0, "So."), learner(7.0, "Your boys.")
    )


def test_a_word_for_the_feeling_after_a_cue_acknowledges_it() -> None:
    entries = (patient(1.0, "I've got the two boys. I lie there.", "hint"), learner(3.0, "Scared."))
    (alone,) = responses(entries, (HINT,))
    (placed,) = responses(code_turns_in_context(entries, (HINT,)), (HINT,))
    assert alone.response != "affective acknowledgement"
    assert placed.response == "affective acknowledgement"


def test_other_entries_of_the_journal_are_unchanged() -> None:
    entries = (patient(1.0, "Hello."), learner(3.0, "Hello."), patient(5.0, "So."))
    assert code_turns_in_context(entries, ()) == entries


def asked(*entries: JournalEntry, up: bool = True) -> set[str]:
    placed = code_turns_in_context(entries, (), lambda turn: up)
    turn = next(e for e in placed if isinstance(e, LearnerTurn))
    return {each.code for each in turn.codes if each.confidence <= LIKELY} & {"question_closed"}


def test_a_statement_about_the_patient_that_rises_and_is_answered_is_a_question() -> None:
    statement, answer = learner(1.0, "You came here on your own."), patient(2.5, "I took the bus.")
    assert asked(statement, answer) == {"question_closed"}
    assert not asked(statement, answer, up=False)
    assert not asked(statement, patient(6.0, "I took the bus."))
    assert not asked(statement, learner(2.5, "And so on."), patient(5.0, "I took the bus."))
    assert not asked(statement)
    for other in (
        "I came on the bus.",
        "Thank you for coming.",
        "You sound frightened.",
        "Do you smoke?",
    ):
        assert not asked(learner(1.0, other), answer), other
    two = learner(1.0, "I see. You came here on your own.")
    assert asked(two, answer) == {"question_closed"}


def test_without_sound_nothing_rises() -> None:
    assert not rises_in_sound(SoundlessAttempt())(learner(1.0, "You came here on your own."))
