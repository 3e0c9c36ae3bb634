"""The page about the hub that this machine is paired with, and the panel of releases.

Nothing is sent without a press: opening the panel asks the hub for its courses, "Release" sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from simvoice.errors import AttemptError, HubError, SettingError, SimvoiceError
from simvoice.hub_client.link import HubLink, describe
from simvoice.hub_client.outbox import EntryState
from simvoice.record.files import check_id
from simvoice.record.identity import attempt_uuid
from simvoice.record.store import Attempt
from simvoice.release.contents import Contents, describe_file
from simvoice.release.prepare import (
    PreparedRelease,
    check_releasable,
    discard_prepared,
    prepare_release,
)
from simvoice.web import pages
from simvoice.web.pages import DebriefCache
from simvoice.web.ports import Simulator
from simvoice.web.raters import Body, text_in

router = APIRouter()


def link_of(request: Request) -> HubLink:
    """Return the connection with a hub. Raises HTTPException 404 where there is none."""
    found: HubLink | None = request.app.state.hub_link
    if found is None:
        raise HTTPException(404)
    return found


@dataclass(frozen=True, slots=True)
class AppSource:
    """The attempts of the application, for the sender."""

    simulator: Simulator
    debriefs: DebriefCache

    def ids(self) -> Sequence[str] | None:
        """Return the identifiers of all attempts; None when they cannot be read."""
        store = self.simulator.store
        try:
            return store.ids() if store.root.is_dir() else None
        except SimvoiceError:
            return None

    def prepare(self, attempt: str, contents: Contents, courses: Sequence[UUID]) -> PreparedRelease:
        """Return the files of a release. Raises AttemptError when the attempt is gone."""
        found = self.simulator.attempt(attempt)
        check_releasable(found)
        return prepare_release(found, self.debriefs.get(found), contents, courses)

    def discard_prepared(self, attempt: str) -> None:
        """Remove what was made for a release."""
        discard_prepared(self.simulator.store.root / check_id(attempt))


# -- the page -----------------------------------------------------------------------------------


@router.get("/hub")
def hub(request: Request) -> HTMLResponse:
    """Show the connection with a hub, and what waits."""
    link = link_of(request)
    state = link.state()
    simulator: Simulator = request.app.state.simulator
    named = {card.id: card for card in simulator.attempts()} if state.entries else {}
    shown = [
        {"entry": each, "card": named.get(each.attempt), "words": describe(each, link.server)}
        for each in state.entries
        if each.state is not EntryState.WITHDRAWN
    ]
    last = state.contact.last_contact_at
    return pages.render(
        request,
        "hub_link.html",
        state=state,
        shown=shown,
        last_contact="" if last is None else datetime.fromtimestamp(last, UTC).isoformat(),
    )


@router.post("/api/hub/look")
def look(request: Request, body: Body) -> JSONResponse:
    """Say who answers at the address of a pairing line. Nothing is given to it."""
    line, authorities = text_in(body, "line"), text_in(body, "authorities")
    seen = _plain(lambda: link_of(request).look(line, authorities))
    if not seen.line.code:
        raise HTTPException(422, "The line has no code. Copy it from the hub's page of devices.")
    return JSONResponse({"address": seen.line.address, "trusted": seen.how_trusted})


@router.post("/api/hub/pair")
def pair(request: Request, body: Body) -> JSONResponse:
    """Pair this machine with the hub of a line."""
    line, authorities = text_in(body, "line"), text_in(body, "authorities")
    made = _plain(lambda: link_of(request).pair(line, authorities))
    return JSONResponse({"server": made.name})


@router.post("/api/hub/unpair")
def unpair(request: Request) -> JSONResponse:
    """Forget the hub at once."""
    link_of(request).unpair()
    return JSONResponse({"server": ""})


@router.post("/api/hub/try")
def try_now(request: Request) -> JSONResponse:
    """Ask the hub now."""
    link_of(request).try_now()
    return JSONResponse({})


def _plain(work: Any) -> Any:
    """Return what `work` returns. A line that cannot be used or a hub that refuses gets 422."""
    try:
        return work()
    except (SettingError, HubError) as error:
        raise HTTPException(422, str(error)) from error


# -- the panel ----------------------------------------------------------------------------------


@router.get("/api/attempts/{attempt_id}/release")
def release_options(request: Request, attempt_id: str) -> JSONResponse:
    """Return what a release would send, and to whom it can go."""
    link, found = link_of(request), _attempt(request, attempt_id)
    check_releasable(found)
    facts = _plain(link.facts)
    source = AppSource(request.app.state.simulator, request.app.state.debriefs)
    kinds = [each for each in Contents if not each.holds_sound or found.audio_path is not None]
    entry = link.outbox.entry(attempt_uuid(found.header))
    options = [_option(source, found, each) for each in kinds]
    if entry is None or not entry.is_pending:  # the sender may be reading them
        source.discard_prepared(found.id)
    return JSONResponse(
        {
            "server": link.server,
            "person": facts.person,
            "courses": [each.model_dump(mode="json") for each in facts.courses],
            "contents": options,
            "entry": _entry(link, found),
        }
    )


def _option(source: AppSource, found: Attempt, contents: Contents) -> dict[str, Any]:
    manifest = source.prepare(found.id, contents, ()).manifest
    return {
        "value": contents,
        "label": contents.label,
        "withheld": contents.withheld,
        "bytes": manifest.size,
        "files": [
            {"name": each.name, "bytes": each.size, "holds": describe_file(each.name, contents)}
            for each in manifest.files
        ],
    }


@router.get("/api/attempts/{attempt_id}/release/state")
def release_state(request: Request, attempt_id: str) -> JSONResponse:
    """Return how far the release of an attempt is."""
    return JSONResponse({"entry": _entry(link_of(request), _attempt(request, attempt_id))})


@router.post("/api/attempts/{attempt_id}/release")
def release(request: Request, attempt_id: str, body: Body) -> JSONResponse:
    """Release an attempt: it is sent from now on."""
    link, found = link_of(request), _attempt(request, attempt_id)
    check_releasable(found)
    courses = body.get("courses")
    try:
        contents = Contents(text_in(body, "contents"))
        chosen = [UUID(each) for each in courses] if isinstance(courses, list) else []
    except (ValueError, AttributeError, TypeError) as error:
        raise HTTPException(422, "Choose what to release, and to which course.") from error
    if not chosen:
        raise HTTPException(422, "Choose at least one course.")
    if contents.holds_sound and found.audio_path is None:
        raise AttemptError(f"the sound of attempt {found.id} was not stored; release its words")
    _plain(lambda: link.release(attempt_uuid(found.header), found.id, contents, chosen))
    return JSONResponse({"entry": _entry(link, found)})


@router.delete("/api/attempts/{attempt_id}/release")
def withdraw(request: Request, attempt_id: str) -> JSONResponse:
    """End the release of an attempt."""
    link, found = link_of(request), _attempt(request, attempt_id)
    link.withdraw(attempt_uuid(found.header))
    return JSONResponse({"entry": _entry(link, found)})


def _attempt(request: Request, attempt_id: str) -> Attempt:
    simulator: Simulator = request.app.state.simulator
    return simulator.attempt(check_id(attempt_id))


def _entry(link: HubLink, found: Attempt) -> dict[str, Any] | None:
    entry = link.outbox.entry(attempt_uuid(found.header))
    if entry is None or entry.state is EntryState.WITHDRAWN:
        return None
    return {
        "state": entry.state,
        "contents": entry.contents,
        "courses": [str(each.id) for each in entry.courses],
        "words": describe(entry, link.server),
        "trouble": link.outbox.contact().trouble if entry.is_pending else "",
        "sent": entry.sent_bytes,
        "total": entry.total_bytes,
        "pending": entry.is_pending,
    }
