"""Pages of educators: their courses, and who is in them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from simvoice.display import count_noun
from simvoice.errors import SettingError, UsageError
from simvoice.hub import assignments, audit, course_units, courses, releases
from simvoice.hub.doors.access import NoAccess, Visitor
from simvoice.hub.hub import hub_of
from simvoice.hub.pages.cases import assignable_cases
from simvoice.hub.pages.common import (
    PAGE_ROWS,
    REFUSED,
    Educator,
    account_of,
    go_to,
    own_course,
    page_number,
    slice_of,
)
from simvoice.hub.render import render

router = APIRouter()

_DONE = {
    "made": "The course is made. Add its people, and assign a case.",
    "saved": "Saved.",
    "archived": "The course is closed.",
    "added": "The people are in the course.",
    "removed": "The person is not in the course any more.",
    "assigned": "Assigned. It is on the first page of each learner of the course.",
    "withdrawn": "Withdrawn. Attempts that were made stay with their learners.",
}


# -- courses


@router.get("/courses")
def all_courses(request: Request, visitor: Educator, done: str = "") -> Response:
    """Show the visitor's courses, and a form for a new one."""
    return _courses_page(request, visitor, done=_DONE.get(done, ""))


def _courses_page(
    request: Request, visitor: Visitor, *, status: int = 200, problem: str = "", **values: Any
) -> Response:
    given = {"title": "", "description": "", **values.pop("given", {})}
    with hub_of(request).database.read() as session:
        taught = releases.taught(session, account_of(visitor))
        values |= {"taught": taught, "given": given, "problem": problem}
        return render(request, "courses.html", visitor, status=status, **values)


@router.post("/courses")
def make_course(
    request: Request,
    visitor: Educator,
    title: Annotated[str, Form()] = "",
    description: Annotated[str, Form()] = "",
) -> Response:
    """Make a course, with the visitor as its first educator."""
    try:
        with hub_of(request).database.begin() as session:
            made = courses.create_course(session, title, description, account_of(visitor))
            audit.record(session, visitor, "make course", made.id)
            return go_to(f"/courses/{made.id}", "made")
    except SettingError as error:
        given = {"title": title, "description": description}
        return _courses_page(request, visitor, status=REFUSED, problem=str(error), given=given)


@router.get("/courses/{course_id}")
def one_course(
    request: Request, visitor: Educator, course_id: UUID, page: int = 0, done: str = ""
) -> Response:
    """Show a course: assignments, what is released to it, and its people."""
    return course_page(request, visitor, course_id, page=page, done=_DONE.get(done, ""))


def course_page(
    request: Request,
    visitor: Visitor,
    course_id: UUID,
    *,
    status: int = 200,
    problem: str = "",
    logins: str = "",
    done: str = "",
    page: int = 0,
) -> Response:
    """Return the page of a course. problem, logins: of a form that was not taken."""
    hub, page = hub_of(request), page_number(page)
    cards = assignable_cases(hub)
    with hub.database.read() as session:
        course = own_course(session, visitor, course_id)
        rows = releases.released_to(session, course_id, PAGE_ROWS + 1, page * PAGE_ROWS)
        shown = slice_of(rows, page, f"/courses/{course_id}")
        return render(
            request,
            "course.html",
            visitor,
            status=status,
            course=course,
            assignments=assignments.assignments(session, course_id),
            released=shown.rows,
            later=shown.later,
            earlier=shown.earlier,
            members=courses.members(session, course_id),
            case_titles={card.id: card.title for card in cards},
            units=(units := course_units.units(session, course_id)),
            can_add=[
                card
                for card in cards
                if card.id not in {each.case_id for each in units}
                and course_units.plan_of(card) is not None
            ],
            problem=problem,
            given={"logins": logins},
            done=done,
        )


@router.post("/courses/{course_id}")
def change_course(
    request: Request,
    visitor: Educator,
    course_id: UUID,
    title: Annotated[str, Form()] = "",
    description: Annotated[str, Form()] = "",
) -> Response:
    """Change the title and the description of a course."""
    try:
        with hub_of(request).database.begin() as session:
            own_course(session, visitor, course_id)
            courses.change_course(session, course_id, title, description)
            audit.record(session, visitor, "change course", course_id)
    except SettingError as error:
        return course_page(request, visitor, course_id, status=REFUSED, problem=str(error))
    return go_to(f"/courses/{course_id}", "saved")


@router.post("/courses/{course_id}/close")
def close_course(request: Request, visitor: Educator, course_id: UUID) -> Response:
    """Close a course."""
    with hub_of(request).database.begin() as session:
        own_course(session, visitor, course_id)
        courses.archive_course(session, course_id)
        audit.record(session, visitor, "close course", course_id)
    return go_to(f"/courses/{course_id}", "archived")


# -- members


@router.post("/courses/{course_id}/members")
def add_members(
    request: Request,
    visitor: Educator,
    course_id: UUID,
    logins: Annotated[str, Form()] = "",
    as_educator: Annotated[str, Form()] = "",
) -> Response:
    """Add people to a course by their logins, one a line."""
    try:
        with hub_of(request).database.begin() as session:
            own_course(session, visitor, course_id)
            is_educator = as_educator == "yes"
            added = courses.add_members(
                session, course_id, logins.splitlines(), is_educator=is_educator
            )
            what = count_noun(len(added), "educator" if is_educator else "learner")
            audit.record(session, visitor, "add to course", course_id, what)
    except NoAccess:
        raise
    except UsageError as error:
        return course_page(
            request, visitor, course_id, status=REFUSED, problem=str(error), logins=logins
        )
    return go_to(f"/courses/{course_id}", "added")


@router.post("/courses/{course_id}/members/{person_id}/remove")
def remove_member(
    request: Request, visitor: Educator, course_id: UUID, person_id: UUID
) -> Response:
    """Take a person out of a course. Their releases to it end."""
    try:
        with hub_of(request).database.begin() as session:
            own_course(session, visitor, course_id)
            courses.remove_member(session, course_id, person_id)
            releases.end_for_member(session, course_id, person_id)
            audit.record(session, visitor, "remove from course", course_id, str(person_id))
    except NoAccess:
        raise
    except UsageError as error:
        return course_page(request, visitor, course_id, status=REFUSED, problem=str(error))
    if person_id == visitor.person_id:
        return go_to("/courses", "removed")
    return go_to(f"/courses/{course_id}", "removed")
