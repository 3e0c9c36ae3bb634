"""The addresses to which stations send sealed records (`sealed` does what they ask)."""

from __future__ import annotations

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from simvoice.errors import UsageError
from simvoice.hub.doors.access import Visitor, allow_device
from simvoice.hub.doors.rates import UPLOADS
from simvoice.hub.hub import hub_of
from simvoice.hub.sending import sealed, tus
from simvoice.hub.sending.router import sweep_now_and_then
from simvoice.hub.sending.tus import Body, ExpectedFile, answered, as_json, read_body, threads_of
from simvoice.hub_client.messages import LARGEST_CHUNK, Begun, CheckAnswer, CheckRequest
from simvoice.hub_client.station_messages import SEALED_NAME, STATION_PATH
from simvoice.release.manifest import SealedFacts
from simvoice.release.sealed import LARGEST_SEALED

router = APIRouter(prefix=STATION_PATH)

Station = Annotated[Visitor, allow_device("station")]
Sending = Annotated[Visitor, allow_device("station", rate=UPLOADS)]

_RECORD = "/records/{attempt_id}"


@router.put(_RECORD)
async def begin(request: Request, visitor: Sending, attempt_id: UUID, body: Body) -> JSONResponse:
    """Accept the announcement of a sealed record, and say how far it is."""
    hub = hub_of(request)

    def work() -> Begun:
        sweep_now_and_then(hub)
        facts = read_body(SealedFacts, body)
        if facts.uuid != attempt_id:
            raise UsageError("what is announced is another attempt")
        return sealed.begin(hub, visitor, facts)

    return as_json(await threads_of(request).write(answered, work))


@router.options(_RECORD)
def about_tus(visitor: Station, attempt_id: UUID) -> Response:
    """Say which version of tus is spoken here."""
    return tus.about(LARGEST_SEALED)


@router.head(_RECORD)
def offset(request: Request, visitor: Station, attempt_id: UUID) -> Response:
    """Return how many bytes of a sealed record have arrived."""
    return tus.offset(request, partial(_file, request, visitor, attempt_id))


@router.patch(_RECORD, max_body_size=LARGEST_CHUNK)
async def append(request: Request, visitor: Station, attempt_id: UUID) -> Response:
    """Append to a sealed record. What arrives before a connection breaks stays."""
    return await tus.append(request, partial(_file, request, visitor, attempt_id))


@router.post(_RECORD + "/finish")
async def finish(request: Request, visitor: Sending, attempt_id: UUID) -> Response:
    """Open what has arrived, verify and keep it."""
    work = partial(sealed.finish, hub_of(request), visitor, attempt_id)
    await threads_of(request).verify(answered, work)
    return Response(status_code=204)


@router.post("/check")
def check(request: Request, visitor: Station, body: Body) -> JSONResponse:
    """Return what the hub knows of attempts."""
    asked = read_body(CheckRequest, body)
    return as_json(CheckAnswer(attempts=sealed.check(hub_of(request), asked.attempts)))


def _file(request: Request, visitor: Visitor, attempt_id: UUID) -> ExpectedFile:
    sent = sealed.open_upload(hub_of(request), visitor, attempt_id)
    (facts,) = sent.files
    assert facts.name == SEALED_NAME
    return ExpectedFile(sent.upload, sent, facts)
