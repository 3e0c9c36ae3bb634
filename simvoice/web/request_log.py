"""Log each request with an id, and answer a fault of the server with a page that shows the id."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from simvoice import log
from simvoice.record.files import is_id

_log = logging.getLogger(__name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are logged by name; any other text may be one, and comes from outside."""


class RequestLog:
    """ASGI middleware, the outermost: gives each request an id, and logs how it was answered.

    A line holds the pattern of the path, the attempt that the path names, and no other part of the
    address, no header and no cookie: they may carry the key of the server or a learner's name.
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
            try:
                await self.app(scope, receive, noting)
            finally:
                took_ms = 1000.0 * (time.monotonic() - began_s)
                what = (_method(scope), _pattern(scope), status, took_ms)
                with log.of_attempt(_attempt(scope)):
                    _log.log(_level(status), "%s %s %d %.0f ms", *what)


def _level(status: int) -> int:
    """How much an answer matters: status of HTTP, or close code of a WebSocket (1000 to 4999)."""
    if status == 404:  # a wrong address, or a browser that looks for an icon
        return logging.INFO
    return logging.WARNING if 400 <= status < 1000 or status > 1001 else logging.DEBUG


def _method(scope: Scope) -> str:
    if scope["type"] == "websocket":
        return "WebSocket"
    return str(scope["method"]) if scope["method"] in _METHODS else "(another method)"


def _pattern(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", "(no route)"))


def _attempt(scope: Scope) -> str:
    """The attempt that the path names, if it has the shape of an id; else "-"."""
    given = str(scope.get("path_params", {}).get("attempt_id", ""))
    return given if is_id(given) else "-"


_SERVER_ERROR = 1011
"""WebSocket close code: the server met something unexpected. Source: RFC 6455, 7.4.1."""


class Faults:
    """ASGI middleware inside the access control: logs an unexpected error and answers it."""

    def __init__(self, app: ASGIApp, answer: Callable[[Request], Awaitable[Response]]) -> None:
        """answer: makes the response of a fault."""
        self.app = app
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._talk(scope, receive, send)
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

    async def _talk(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket, or the start and end of the server. An error closes a WebSocket."""
        try:
            await self.app(scope, receive, send)
        except WebSocketDisconnect:
            _log.debug("the page is gone")
        except Exception:
            _log.exception("The server could not go on.")
            if scope["type"] != "websocket":
                raise
            with suppress(OSError, RuntimeError):  # it was closed before
                await send({"type": "websocket.close", "code": _SERVER_ERROR})
