"""A person's own data: what is kept, a copy of it, and erasing all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import func, select

from simvoice.debrief.model import Debrief
from simvoice.errors import UsageError
from simvoice.hub import attempts, audit, erasing, people
from simvoice.hub.doors import sessions
from simvoice.hub.doors.access import SignedIn, Visitor, allow
from simvoice.hub.doors.rates import EXPORTS
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.own_data import OwnData, own_data
from simvoice.hub.pages.common import REFUSED, account_of
from simvoice.hub.render import message, render
from simvoice.hub.storage.tables import Device, Release, StoredAttempt, StoredFile
from simvoice.record.store import Attempt
from simvoice.release.contents import Contents
from simvoice.release.own_copy import CopiedAttempt, own_copy
from simvoice.web.pages import DebriefCache

router = APIRouter()


@router.get("/own-data")
def page(request: Request, visitor: SignedIn) -> Response:
    """Show how much is kept of a person, and what can be done with it."""
    person_id = account_of(visitor)
    own = select(StoredAttempt.id).where(StoredAttempt.owner_id == person_id)
    released = select(func.count(Release.attempt_id.distinct())).where(
        Release.attempt_id.in_(own), Release.revoked_at.is_(None)
    )
    with hub_of(request).database.read() as session:
        count = session.scalar(select(func.count()).select_from(own.subquery())) or 0
        size = session.scalar(
            select(func.sum(StoredFile.size)).where(StoredFile.attempt_id.in_(own))
        )
        laptops = select(Device.name).where(
            Device.person_id == person_id, Device.unpaired_at.is_(None)
        )
        return render(
            request,
            "own_data.html",
            visitor,
            attempts=count,
            megabytes=round(float(size or 0) / 1e6),
            released=session.scalar(released) or 0,
            laptops=list(session.scalars(laptops)),
        )


@router.get("/own-data.zip")
def copy(request: Request, visitor: Annotated[Visitor, allow(rate=EXPORTS)]) -> Response:
    """Send a copy of everything as a ZIP file, which is made while it is sent."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        found = own_data(session, account_of(visitor))
        audit.record(session, visitor, "copy own data")
    return StreamingResponse(
        _pieces(hub, request.app.state.debriefs, visitor, found),
        media_type="application/zip",
        headers={"content-disposition": 'attachment; filename="simvoice-own-data.zip"'},
    )


def _pieces(hub: Hub, debriefs: DebriefCache, visitor: Visitor, found: OwnData) -> Iterator[bytes]:
    return own_copy(
        whose=visitor.name,
        where=hub.settings.title,
        at=hub.now(),
        facts=found.facts,
        tables=found.tables,
        attempts=(
            CopiedAttempt(row.record_id, _opened(hub, debriefs, row)) for row in found.attempts
        ),
        left_out=(
            f"{row.record_id} is an exam. You get its record when the educators release its "
            "debrief to you. You can erase it now"
            for row in found.held_back
        ),
    )


@contextmanager
def _opened(
    hub: Hub, debriefs: DebriefCache, row: StoredAttempt
) -> Iterator[tuple[Attempt, Debrief | None]]:
    with attempts.opened(hub, row.id) as attempt:
        has_words = Contents(row.contents).holds_words
        yield attempt, debriefs.get(attempt) if has_words else None


@router.get("/own-data/erase")
def erase_page(request: Request, visitor: SignedIn) -> Response:
    """Ask before an account is erased."""
    return _erase_page(request, visitor, account_of(visitor))


def _erase_page(
    request: Request, visitor: Visitor, person_id: UUID, *, status: int = 200, problem: str = ""
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        person = people.get(session, person_id)
        try:
            erasing.check_can_erase(session, hub, person)
        except UsageError as error:
            problem = problem or str(error)
        return render(
            request, "own_data_erase.html", visitor, status=status, person=person, problem=problem
        )


@router.post("/own-data/erase")
def erase(request: Request, visitor: SignedIn, login: Annotated[str, Form()] = "") -> Response:
    """Erase an account with everything of it."""
    hub, person_id = hub_of(request), account_of(visitor)
    with hub.database.read() as session:
        right = people.get(session, person_id).login
    try:
        if people.folded(login) != right:
            raise UsageError("This is not your login. Nothing was erased.")
        erased = erasing.erase_account(hub, visitor)
    except UsageError as error:
        return _erase_page(request, visitor, person_id, status=REFUSED, problem=str(error))
    request.app.state.debriefs.clear()
    said = "Your account and everything of it is erased from this server."
    if not erased.is_complete:
        said = (
            "Your account is closed, and nobody can open anything of it. The store of recordings "
            "does not answer now; what is left there is removed as soon as it does."
        )
    answer = message(request, Visitor(), 200, "Erased", f"{said} You are signed out.")
    sessions.drop_cookie(answer, hub, "session")
    return answer
