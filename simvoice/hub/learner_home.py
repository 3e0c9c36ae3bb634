"""What the first page shows a learner: courses with what each trains, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.hub import courses
from simvoice.hub.assignments import Assigned
from simvoice.hub.storage.tables import Course, CourseUnit
from simvoice.patient.case.course_plan import CoursePlan


@dataclass(frozen=True, slots=True)
class TrainedUnit:
    """A unit of a course, as its learner sees it in a list."""

    title: str
    objectives: tuple[str, ...]
    """What a learner can do at its end. Each goes on from "You can"."""
    id: UUID | None = None
    """By which its page is opened; None for an assignment that stands alone."""


@dataclass(frozen=True, slots=True)
class TrainedCourse:
    """A course that a learner takes."""

    course: Course
    educators: tuple[str, ...]
    units: tuple[TrainedUnit, ...]
    done: int
    """Assignments of it that the learner has tried."""
    assigned: int


def trained_courses(
    session: Session, person_id: UUID, assigned: Sequence[Assigned]
) -> list[TrainedCourse]:
    """Return the courses that a learner takes. assigned: all that is assigned to the learner.

    A course without units shows the titles of its assignments.
    """
    found = []
    for course in courses.courses_taken(session, person_id):
        own = [each for each in assigned if each.course.id == course.id]
        units = session.scalars(
            select(CourseUnit)
            .where(CourseUnit.course_id == course.id, CourseUnit.withdrawn_at.is_(None))
            .order_by(CourseUnit.created_at, CourseUnit.id)
        ).all()
        shown = [TrainedUnit(unit.title, _objectives(unit.plan), unit.id) for unit in units]
        alone = (each.assignment for each in own if each.assignment.unit_id is None)
        titles = dict.fromkeys(task.title for task in alone)
        found.append(
            TrainedCourse(
                course,
                tuple(person.name for person in courses.educators(session, course.id)),
                (*shown, *(TrainedUnit(title, ()) for title in titles)),
                sum(each.made > 0 for each in own),
                len(own),
            )
        )
    return found


def _objectives(plan: dict[str, Any]) -> tuple[str, ...]:
    try:
        return CoursePlan.model_validate(plan, strict=False).objectives
    except ValidationError:  # of another version of simvoice
        return ()
