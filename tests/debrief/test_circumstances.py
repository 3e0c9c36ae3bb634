"""What a debrief says of parts of a conversation, of typed turns, and of the clock."""

from __future__ import annotations

from typing import Any

import pytest

from simvoice.record.events import (
    ClockHeld,
    ContinuedAttempt,
    JournalEntry,
    LearnerTurn,
    LearnerVoice,
    PatientSpeech,
    RecordedMoment,
    TimePassed,
)
from simvoice.record.store import Attempt
from tests.planted.builder import debrief_of
from tests.planted.talk import entries
from tests.reading.test_typed_turns import ENTRIES

NotesOf = Any


@pytest.fixture
def notes_of(attempt: Attempt) -> NotesOf:
    def notes(*entries: JournalEntry, **fields: Any) -> tuple[str, ...]:
        return debrief_of(attempt, *entries, **fields).notes

    return notes


def test_the_debrief_says_how_many_turns_were_typed(notes_of: NotesOf) -> None:
    notes = notes_of(*ENTRIES)
    assert any(note.startswith("You typed 1 of your 2 turns.") for note in notes)
    only = tuple(e for e in ENTRIES if not (isinstance(e, LearnerTurn) and not e.is_typed))
    silent = tuple(e for e in only if not isinstance(e, LearnerVoice))
    notes = notes_of(*silent)
    assert any(note.startswith("You typed all of your turns") for note in notes)
    assert not any("microphone" in note for note in notes)


def test_the_transcript_marks_what_was_typed(attempt: Attempt) -> None:
    rows = debrief_of(attempt, *ENTRIES).rows
    assert [row.text for row in rows if row.is_typed] == ["What worries you most?"]


def test_the_debrief_says_when_the_clock_was_held_and_when_the_time_was_over(
    notes_of: NotesOf,
) -> None:
    held = (ClockHeld(at_s=10.0, held=True), ClockHeld(at_s=22.0, held=False))
    notes = notes_of(*held, TimePassed(at_s=25.0), *ENTRIES)
    assert any("held at 0:10 for 12" in note for note in notes)
    assert any("over at 0:25, and the conversation went on" in note for note in notes)
    still = notes_of(ClockHeld(at_s=25.0, held=True), *ENTRIES)
    assert any("held at 0:25 for 5" in note for note in still)


def test_the_debrief_says_what_a_part_of_a_conversation_is(notes_of: NotesOf) -> None:
    first = "20270101-000000-planted-talk-aaaa"
    notes = notes_of(*ENTRIES, continues=ContinuedAttempt(attempt=first, at_s=192.0))
    assert any(f"goes on from attempt {first}, which was cut off at 3:12" in n for n in notes)
    moment = RecordedMoment(id="m", title="The word", skill="Say it.")
    assert any(
        n.startswith("A drill: The word. Say it.") for n in notes_of(*ENTRIES, moment=moment)
    )


@pytest.mark.parametrize(
    ("asked", "gap_s", "said"),
    [
        ("Can you stop a minute? My ears are ringing.", 0.8, True),
        ("Just give me a second.", 0.8, True),
        ("Just give me a second.", 3.0, False),
        ("Just give me a second. No. Is it cancer?", 0.8, False),
        ("You gave me a second's notice.", 0.8, False),
    ],
)
def test_the_debrief_says_where_the_learner_spoke_on_after_a_moment_was_asked_for(
    notes_of: NotesOf, asked: str, gap_s: float, said: bool
) -> None:
    line = next(e for e in entries() if isinstance(e, PatientSpeech))
    turn = next(e for e in entries() if isinstance(e, LearnerTurn))
    line = line.model_copy(
        update={"start_s": 30.0, "end_s": 32.0, "heard": asked, "text": asked, "unsaid": ""}
    )
    turn = turn.model_copy(update={"start_s": 32.0 + gap_s, "end_s": 37.0 + gap_s})
    found = [note for note in notes_of(line, turn) if "asked for a moment" in note]
    assert bool(found) == said
    if said:
        assert found[0].startswith("At 0:30 ")
        assert found[0].endswith("and you spoke on after 0.80 s.")
