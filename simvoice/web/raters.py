"""Routes for objections, for blind ratings and for the agreement of machine and raters."""

from __future__ import annotations

import json
import threading
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from simvoice.debrief import rater_sheet
from simvoice.debrief.item_trust import ItemTrust, RatedAttempt, build_item_trust, judge_as_shown
from simvoice.debrief.items import object_to, withdraw
from simvoice.errors import AttemptError, SimvoiceError, UsageError
from simvoice.record.files import check_id
from simvoice.record.ratings import check_rater_name, load_draft
from simvoice.record.store import Attempt
from simvoice.safe_text import encodable
from simvoice.web import pages
from simvoice.web.format import sentence
from simvoice.web.pages import DebriefCache, FolderState, folder_state
from simvoice.web.ports import Simulator

router = APIRouter()

_MOST_BYTES = 32_768
"""Several times the longest text that a page sends."""

_MOST_OFFERED = 12
"""How many attempts the page offers for rating, the newest first."""


# -- requests


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request. Raises HTTPException 422 for anything else."""
    whole = b""
    async for part in request.stream():
        whole += part
        if len(whole) > _MOST_BYTES:
            raise HTTPException(422, "This text is too long. Shorten it and send it again.")
    try:
        body = json.loads(whole)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise HTTPException(422, "The request is not a JSON object. Reload the page.")
    return body


Body = Annotated[dict[str, Any], Depends(body_of)]


def text_in(body: dict[str, Any], name: str) -> str:
    """Return a text field of a body, as valid Unicode.

    Raises HTTPException 422 when it is missing or not a text.
    """
    value = body.get(name)
    if not isinstance(value, str):
        raise HTTPException(422, f"The text “{name}” is missing. Reload the page.")
    return encodable(value)


def ended_attempt(request: Request, attempt_id: str) -> Attempt:
    """Return an attempt that is over. Raises AttemptError; HTTPException 409 while it runs."""
    simulator: Simulator = request.app.state.simulator
    found = simulator.attempt(check_id(attempt_id))
    if found.state == "open":
        raise HTTPException(409, "This encounter is still running. Try again when it has ended.")
    if not found.folder.is_dir():  # erased a moment ago
        raise AttemptError("This attempt was erased.")
    return found


# -- objections: what a learner says is wrong in a debrief


@router.post("/attempts/{attempt_id}/objections")
def add_objection(request: Request, attempt_id: str, body: Body) -> JSONResponse:
    """Store an objection. Returns its number and its text."""
    found = ended_attempt(request, attempt_id)
    item, why = text_in(body, "item"), text_in(body, "why")
    try:
        objection = object_to(found, item, why, datetime.now().astimezone())
    except AttemptError:
        raise
    except UsageError as error:
        raise HTTPException(422, sentence(str(error))) from None
    return JSONResponse(objection.model_dump(), status_code=201)


@router.delete("/attempts/{attempt_id}/objections/{number}")
def withdraw_objection(request: Request, attempt_id: str, number: int) -> JSONResponse:
    """Withdraw an objection."""
    withdraw(ended_attempt(request, attempt_id), number, datetime.now().astimezone())
    return JSONResponse({"withdrawn": number})


# -- agreement of machine and raters


class AgreementCache:
    """The agreement on each item, computed again when a rating or an objection is added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rated: dict[Path, tuple[FolderState, RatedAttempt]] = {}
        self._last: tuple[list[RatedAttempt], list[str], ItemTrust] | None = None

    def get(self, simulator: Simulator) -> ItemTrust:
        """Return the agreement now. Each attempt is judged once, and again when it changes."""
        with self._lock:
            rated, problems = self._all(simulator)
            if self._last is None or self._last[:2] != (rated, problems):
                self._last = (rated, problems, build_item_trust(rated, problems))
            return self._last[2]

    def _all(self, simulator: Simulator) -> tuple[list[RatedAttempt], list[str]]:
        problems: list[str] = []
        now: dict[Path, tuple[FolderState, RatedAttempt]] = {}
        for folder in simulator.folders_with_feedback():
            try:
                state = folder_state(folder)
                cached = self._rated.get(folder)
                if cached is None or cached[0] != state:
                    cached = (state, judge_as_shown(simulator.attempt(folder.name)))
            except SimvoiceError as error:
                problems.append(str(error))
            except FileNotFoundError:  # erased a moment ago
                continue
            else:
                now[folder] = cached
                problems += cached[1].problems
        self._rated = now
        return [rated for _, rated in now.values()], problems


@router.get("/agreement")
def agreement(request: Request) -> HTMLResponse:
    """Show the agreement item by item, or how to begin rating."""
    simulator: Simulator = request.app.state.simulator
    whole = [card for card in simulator.attempts() if card.state in {"complete", "crashed"}]
    agreements: AgreementCache = request.app.state.agreements
    return pages.render(
        request,
        "agreement.html",
        found=agreements.get(simulator),
        offered=whole[:_MOST_OFFERED],
    )


# -- blind rating: an educator judges the items before the machine's judgement is shown


@router.get("/attempts/{attempt_id}/rate")
def rate(request: Request, attempt_id: str, rater: str | None = None) -> HTMLResponse:
    """Ask who rates, then show the items; after the rater finished, show both judgements."""
    found = ended_attempt(request, attempt_id)
    if rater is None:
        return pages.render(request, "rate_who.html", attempt=found, fault="", rater="")
    try:
        name = check_rater_name(rater)
    except UsageError as error:
        fault = sentence(str(error))
        return pages.render(
            request, "rate_who.html", 422, attempt=found, fault=fault, rater=rater[:60]
        )
    debriefs: DebriefCache = request.app.state.debriefs
    sheet = rater_sheet.blind_sheet(found, debriefs.reading(found), name)
    if sheet.done:
        return _both(request, found, sheet)
    simulator: Simulator = request.app.state.simulator
    card = next((each for each in simulator.cases() if each.id == sheet.case_id), None)
    return pages.render(request, "rate.html", sheet=sheet, card=card)


def _both(request: Request, found: Attempt, sheet: rater_sheet.BlindSheet) -> HTMLResponse:
    debriefs: DebriefCache = request.app.state.debriefs
    ratings = load_draft(found.folder, sheet.rater).ratings
    lists = rater_sheet.compare_with_machine(debriefs.get(found), ratings)
    return pages.render(
        request,
        "rate_done.html",
        sheet=sheet,
        lists=lists,
        tally=rater_sheet.describe_agreement(lists),
    )


@router.get("/attempts/{attempt_id}/rate/timeline")
def timeline(request: Request, attempt_id: str) -> JSONResponse:
    """Return the data of the timeline with both voices, without anything the machine found."""
    found = ended_attempt(request, attempt_id)
    debriefs: DebriefCache = request.app.state.debriefs
    return JSONResponse(rater_sheet.blind_timeline(found, debriefs.reading(found)))


@router.post("/attempts/{attempt_id}/ratings")
def add_rating(request: Request, attempt_id: str, body: Body) -> JSONResponse:
    """Store one answer. Returns how many items have an answer."""
    found = ended_attempt(request, attempt_id)
    given = [text_in(body, name) for name in ("rater", "item", "value", "comment")]
    try:
        rater, item, value, comment = given
        now = datetime.now().astimezone()
        count = rater_sheet.store_answer(found, check_rater_name(rater), item, value, comment, now)
    except UsageError as error:
        raise _refused(error) from None
    return JSONResponse({"item": item, "answered": count})


@router.post("/attempts/{attempt_id}/ratings/finish")
def finish(request: Request, attempt_id: str, body: Body) -> JSONResponse:
    """Finish the rating. From now on the page shows the machine's judgement."""
    found = ended_attempt(request, attempt_id)
    try:
        rater = check_rater_name(text_in(body, "rater"))
        rater_sheet.finish(found, rater, datetime.now().astimezone())
    except UsageError as error:
        raise _refused(error) from None
    return JSONResponse({"finished": rater})


def _refused(error: UsageError) -> HTTPException:
    """Return the HTTP error of a refused rating.

    An AttemptError gives 409: the rating is finished, or the file of ratings cannot be read.
    """
    return HTTPException(409 if isinstance(error, AttemptError) else 422, sentence(str(error)))
