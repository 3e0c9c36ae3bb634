"""One possible reply, and picking lines from the author's pools."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from simvoice.patient.case.fields import Bends
from simvoice.patient.case.schema import Case, Line
from simvoice.patient.decisions import Hold, Move, MoveKind, PatientState
from simvoice.patient.ledger import holds
from simvoice.patient.retrieval import Answers, wording
from simvoice.patient.voice import mood_of, spoken, wording_of

PICK_AMONG = 3
"""Of the lines an author lists, one of the first that are left: variety, and the author's order."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A reply before it becomes a move."""

    kind: MoveKind
    line: Line | None
    """None: silence."""
    reason: str
    text: str = ""
    """Its words; empty for the line's own in her present state."""
    hold: Hold | None = None
    ending: str | None = None
    counts: tuple[str, ...] = field(default=())
    """Reactions with a limit that this uses up."""


class Script:
    """The author's lines, with what may be said now."""

    def __init__(self, case: Case, answers: Answers) -> None:
        self.lines = {line.id: line for line in case.lines}
        self._answers = answers

    def may_say(self, state: PatientState, line_id: str, *, asked: bool = False) -> bool:
        """Not said yet, its condition holds, and every fact it tells may be told."""
        line = self.lines[line_id]
        return (
            line.id not in state.said
            and holds(line.when, state)
            and self._answers.gates_open(state, line, asked=asked)
        )

    def first(self, state: PatientState, ids: Iterable[str], *, asked: bool = False) -> Line | None:
        """The first that may be said."""
        return next(
            (self.lines[each] for each in ids if self.may_say(state, each, asked=asked)), None
        )

    def pick(self, state: PatientState, ids: Iterable[str], *, asked: bool = False) -> Line | None:
        """One of the first few that may be said, by the encounter's seed and turn."""
        left = [each for each in ids if self.may_say(state, each, asked=asked)][:PICK_AMONG]
        if not left:
            return None
        key = f"{state.seed}/{state.turns}/{left[0]}".encode()
        number = int.from_bytes(hashlib.blake2b(key, digest_size=4).digest(), "big")
        return self.lines[left[number % len(left)]]


def to_move(choice: Choice, state: PatientState, bends: Bends) -> Move:
    """The move of a choice. bends: how far her voice follows what she feels."""
    if choice.line is None:
        return Move("silent", "", hold=choice.hold, ending=choice.ending)
    text = choice.text or wording(choice.line, state)
    hold = choice.hold
    if hold is None and choice.line.hold is not None:
        hold = Hold(choice.line.id, choice.line.hold.window_s)
    move = Move(choice.kind, text, hold=hold, ending=choice.ending)
    return worded(move, choice.line, state, text, bends)


def worded(move: Move, line: Line, state: PatientState, text: str, bends: Bends) -> Move:
    """The move with these words of the line's, as she says them in her present state."""
    marked, affect = wording_of(line, state, text)
    mood = mood_of(state)
    return replace(
        move,
        text=text,
        line_id=line.id,
        affect=affect,
        mood=mood,
        spoken=spoken(marked, affect, mood, bends),
        silence_before_s=line.silence_before_s,
    )
