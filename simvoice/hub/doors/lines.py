"""End the WebSockets of a person who is signed out, disabled or has no right any more."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simvoice.errors import SimvoiceError
from simvoice.hub.doors import access
from simvoice.hub.hub import Hub

_log = logging.getLogger(__name__)

_EVERY_S = 2.0
"""So long a WebSocket can outlive its sign-in. Each look reads three rows."""

_POLICY = 1008
_SIGNED_OUT = "You are signed out."


class LiveSignIns:
    """ASGI middleware: closes a WebSocket within 2 s of the end of its visitor's sign-in.

    It also counts an open WebSocket as use, so that an encounter is not idle time.
    """

    def __init__(self, app: ASGIApp, every_s: float = _EVERY_S) -> None:
        self.app = app
        self.every_s = every_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        ended = asyncio.ensure_future(self._end_of(scope))
        is_closed = False

        async def receiving() -> Message:
            nonlocal is_closed
            if is_closed:
                return {"type": "websocket.disconnect", "code": _POLICY}
            coming = asyncio.ensure_future(receive())
            try:
                await asyncio.wait({coming, ended}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not coming.done():
                    coming.cancel()
            if coming.done() and not coming.cancelled():
                return coming.result()
            is_closed = True
            _log.info("ended a line: its visitor is signed out")
            with suppress(OSError, RuntimeError):
                await send({"type": "websocket.close", "code": _POLICY, "reason": _SIGNED_OUT})
            return {"type": "websocket.disconnect", "code": _POLICY}

        async def sending(message: Message) -> None:
            if not is_closed:
                await send(message)

        try:
            await self.app(scope, receiving, sending)
        finally:
            ended.cancel()

    async def _end_of(self, scope: Scope) -> None:
        """Return when the visitor of a WebSocket is no longer signed in."""
        hub: Hub = scope["app"].state.hub
        state: dict[str, Any] = scope.setdefault("state", {})
        while True:
            await asyncio.sleep(self.every_s)
            visitor = state.get("visitor")
            if not isinstance(visitor, access.Visitor) or visitor.sign_in_id is None:
                continue
            try:
                still = await run_in_threadpool(access.is_still_in, hub, visitor)
            except SimvoiceError:
                continue  # the database is away for a while; an encounter goes on
            if not still:
                return
