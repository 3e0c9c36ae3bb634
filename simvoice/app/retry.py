"""Another go at a moment of an earlier attempt: what it begins with, and when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simvoice.conversation.checkpoint import RetryStart, resume
from simvoice.debrief.retry import CheckpointRef, moment
from simvoice.errors import AttemptError, CaseError, SimvoiceError
from simvoice.patient.case.schema import Case
from simvoice.record.events import Header, RetryOrigin
from simvoice.record.store import Attempt

LEAST_S = 120.0
"""However late the moment, there is time to try something."""


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """What another go begins with."""

    again: RetryOrigin
    resumed: RetryStart
    seed: int
    time_s: float | None
    """Session seconds of the new encounter at which its time is over; None when it has none."""
    learner: str


def plan_retry(
    place: CheckpointRef, open_attempt: Callable[[str], Attempt], load: Callable[[str], Case]
) -> RetryPlan:
    """From the record, and the case as it is now.

    Raises AttemptError when the attempt has no such moment, or its case is gone or has changed:
    what follows would not be the same patient.
    """
    attempt = open_attempt(place.attempt)
    entry = moment(attempt, place.turn)
    header = attempt.header
    case = _same_case(header, load)
    resumed = resume(attempt.entries, entry)
    limit_s = _limit_s(header, case, open_attempt)
    return RetryPlan(
        again=RetryOrigin(attempt=attempt.id, turn=entry.turn, at_s=entry.at_s),
        resumed=resumed,
        seed=resumed.decision.state.seed,
        time_s=None if limit_s is None else max(LEAST_S, limit_s - entry.at_s),
        learner=header.learner,
    )


def _same_case(header: Header, load: Callable[[str], Case]) -> Case:
    try:
        case = load(header.case_id)
    except CaseError as error:
        raise AttemptError(
            f"the case {header.case_id} of attempt {header.attempt} is not here any more, so "
            "nobody can go back into it"
        ) from error
    if case.sha256 != header.case_sha256:
        raise AttemptError(
            f"the case {header.case_id} has been changed since attempt {header.attempt}, so "
            f"{case.person.short} would not be the same; begin it from its door"
        )
    return case


def _limit_s(header: Header, case: Case, open_attempt: Callable[[str], Attempt]) -> float | None:
    """When the time of an attempt was over, itself perhaps another go."""
    whole_s = case.time.limit_s
    if whole_s is None or header.again is None:
        return whole_s
    try:
        first = open_attempt(header.again.attempt)
    except SimvoiceError:  # erased since
        return max(LEAST_S, whole_s - header.again.at_s)
    before_s = _limit_s(first.header, case, open_attempt)
    assert before_s is not None
    return max(LEAST_S, before_s - header.again.at_s)
