"""Write the patient's state into the record and restore it without loss.

A checkpoint is written whenever the patient begins a move. Restored, the encounter continues as it
did then: the same state of mind, the same line, the same turn numbers (they seed the language
model), the same measure of how surely this learner is recognised, and the same last words of the
patient for detecting an echo.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pydantic import JsonValue, TypeAdapter, ValidationError

from simvoice.errors import AttemptError
from simvoice.patient.decisions import Decision, Move, PatientState
from simvoice.record.events import (
    Checkpoint,
    DeliveredWord,
    JournalEntry,
    PatientMove,
    PatientSpeech,
)

ECHO_MEMORY_WORDS = 60
"""Number of the patient's words that an echo may return: about the last two turns."""

_MIND: TypeAdapter[PatientState] = TypeAdapter(PatientState)
_MOVE: TypeAdapter[Move] = TypeAdapter(Move)


@dataclass(frozen=True, slots=True)
class RetryStart:
    """Where a retry begins: the patient repeats this line, then the learner has the turn."""

    decision: Decision
    turn: int
    last_turn: int
    """Number of the last turn that had begun, of either speaker."""
    sureness: tuple[float, ...] = ()
    """As `EncounterState.sureness`."""
    delivered_words: tuple[DeliveredWord, ...] = ()
    """As `EncounterState.delivered_words`."""


def checkpoint(
    decision: Decision, *, turn: int, last_turn: int, at_s: float, sureness: tuple[float, ...]
) -> Checkpoint:
    """Return the record entry for a move that begins at `at_s` session seconds."""
    mind = _MIND.dump_python(decision.state, mode="json")
    for name in ("disclosed", "asked", "beats"):
        mind[name] = sorted(mind[name])  # the order of a set differs from run to run
    return Checkpoint(
        turn=turn,
        at_s=at_s,
        mind=_without_defaults(mind),
        move=_without_defaults(_MOVE.dump_python(decision.move, mode="json")),
        last_turn=last_turn,
        sureness=sureness,
    )


def restore(entry: Checkpoint) -> tuple[PatientState, Move]:
    """Return the patient's state and chosen move, equal to those that were written.

    Raises AttemptError for a checkpoint that this version cannot read.
    """
    try:
        return _MIND.validate_python(entry.mind), _MOVE.validate_python(entry.move)
    except ValidationError as error:
        raise AttemptError(
            f"the checkpoint at turn {entry.turn} was recorded by another version of simvoice and "
            "cannot be restored; start the case from the beginning"
        ) from error


def retry_start(entries: Iterable[JournalEntry], entry: Checkpoint) -> RetryStart:
    """Return what a retry from `entry` needs, from the entries of its attempt.

    The silence before the line is not repeated; the hold after it is. Raises AttemptError for a
    checkpoint that cannot be read.
    """
    state, move = restore(entry)
    delivered_words: list[DeliveredWord] = []
    opens: tuple[str, ...] = ()
    for other in entries:
        if other is entry:
            break
        if isinstance(other, PatientSpeech):
            delivered_words += other.words
        elif isinstance(other, PatientMove) and other.turn == entry.turn:
            opens = other.disclosed
    decision = Decision(
        state=state,
        move=replace(move, silence_before_s=0.0),
        reason="a retry begins at this line",
        discloses=opens,
    )
    return RetryStart(
        decision=decision,
        turn=entry.turn,
        last_turn=max(entry.turn, entry.last_turn),
        sureness=entry.sureness,
        delivered_words=tuple(delivered_words[-ECHO_MEMORY_WORDS:]),
    )


def _without_defaults(values: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Leave out empty, unset and zero values; `restore` fills them in."""
    return {
        name: value
        for name, value in values.items()
        if name == "ledger" or value or isinstance(value, str)
    }
