"""The addresses that stations use (`hub_client.station_messages` has what is said there).

A station reports once a second. So a report writes to the database only what has changed, and that
a station was seen at most twice a minute.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from simvoice.errors import UsageError
from simvoice.hub import audit
from simvoice.hub.doors.access import Visitor, allow_device
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.stations import visits
from simvoice.hub.stations.board import ReportNoted
from simvoice.hub.stations.roster import lab_facts
from simvoice.hub.storage.tables import Device
from simvoice.hub_client.station_messages import (
    STATION_PATH,
    ClaimRequest,
    ReportAnswer,
    StationReport,
)
from simvoice.safe_text import for_terminal, one_line
from simvoice.strict_model import StrictModel

router = APIRouter(prefix=STATION_PATH)

Station = Annotated[Visitor, allow_device("station")]

REPORT_BYTES = 256 * 1024
"""Of a report with 500 uses of codes and 50 results."""

_Kind = TypeVar("_Kind", bound=StrictModel)


async def _body_of(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_body_of)]
"""Read after the station has shown its token."""


@router.post("/report", max_body_size=REPORT_BYTES)
def report(request: Request, visitor: Station, body: Body) -> Response:
    """Take how a station is, and answer with what technicians want of it."""
    answer = take_report(hub_of(request), visitor, _read(StationReport, body))
    return _json(answer.model_dump_json())


@router.get("/roster")
def roster(request: Request, visitor: Station) -> Response:
    """Send the roster, or 304 to a station that has this version."""
    found = lab_facts(hub_of(request)).roster
    headers = {"ETag": f'"{found.version}"', "Cache-Control": "no-store"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return _json(found.model_dump_json(exclude_defaults=True), headers)


@router.post("/claim")
def claim(request: Request, visitor: Station, body: Body) -> Response:
    """Let the visit at a station use a code."""
    wanted = _read(ClaimRequest, body)
    try:
        answer = visits.claim(hub_of(request), visitor, wanted)
    except UsageError as error:
        raise HTTPException(422, str(error)) from error
    return _json(answer.model_dump_json())


def _read(kind: type[_Kind], body: bytes) -> _Kind:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise HTTPException(
            422, "This hub does not understand the station; install the same version on both."
        ) from error


def _json(content: str, headers: dict[str, str] | None = None) -> Response:
    return Response(content, media_type="application/json", headers=headers)


# -- reports ------------------------------------------------------------------------------------


def take_report(hub: Hub, visitor: Visitor, given: StationReport) -> ReportAnswer:
    """Note a report, and return the answer. Raises DatabaseAway, after which it is sent again."""
    assert visitor.device_id is not None
    name = for_terminal(one_line(given.name)) or "A station without a name"
    version = for_terminal(one_line(given.version))
    given = given.model_copy(update={"name": name, "version": version})
    now, board = hub.now(), hub.stations
    noted = board.note(visitor.device_id, given, now)
    if noted.must_write:
        with hub.database.begin() as session:
            _write(session, hub, visitor, given, noted)
        board.written(visitor.device_id, given, now)
    facts = lab_facts(hub)
    return ReportAnswer(
        clock=now.timestamp(),
        roster=facts.roster.version,
        wanted_version=facts.wanted_version,
        commands=board.waiting(visitor.device_id, now),
        uses=tuple(each.session for each in given.uses),
        trouble=board.trouble(visitor.device_id, now),
    )


def _write(
    session: Session, hub: Hub, visitor: Visitor, given: StationReport, noted: ReportNoted
) -> None:
    device = session.get(Device, visitor.device_id)
    if device is None:
        return
    if noted.is_seen_due:
        if device.name != given.name:
            audit.record(session, visitor, "rename station", device.id, given.name)
            device.name = given.name
        device.version, device.last_seen_at = given.version, hub.now()
    if noted.new_uses:  # before codes of visits that are over are given back
        new = (each for each in given.uses if each.session in noted.new_uses)
        visits.note_uses(session, hub, visitor, new)
    if noted.visit is not None:
        if not hub.stations.trouble(device.id, hub.now()):  # of two programs, one may be in a visit
            visits.give_back_all_but(session, device.id, noted.visit.session)
        visits.observe(session, hub, visitor, noted.visit, hub.now())
    if noted.new_uses or noted.visit is not None:
        hub.stations.facts.forget()
