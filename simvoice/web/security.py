"""Who may ask: this machine only, these pages only.

A page of another site that runs in the learner's browser can send requests to loopback. Four
things keep it out: the Host header has to be a loopback name (so a name of its own that it
points at 127.0.0.1 does not help it), the Origin of whatever changes something has to be this
server, a token that only our pages carry has to come with it, and nothing is readable across
origins because no CORS header is ever sent.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER = "x-simvoice-token"
"""The header our pages send with whatever changes something. A plain HTML form of another site
cannot set a header, and a script of another site is stopped by the preflight."""

_SAFE_METHODS = frozenset({"GET", "HEAD"})


def new_token() -> str:
    """A token for one start of the server."""
    return secrets.token_urlsafe(32)


def same_token(given: object, expected: str) -> bool:
    """Compare without telling by the time taken how much of it was right."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())


def split_host(value: str) -> str:
    """The name in a Host header: "127.0.0.1:8765" to "127.0.0.1", "[::1]:80" to "::1"."""
    if value.startswith("["):
        return value[1:].partition("]")[0].lower()
    return value.partition(":")[0].lower()


def is_loopback(name: str) -> bool:
    """True for "localhost" and for addresses that never leave the machine."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_own_origin(origin: str | None, host: str) -> bool:
    """True when `origin` is the very server that was addressed as `host` (a Host header)."""
    return origin is not None and origin.lower() == f"http://{host.lower()}"


def content_policy(host: str) -> str:
    """The Content-Security-Policy. Older browsers do not count ws: as 'self', so it is named."""
    return "; ".join(
        (
            "default-src 'self'",
            f"connect-src 'self' ws://{host}",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def page_headers(host: str) -> Iterable[tuple[str, str]]:
    """What goes with every answer."""
    return (
        ("content-security-policy", content_policy(host)),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "microphone=(self), camera=(), geolocation=()"),
    )


class Guard:
    """ASGI middleware that turns away what does not come from these pages."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        refusal = self._refusal(scope, headers, host)
        if refusal is None:
            await self.app(scope, receive, _with_headers(send, scope, host))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            await PlainTextResponse(refusal, status_code=403)(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers, host: str) -> str | None:
        """A sentence for the one who is turned away; None lets the request in."""
        if not is_loopback(split_host(host)):
            return "This server answers to 127.0.0.1 and localhost only."
        origin = headers.get("origin")
        if scope["type"] == "websocket":
            ours = is_own_origin(origin, host)
            return None if ours else "The conversation has to be opened from this server's page."
        if scope["method"] in _SAFE_METHODS:
            return None
        if origin is not None and not is_own_origin(origin, host):
            return "This request came from another site."
        if not same_token(headers.get(TOKEN_HEADER), self.token):
            return "This page is from an earlier start of the server; reload it and try again."
        return None


def _with_headers(send: Send, scope: Scope, host: str) -> Send:
    private = not scope["path"].startswith("/static/")

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in page_headers(host):
                headers[name] = value
            # static files are few and local: asking again each time keeps an upgrade honest
            headers["cache-control"] = "no-store" if private else "no-cache"
        await send(message)

    return sender
