"""Rating blind: the page of an educator who judges the same items as the machine, before it is
shown what the machine says."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from simvoice.debrief import rater_sheet
from simvoice.errors import AttemptError, UsageError
from simvoice.record.ratings import draft_of
from simvoice.record.store import Attempt
from simvoice.web import pages
from simvoice.web.body import body_of, ended, text_in
from simvoice.web.format import sentence
from simvoice.web.ports import Simulator
from simvoice.web.summaries import Summaries

router = APIRouter()

Body = Annotated[dict[str, Any], Depends(body_of)]


@router.get("/attempts/{attempt_id}/rate")
def rate(request: Request, attempt_id: str, rater: str | None = None) -> HTMLResponse:
    """Asks who rates, then shows the items, and both judgements once the rater has finished."""
    found = ended(request, attempt_id)
    if rater is None:
        return pages.render(request, "rate_who.html", attempt=found, fault="", rater="")
    try:
        name = rater_sheet.rater_of(rater)
    except UsageError as error:
        fault = sentence(str(error))
        return pages.render(
            request, "rate_who.html", 422, attempt=found, fault=fault, rater=rater[:60]
        )
    sheet = rater_sheet.blind_sheet(found, name)
    if sheet.done:
        return _both(request, found, sheet)
    simulator: Simulator = request.app.state.simulator
    card = next((each for each in simulator.cases() if each.id == sheet.case_id), None)
    return pages.render(request, "rate.html", sheet=sheet, card=card)


def _both(request: Request, found: Attempt, sheet: rater_sheet.BlindSheet) -> HTMLResponse:
    summaries: Summaries = request.app.state.summaries
    ratings = draft_of(found.folder, sheet.rater).ratings
    lists = rater_sheet.beside(summaries.of(found), ratings)
    return pages.render(
        request, "rate_done.html", sheet=sheet, lists=lists, tally=rater_sheet.tally(lists)
    )


@router.get("/attempts/{attempt_id}/rate/timeline")
def timeline(request: Request, attempt_id: str) -> JSONResponse:
    """Both voices, and nothing that was found in them."""
    return JSONResponse(rater_sheet.blind_timeline(ended(request, attempt_id)))


@router.post("/attempts/{attempt_id}/ratings")
def keep(request: Request, attempt_id: str, body: Body) -> JSONResponse:
    """Keep one answer; tells how many there are."""
    found = ended(request, attempt_id)
    given = [text_in(body, name) for name in ("rater", "item", "value", "comment")]
    try:
        rater, item, value, comment = given
        now = datetime.now().astimezone()
        count = rater_sheet.keep_answer(
            found, rater_sheet.rater_of(rater), item, value, comment, now
        )
    except UsageError as error:
        raise _refused(error) from None
    return JSONResponse({"item": item, "answered": count})


@router.post("/attempts/{attempt_id}/ratings/finish")
def finish(request: Request, attempt_id: str, body: Body) -> JSONResponse:
    """The rater is done; the machine's judgement is on the page from now on."""
    found = ended(request, attempt_id)
    try:
        rater = rater_sheet.rater_of(text_in(body, "rater"))
        rater_sheet.finish(found, rater, datetime.now().astimezone())
    except UsageError as error:
        raise _refused(error) from None
    return JSONResponse({"finished": rater})


def _refused(error: UsageError) -> HTTPException:
    """AttemptError: it was finished before, or the file of ratings cannot be read."""
    return HTTPException(409 if isinstance(error, AttemptError) else 422, sentence(str(error)))
