"""A learner's own attempts over time."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from simvoice.errors import UsageError
from simvoice.hub import briefs
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.pages.common import Learner, account_of
from simvoice.hub.progress import own_briefs
from simvoice.hub.render import render
from simvoice.progress.course import build_progress
from simvoice.progress.model import ProgressReport
from simvoice.web import drawings

router = APIRouter()

_MAKING_TIME_S = 4.0
"""How long a page makes briefs that are missing. The hub makes the rest, one after the other."""


@router.get("/progress")
def progress(request: Request, visitor: Learner) -> Response:
    """Show a learner's own attempts over time, case by case."""
    hub = hub_of(request)
    report = _report(hub, visitor, 0.0 if hub.encounters.load().running else _MAKING_TIME_S)
    return render(request, "progress_hub.html", visitor, p=report)


@router.get("/progress.svg")
def chart(request: Request, visitor: Learner, case: str, heading: str) -> Response:
    """Draw one heading over the attempts at one case."""
    for course in _report(hub_of(request), visitor, 0.0).courses:
        for series in course.headings:
            if (course.case_id, series.key) == (case, heading) and course.attempts:
                return drawings.over_time(course, series)
    raise UsageError("There is nothing to draw of this case yet.")


def _report(hub: Hub, visitor: Visitor, time_s: float) -> ProgressReport:
    person_id = account_of(visitor)
    with hub.database.read() as session:
        found = own_briefs(session, person_id)
    if found.missing and time_s:
        briefs.fill(hub, found.missing, time_s=time_s)
        with hub.database.read() as session:
            found = own_briefs(session, person_id)
    return build_progress(visitor.name, found.briefs, found.skipped, len(found.missing))
