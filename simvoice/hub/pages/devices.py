"""The page of devices: pair and unpair a laptop; for technicians, all devices and stations."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select

from simvoice.errors import UsageError
from simvoice.hub import audit, codes
from simvoice.hub.codes import CodeKind
from simvoice.hub.doors.access import SignedIn, Visitor
from simvoice.hub.hub import hub_of
from simvoice.hub.pages.common import Technician, account_of, go_to
from simvoice.hub.render import render
from simvoice.hub.roles import Role
from simvoice.hub.sending import devices
from simvoice.hub.storage.tables import Account, Device
from simvoice.hub.supplies.authority import pairing_line

router = APIRouter()

_REFUSED = 422
_DONE = {"unpaired": "Unpaired. The device cannot send anything to this server any more."}


def address_of_hub(request: Request) -> str:
    """Return the address that people type to reach this hub."""
    public = hub_of(request).settings.public_url
    return public or f"{request.url.scheme}://{request.url.netloc}"


@router.get("/devices")
def all_devices(request: Request, visitor: SignedIn, done: str = "") -> Response:
    """List the visitor's laptops; for a technician, every device."""
    return _page(request, visitor, done=_DONE.get(done, ""))


def _page(
    request: Request, visitor: Visitor, *, status: int = 200, problem: str = "", done: str = ""
) -> Response:
    with hub_of(request).database.read() as session:
        paired = select(Device).where(Device.unpaired_at.is_(None)).order_by(Device.name)
        is_technician = Role.TECHNICIAN in visitor.roles
        everyones = session.scalars(paired).all() if is_technician else ()
        owned = [each.person_id for each in everyones if each.person_id is not None]
        people = session.scalars(select(Account).where(Account.id.in_(owned))) if owned else ()
        return render(
            request,
            "devices.html",
            visitor,
            status=status,
            own=devices.of_person(session, account_of(visitor)),
            everyones=everyones,
            owners={each.id: each.name for each in people},
            address=address_of_hub(request),
            problem=problem,
            done=done,
        )


@router.post("/devices/code")
def make_code(request: Request, visitor: SignedIn) -> Response:
    """Show a code with which the visitor pairs a laptop."""
    hub = hub_of(request)
    try:
        with hub.database.begin() as session:
            made = devices.new_code(session, hub, visitor)
    except UsageError as error:
        return _page(request, visitor, status=_REFUSED, problem=str(error))
    return _sheet(request, visitor, made, "Pair a laptop", "Enter it on the laptop.")


@router.post("/devices/station-code")
def make_station_code(request: Request, visitor: Technician) -> Response:
    """Show a code with which a technician pairs a station of the lab."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        made = codes.make(session, hub, CodeKind.PAIRING, created_by=visitor.person_id)
        audit.record(session, visitor, "make pairing code", made.id, "station")
    return _sheet(
        request, visitor, made, "Pair a station", "Enter it at the station.", place="stations"
    )


def _sheet(
    request: Request,
    visitor: Visitor,
    made: codes.NewCode,
    title: str,
    use: str,
    place: str = "devices",
) -> Response:
    return render(
        request,
        "code_sheet.html",
        visitor,
        codes=[made],
        title=title,
        eyebrow=place.capitalize(),
        back=f"/{place}",
        use=f"{use} It works once.",
        address=address_of_hub(request),
        line=pairing_line(hub_of(request).settings, address_of_hub(request), made.text),
        sheet_place=place,
    )


@router.post("/devices/{device_id}/unpair")
def unpair(request: Request, visitor: SignedIn, device_id: UUID) -> Response:
    """End a pairing: of the visitor's own device, or, for a technician, of any."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        devices.unpair(session, hub, visitor, device_id)
    return go_to("/devices", "unpaired")
