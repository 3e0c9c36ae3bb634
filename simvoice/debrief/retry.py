"""Checkpoints of an attempt: find them, parse references to them, and describe a retry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from simvoice.display import clock
from simvoice.errors import AttemptError, UsageError
from simvoice.record.events import Checkpoint, JournalEntry, LearnerTurn, PatientSpeech
from simvoice.record.store import Attempt
from simvoice.safe_text import shortened

_REFERENCE = re.compile(
    r"(?P<attempt>[^@]+)@(?:(?:(?P<hours>\d):)?(?P<minutes>\d{1,3}):(?P<seconds>[0-5]\d)|(?P<turn>\d{1,9}))"
)


@dataclass(frozen=True, slots=True)
class CheckpointRef:
    """A reference to a checkpoint of an attempt."""

    attempt: str
    turn: int
    """Turn number of the checkpoint and its `PatientMove`."""


def checkpoint_before(entries: Iterable[JournalEntry], at_s: float) -> Checkpoint | None:
    """Return the last checkpoint up to session second `at_s` that a retry can begin at.

    None before the first one, and in records without checkpoints. A checkpoint of a line that ends
    the encounter does not count, because nothing follows it.
    """
    found = [entry for entry in _usable(entries) if entry.at_s <= at_s]
    return found[-1] if found else None


def find_checkpoint(attempt: Attempt, turn: int) -> Checkpoint:
    """Return the checkpoint at `turn`. Raises AttemptError if no retry can begin there."""
    known = [entry for entry in attempt.entries if isinstance(entry, Checkpoint)]
    if not known:
        raise AttemptError(
            f"attempt {attempt.id} was recorded without checkpoints; "
            "start the case from the beginning"
        )
    found = next((entry for entry in known if entry.turn == turn), None)
    if found is None:
        turns = ", ".join(str(entry.turn) for entry in _usable(known))
        raise AttemptError(
            f"attempt {attempt.id} has no checkpoint at turn {turn}; choose one of: "
            f"{turns or 'none'}"
        )
    if _ends_encounter(found):
        before = checkpoint_before(known, found.at_s)
        instead = f"; the checkpoint before it is at turn {before.turn}" if before else ""
        raise AttemptError(
            f"turn {turn} of attempt {attempt.id} ended the encounter, so no retry can begin "
            f"there{instead}"
        )
    return found


def parse_checkpoint_ref(text: str) -> tuple[str, int | None, float]:
    """Parse `ATTEMPT@TURN` or `ATTEMPT@3:12` to (attempt, turn, second). A time has turn None.

    Raises UsageError for anything else.
    """
    match = _REFERENCE.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"{shortened(text)!r} does not name a checkpoint; write the attempt's id, an @, and a "
            "turn or a time, such as ATTEMPT@3:12"
        )
    if match["turn"] is not None:
        return match["attempt"], int(match["turn"]), 0.0
    # the times of a transcript are rounded down: 3:12 stands for the whole second
    minutes = 60 * int(match["hours"] or 0) + int(match["minutes"])
    return match["attempt"], None, 60.0 * minutes + int(match["seconds"]) + 0.999


def checkpoint_at(attempt: Attempt, turn: int | None, at_s: float) -> CheckpointRef:
    """Return the checkpoint of a parsed reference. Raises AttemptError without one."""
    if turn is None:
        found = checkpoint_before(attempt.entries, at_s)
        if found is not None:
            return CheckpointRef(attempt.id, found.turn)
        first = next(_usable(attempt.entries), None)
        if first is not None:
            raise AttemptError(
                f"attempt {attempt.id} has no checkpoint up to {clock(at_s)}; "
                f"the first one is at {clock(first.at_s)}"
            )
        turn = 0
    return CheckpointRef(attempt.id, find_checkpoint(attempt, turn).turn)


@dataclass(frozen=True, slots=True)
class LineBefore:
    """An utterance before a checkpoint, as recognised or delivered."""

    at_s: float
    who: Literal["learner", "patient"]
    text: str


def lines_before(attempt: Attempt, turn: int, lines: int = 3) -> tuple[LineBefore, ...]:
    """Return the last utterances before the checkpoint, in order of time."""
    entry = find_checkpoint(attempt, turn)
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
    """Return the delivered part of the line that a retry begins with.

    Empty for a silence, and for a line that was not played.
    """
    speeches = (e for e in attempt.entries if isinstance(e, PatientSpeech) and e.turn == turn)
    speech = next(speeches, None)
    if speech is None:
        return ""
    return f"{speech.heard} …" if speech.unsaid else speech.heard


def describe_start(attempt: Attempt, turn: int) -> str:
    """Describe how a retry begins. It quotes only the delivered part of the patient's line."""
    entry = find_checkpoint(attempt, turn)
    name = attempt.header.patient_name
    line = patient_line(attempt, turn)
    if not entry.move.get("text"):
        return f"{name} is silent at this moment. The conversation continues from there."
    if not line:
        return f"{name} speaks first. Then it is your turn."
    return f"{name} repeats: “{line}” Then it is your turn."


def describe_retry(attempt: Attempt, turn: int) -> str:
    """Describe a retry: time, patient, and how it begins."""
    at = clock(find_checkpoint(attempt, turn).at_s)
    name = attempt.header.patient_name
    return f"Retry from {at} with {name}. {describe_start(attempt, turn)}"


def _ends_encounter(entry: Checkpoint) -> bool:
    return entry.move.get("ending") is not None


def _usable(entries: Iterable[JournalEntry]) -> Iterator[Checkpoint]:
    return (e for e in entries if isinstance(e, Checkpoint) and not _ends_encounter(e))
