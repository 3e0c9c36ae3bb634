"""Play the learner's sentences that lead to a moment of a case, in text and without time."""

from __future__ import annotations

from collections.abc import Iterator

from simvoice.errors import UsageError
from simvoice.patient.case.schema import Case, Moment
from simvoice.patient.checking.report import MissedMoment
from simvoice.patient.checking.text_conversation import TextConversation
from simvoice.patient.mind import Patient
from simvoice.ports import Embedder
from simvoice.safe_text import shortened

CHECKED_SEEDS = 20
"""Seeds with which `simvoice cases check` plays each moment."""


def find_moment(case: Case, moment_id: str) -> Moment | None:
    """Return the moment of a case; None when it has none with this id."""
    return next((each for each in case.moments if each.id == moment_id), None)


def require_moment(case: Case, moment_id: str) -> Moment:
    """Return the moment of a case. Raises UsageError when it has none with this id."""
    moment = find_moment(case, moment_id)
    if moment is None:
        known = ", ".join(each.id for each in case.moments) or "it has none"
        raise UsageError(
            f"the case {case.id} has no moment {shortened(moment_id)!r}; choose one of: {known}"
        )
    return moment


def play_moment(
    patient: Patient, moment: Moment, embedder: Embedder | None, seed: int
) -> TextConversation:
    """Return the conversation that leads to a moment; its last line need not be that of it.

    The patient opens, and the learner's sentences follow, until the patient says the line of the
    moment after the last of them, or ends the encounter.
    """
    talk = TextConversation(patient, embedder, seed=seed)
    talk.open()
    for entry in moment.before:
        if talk.ending:
            break
        talk.do(entry)
    return talk


def is_reached(talk: TextConversation, moment: Moment) -> bool:
    """Return True when the patient's last line is that of the moment, and nothing ended."""
    return talk.ending is None and talk.exchanges[-1].decision.move.line_id == moment.at


def missed_moments(patient: Patient, embedder: Embedder | None) -> Iterator[MissedMoment]:
    """Yield each moment of a case that is not reached with one of the checked seeds."""
    for moment in patient.case.moments:
        for seed in range(CHECKED_SEEDS):
            talk = play_moment(patient, moment, embedder, seed)
            if not is_reached(talk, moment):
                said = talk.exchanges[-1].decision.move
                yield MissedMoment(moment.id, seed, said.line_id or said.kind)
                break
