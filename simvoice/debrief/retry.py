"""Moments of an attempt that another go can begin at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from simvoice.debrief.wording import clock
from simvoice.errors import AttemptError, UsageError
from simvoice.record.events import Checkpoint, JournalEntry, LearnerTurn, PatientSpeech
from simvoice.record.store import Attempt

_PLACE = re.compile(
    r"(?P<attempt>[^@]+)@(?:(?P<minutes>\d{1,3}):(?P<seconds>[0-5]\d)|(?P<turn>\d+))"
)


@dataclass(frozen=True, slots=True)
class CheckpointRef:
    """A moment of an attempt: the beginning of a move of the patient's."""

    attempt: str
    turn: int
    """That of the `PatientMove`."""


def again_at(entries: Iterable[JournalEntry], at_s: float) -> Checkpoint | None:
    """The last moment up to `at_s` session seconds that another go can begin at; None before the
    first, and in records that were made without them. A move that ends the encounter is none:
    nothing can be tried after it."""
    found = [entry for entry in _begun_at(entries) if entry.at_s <= at_s]
    return found[-1] if found else None


def moment(attempt: Attempt, turn: int) -> Checkpoint:
    """The moment at `turn`. Raises AttemptError when no go can begin there."""
    known = [entry for entry in attempt.entries if isinstance(entry, Checkpoint)]
    if not known:
        raise AttemptError(
            f"attempt {attempt.id} was recorded without the moments to go back to; "
            "begin the case from its door"
        )
    found = next((entry for entry in known if entry.turn == turn), None)
    if found is None:
        turns = ", ".join(str(entry.turn) for entry in _begun_at(known))
        raise AttemptError(
            f"attempt {attempt.id} has no moment at turn {turn}; choose one of: {turns or 'none'}"
        )
    if _closes(found):
        before = again_at(known, found.at_s)
        instead = f"; the one before is turn {before.turn}" if before else ""
        raise AttemptError(
            f"turn {turn} of attempt {attempt.id} ended the encounter, so nothing can be tried "
            f"after it{instead}"
        )
    return found


def split_checkpoint_ref(text: str) -> tuple[str, int | None, float]:
    """`ATTEMPT@TURN` or `ATTEMPT@3:12` as (attempt, turn, second); the turn is None for a time.

    Raises UsageError for anything else.
    """
    match = _PLACE.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"{text!r} names no moment; write an attempt's id, an @, and a turn or a time, such "
            "as ATTEMPT@3:12"
        )
    if match["turn"] is not None:
        return match["attempt"], int(match["turn"]), 0.0
    # the clock of a transcript cuts off: 3:12 stands for all of that second
    return match["attempt"], None, 60.0 * int(match["minutes"]) + int(match["seconds"]) + 0.999


def checkpoint_at(attempt: Attempt, turn: int | None, at_s: float) -> CheckpointRef:
    """The moment that `split_place` means in its attempt. Raises AttemptError for none."""
    if turn is None:
        found = again_at(attempt.entries, at_s)
        if found is not None:
            return CheckpointRef(attempt.id, found.turn)
        first = next(_begun_at(attempt.entries), None)
        if first is not None:
            raise AttemptError(
                f"no moment of attempt {attempt.id} up to {clock(at_s)} can be gone back to; "
                f"the first is at {clock(first.at_s)}"
            )
        turn = 0
    return CheckpointRef(attempt.id, moment(attempt, turn).turn)


@dataclass(frozen=True, slots=True)
class LineBefore:
    """Something that was said, as it was heard."""

    at_s: float
    who: Literal["learner", "patient"]
    text: str


def lines_before(attempt: Attempt, turn: int, lines: int = 3) -> tuple[LineBefore, ...]:
    """The last words before the moment, in order of time."""
    entry = moment(attempt, turn)
    found = [
        LineBefore(e.start_s, "learner", e.text)
        for e in attempt.entries
        if isinstance(e, LearnerTurn) and e.text and e.start_s < entry.at_s
    ]
    found += [
        LineBefore(e.start_s, "patient", e.heard)
        for e in attempt.entries
        if isinstance(e, PatientSpeech) and e.heard and e.start_s < entry.at_s
    ]
    return tuple(sorted(found, key=lambda each: each.at_s)[-lines:])


def patient_line(attempt: Attempt, turn: int) -> str:
    """What was heard of the line another go begins with; empty for a silence, and for a line
    that never sounded."""
    said = (e for e in attempt.entries if isinstance(e, PatientSpeech) and e.turn == turn)
    speech = next(said, None)
    if speech is None:
        return ""
    return f"{speech.heard} …" if speech.unsaid else speech.heard


def begins(attempt: Attempt, turn: int) -> str:
    """How it begins, in a sentence or two. What she says is told only as far as it was heard."""
    entry = moment(attempt, turn)
    name = attempt.header.patient_name
    line = patient_line(attempt, turn)
    if not entry.move.get("text"):
        return f"{name} is silent at this moment; it goes on from there."
    if not line:
        return f"{name} speaks first; then it is your turn."
    return f"{name} says again: “{line}” Then it is your turn."


def where_it_begins(attempt: Attempt, turn: int) -> str:
    """From when, with whom, and how."""
    at = clock(moment(attempt, turn).at_s)
    name = attempt.header.patient_name
    return f"Another go from {at} with {name}. {begins(attempt, turn)}"


def _closes(entry: Checkpoint) -> bool:
    return entry.move.get("ending") is not None


def _begun_at(entries: Iterable[JournalEntry]) -> Iterator[Checkpoint]:
    return (e for e in entries if isinstance(e, Checkpoint) and not _closes(e))
