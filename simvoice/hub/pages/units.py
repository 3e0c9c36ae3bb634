"""Pages of units: what a course consists of, for its learners, and how an educator adds it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from simvoice.debrief.rater_sheet import words_of
from simvoice.errors import AttemptError, SettingError, UsageError
from simvoice.hub import audit, course_units, courses
from simvoice.hub.doors.access import NoAccess, Visitor
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.model_encounters import ModelStage
from simvoice.hub.pages.cases import assignable_cases
from simvoice.hub.pages.common import REFUSED, Educator, Reader, account_of, go_to, own_course
from simvoice.hub.pages.courses import course_page
from simvoice.hub.pages.sound import send_sound
from simvoice.hub.render import render
from simvoice.hub.storage.tables import CourseUnit
from simvoice.web.pages import DebriefCache
from simvoice.web.ports import CaseCard

router = APIRouter()

_NOT_READY = "The model encounter is not ready yet. Come back in some minutes."


def _own_unit(session: Session, visitor: Visitor, unit_id: UUID) -> tuple[CourseUnit, bool]:
    """Return a unit of a course that the visitor learns in or teaches, and whether they learn."""
    person_id = account_of(visitor)
    found = course_units.unit(session, unit_id)
    if courses.is_learner_of(session, person_id, found.course_id):
        return found, True
    if courses.is_educator_of(session, person_id, found.course_id):
        return found, False
    raise NoAccess("This unit belongs to a course that you are not in.", 403)


def _card(hub: Hub, case_id: str) -> CaseCard | None:
    return next((each for each in assignable_cases(hub) if each.id == case_id), None)


@router.get("/units/{unit_id}")
def one_unit(request: Request, visitor: Reader, unit_id: UUID, done: str = "") -> Response:
    """Show a unit: objectives, model encounter, drills, the case, another try, reflection."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found, is_learner = _own_unit(session, visitor, unit_id)
        course = courses.course(session, found.course_id)
        learner_id = account_of(visitor) if is_learner else None
        unit = course_units.shown(session, found, learner_id=learner_id, at=hub.now())
    card = _card(hub, found.case_id)
    values: dict[str, Any] = {"model": None, "lines": (), "duration_s": 0.0}
    if card is not None:
        values["model"] = hub.model_encounters.state(card)
        if values["model"].stage is ModelStage.READY:
            cache: DebriefCache = request.app.state.debriefs
            attempt = hub.model_encounters.open(card)
            values["lines"] = words_of(cache.reading(attempt).entries)
            values["duration_s"] = attempt.duration_s
    return render(
        request,
        "unit.html",
        visitor,
        unit=unit,
        course=course,
        card=card,
        is_learner=is_learner,
        done="The model encounter is being prepared." if done == "wanted" else "",
        **values,
    )


@router.get("/units/{unit_id}/model/audio")
def model_sound(request: Request, visitor: Reader, unit_id: UUID) -> Response:
    """Send the sound of the model encounter of a unit."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found, _ = _own_unit(session, visitor, unit_id)
    card = _card(hub, found.case_id)
    if card is None:
        raise AttemptError(_NOT_READY)
    path = hub.model_encounters.open(card).audio_path
    if path is None or not path.is_file():
        raise AttemptError(_NOT_READY)
    return send_sound(path.open("rb"), path.name, request.headers.get("range"), lambda: True)


@router.post("/units/{unit_id}/model")
def want_model(request: Request, visitor: Educator, unit_id: UUID) -> Response:
    """Have the model encounter of a unit played, when a place is free."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        found = course_units.unit(session, unit_id)
        own_course(session, visitor, found.course_id)
        audit.record(session, visitor, "prepare model encounter", unit_id, found.case_id)
    card = _card(hub, found.case_id)
    if card is None:
        raise UsageError("This case is not on this server now. A technician sees why.")
    hub.model_encounters.want(card)
    return go_to(f"/units/{unit_id}", "wanted")


@router.post("/courses/{course_id}/units")
def add_unit(
    request: Request, visitor: Educator, course_id: UUID, case_id: Annotated[str, Form()] = ""
) -> Response:
    """Add the content of a case's course, and have its model encounter played."""
    hub = hub_of(request)
    card = _card(hub, case_id)
    plan = course_units.plan_of(card) if card is not None else None
    try:
        if card is None or plan is None:
            raise SettingError("Choose the content to add.")
        with hub.database.begin() as session:
            own_course(session, visitor, course_id)
            made = course_units.add(session, course_id, card, plan, account_of(visitor))
            audit.record(session, visitor, "add unit", course_id, card.id)
    except SettingError as error:
        return course_page(request, visitor, course_id, status=REFUSED, problem=str(error))
    hub.model_encounters.want(card)
    return go_to(f"/units/{made.id}")


@router.post("/units/{unit_id}/withdraw")
def withdraw_unit(request: Request, visitor: Educator, unit_id: UUID) -> Response:
    """Take a unit out of its course. Attempts that were made stay with their learners."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        own_course(session, visitor, course_units.unit(session, unit_id).course_id)
        found = course_units.withdraw(session, unit_id, hub.now())
        audit.record(session, visitor, "withdraw unit", found.course_id, found.case_id)
    return go_to(f"/courses/{found.course_id}", "withdrawn")
