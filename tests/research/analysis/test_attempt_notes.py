"""What an analysed attempt says of typed turns and of parts of a conversation."""

from __future__ import annotations

from pathlib import Path

from simvoice.reading.reading import read
from simvoice.record.events import ContinuedAttempt, JournalEntry, LearnerTurn, RecordedMoment
from simvoice.research.analysis.attempts import analyse_attempt
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.export.annotations import tiers_of
from tests.planted.builder import learner_turn
from tests.planted.talk import record

TYPED = "Who is at home with you?"


def analysed(root: Path, *more: JournalEntry, **fields: object) -> Conversation:
    attempt = record(root, more, **fields)
    return analyse_attempt(attempt, read(attempt))


def typed_turn() -> LearnerTurn:
    return learner_turn(90, 28.5, TYPED, end_s=28.5, is_typed=True)


def test_typed_words_are_in_the_table_and_in_no_tier(tmp_path: Path) -> None:
    found = analysed(tmp_path, typed_turn())
    assert [u.text for u in found.utterances if u.start_s == 28.5] == [TYPED]
    assert not [label for tier in tiers_of(found) for label in tier.labels if TYPED in label.text]
    assert "1 turn of the learner typed, and left out of all that is timed" in found.notes


def test_a_drill_and_what_goes_on_are_named(tmp_path: Path) -> None:
    moment = RecordedMoment(id="the_word", title="The word", skill="Say it.")
    drill = analysed(tmp_path / "a", moment=moment)
    assert any("a drill from the moment the_word" in note for note in drill.notes)
    first = ContinuedAttempt(attempt="20270101-000000-planted-talk-aaaa", at_s=192.0)
    later = analysed(tmp_path / "b", continues=first)
    assert any(f"goes on from attempt {first.attempt}" in note for note in later.notes)
    assert not analysed(tmp_path / "c").notes
