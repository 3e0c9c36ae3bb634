"""Log each request with an id, and answer a fault of the server with a page that shows the id."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simvoice import log

_log = logging.getLogger(__name__)


class RequestLog:
    """ASGI middleware, the outermost: gives each request an id, and logs how it was answered.

    A line holds the pattern of the path and no address, query, header or cookie: an address may
    carry the key of the server or a learner's name.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        status = 0
        began_s = time.monotonic()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "websocket.close":
                status = message.get("code", 1000)
            await send(message)

        with log.of_request():
            await self.app(scope, receive, noting)
            level = logging.WARNING if _is_refusal(status) else logging.DEBUG
            took_ms = 1000.0 * (time.monotonic() - began_s)
            method = scope.get("method", "WebSocket")
            _log.log(level, "%s %s %d %.0f ms", method, _pattern(scope), status, took_ms)


def _is_refusal(status: int) -> bool:
    """Whether a request was refused or failed. A page that lacks its icon is no news."""
    return (400 <= status < 1000 and status != 404) or status > 1001


def _pattern(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", "(no route)"))


class Faults:
    """ASGI middleware inside the access control: logs an unexpected error and answers it."""

    def __init__(self, app: ASGIApp, answer: Callable[[Request], Awaitable[Response]]) -> None:
        """answer: makes the response of a fault."""
        self.app = app
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception:  # the top of a request: the person gets a page, the log the frames
            _log.exception("The server could not answer a request.")
            if has_begun:
                raise
            response = await self.answer(Request(scope, receive))
            await response(scope, receive, send)
