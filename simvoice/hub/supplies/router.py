"""The addresses at which devices find the hub's supplies, and everyone its authority."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import FileResponse, Response
from pydantic import ValidationError

from simvoice.errors import UsageError
from simvoice.hub.doors.access import Visitor, allow_device, open_to_all
from simvoice.hub.hub import hub_of
from simvoice.hub.supplies.authority import authority_file
from simvoice.hub.supplies.devices import keep_report, wanted_version
from simvoice.hub_client.catalogue import SUPPLIES_PATH, DeviceReport
from simvoice.hub_client.trust import AUTHORITY_PATH

router = APIRouter()

DeviceVisitor = Annotated[Visitor, allow_device("laptop", "station")]

REPORT_BYTES = 512 * 1024
"""Of a report about a thousand cases and as many voices."""


@router.get(AUTHORITY_PATH)
def authority(request: Request, visitor: Annotated[Visitor, open_to_all()]) -> Response:
    """Send the certificate of the hub's private authority, which is public.

    Who reads it compares its fingerprint (`hub_client.trust`), or imports it into a browser.
    """
    file = authority_file(hub_of(request).settings)
    if file is None or not file.is_file():
        raise UsageError("this hub has no private authority; its certificate comes from elsewhere")
    return FileResponse(file, media_type="application/x-pem-file", filename="authority.pem")


@router.get(f"{SUPPLIES_PATH}/catalogue")
def catalogue(request: Request, visitor: DeviceVisitor) -> Response:
    """Send what is offered."""
    hub = hub_of(request)
    with hub.database.read() as session:
        wanted = wanted_version(session)
    found = hub.supplies.offers(wanted).catalogue
    return Response(found.model_dump_json(), media_type="application/json")


@router.get(f"{SUPPLIES_PATH}/files/{{sha256}}")
def supply_file(request: Request, sha256: str, visitor: DeviceVisitor) -> Response:
    """Send a file, or the asked range of it. Its address is its hash, so it never changes."""
    hub = hub_of(request)
    with hub.database.read() as session:
        wanted = wanted_version(session)
    path = hub.supplies.file(sha256, wanted)
    if path is None:
        raise UsageError("the hub does not offer this file any more; read its catalogue again")
    return FileResponse(path, media_type="application/octet-stream")


async def _body(request: Request) -> bytes:
    return await request.body()


@router.put(f"{SUPPLIES_PATH}/report", status_code=204, max_body_size=REPORT_BYTES)
def take_report(
    request: Request, visitor: DeviceVisitor, body: Annotated[bytes, Depends(_body)]
) -> Response:
    """Keep what a device has. The body is read after the device has shown its token."""
    assert visitor.device_id is not None
    try:
        report = DeviceReport.model_validate_json(body)
    except ValidationError:
        raise HTTPException(422, "This is not a report of a device that this hub knows.") from None
    with hub_of(request).database.begin() as session:
        keep_report(session, visitor.device_id, report)
    return Response(status_code=204)
