"""The addresses that paired devices use (`hub_client.connection` is the other side).

Files are received by tus (`tus`). Sealed records of stations have addresses of their own
(`sealed_router`).
"""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from simvoice import log
from simvoice.errors import SimvoiceError, UsageError
from simvoice.hub.doors.access import Visitor, allow_device, open_to_programs
from simvoice.hub.doors.rates import PAIRINGS, UPLOADS
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.sending import devices, receive, sealed, tus
from simvoice.hub.sending.tus import Body, ExpectedFile, answered, as_json, read_body, threads_of
from simvoice.hub_client.messages import (
    LARGEST_CHUNK,
    PATH,
    Begun,
    CheckAnswer,
    CheckRequest,
    PairingRequest,
    UnpairRequest,
    Withdrawn,
)
from simvoice.release.contents import LARGEST_FILE
from simvoice.release.manifest import read_manifest

_log = logging.getLogger(__name__)

router = APIRouter(prefix=PATH)

Laptop = Annotated[Visitor, allow_device("laptop")]
Sending = Annotated[Visitor, allow_device("laptop", rate=UPLOADS)]
Program = Annotated[Visitor, open_to_programs()]

# -- pairing ------------------------------------------------------------------------------------


@router.post("/pair")
def pair(
    request: Request, visitor: Annotated[Visitor, open_to_programs(rate=PAIRINGS)], body: Body
) -> JSONResponse:
    """Accept a code, and give the device its token."""
    given = read_body(PairingRequest, body)
    return as_json(answered(lambda: devices.pair(hub_of(request), visitor, given)), 201)


@router.post("/unpair")
def unpair(request: Request, visitor: Program, body: Body) -> Response:
    """End a pairing. The answer is the same for a device that is not known."""
    given = read_body(UnpairRequest, body)
    answered(lambda: devices.unpair_by_proof(hub_of(request), visitor, given))
    return Response(status_code=204)


@router.get("/hub")
def facts(request: Request, visitor: Annotated[Visitor, allow_device()]) -> JSONResponse:
    """Return the hub's name, the owner, and the courses that can be released to."""
    return as_json(devices.facts(hub_of(request), visitor))


# -- releases -----------------------------------------------------------------------------------


@router.put("/attempts/{attempt_id}")
async def begin(request: Request, visitor: Sending, attempt_id: UUID, body: Body) -> JSONResponse:
    """Accept the manifest of a release, and say how far its files are."""
    hub = hub_of(request)

    def work() -> Begun:
        sweep_now_and_then(hub)
        manifest = read_manifest(body)
        if manifest.uuid != attempt_id:
            raise UsageError("the list of files is of another attempt")
        return receive.begin(hub, visitor, manifest)

    return as_json(await threads_of(request).write(answered, work))


@router.post("/attempts/{attempt_id}/finish")
async def finish(request: Request, visitor: Sending, attempt_id: UUID) -> Response:
    """Verify what has arrived, and keep and release it."""
    hub = hub_of(request)
    work = partial(receive.finish, hub, visitor, attempt_id)
    await threads_of(request).verify(answered, work)
    return Response(status_code=204)


@router.delete("/attempts/{attempt_id}")
def withdraw(request: Request, visitor: Laptop, attempt_id: UUID) -> JSONResponse:
    """End all releases of an attempt, and drop what is not complete."""
    at = answered(lambda: receive.withdraw(hub_of(request), visitor, attempt_id))
    return as_json(Withdrawn(at=at))


@router.post("/check")
def check(request: Request, visitor: Laptop, body: Body) -> JSONResponse:
    """Return what the hub knows of attempts."""
    asked = read_body(CheckRequest, body)
    return as_json(CheckAnswer(attempts=receive.check(hub_of(request), visitor, asked.attempts)))


# -- files, by tus ------------------------------------------------------------------------------


@router.options("/attempts/{attempt_id}/files/{name}")
def about_tus(visitor: Laptop, attempt_id: UUID, name: str) -> Response:
    """Say which version of tus is spoken here."""
    return tus.about(max(LARGEST_FILE.values()))


@router.head("/attempts/{attempt_id}/files/{name}")
def offset(request: Request, visitor: Laptop, attempt_id: UUID, name: str) -> Response:
    """Return how many bytes of a file have arrived."""
    return tus.offset(request, partial(_file, request, visitor, attempt_id, name))


@router.patch("/attempts/{attempt_id}/files/{name}", max_body_size=LARGEST_CHUNK)
async def append(request: Request, visitor: Laptop, attempt_id: UUID, name: str) -> Response:
    """Append to a file. What arrives before a connection breaks stays."""
    return await tus.append(request, partial(_file, request, visitor, attempt_id, name))


def _file(request: Request, visitor: Visitor, attempt_id: UUID, name: str) -> ExpectedFile:
    upload = receive.open_upload(hub_of(request), visitor, attempt_id)
    try:
        return ExpectedFile(upload.files, upload.manifest, upload.manifest.file(name))
    except UsageError as error:
        raise receive.gone() from error


# -- upkeep -------------------------------------------------------------------------------------

_swept: dict[int, float] = {}
_sweeping = threading.Lock()


def sweep_now_and_then(hub: Hub) -> None:
    """Remove abandoned uploads, and try again what is kept aside, at most once an hour.

    A fault of it disturbs no one.
    """
    now_s = time.monotonic()
    with _sweeping:
        if now_s - _swept.get(id(hub), -1e9) < receive.SWEEP_EVERY.total_seconds():
            return
        _swept[id(hub)] = now_s
    try:
        receive.sweep(hub)
        sealed.sweep(hub)
    except SimvoiceError as error:
        _log.warning("abandoned uploads could not be removed %s", log.place(error))
