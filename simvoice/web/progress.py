"""Pages of a learner's attempts over time. They show only attempts that the first page lists."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from simvoice.errors import UsageError
from simvoice.progress.brief_store import StoreScan, build_waiting, normalize_name, scan_store
from simvoice.progress.course import build_progress, list_learners, select_learner
from simvoice.progress.model import ProgressReport
from simvoice.web import drawings, pages
from simvoice.web.encounters import EncounterPool
from simvoice.web.format import progress_address
from simvoice.web.ports import Simulator

router = APIRouter()

_MEASURING_TIME_S = 6.0
"""How long a page measures attempts that have no brief yet. The rest waits for the next request."""


@router.get("/progress", response_model=None)
def learners(request: Request, learner: str | None = None) -> Response:
    """List the learners. With only one, redirect to that learner's page."""
    if learner is not None:
        return progress(request, learner)
    found = list_learners(_looked(request))
    if len(found) == 1:
        return RedirectResponse(progress_address(found[0].learner), status_code=303)
    return pages.render(request, "learners.html", known=found)


@router.get("/progress.svg")
def chart(request: Request, learner: str, case: str, heading: str) -> Response:
    """Draw one heading over the attempts at one case."""
    for course in _progress(request, learner, case, patience_s=0.0).courses:
        for series in course.headings:
            if series.key == heading:
                return drawings.over_time(course, series)
    raise UsageError(f"there is no data for {heading!r} yet; open the learner's page first")


@router.get("/progress/{learner:path}")
def progress(request: Request, learner: str) -> HTMLResponse:
    """Show one learner, case by case."""
    found = _progress(request, learner, None, _measuring_time_s(request))
    return pages.render(request, "progress.html", p=found, who=normalize_name(learner) or "-")


def _looked(request: Request) -> StoreScan:
    """Return the briefs of the attempts that the first page lists."""
    simulator: Simulator = request.app.state.simulator
    return scan_store(simulator.store, simulator.attempts())


def _measuring_time_s(request: Request) -> float:
    """Return how long a page may measure: not at all while an encounter needs the processor."""
    slot: EncounterPool = request.app.state.slot
    return _MEASURING_TIME_S if slot.is_free() else 0.0


def _progress(
    request: Request, learner: str, case: str | None, patience_s: float
) -> ProgressReport:
    simulator: Simulator = request.app.state.simulator
    own = select_learner(_looked(request), learner, case)
    made, failed, waiting = build_waiting(simulator.store, own.waiting, patience_s)
    skipped = [each for _, each in own.skipped]
    return build_progress(learner, [*own.briefs, *made], [*skipped, *failed], waiting)
