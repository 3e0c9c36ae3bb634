"""Pages for ratings, objections and agreement."""

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
from simvoice.debrief.item_trust import ItemTrust, RatedAttempt, as_shown, compared
from simvoice.debrief.items import object_to, withdraw
from simvoice.errors import AttemptError, SimvoiceError, UsageError
from simvoice.record.files import check_id
from simvoice.record.ratings import draft_of
from simvoice.record.store import Attempt
from simvoice.web import pages
from simvoice.web.format import sentence
from simvoice.web.pages import Print, Summaries, print_of
from simvoice.web.ports import Simulator

# -- body -------------------------------------------------------------------------------------
# What a page sends: small JSON objects, and sentences where they cannot be used.


_MOST_BYTES = 32_768
"""The longest text that a page sends, several times over."""


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request. Raises HTTPException 422 for anything else."""
    whole = b""
    async for part in request.stream():
        whole += part
        if len(whole) > _MOST_BYTES:
            raise HTTPException(422, "That is too long; shorten it and send it again.")
    try:
        body = json.loads(whole)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise HTTPException(422, "What was sent is not a JSON object; load the page again.")
    return body


def text_in(body: dict[str, Any], name: str) -> str:
    """A text field of a body. Raises HTTPException 422 where it is missing or no text."""
    value = body.get(name)
    if not isinstance(value, str):
        raise HTTPException(422, f"The text “{name}” is missing; load the page again.")
    return value


def ended(request: Request, attempt_id: str) -> Attempt:
    """An attempt that is over. Raises AttemptError, HTTPException 409 while it is going on."""
    simulator: Simulator = request.app.state.simulator
    found = simulator.attempt(check_id(attempt_id))
    if found.state == "open":
        raise HTTPException(
            409, "This conversation is going on right now; say it once it has ended."
        )
    if not found.folder.is_dir():  # erased a moment ago
        raise AttemptError("This attempt is not here any more.")
    return found


# -- objections -------------------------------------------------------------------------------
# What a learner holds to be wrong in a debrief: sent, kept, withdrawn.


router = APIRouter()


@router.post("/attempts/{attempt_id}/objections")
def objections(
    request: Request, attempt_id: str, body: Annotated[dict[str, Any], Depends(body_of)]
) -> JSONResponse:
    """Keep an objection; answers with its number and words."""
    found = ended(request, attempt_id)
    item, why = text_in(body, "item"), text_in(body, "why")
    try:
        kept = object_to(found, item, why, datetime.now().astimezone())
    except AttemptError:
        raise
    except UsageError as error:
        raise HTTPException(422, sentence(str(error))) from None
    return JSONResponse(kept.model_dump(), status_code=201)


@router.delete("/attempts/{attempt_id}/objections/{number}")
def withdrawn(request: Request, attempt_id: str, number: int) -> JSONResponse:
    """Take an objection back."""
    withdraw(ended(request, attempt_id), number, datetime.now().astimezone())
    return JSONResponse({"withdrawn": number})


# -- agreement --------------------------------------------------------------------------------
# How far machine and raters say the same: a page, and a sentence for every item of a debrief.


_MOST_OFFERED = 12
"""Attempts that the page offers for rating, the newest first."""


class Agreements:
    """What is known, made anew when somebody has said something."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rated: dict[Path, tuple[Print, RatedAttempt]] = {}
        self._last: tuple[list[RatedAttempt], list[str], ItemTrust] | None = None

    def of(self, simulator: Simulator) -> ItemTrust:
        """Machine and humans now. Each attempt is judged once, and again when it has changed."""
        with self._lock:
            rated, problems = self._all(simulator)
            if self._last is None or self._last[:2] != (rated, problems):
                self._last = (rated, problems, compared(rated, problems))
            return self._last[2]

    def _all(self, simulator: Simulator) -> tuple[list[RatedAttempt], list[str]]:
        problems: list[str] = []
        now: dict[Path, tuple[Print, RatedAttempt]] = {}
        for folder in simulator.remarked():
            try:
                seen = print_of(folder)
                kept = self._rated.get(folder)
                if kept is None or kept[0] != seen:
                    kept = (seen, as_shown(simulator.attempt(folder.name)))
            except SimvoiceError as error:
                problems.append(str(error))
            except FileNotFoundError:  # erased a moment ago
                continue
            else:
                now[folder] = kept
                problems += kept[1].problems
        self._rated = now
        return [rated for _, rated in now.values()], problems


@router.get("/agreement")
def agreement(request: Request) -> HTMLResponse:
    """Item by item, with intervals; or how to begin."""
    simulator: Simulator = request.app.state.simulator
    whole = [card for card in simulator.attempts() if card.state in {"complete", "crashed"}]
    agreements: Agreements = request.app.state.agreements
    return pages.render(
        request,
        "agreement.html",
        found=agreements.of(simulator),
        offered=whole[:_MOST_OFFERED],
    )


# -- raters -----------------------------------------------------------------------------------
# Rating blind: the page of an educator who judges the same items as the machine, before it is
# shown what the machine says.


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
