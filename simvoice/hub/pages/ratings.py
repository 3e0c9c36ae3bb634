"""Blind rating on the hub: educators judge released attempts before they see the machine's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field
from sqlalchemy.orm import Session

from simvoice.debrief import rater_sheet
from simvoice.errors import AttemptError, UsageError
from simvoice.hub import attempts, audit, ratings, releases
from simvoice.hub.doors.access import Visitor, allow
from simvoice.hub.doors.rates import OPENINGS
from simvoice.hub.hub import hub_of
from simvoice.hub.pages.attempts import NOT_THERE, MayOpen, may_open
from simvoice.hub.pages.cases import assignable_cases
from simvoice.hub.pages.common import REFUSED, Educator, account_of
from simvoice.hub.ratings import HubAgreement, Rater
from simvoice.hub.render import render
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import StoredAttempt
from simvoice.reading.reading import Reading
from simvoice.record.store import Attempt
from simvoice.safe_text import encodable
from simvoice.strict_model import StrictModel
from simvoice.web.format import sentence
from simvoice.web.pages import DebriefCache

router = APIRouter()

_MOST_OFFERED = 12
"""How many attempts the page offers for rating, the newest first."""

Opener = Annotated[Visitor, allow(Role.EDUCATOR, rate=OPENINGS)]


def _may_rate(session: Session, visitor: Visitor, attempt_id: UUID) -> MayOpen:
    """Return an attempt that the visitor may rate now. Raises UsageError for any other."""
    found = may_open(session, visitor, attempt_id)
    if found.opening.is_owner or not found.contents.holds_words:
        raise UsageError(NOT_THERE)
    return found


def _rater(visitor: Visitor) -> Rater:
    return Rater(account_of(visitor), visitor.name)


@dataclass(frozen=True, slots=True)
class _RatedNow:
    """An attempt that is being rated."""

    may: MayOpen
    attempt: Attempt
    reading: Reading


@contextmanager
def _opened(request: Request, visitor: Visitor, attempt_id: UUID) -> Iterator[_RatedNow]:
    hub = hub_of(request)
    cache: DebriefCache = request.app.state.debriefs
    with hub.database.begin() as session:
        may = _may_rate(session, visitor, attempt_id)
        audit.record(session, visitor, "rate attempt", attempt_id)
    with attempts.opened(hub, attempt_id) as attempt:
        yield _RatedNow(may, attempt, cache.reading(attempt))


@router.get("/attempts/{attempt_id}/rate")
def rate(request: Request, visitor: Opener, attempt_id: UUID) -> Response:
    """Show the items to a rater; after the rater has finished, show both judgements."""
    hub = hub_of(request)
    with _opened(request, visitor, attempt_id) as opened:
        rater = _rater(visitor)
        with hub.database.read() as session:
            draft = ratings.load_draft(session, attempt_id, rater)
        sheet = replace(
            rater_sheet.blind_sheet(opened.attempt, opened.reading, rater.name, draft),
            attempt=str(attempt_id),
            has_sound=opened.may.contents.holds_sound and opened.attempt.audio_path is not None,
        )
        if sheet.done:
            cache: DebriefCache = request.app.state.debriefs
            lists = rater_sheet.compare_with_machine(cache.get(opened.attempt), draft.ratings)
            tally = rater_sheet.describe_agreement(lists)
            return render(request, "rate_done.html", visitor, sheet=sheet, lists=lists, tally=tally)
    card = next((each for each in assignable_cases(hub) if each.id == sheet.case_id), None)
    return render(request, "rate.html", visitor, sheet=sheet, card=card, on_hub=True)


@router.get("/attempts/{attempt_id}/rate/timeline")
def timeline(request: Request, visitor: Opener, attempt_id: UUID) -> JSONResponse:
    """Return the data of the timeline with both voices, without anything the machine found."""
    with _opened(request, visitor, attempt_id) as opened:
        data = rater_sheet.blind_timeline(opened.attempt, opened.reading)
        if not opened.may.contents.holds_sound:
            data |= {"peaks": None, "has_sound": False}
        return JSONResponse(data)


class SentAnswer(StrictModel):
    """One answer of a rater. The rater is who is signed in, whatever the page says."""

    rater: Annotated[str, Field(max_length=200)]
    item: Annotated[str, Field(max_length=200)]
    value: Annotated[str, Field(max_length=200)]
    comment: Annotated[str, Field(max_length=10_000)]


@router.post("/attempts/{attempt_id}/ratings")
def add_rating(
    request: Request, visitor: Educator, attempt_id: UUID, sent: SentAnswer
) -> JSONResponse:
    """Store one answer. Returns how many items have an answer."""
    hub = hub_of(request)
    given = (sent.item, sent.value, encodable(sent.comment))
    try:
        with hub.database.read() as session:
            _may_rate(session, visitor, attempt_id)
        with attempts.opened(hub, attempt_id) as attempt:
            header = attempt.header
        with hub.database.begin() as session:
            _may_rate(session, visitor, attempt_id)
            rater = _rater(visitor)
            count = ratings.store_answer(session, attempt_id, header, rater, given, hub.now())
    except UsageError as error:
        return _refused(error)
    return JSONResponse({"item": sent.item, "answered": count})


class SentFinish(StrictModel):
    """A rater has finished."""

    rater: Annotated[str, Field(max_length=200)]


@router.post("/attempts/{attempt_id}/ratings/finish")
def finish(request: Request, visitor: Educator, attempt_id: UUID, sent: SentFinish) -> JSONResponse:
    """Finish the rating. From now on the page shows the machine's judgement."""
    hub = hub_of(request)
    try:
        with hub.database.begin() as session:
            _may_rate(session, visitor, attempt_id)
            ratings.finish(session, attempt_id, _rater(visitor), hub.now())
            audit.record(session, visitor, "finish rating", attempt_id)
    except UsageError as error:
        return _refused(error)
    return JSONResponse({"finished": sent.rater})


def _refused(error: UsageError) -> JSONResponse:
    """Return the answer to a rating that was refused, or whose attempt is not released any more."""
    status = 409 if isinstance(error, AttemptError) else REFUSED
    if str(error) == NOT_THERE:
        status = 404
    return JSONResponse({"message": sentence(str(error))}, status_code=status)


# -- agreement


@dataclass(frozen=True, slots=True)
class _OfferedToRate:
    """An attempt that the page offers for rating."""

    id: UUID
    patient_name: str
    case_title: str
    when: str
    duration_s: float


@router.get("/agreement")
def agreement(request: Request, visitor: Educator) -> Response:
    """Show the agreement of machine and raters item by item, and what can be rated next."""
    known: HubAgreement = request.app.state.agreement
    with hub_of(request).database.read() as session:
        found = known.get(session).trust
        rated = ratings.rated_by(session, account_of(visitor))
        open_now = releases.with_words_to(session, account_of(visitor))
        offered = [_offered(each) for each in open_now if each.id not in rated]
    return render(
        request,
        "agreement.html",
        visitor,
        found=found,
        offered=offered[:_MOST_OFFERED],
        on_hub=True,
    )


def _offered(row: StoredAttempt) -> _OfferedToRate:
    when = row.started_at.astimezone().isoformat()
    return _OfferedToRate(row.id, row.patient_name, row.case_title, when, row.duration_s)
