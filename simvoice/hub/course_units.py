"""Units: the content of a course around one case, in the order in which learners do it.

A unit comes from the plan of a case (`patient.case.course_plan`). It keeps the plan as it was when
it was added. Its drills and tries are assignments of the course, and stay when the unit is taken
out. Functions with a session work in its transaction.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice import paths
from simvoice.errors import CaseError, SettingError, UsageError
from simvoice.hub import assignments, courses
from simvoice.hub.assignments import Assigned, AssignmentDraft, Mode
from simvoice.hub.courses import LONGEST_TITLE
from simvoice.hub.storage.tables import Assignment, CourseUnit
from simvoice.hub_client.station_messages import AssignmentOptions, Drill
from simvoice.patient.case.course_plan import COURSE_FILE, CoursePlan, load_course_plan
from simvoice.patient.case.load import locate_case
from simvoice.web.ports import CaseCard, MomentCard


class UnitStep(StrEnum):
    """What an assignment is in its unit."""

    DRILL = "drill"
    FIRST_TRY = "first try"
    ANOTHER_TRY = "another try"


# -- plans


def plan_of(card: CaseCard) -> CoursePlan | None:
    """Return the plan of a case; None without one, and for one that cannot be used."""
    try:
        file = locate_case(card.id, *paths.case_dirs())
        beside = os.stat(file.with_name(COURSE_FILE))
    except (CaseError, OSError):
        return None
    moments = tuple(each.id for each in card.moments)
    return _plan(file, moments, (beside.st_ino, beside.st_mtime_ns, beside.st_size))


@lru_cache(maxsize=200)
def _plan(file: Path, moments: tuple[str, ...], _state: tuple[int, ...]) -> CoursePlan | None:
    try:
        return load_course_plan(file, moments)
    except CaseError:  # `simvoice cases check` says why
        return None


# -- units


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One assignment of a unit, as a page shows it."""

    step: UnitStep
    assignment: Assignment
    words: str
    """What the learner is to do or why, a sentence of the plan."""
    assigned: Assigned | None = None
    """How it stands for the learner; None for an educator, and when it was withdrawn."""


@dataclass(frozen=True, slots=True)
class ShownUnit:
    """A unit with its steps, in order."""

    unit: CourseUnit
    plan: CoursePlan
    steps: tuple[ShownStep, ...]

    def of(self, step: str) -> list[ShownStep]:
        """Return the steps of one kind."""
        return [each for each in self.steps if each.step == step]

    @property
    def next_step(self) -> ShownStep | None:
        """Return the first step that the learner can begin and has not tried; None when none is."""
        return next((e for e in self.steps if e.assigned is not None and e.assigned.is_next), None)


def add(
    session: Session, course_id: UUID, card: CaseCard, plan: CoursePlan, created_by: UUID
) -> CourseUnit:
    """Add the content of a case's course to a course. Raises SettingError.

    A course has a case once: a second press, or that of a colleague, adds nothing.
    """
    courses.course(session, course_id)
    if any(each.case_id == card.id for each in units(session, course_id)):
        raise SettingError("The course has this content already.")
    made = CourseUnit(
        course_id=course_id,
        case_id=card.id,
        title=_fit(card.course or card.title),
        plan=plan.model_dump(mode="json"),
        created_by=created_by,
    )
    session.add(made)
    session.flush()
    moments = {each.id: each for each in card.moments}
    for drill in plan.drills:
        moment = moments[drill.moment]
        options = AssignmentOptions(
            reading_s=card.reading_time_s,
            drill=Drill(
                skill=moment.skill, moment=moment.id, tries=drill.tries, minutes=drill.minutes
            ),
        )
        draft = AssignmentDraft(_drill_title(moment), card.id, Mode.DRILL, options=options)
        _assign(session, made, UnitStep.DRILL, draft, created_by)
    options = AssignmentOptions(reading_s=card.reading_time_s)
    first = AssignmentDraft(_fit(card.title), card.id, attempts_allowed=1, options=options)
    _assign(session, made, UnitStep.FIRST_TRY, first, created_by)
    options = AssignmentOptions(reading_s=card.reading_time_s, questions=plan.reflection)
    again = AssignmentDraft(_fit(f"Once more: {card.title}"), card.id, options=options)
    _assign(session, made, UnitStep.ANOTHER_TRY, again, created_by)
    return made


def _drill_title(moment: MomentCard) -> str:
    return _fit(f"Drill: {moment.title}")


def _fit(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"


def _assign(
    session: Session, unit: CourseUnit, step: UnitStep, draft: AssignmentDraft, created_by: UUID
) -> None:
    made = assignments.assign(session, unit.course_id, draft, created_by)
    made.unit_id, made.step = unit.id, step.value
    session.flush()


def units(session: Session, course_id: UUID) -> list[CourseUnit]:
    """Return the units of a course, the oldest first."""
    rows = session.scalars(
        select(CourseUnit)
        .where(CourseUnit.course_id == course_id, CourseUnit.withdrawn_at.is_(None))
        .order_by(CourseUnit.created_at, CourseUnit.id)
    )
    return list(rows)


def unit(session: Session, unit_id: UUID) -> CourseUnit:
    """Return a unit. Raises UsageError when there is none now."""
    found = session.get(CourseUnit, unit_id)
    if found is None or found.withdrawn_at is not None:
        raise UsageError("There is no such unit. It may have been taken out of the course.")
    return found


def withdraw(session: Session, unit_id: UUID, at: datetime) -> CourseUnit:
    """Take a unit out of its course, with its assignments. Attempts stay with their learners."""
    found = unit(session, unit_id)
    found.withdrawn_at = at
    for each in _assignments(session, found):
        assignments.withdraw(session, each.id)
    return found


def shown(
    session: Session, found: CourseUnit, *, learner_id: UUID | None, at: datetime
) -> ShownUnit:
    """Return a unit with its steps. learner_id: for whom; None for an educator."""
    plan = CoursePlan.model_validate_json(json.dumps(found.plan))  # strict about tuples otherwise
    stands: dict[UUID, Assigned] = {}
    if learner_id is not None:
        every = assignments.assigned_to(session, learner_id, at)
        stands = {each.assignment.id: each for each in every}
    steps = [
        ShownStep(UnitStep(each.step), each, _words(plan, each), stands.get(each.id))
        for each in _assignments(session, found)
    ]
    order = list(UnitStep)
    return ShownUnit(found, plan, tuple(sorted(steps, key=lambda each: order.index(each.step))))


def _words(plan: CoursePlan, task: Assignment) -> str:
    if task.step == UnitStep.FIRST_TRY:
        return plan.first_try.task
    if task.step == UnitStep.ANOTHER_TRY:
        return plan.another_try.task
    drill = AssignmentOptions.model_validate(task.options).drill
    moment = drill.moment if drill is not None else ""
    return next((each.why for each in plan.drills if each.moment == moment), "")


def _assignments(session: Session, found: CourseUnit) -> Sequence[Assignment]:
    return session.scalars(
        select(Assignment)
        .where(Assignment.unit_id == found.id, Assignment.withdrawn_at.is_(None))
        .order_by(Assignment.created_at, Assignment.id)
    ).all()
