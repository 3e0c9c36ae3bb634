"""Send a recording piece by piece, and stop when its hearer may not hear it any more."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO
from uuid import UUID

from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from simvoice.errors import AttemptError
from simvoice.hub import attempts
from simvoice.hub.hub import Hub

_PIECE = 64 * 1024
"""Bytes that are sent at once: about 2 s of a recording."""

_CHECK_S = 0.5
"""Seconds between two questions whether the hearer may hear it; each is one look-up by key."""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")

_KINDS = {".flac": "audio/flac", ".wav": "audio/wav"}


@dataclass(frozen=True, slots=True)
class SentBytes:
    """The bytes of a file from `first` to `last`, both included."""

    first: int
    last: int


def asked_part(header: str | None, size: int) -> SentBytes | None:
    """Return the part that a Range header asks for: all without one; None for one out of range.

    Source: RFC 9110, 14.2. A header of another form is ignored, as the standard allows.
    """
    whole = SentBytes(0, size - 1)
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found.groups() == ("", ""):
        return whole
    first, last = found.groups()
    if not first:
        wanted = int(last)
        return SentBytes(max(0, size - wanted), size - 1) if wanted and size else None
    if int(first) >= size or (last and int(last) < int(first)):
        return None
    return SentBytes(int(first), min(int(last), size - 1) if last else size - 1)


class SoundResponse(StreamingResponse):
    """A recording in pieces. Its file is closed however the sending ends.

    A browser that goes away before the first piece leaves the generator unstarted, so a `with`
    inside it would close nothing.
    """

    def __init__(self, file: BinaryIO, pieces: Iterator[bytes], **values: Any) -> None:
        super().__init__(pieces, **values)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def send_recording(
    hub: Hub, attempt_id: UUID, range_header: str | None, may_hear: Callable[[], bool]
) -> Response:
    """Return the recording of an attempt, as `send_sound` does.

    Raises AttemptError when it is not there, and StorageAway.
    """
    with attempts.opened(hub, attempt_id) as attempt:
        path = attempt.audio_path
        if path is None or not path.is_file():
            raise AttemptError("The recording of this attempt is not available any more.")
        file = path.open("rb")
    return send_sound(file, path.name, range_header, may_hear)


def send_sound(
    file: BinaryIO, name: str, range_header: str | None, may_hear: Callable[[], bool]
) -> Response:
    """Return a recording, or the part of it that a Range header asks for. Closes the file.

    may_hear: asked before the first piece and then twice a second. When it says no, nothing more
    is sent; so the answer does not say how long it is.
    """
    size = os.fstat(file.fileno()).st_size
    part = asked_part(range_header, size)
    headers = {"accept-ranges": "bytes"}
    if part is None:
        file.close()
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{size}"})
    if (range_header and part != SentBytes(0, size - 1)) or range_header == "bytes=0-":
        headers["content-range"] = f"bytes {part.first}-{part.last}/{size}"
    suffix = name[name.rfind(".") :]
    return SoundResponse(
        file,
        _pieces(file, part, may_hear),
        status_code=206 if "content-range" in headers else 200,
        media_type=_KINDS.get(suffix, "application/octet-stream"),
        headers=headers,
    )


def _pieces(file: BinaryIO, part: SentBytes, may_hear: Callable[[], bool]) -> Iterator[bytes]:
    file.seek(part.first)
    left = part.last + 1 - part.first
    asked_at = float("-inf")
    while left > 0:
        if time.monotonic() - asked_at >= _CHECK_S:
            if not may_hear():
                return
            asked_at = time.monotonic()
        piece = file.read(min(_PIECE, left))
        if not piece:  # it was erased meanwhile
            return
        left -= len(piece)
        yield piece
