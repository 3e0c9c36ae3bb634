"""The patient as she was at a moment, into the record and out of it, without loss.

A checkpoint is written whenever she begins a move. Put back, the encounter goes on as it did
then: the same state of mind, the same line, the same numbers for the turns to come (they seed the
language model), the same ear for how surely this learner is recognised, the same words of hers to
know an echo by.
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
"""Words of hers that an echo may bring back: about her last two turns."""

_MIND: TypeAdapter[PatientState] = TypeAdapter(PatientState)
_MOVE: TypeAdapter[Move] = TypeAdapter(Move)


@dataclass(frozen=True, slots=True)
class RetryStart:
    """Where another go begins: she says this line again, and then it is the learner's turn."""

    decision: Decision
    turn: int
    last_turn: int
    """Number of the last turn that had been begun, hers or the learner's."""
    sureness: tuple[float, ...] = ()
    """As `State.sureness`."""
    sounded: tuple[DeliveredWord, ...] = ()
    """As `State.sounded`."""


def checkpoint(
    decision: Decision, *, turn: int, last_turn: int, at_s: float, sureness: tuple[float, ...]
) -> Checkpoint:
    """The entry for a move that begins at `at_s` session seconds."""
    mind = _MIND.dump_python(decision.state, mode="json")
    for name in ("disclosed", "asked", "beats"):
        mind[name] = sorted(mind[name])  # a set's own order differs from run to run
    return Checkpoint(
        turn=turn,
        at_s=round(at_s, 3),
        mind=_without_defaults(mind),
        move=_without_defaults(_MOVE.dump_python(decision.move, mode="json")),
        last_turn=last_turn,
        sureness=sureness,
    )


def restore(entry: Checkpoint) -> tuple[PatientState, Move]:
    """Her state and the move she had chosen, equal to those that were written.

    Raises AttemptError for one that this version cannot read.
    """
    try:
        return _MIND.validate_python(entry.mind), _MOVE.validate_python(entry.move)
    except ValidationError as error:
        raise AttemptError(
            f"the moment at turn {entry.turn} was recorded by another version of simvoice and "
            "cannot be gone back to; begin the case from its door"
        ) from error


def resume(entries: Iterable[JournalEntry], entry: Checkpoint) -> RetryStart:
    """What another go from `entry` needs, out of the entries of its attempt.

    The silence she chose before the line has passed; the one she keeps after it has not. Raises
    AttemptError for a checkpoint that cannot be read.
    """
    state, move = restore(entry)
    sounded: list[DeliveredWord] = []
    opens: tuple[str, ...] = ()
    for other in entries:
        if other is entry:
            break
        if isinstance(other, PatientSpeech):
            sounded += other.words
        elif isinstance(other, PatientMove) and other.turn == entry.turn:
            opens = other.disclosed
    decision = Decision(
        state=state,
        move=replace(move, silence_before_s=0.0),
        reason="began here again, for another go",
        opens=opens,
    )
    return RetryStart(
        decision=decision,
        turn=entry.turn,
        last_turn=max(entry.turn, entry.last_turn),
        sureness=entry.sureness,
        sounded=tuple(sounded[-ECHO_MEMORY_WORDS:]),
    )


def _without_defaults(values: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What is an empty list, unset or nought is left out: `restore` puts it back."""
    return {
        name: value
        for name, value in values.items()
        if name == "ledger" or value or isinstance(value, str)
    }
