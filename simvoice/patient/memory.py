"""What she remembers having said: only what was heard."""

from __future__ import annotations

import re
from dataclasses import replace

from simvoice.patient.case.schema import Case, Line
from simvoice.patient.decisions import Move, PatientState

POINT_MADE = 0.75
"""Share of a line's words from which it counts as said, though she was cut off."""
KEPT_TURNS = 16
"""Entries of the transcript kept: twice what a prompt shows."""


def heard(
    case: Case, line: Line | None, state: PatientState, move: Move, text: str, complete: bool
) -> PatientState:
    """The state after `text` of the move's words sounded. Nothing heard, nothing said."""
    text = text.strip()
    if not text:
        return state
    share = len(text.split()) / max(1, len(move.text.split()))
    made = complete or share >= POINT_MADE
    state = replace(
        state,
        spoken=(*state.spoken, text),
        transcript=(*state.transcript, ("patient", text))[-KEPT_TURNS:],
    )
    if line is None:
        return replace(state, last_line=None) if made else state
    told = {fact for fact in line.tells if made or _betrayed(case, fact, text)}
    state = replace(state, disclosed=state.disclosed | told, last_line=line.id)
    if not made:
        return replace(state, cut=line.id, cut_turn=state.turns)
    return replace(
        state,
        said=state.said if line.id in state.said else (*state.said, line.id),
        cut=None if state.cut == line.id else state.cut,
        pending_question=line.id if line.asks else state.pending_question,
    )


def listened(state: PatientState, text: str) -> PatientState:
    """The state after the learner said `text`."""
    return replace(
        state,
        turns=state.turns + 1,
        prompts=0,
        transcript=(*state.transcript, ("learner", text))[-KEPT_TURNS:],
    )


def _betrayed(case: Case, fact_id: str, text: str) -> bool:
    fact = next(each for each in case.facts if each.id == fact_id)
    return any(re.search(mention, text, re.IGNORECASE) for mention in fact.mentions)
