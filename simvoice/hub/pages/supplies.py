"""What the hub sends to stations and laptops, and what each of them has."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from simvoice.errors import SettingError
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import hub_of
from simvoice.hub.pages.common import Technician, go_to
from simvoice.hub.render import render
from simvoice.hub.supplies.devices import supplies_page, want_version, wanted_version

router = APIRouter()

_DONE = {"wanted": "Devices are told the next time that they ask."}
_REFUSED = 422


@router.get("/supplies")
def supplies(request: Request, visitor: Technician, done: str = "") -> Response:
    """Show what is offered, and what each device has of it."""
    return _page(request, visitor, done=_DONE.get(done, ""))


@router.post("/supplies/program")
def want_program(
    request: Request, visitor: Technician, version: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Set the version of simvoice that devices are to run; an empty one leaves it to them."""
    try:
        with hub_of(request).database.begin() as session:
            want_version(session, visitor, version)
    except SettingError as error:
        return _page(request, visitor, status=_REFUSED, problem=str(error))
    return go_to("/supplies", "wanted")


def _page(
    request: Request, visitor: Visitor, *, status: int = 200, done: str = "", problem: str = ""
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        page = supplies_page(session, hub.supplies.offers(wanted_version(session)))
    faults = [each.fault for each in page.offers.cases if each.fault]
    versions = sorted({each.version for each in page.offers.programs})
    return render(
        request,
        "supplies.html",
        visitor,
        status=status,
        page=page,
        faults=[*faults, *page.offers.faults],
        versions=versions,
        program_folder=hub.supplies.program_folder,
        done=done,
        problem=problem,
    )
