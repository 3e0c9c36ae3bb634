"""Routes of the page on which a learner writes about own moments before the debrief."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from simvoice.record.reflection import ReflectedMoment, end_reflection
from simvoice.record.store import Attempt
from simvoice.web import pages
from simvoice.web.pages import DebriefCache
from simvoice.web.raters import Body, ended_attempt
from simvoice.web.reflection import (
    SentText,
    answer_to_text,
    moments_due,
    reflection_page,
    save_sent,
)

router = APIRouter()


def _due(request: Request, attempt: Attempt) -> tuple[ReflectedMoment, ...]:
    debriefs: DebriefCache = request.app.state.debriefs
    return moments_due(attempt, lambda: debriefs.reading(attempt))


@router.get("/attempts/{attempt_id}/reflect")
def reflect(request: Request, attempt_id: str, moment: int = 1) -> Response:
    """Show one moment; the debrief when it was shown before. moment: its number, from 1."""
    found = ended_attempt(request, attempt_id)
    moments = _due(request, found)
    if not moments:
        return RedirectResponse(f"/attempts/{attempt_id}", 303)
    debriefs: DebriefCache = request.app.state.debriefs
    page = reflection_page(found, debriefs.reading(found), moments, moment)
    return pages.render(request, "reflect.html", page=page)


@router.put("/attempts/{attempt_id}/reflection")
def save(request: Request, attempt_id: str, body: Body) -> JSONResponse:
    """Save one text while it is typed."""
    found = ended_attempt(request, attempt_id)
    try:
        sent = SentText.model_validate(body)
    except ValidationError:  # it can hold what was written, so it is neither shown nor logged
        raise HTTPException(422, "The page sent something that cannot be used.") from None
    moments = _due(request, found)
    now = datetime.now().astimezone()
    return answer_to_text(lambda: save_sent(found.folder, moments, sent, now))


@router.post("/attempts/{attempt_id}/reflection/end")
def end(request: Request, attempt_id: str) -> JSONResponse:
    """Let the debrief be shown from now on."""
    found = ended_attempt(request, attempt_id)
    moments = _due(request, found)
    if moments:
        end_reflection(found.folder, moments, datetime.now().astimezone())
    return JSONResponse({"ended": attempt_id})
