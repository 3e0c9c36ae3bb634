"""Pictures for the pages: turn-taking, an attempt beside an earlier one, and progress."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from fastapi import APIRouter, Request
from fastapi.responses import Response

from simvoice.progress.model import CaseProgress, NumberSeries
from simvoice.record.files import check_id
from simvoice.record.store import Attempt
from simvoice.web.pages import DebriefCache
from simvoice.web.ports import Simulator

router = APIRouter()

_draftsman = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pictures")
"""Draws all pictures, one at a time: matplotlib keeps its style for the whole process. For each
thread that draws, it opens its fonts again and keeps them open."""


def _drawn(draw: Callable[[], bytes]) -> Response:
    """Return the picture that a function draws, as an answer."""
    context = contextvars.copy_context()  # so that lines in the log name the request
    picture = _draftsman.submit(context.run, draw).result()
    return Response(picture, media_type="image/svg+xml")


@router.get("/attempts/{attempt_id}/turns.svg")
def turns(request: Request, attempt_id: str) -> Response:
    """Draw turn-taking over time."""
    return drawn_turns(_attempt(request, attempt_id), request.app.state.debriefs)


@router.get("/attempts/{attempt_id}/change.svg")
def change(request: Request, attempt_id: str, earlier: str) -> Response:
    """Draw an earlier attempt beside this one."""
    both = (_attempt(request, earlier), _attempt(request, attempt_id))
    return _svg(request.app.state.debriefs, "Before and after", *both)


def over_time(course: CaseProgress, series: NumberSeries) -> Response:
    """Draw one heading over the attempts at a case."""
    from simvoice.research.pictures import course as drawn
    from simvoice.research.pictures import style

    marks = [
        drawn.CourseMark(
            attempt.number, point.met, point.judged, point.not_judged, point.comparable
        )
        for attempt, point in zip(course.attempts, series.points, strict=True)
    ]
    compared = series.first_to_last
    caption = f"First to last: {compared.said}." if compared else ""
    return _drawn(
        lambda: style.render(drawn.course(series.name, marks, caption), "svg", series.name)
    )


def drawn_turns(attempt: Attempt, debriefs: DebriefCache) -> Response:
    """Draw the turn-taking of one attempt over time."""
    return _svg(debriefs, "Turn-taking", attempt)


def _attempt(request: Request, attempt_id: str) -> Attempt:
    simulator: Simulator = request.app.state.simulator
    return simulator.attempt(check_id(attempt_id))


def _svg(debriefs: DebriefCache, title: str, *attempts: Attempt) -> Response:
    # importing matplotlib takes a second; pages without a picture do not need it
    from simvoice.research.analysis.attempts import analyse_attempt
    from simvoice.research.pictures import change, style, turns

    def draw() -> bytes:
        found = [analyse_attempt(attempt, debriefs.reading(attempt)) for attempt in attempts]
        made = turns.turns(*found) if len(found) == 1 else change.change(*found)
        return style.render(made, "svg", title)

    return _drawn(draw)
