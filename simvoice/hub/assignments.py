"""Assignments: what learners are to do, and how it stands for each of them.

Each function takes the session of a transaction as its first argument and raises an error of
`simvoice.errors`, with a sentence for the page.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from simvoice.display import count_noun
from simvoice.errors import SettingError, UsageError
from simvoice.hub import begun
from simvoice.hub.assignment_options import accommodations_of, options_of
from simvoice.hub.begun import DrillRound
from simvoice.hub.courses import course, is_learner_of, valid_title
from simvoice.hub.storage.tables import Assignment, Course, Membership, OneTimeCode, now
from simvoice.hub_client.station_messages import AssignmentOptions

MOST_ATTEMPTS = 99


class Mode(StrEnum):
    """How an assignment is done."""

    PRACTICE = "practice"
    """The learner reads the debrief afterwards, and decides what to release."""
    EXAM = "exam"
    """Every attempt is released to the course when it ends. No retry, and the learner reads the
    debrief when an educator releases it."""
    DRILL = "drill"
    """Short and repeated: the same moment several times."""

    @property
    def words(self) -> str:
        """What it means to a learner, in a sentence."""
        return _MODE_WORDS[self]


_MODE_WORDS = {
    Mode.PRACTICE: "You read the debrief afterwards. You decide what your educators see.",
    Mode.EXAM: (
        "What you say is released to the educators of the course when you have finished. "
        "You read the debrief when they release it."
    ),
    Mode.DRILL: "A short exercise that you repeat. You decide what your educators see.",
}


class Stage(StrEnum):
    """Where an assignment stands for one learner."""

    OPEN = "open"
    NOT_YET = "not yet"
    CLOSED = "closed"
    USED_UP = "used up"
    """Every allowed attempt has been made."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """An assignment, as one learner sees it."""

    assignment: Assignment
    course: Course
    stage: Stage
    made: int
    """The learner's attempts at it that count; of a drill, those whose tries are over."""
    present_round: DrillRound | None = None
    """The tries of a drill between which the learner is."""

    @property
    def left(self) -> int | None:
        """Attempts that are left; None for any number."""
        allowed = self.assignment.attempts_allowed
        return None if allowed is None else max(0, allowed - self.made)

    @property
    def is_next(self) -> bool:
        """Return True when the learner can begin it, and has not tried yet."""
        return self.stage is Stage.OPEN and self.made == 0 and self.present_round is None


@dataclass(frozen=True, slots=True)
class AssignmentDraft:
    """What an educator fills in for an assignment."""

    title: str
    case_id: str
    mode: Mode = Mode.PRACTICE
    attempts_allowed: int | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    options: AssignmentOptions = field(default_factory=AssignmentOptions)


# -- assign


def assign(
    session: Session, course_id: UUID, draft: AssignmentDraft, created_by: UUID
) -> Assignment:
    """Give the learners of a course a case. Raises SettingError for what is not valid."""
    where = course(session, course_id)
    if where.archived_at is not None:
        raise SettingError("The course is closed. Nothing can be assigned in it.")
    made = Assignment(course_id=course_id, created_by=created_by)
    _fill(made, draft)
    session.add(made)
    session.flush()
    return made


def change(session: Session, assignment_id: UUID, draft: AssignmentDraft) -> Assignment:
    """Change an assignment with which nobody has begun. Raises SettingError."""
    found = assignment(session, assignment_id)
    if begun.count(session, assignment_id):
        raise SettingError(_IS_BEGUN)
    _fill(found, draft)
    session.flush()
    return found


def _fill(task: Assignment, draft: AssignmentDraft) -> None:
    if not draft.case_id:
        raise SettingError("Choose a case.")
    allowed = draft.attempts_allowed
    if allowed is not None and not 1 <= allowed <= MOST_ATTEMPTS:
        raise SettingError(f"The number of attempts must be 1 to {MOST_ATTEMPTS}, or empty.")
    if draft.opens_at and draft.closes_at and draft.closes_at <= draft.opens_at:
        raise SettingError("The assignment must close after it opens.")
    options = draft.options
    if draft.mode is Mode.DRILL and options.drill is None:
        raise SettingError("A drill needs the moment at which it begins.")
    if draft.mode is Mode.EXAM and options.seed is None:
        options = options.model_copy(update={"seed": secrets.randbelow(2**31)})
    task.title = valid_title(draft.title, "The assignment")
    task.case_id, task.mode, task.attempts_allowed = draft.case_id, draft.mode.value, allowed
    task.opens_at, task.closes_at = draft.opens_at, draft.closes_at
    task.options = options.model_dump(mode="json")


_IS_BEGUN = (
    "Somebody has begun this assignment, so it stays as it is. Assign a new one and withdraw this "
    "one."
)


def withdraw(session: Session, assignment_id: UUID) -> Assignment:
    """Take an assignment back. Attempts that were made stay with their learners."""
    found = assignment(session, assignment_id)
    found.withdrawn_at = found.withdrawn_at or now()
    return found


def assignment(session: Session, assignment_id: UUID) -> Assignment:
    """Return an assignment. Raises UsageError when there is none."""
    found = session.get(Assignment, assignment_id)
    if found is None:
        raise UsageError("There is no such assignment.")
    return found


def assignments(session: Session, course_id: UUID) -> list[Assignment]:
    """Return the assignments of a course that are not withdrawn, the oldest first."""
    rows = session.scalars(
        select(Assignment)
        .where(Assignment.course_id == course_id, Assignment.withdrawn_at.is_(None))
        .order_by(Assignment.created_at, Assignment.id)
    )
    return list(rows)


def assigned_to(session: Session, person_id: UUID, at: datetime) -> list[Assigned]:
    """Return what a learner is to do: what can be begun first, by its closing date."""
    rows = session.execute(
        select(Assignment, Course)
        .join(Course, Course.id == Assignment.course_id)
        .join(Membership, Membership.course_id == Course.id)
        .where(
            Membership.person_id == person_id,
            Membership.is_educator.is_(False),
            Assignment.withdrawn_at.is_(None),
            Course.archived_at.is_(None),
        )
    ).all()
    times = begun.moments(session, [each.id for each, _ in rows], person_id=person_id)
    found = [_assigned(each, where, times[each.id], at) for each, where in rows]
    return sorted(found, key=_urgency)


def doable(
    session: Session, person_ids: Select[UUID | None], at: datetime
) -> Mapping[UUID, Sequence[UUID]]:
    """Return which assignments these people may do, now or when they open, by person.

    It asks little for a whole year of students: stations get it every few seconds.
    """
    rows = session.execute(
        select(Membership.person_id, Assignment)
        .join(Assignment, Assignment.course_id == Membership.course_id)
        .join(Course, Course.id == Assignment.course_id)
        .where(
            Membership.person_id.in_(person_ids),
            Membership.is_educator.is_(False),
            Assignment.withdrawn_at.is_(None),
            Assignment.debriefs_released_at.is_(None),
            Assignment.closes_at.is_(None) | (Assignment.closes_at > at),
            Course.archived_at.is_(None),
        )
        .order_by(Membership.person_id, Assignment.id)
    ).all()
    limited = {task.id for _, task in rows if task.attempts_allowed is not None}
    times = begun.moments_by_person(session, limited)
    options = {task.id: options_of(task) for _, task in rows if task.id in limited}
    found: dict[UUID, list[UUID]] = {}
    for person_id, task in rows:
        begun_at = times.get((person_id, task.id), ())
        made = 0
        if begun_at:
            drill, factor = options[task.id].drill, options[task.id].accommodations.time_factor
            made = begun.counted(begun_at, drill, factor, at)
        if stage(task, made, at) in (Stage.OPEN, Stage.NOT_YET):
            found.setdefault(person_id, []).append(task.id)
    return found


def _assigned(
    task: Assignment,
    where: Course,
    times: Sequence[datetime],
    at: datetime,
    factor: float | None = None,
) -> Assigned:
    """Return how an assignment stands for a learner who has begun it at these times.

    factor: of the learner's time; that of the assignment when None.
    """
    options = options_of(task)
    factor = factor or options.accommodations.time_factor
    made = begun.counted(times, options.drill, factor, at)
    going_on = begun.present_round(times, options.drill, factor, at) if options.drill else None
    return Assigned(task, where, stage(task, made, at), made, going_on)


def stage(task: Assignment, made: int, at: datetime) -> Stage:
    """Return where an assignment stands after `made` attempts, at a moment.

    An exam is over when its debriefs are released: they say what its patient wants to hear.
    """
    is_over = task.closes_at is not None and at >= task.closes_at
    if is_over or task.debriefs_released_at is not None:
        return Stage.CLOSED
    if task.attempts_allowed is not None and made >= task.attempts_allowed:
        return Stage.USED_UP
    if task.opens_at is not None and at < task.opens_at:
        return Stage.NOT_YET
    return Stage.OPEN


def check_may_begin(
    session: Session,
    assignment_id: UUID,
    at: datetime,
    *,
    person_id: UUID | None = None,
    code_id: UUID | None = None,
) -> Assigned:
    """Return how the assignment of an encounter that is about to begin stands for its learner.

    person_id: the learner's account. code_id: the exam code of a learner without one; the caller
    has checked that it is for this assignment. Raises UsageError with the reason when none can.
    """
    task = assignment(session, assignment_id)
    where = course(session, task.course_id)
    if task.withdrawn_at is not None or where.archived_at is not None:
        raise UsageError("This assignment was withdrawn.")
    if code_id is None and (
        person_id is None or not is_learner_of(session, person_id, task.course_id)
    ):
        raise UsageError("This assignment belongs to a course that you are not in.")
    code = session.get(OneTimeCode, code_id) if code_id is not None else None
    factor = accommodations_of(options_of(task), code).time_factor
    times = begun.moments(session, [task.id], person_id=person_id, code_id=code_id)[task.id]
    found = _assigned(task, where, times, at, factor)
    match found.stage:
        case Stage.OPEN:
            return found
        case Stage.NOT_YET:
            raise UsageError("This assignment is not open yet.")
        case Stage.CLOSED if task.debriefs_released_at is not None:
            raise UsageError("The debriefs of this exam are released, so no one begins it now.")
        case Stage.CLOSED:
            raise UsageError("This assignment is closed.")
        case Stage.USED_UP:
            allowed = count_noun(task.attempts_allowed or 0, "attempt")
            raise UsageError(f"You have made the {allowed} that this assignment allows.")


# -- debriefs of an exam


def release_debriefs(session: Session, assignment_id: UUID, at: datetime) -> Assignment:
    """Let those who did an exam open their debriefs. The exam is over then.

    Raises UsageError for an assignment that is no exam.
    """
    found = _exam(session, assignment_id)
    found.debriefs_released_at = found.debriefs_released_at or at
    return found


def hold_debriefs_back(session: Session, assignment_id: UUID) -> Assignment:
    """Close the debriefs of an exam again for those who did it."""
    found = _exam(session, assignment_id)
    found.debriefs_released_at = None
    return found


def _exam(session: Session, assignment_id: UUID) -> Assignment:
    found = assignment(session, assignment_id)
    if found.mode != Mode.EXAM:
        raise UsageError("Only the debriefs of an exam are held back and released.")
    return found


_STAGE_ORDER = (Stage.OPEN, Stage.NOT_YET, Stage.USED_UP, Stage.CLOSED)


def _urgency(each: Assigned) -> tuple[int, bool, bool, float, str]:
    closes = each.assignment.closes_at
    return (
        _STAGE_ORDER.index(each.stage),
        each.made > 0,
        closes is None,
        closes.timestamp() if closes else 0.0,
        each.assignment.title.casefold(),
    )
