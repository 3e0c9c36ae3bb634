"""Access control: only the person who started this server may use it, from its own pages.

Other accounts of the same machine can reach loopback. Each start of the server creates a key and
prints it in the address. A request with the key gets a cookie. A request without the cookie gets an
explanation of how to get in. Only the static files of the package are free; they hold nothing
private.

A page of another site in the learner's browser can also send requests to loopback. Five checks
keep it out:

- The Host header must be a loopback name. A name that the site points at 127.0.0.1 is refused.
- The browser does not send the cookie with requests that another site starts (SameSite=strict).
- A request that changes something must have this server as its Origin.
- It must also carry a token that only our pages have.
- No CORS header is ever sent, so another origin can read nothing.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

_log = logging.getLogger(__name__)

TOKEN_HEADER = "x-simvoice-token"
"""The header that our pages send with each request that changes something. An HTML form of another
site cannot set it, and the browser's preflight request stops a script of another site."""

_SAFE_METHODS = frozenset({"GET", "HEAD"})

_POLICY = 1008
"""WebSocket close code: not allowed."""

_LONGEST_REASON = 123
"""Bytes that a close frame has for the reason. Source: RFC 6455, 5.5."""

KEY_PARAMETER = "key"
"""The query parameter of the printed address that carries the key."""

HOW_TO_GET_IN = (
    "Only the person who started simvoice can open this page. Open the whole address that "
    "`simvoice serve` printed in its terminal, with the key at its end. Each new start of the "
    "server has a new address."
)


@dataclass(frozen=True, slots=True)
class StartKey:
    """The secrets of one start of the server."""

    key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """The key in the printed address."""
    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """The value of the cookie that the browser gets for the key. It never appears in an address."""

    def address(self, base: str) -> str:
        """Return the address to open: `base` ("http://127.0.0.1:8765/") with the key."""
        return f"{base}?{urlencode({KEY_PARAMETER: self.key})}"

    @staticmethod
    def cookie_name(host: str) -> str:
        """Return a name with the port in it: browsers share a host's cookies between ports."""
        port = re.search(r":(\d+)$", host)
        return f"simvoice-{port[1] if port else 80}"


def new_token() -> str:
    """Return a new token for one start of the server."""
    return secrets.token_urlsafe(32)


def same_token(given: object, expected: str) -> bool:
    """Compare in constant time, so that the time taken reveals nothing."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())


def split_host(value: str) -> str:
    """Return the name in a Host header: "127.0.0.1" of "127.0.0.1:8765", "::1" of "[::1]:80"."""
    if value.startswith("["):
        return value[1:].partition("]")[0].lower()
    return value.partition(":")[0].lower()


def is_loopback(name: str) -> bool:
    """Return True for "localhost" and for loopback addresses."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_own_origin(origin: str | None, host: str, scheme: str = "http") -> bool:
    """Return True when `origin` is the server itself, as named by `host` (a Host header)."""
    return origin is not None and origin.lower() == f"{scheme}://{host.lower()}"


def content_policy(host: str, scheme: str = "http") -> str:
    """Return the Content-Security-Policy. It names ws: because older browsers need that."""
    sockets = "wss" if scheme == "https" else "ws"
    return "; ".join(
        (
            "default-src 'self'",
            f"connect-src 'self' {sockets}://{host}",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def page_headers(host: str, scheme: str = "http") -> Iterable[tuple[str, str]]:
    """Return the headers of every response."""
    return (
        ("content-security-policy", content_policy(host, scheme)),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "microphone=(self), camera=(), geolocation=()"),
    )


class Guard:
    """ASGI middleware: refuses browsers without the cookie and requests of other sites."""

    def __init__(
        self, app: ASGIApp, token: str, start_key: StartKey, how_to_get_in: str = HOW_TO_GET_IN
    ) -> None:
        """how_to_get_in: what a browser without the cookie reads, with commands in backquotes."""
        self.app = app
        self.token = token
        self.start_key = start_key
        self.how_to_get_in = how_to_get_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not HOST_HEADER.fullmatch(host) or not is_loopback(split_host(host)):
            refusal = "This server answers only at 127.0.0.1 and localhost."
            await _refuse(scope, receive, send, refusal)
            return
        send_on = with_headers(send, scope, host)
        entrance = self._exchange_key(scope, host)
        if entrance is not None:
            await entrance(scope, receive, send_on)
        elif not self._has_access(scope, headers, host):
            await _refuse_without_cookie(scope, receive, send_on, self.how_to_get_in)
        elif (reason := self._refusal(scope, headers, host)) is not None:
            await _refuse(scope, receive, send_on, reason)
        else:
            await self.app(scope, receive, send_on)

    def _exchange_key(self, scope: Scope, host: str) -> Response | None:
        """Return a page that sets the cookie and goes on without the key; None without the key.

        A redirect would not do: after a click on a link of another site, browsers do not send a
        strict cookie along a redirect, but they send it when our own page goes on.
        """
        if scope["type"] != "http" or scope["method"] not in _SAFE_METHODS:
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in query if name == KEY_PARAMETER]
        if not any(same_token(value, self.start_key.key) for value in given):
            return None
        rest = urlencode([pair for pair in query if pair[0] != KEY_PARAMETER])
        path = "/" + quote(scope["path"].lstrip("/"))  # "//name" would be another server
        address = escape(path + (f"?{rest}" if rest else ""))
        answer = HTMLResponse(_ENTRANCE_PAGE.format(address=address))
        answer.set_cookie(
            self.start_key.cookie_name(host),
            self.start_key.cookie,
            httponly=True,
            samesite="strict",
        )
        return answer

    def _has_access(self, scope: Scope, headers: Headers, host: str) -> bool:
        if scope["type"] == "http" and scope["path"].startswith("/static/"):
            return True
        cookies = cookie_parser(headers.get("cookie", ""))
        given = cookies.get(self.start_key.cookie_name(host))
        return same_token(given, self.start_key.cookie)

    def _refusal(self, scope: Scope, headers: Headers, host: str) -> str | None:
        """Return why a request with the cookie is refused; None when it is not."""
        origin = headers.get("origin")
        if scope["type"] == "websocket":
            ours = is_own_origin(origin, host)
            return None if ours else "Open the encounter from a page of this server."
        if scope["method"] in _SAFE_METHODS:
            return None
        if origin is not None and not is_own_origin(origin, host):
            return "This request came from another site."
        if not same_token(headers.get(TOKEN_HEADER), self.token):
            return "This page is from an earlier start of the server. Reload it and try again."
        return None


async def refuse(socket: WebSocket, sentence: str) -> None:
    """Tell the page in words why it is refused, and close its WebSocket.

    Before the accept, a script would learn no more than that the connection failed. sentence: it
    is also logged, so it holds nothing that the page sent.
    """
    _log.info("refused: %s", sentence)
    with suppress(WebSocketDisconnect, RuntimeError):  # the page is gone
        if socket.application_state is WebSocketState.CONNECTING:
            await socket.accept()
        await socket.send_json({"type": "fault", "message": sentence, "attempt": None})
        await socket.close(_POLICY, sentence.encode()[:_LONGEST_REASON].decode(errors="ignore"))


async def _refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    if scope["type"] != "websocket":
        _log.info("refused: %s", reason)
        await PlainTextResponse(reason, status_code=403)(scope, receive, send)
        return
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if is_loopback(split_host(host)) and is_own_origin(headers.get("origin"), host):
        await refuse(WebSocket(scope, receive, send), reason)
    else:  # a page of another site need not learn that simvoice runs here
        _log.info("refused: %s", reason)
        await send({"type": "websocket.close", "code": _POLICY, "reason": reason})


async def _refuse_without_cookie(
    scope: Scope, receive: Receive, send: Send, how_to_get_in: str
) -> None:
    if scope["type"] == "websocket":
        await _refuse(scope, receive, send, how_to_get_in.replace("`", ""))
        return
    if "text/html" in Headers(scope=scope).get("accept", ""):
        said = re.sub("`([^`]*)`", r"<code>\1</code>", escape(how_to_get_in))
        answer: Response = HTMLResponse(_NO_ACCESS_PAGE.format(said=said), status_code=401)
    else:
        answer = PlainTextResponse(how_to_get_in, status_code=401)
    await answer(scope, receive, send)


HOST_HEADER = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
"""A Host header that may be copied into a policy."""

_ENTRANCE_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={address}">
<title>simvoice</title>
<link rel="icon" href="/static/mark.svg" type="image/svg+xml">
</head>
<body><p><a href="{address}">Go on to simvoice</a></p></body>
</html>
"""

_NO_ACCESS_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>This page needs its key · simvoice</title>
<link rel="icon" href="/static/mark.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/simvoice.css">
</head>
<body class="said">
<main id="main">
<div class="lead">
<h1>This page needs its key</h1>
<p>{said}</p>
</div>
</main>
</body>
</html>
"""


def with_headers(send: Send, scope: Scope, host: str, scheme: str = "http") -> Send:
    """Return a `send` that adds the headers of every response."""
    private = not scope["path"].startswith("/static/")

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in page_headers(host, scheme):
                headers[name] = value
            # static files are few and local; checking them each time shows an upgrade at once
            headers["cache-control"] = "no-store" if private else "no-cache"
        await send(message)

    return sender
