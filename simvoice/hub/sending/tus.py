"""Receive files by the core of the tus protocol 1.0.0, for every kind of device.

We looked at the libraries. `tuspyserver`, the only one that is kept, reads a body before it asks
who sends it and writes in the event loop. It keeps the offset in a file beside the data, so a hub
that is killed between both appends bytes twice. Here the length of the file is the offset, and
names come from what the device announced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from simvoice.errors import StorageFull, UsageError
from simvoice.hub.doors.access import NoAccess
from simvoice.hub.sending import receive
from simvoice.hub.sending.partial_files import Announced, PartialFile, PartialUpload, UploadInUse
from simvoice.hub.sending.receive import Refusal
from simvoice.hub_client.messages import (
    CHUNK_TYPE,
    LENGTH_HEADER,
    OFFSET_HEADER,
    TUS_HEADER,
    TUS_VERSION,
)
from simvoice.record.files import FULL
from simvoice.release.manifest import FileFacts
from simvoice.strict_model import StrictModel

TUS = {TUS_HEADER: TUS_VERSION}
"""The header of each answer about a file."""
_WRITE_BYTES = 1 << 18
"""Bytes that are collected before a thread writes them; what has arrived is always written."""


_SENTENCES = {
    412: f"This hub speaks version {TUS_VERSION} of tus.",
    415: f"Bytes are sent as {CHUNK_TYPE}.",
}

_Kind = TypeVar("_Kind", bound=StrictModel)
_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")

# -- threads ------------------------------------------------------------------------------------


class UploadThreads:
    """Threads of uploads alone. A class that sends at once must not take those of the pages."""

    def __init__(self) -> None:
        self._writing = CapacityLimiter(4)
        # it reads and hashes whole recordings: work for a core
        self._verifying = CapacityLimiter(2)

    async def write(
        self,
        work: Callable[_Arguments, _Result],
        *given: _Arguments.args,
        **named: _Arguments.kwargs,
    ) -> _Result:
        """Run something short: rows of the database, a part of a file."""
        return await to_thread.run_sync(partial(work, *given, **named), limiter=self._writing)

    async def verify(
        self,
        work: Callable[_Arguments, _Result],
        *given: _Arguments.args,
        **named: _Arguments.kwargs,
    ) -> _Result:
        """Run something that takes a core for a moment."""
        return await to_thread.run_sync(partial(work, *given, **named), limiter=self._verifying)


def threads_of(request: Request) -> UploadThreads:
    """Return the threads of this application."""
    found: UploadThreads | None = getattr(request.app.state, "upload_threads", None)
    if found is None:
        found = request.app.state.upload_threads = UploadThreads()
    return found


# -- requests -----------------------------------------------------------------------------------


async def _body_of(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_body_of)]


def read_body(kind: type[_Kind], body: bytes) -> _Kind:
    """Return what a body says. Raises HTTPException."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise HTTPException(422, "What was sent is not complete, or not valid.") from error


def answered(work: Callable[[], _Result], headers: Mapping[str, str] | None = None) -> _Result:
    """Return what `work` returns. Its errors become answers with a sentence."""
    try:
        return work()
    except Refusal as error:
        raise as_http(error, headers) from error
    except StorageFull as error:
        raise as_http(receive.full(), headers) from error
    except NoAccess:
        raise
    except UsageError as error:
        raise HTTPException(422, str(error), dict(headers or {})) from error


def as_http(error: Refusal, headers: Mapping[str, str] | None = None) -> HTTPException:
    """Return the answer to a request that is not done."""
    answer = dict(headers or {})
    if error.retry_after_s is not None:
        answer["Retry-After"] = str(error.retry_after_s)
    return HTTPException(error.status, str(error), answer)


def as_json(content: StrictModel, status: int = 200) -> JSONResponse:
    """Return an answer that a device reads."""
    return JSONResponse(content.model_dump(mode="json"), status_code=status)


# -- files --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """A file of an upload that a device has begun."""

    upload: PartialUpload
    announced: Announced
    facts: FileFacts


Find = Callable[[], ExpectedFile]
"""Finds the file that a request names. Raises Refusal."""


def about(largest: int) -> Response:
    """Say which version of tus is spoken here, and the most bytes of a file."""
    headers = {**TUS, "Tus-Version": TUS_VERSION, "Tus-Max-Size": str(largest)}
    return Response(status_code=204, headers=headers)


def offset(request: Request, find: Find) -> Response:
    """Return how many bytes of a file have arrived. Raises HTTPException."""
    _check_version(request)
    wanted = answered(find, TUS)
    at = wanted.upload.offsets(wanted.announced)[wanted.facts.name]
    headers = {LENGTH_HEADER: str(wanted.facts.size), "Cache-Control": "no-store"}
    return Response(headers={**_offset_headers(at), **headers})


async def append(request: Request, find: Find) -> Response:
    """Append to a file. What arrives before a connection breaks stays. Raises HTTPException."""
    _check_version(request)
    if request.headers.get("content-type") != CHUNK_TYPE:
        raise HTTPException(415, _SENTENCES[415], TUS)
    given = request.headers.get(OFFSET_HEADER, "")
    if not (given.isascii() and given.isdigit() and len(given) <= 15):
        raise HTTPException(400, f"The header {OFFSET_HEADER} is missing or no number.", TUS)
    threads = threads_of(request)
    wanted = await threads.write(answered, find, TUS)
    facts = wanted.facts
    opened = wanted.upload.appending(wanted.announced, facts)
    try:
        file = await threads.write(opened.__enter__)
    except UploadInUse as error:
        raise as_http(receive.in_use(), TUS) from error
    except StorageFull as error:
        raise as_http(receive.full(), TUS) from error
    try:
        if int(given) != file.size:
            raise HTTPException(
                409, f"The hub has {file.size} bytes of {facts.name}.", _offset_headers(file.size)
            )
        at = await _receive(request, file, facts)
    finally:
        opened.__exit__(None, None, None)
    return Response(status_code=204, headers=_offset_headers(at))


async def _receive(request: Request, file: PartialFile, facts: FileFacts) -> int:
    """Append a body to a file, and return the offset after it."""
    threads = threads_of(request)
    at, waiting = file.size, bytearray()

    async def store() -> None:
        nonlocal at
        data = bytes(waiting)
        waiting.clear()
        try:
            await threads.write(file.write, data, at)
        except OSError as error:
            refusal = receive.full() if error.errno in FULL else _not_stored()
            raise as_http(refusal, _offset_headers(at)) from error
        at += len(data)

    try:
        async for part in request.stream():
            if at + len(waiting) + len(part) > facts.size:
                raise HTTPException(
                    400, f"{facts.name} has {facts.size} bytes by its manifest, not more.", TUS
                )
            waiting += part
            if len(waiting) >= _WRITE_BYTES:
                await store()
    except ClientDisconnect:
        pass
    finally:
        if waiting:
            await store()
    return at


def _not_stored() -> Refusal:
    return Refusal(503, "The hub could not store what was sent.", 60)


def _check_version(request: Request) -> None:
    if request.headers.get(TUS_HEADER) != TUS_VERSION:
        raise HTTPException(412, _SENTENCES[412], {**TUS, "Tus-Version": TUS_VERSION})


def _offset_headers(at: int) -> dict[str, str]:
    return {**TUS, OFFSET_HEADER: str(at)}
