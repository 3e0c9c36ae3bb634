"""The first page of each role, the introduction of a learner, and what is kept of whom."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from simvoice.hub import assignments, audit, people, releases, remarks
from simvoice.hub.doors.access import SignedIn, Visitor, allow
from simvoice.hub.hub import hub_of
from simvoice.hub.learner_home import trained_courses
from simvoice.hub.pages import attempt_list, operations
from simvoice.hub.pages.common import Learner, account_of, go_to
from simvoice.hub.progress import own_briefs
from simvoice.hub.render import render
from simvoice.hub.roles import Role
from simvoice.progress.glance import glance_at

router = APIRouter()

_ATTEMPTS_SHOWN = 5
_ATTEMPTS_READ = 40
"""Records whose retries and parts are folded into those that are shown."""
_DONE = {"introduced": "You can read it again under “What is kept, and who sees it”, below."}


@router.get("/")
def home(
    request: Request, visitor: Annotated[Visitor, allow(codes=True)], done: str = ""
) -> Response:
    """Show what a visitor can do next, by their roles. A candidate goes to the exam's door."""
    if visitor.person_id is None:
        return go_to(f"/assignments/{visitor.assignment_id}")
    hub = hub_of(request)
    with hub.database.read() as session:
        values: dict[str, Any] = {}
        if Role.LEARNER in visitor.roles:
            if people.get(session, visitor.person_id).introduced_at is None:
                return go_to("/introduction")
            assigned = assignments.assigned_to(session, visitor.person_id, hub.now())
            listed = attempt_list.own_attempts(session, visitor.person_id, _ATTEMPTS_READ)
            attempts = attempt_list.grouped(listed)[:_ATTEMPTS_SHOWN]
            found = own_briefs(session, visitor.person_id)
            values["assigned"] = assigned
            values["attempts"] = attempts
            values["glance"] = glance_at(found.briefs)
            values["unread"] = len(found.missing)
            values["trained"] = trained_courses(session, visitor.person_id, assigned)
            values["next_one"] = next((each for each in assigned if each.is_next), None)
            values["is_new"] = not attempts
            values["remarked"] = remarks.unseen(session, visitor.person_id)
        if Role.EDUCATOR in visitor.roles:
            values["taught"] = releases.taught(session, visitor.person_id)
        if Role.TECHNICIAN in visitor.roles:
            values["now"] = operations.server_now(hub, session)
        if Role.RESEARCHER in visitor.roles:
            values["released"] = releases.count_released_anywhere(session)
        return render(request, "home.html", visitor, done=_DONE.get(done, ""), **values)


@router.get("/introduction")
def introduction(request: Request, visitor: Learner) -> Response:
    """Show a learner how it works, and let them check the microphone."""
    retain_days = hub_of(request).settings.retain_days
    return render(request, "introduction.html", visitor, retain_days=retain_days)


@router.post("/introduction")
def introduced(request: Request, visitor: Learner) -> Response:
    """Remember that a learner has read the introduction."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        person = people.get(session, account_of(visitor))
        if person.introduced_at is None:
            person.introduced_at = hub.now()
            audit.record(session, visitor, "read introduction")
    return go_to("/", "introduced")


@router.get("/privacy")
def privacy(request: Request, visitor: SignedIn) -> Response:
    """Show what is kept of a learner, and who sees it."""
    retain_days = hub_of(request).settings.retain_days
    return render(request, "privacy.html", visitor, retain_days=retain_days)
