"""What several pages need: who may open them, and how they are answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from simvoice.hub import assignments, courses
from simvoice.hub.doors.access import NoAccess, Visitor, allow
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Assignment, Course

"""Everyone with an account."""
Learner = Annotated[Visitor, allow(Role.LEARNER)]
Educator = Annotated[Visitor, allow(Role.EDUCATOR)]
Technician = Annotated[Visitor, allow(Role.TECHNICIAN)]
Researcher = Annotated[Visitor, allow(Role.RESEARCHER)]
Talker = Annotated[Visitor, allow(Role.LEARNER, codes=True)]
"""Whoever talks with a patient: a learner, or a candidate with an exam code."""
Reader = Annotated[Visitor, allow(Role.LEARNER, Role.EDUCATOR)]
"""Whoever may open an attempt, if it is theirs or released to them."""
ReaderOrCandidate = Annotated[Visitor, allow(Role.LEARNER, Role.EDUCATOR, codes=True)]

PAGE_ROWS = 50
"""Rows of a long list on one page."""

REFUSED = 422
"""Status of a form whose values cannot be used."""

NOT_A_DATE = "Give the date and the time like this: 2026-11-29T14:30."

_MOST_PAGES = 10_000

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """A part of a long list, with the addresses of the parts around it; empty where none is."""

    rows: Sequence[Row]
    later: str
    earlier: str


def account_of(visitor: Visitor) -> UUID:
    """Return the visitor's account. Raises NoAccess for a visitor without one."""
    if visitor.person_id is None:
        raise NoAccess("This needs an account.", 403)
    return visitor.person_id


def own_course(session: Session, visitor: Visitor, course_id: UUID) -> Course:
    """Return a course that the visitor teaches. Raises NoAccess for another one."""
    if not courses.is_educator_of(session, account_of(visitor), course_id):
        raise NoAccess("You are not an educator of this course.", 403)
    return courses.course(session, course_id)


def own_assignment(
    session: Session, visitor: Visitor, assignment_id: UUID
) -> tuple[Assignment, Course]:
    """Return an assignment of a course that the visitor teaches. Raises NoAccess, UsageError."""
    task = assignments.assignment(session, assignment_id)
    return task, own_course(session, visitor, task.course_id)


def go_to(path: str, done: str = "") -> Response:
    """Return the answer to a form that was carried out: the page to go on to.

    done: a key of that page's messages, which it shows once.
    """
    query = f"?{urlencode({'done': done})}" if done else ""
    return RedirectResponse(path + query, status_code=303)


def page_number(given: int) -> int:
    """Return the number of a page that an address names, within what there can be."""
    return min(max(given, 0), _MOST_PAGES)


def slice_of(rows: Sequence[Row], page: int, path: str, find: str = "") -> Slice[Row]:
    """Return one page of a list. rows: those of the page, and one more when there are more."""

    def address(number: int) -> str:
        values: Mapping[str, str] = {
            **({"find": find} if find else {}),
            **({"page": str(number)} if number else {}),
        }
        return path + (f"?{urlencode(values)}" if values else "")

    later = address(page - 1) if page > 0 else ""
    earlier = address(page + 1) if len(rows) > PAGE_ROWS else ""
    return Slice(rows[:PAGE_ROWS], later, earlier)
