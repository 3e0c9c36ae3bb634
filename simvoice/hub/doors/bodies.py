"""Refuse bodies that are too large, and end requests whose body comes too slowly.

A route that takes more than `LONGEST_BODY` says so: `router.put(…, max_body_size=…)`. A body is
counted as it comes, whatever length was announced.
"""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_BODY = 64 * 1024
"""Bytes of the body of a form."""

PATIENCE_S = 30.0
"""Seconds in which nothing has to come. A phone that changes its network needs about 10."""
SLOWEST = 1024.0
"""Bytes per second that a long upload has to bring; the slowest mobile networks bring 4000."""

_TOO_SLOW = "The upload stopped or was too slow. Try again."


class SteadyBodies:
    """ASGI middleware: answers 413 to a body that is too large, 408 to one that is too slow."""

    def __init__(self, app: ASGIApp, patience_s: float = PATIENCE_S) -> None:
        self.app = app
        self.patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_complete = False
        announced = _announced(scope)
        received, waited_s = 0, 0.0

        async def receiving() -> Message:
            nonlocal is_complete, received, waited_s
            if is_complete:
                return await receive()
            most = scope.get(MAX_BODY_SIZE_SCOPE_KEY, LONGEST_BODY)  # known once there is a route
            if max(announced, received) > most:
                raise HTTPException(413, headers={"connection": "close"})
            began_s = time.monotonic()
            left_s = self.patience_s + received / SLOWEST - waited_s
            try:
                message = await asyncio.wait_for(receive(), max(0.0, left_s))
            except TimeoutError:
                raise HTTPException(408, _TOO_SLOW, {"connection": "close"}) from None
            waited_s += time.monotonic() - began_s  # the time of a slow handler does not count
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(413, headers={"connection": "close"})
            is_complete = not message.get("more_body", False)
            return message

        await self.app(scope, receiving, send)


def _announced(scope: Scope) -> int:
    """Return the length that a request announces; 0 when it announces none."""
    given = Headers(scope=scope).get("content-length", "")
    return int(given) if given.isascii() and given.isdigit() else 0
