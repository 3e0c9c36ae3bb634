"""Plan a retry from a checkpoint of an earlier attempt, or refuse it with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simvoice.conversation.checkpoint import RetryStart, retry_start
from simvoice.debrief.retry import CheckpointRef, find_checkpoint
from simvoice.errors import AttemptError, CaseError, SimvoiceError
from simvoice.patient.case.schema import Case
from simvoice.record.events import ClockHeld, Header, JournalEntry, RetryOrigin
from simvoice.record.store import Attempt

LEAST_S = 120.0
"""Least time of a retry, however late its checkpoint is."""


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """What a retry begins with."""

    origin: RetryOrigin
    """The checkpoint, for the header of the new attempt."""
    start: RetryStart
    seed: int
    time_s: float | None
    """Seconds of the new encounter's clock at which its time is over; None without a limit."""
    learner: str
    time_factor: float = 1.0
    """The factor on the time of the earlier attempt, which `time_s` holds already."""


def plan_retry(
    checkpoint: CheckpointRef,
    open_attempt: Callable[[str], Attempt],
    load: Callable[[str], Case],
) -> RetryPlan:
    """Return the plan of a retry, from the record and the case as it is now.

    Raises AttemptError when the attempt has no such checkpoint, or when its case was removed or
    changed: the patient would not be the same.
    """
    attempt = open_attempt(checkpoint.attempt)
    entry = find_checkpoint(attempt, checkpoint.turn)
    header = attempt.header
    case = _same_case(header, load)
    start = retry_start(attempt.entries, entry)
    limit_s = _limit_s(header, case, open_attempt)
    return RetryPlan(
        origin=RetryOrigin(attempt=attempt.id, turn=entry.turn, at_s=entry.at_s),
        start=start,
        seed=start.decision.state.seed,
        time_s=None
        if limit_s is None
        else max(LEAST_S, limit_s - clock_s(attempt.entries, entry.at_s)),
        learner=header.learner,
        time_factor=header.options.time_factor,
    )


def clock_s(entries: Iterable[JournalEntry], at_s: float) -> float:
    """Return what the clock of an encounter shows at session second `at_s`: without held time."""
    held_s, since_s = 0.0, None
    for entry in entries:
        if not isinstance(entry, ClockHeld) or entry.at_s > at_s:
            continue
        if entry.held and since_s is None:
            since_s = entry.at_s
        elif not entry.held and since_s is not None:
            held_s, since_s = held_s + entry.at_s - since_s, None
    return (at_s if since_s is None else since_s) - held_s


def _same_case(header: Header, load: Callable[[str], Case]) -> Case:
    try:
        case = load(header.case_id)
    except CaseError as error:
        raise AttemptError(
            f"the case {header.case_id} of attempt {header.attempt} is not here any more, so "
            "no retry of this attempt can begin"
        ) from error
    if case.sha256 != header.case_sha256:
        raise AttemptError(
            f"the case {header.case_id} has been changed since attempt {header.attempt}, so "
            f"{case.person.short} would not be the same; start the case from the beginning"
        )
    return case


def _limit_s(header: Header, case: Case, open_attempt: Callable[[str], Attempt]) -> float | None:
    """Return the time limit of an attempt, which may itself be a retry; None without a limit."""
    if header.time_s is not None:
        return header.time_s
    whole_s = case.time.limit_s  # a record of an earlier version does not state its time
    if whole_s is None or header.again is None:
        return whole_s
    try:
        first = open_attempt(header.again.attempt)
    except SimvoiceError:  # erased in the meantime
        return max(LEAST_S, whole_s - header.again.at_s)
    before_s = _limit_s(first.header, case, open_attempt)
    assert before_s is not None
    return max(LEAST_S, before_s - header.again.at_s)
