"""Who may ask: the person who started this server, on this machine, through these pages.

Another account of the same machine can reach loopback. Each start of the server makes a key and
puts it into the address that it prints. A request with the key gets a cookie; a request without
the cookie gets a sentence that says how to get in. Only the static files of the package, which
hold nothing private, are free.

A page of another site that runs in the learner's browser can also send requests to loopback. Five
things keep it out: the Host header must be a loopback name (so a name that the site points at
127.0.0.1 does not help it), the cookie is not sent with requests that another site begins, the
Origin of a request that changes something must be this server, a token that only our pages carry
must come with it, and nothing is readable across origins because no CORS header is ever sent.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER = "x-simvoice-token"
"""The header our pages send with whatever changes something. A plain HTML form of another site
cannot set a header, and a script of another site is stopped by the preflight."""

_SAFE_METHODS = frozenset({"GET", "HEAD"})

KEY_PARAMETER = "key"
"""The part of the printed address that carries the key."""

HOW_TO_GET_IN = (
    "This page opens only for the person who started simvoice. Open the whole address that "
    "`simvoice serve` printed in its terminal, with the key at its end. After a new start of the "
    "server, use the new address."
)


@dataclass(frozen=True, slots=True)
class StartKey:
    """The secrets of one start of the server."""

    key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """What the printed address carries."""
    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """What the browser gets for it: another secret, so that no history holds the cookie."""

    def address(self, base: str) -> str:
        """The address to open: `base` ("http://127.0.0.1:8765/") with the key."""
        return f"{base}?{urlencode({KEY_PARAMETER: self.key})}"

    @staticmethod
    def cookie_name(host: str) -> str:
        """One name for each port: browsers share the cookies of a host between its ports."""
        port = re.search(r":(\d+)$", host)
        return f"simvoice-{port[1] if port else 80}"


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
    """ASGI middleware that turns away strangers, and what does not come from these pages."""

    def __init__(self, app: ASGIApp, token: str, start_key: StartKey) -> None:
        self.app = app
        self.token = token
        self.start_key = start_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        refusal = self._refusal(scope, headers, host)
        answer = None if refusal is not None else self._exchange(scope, host)
        if answer is not None:
            await answer(scope, receive, _with_headers(send, scope, host))
        elif refusal is None and self._may_enter(scope, headers, host):
            await self.app(scope, receive, _with_headers(send, scope, host))
        elif refusal is None:
            await _refuse_stranger(scope, receive, send, host)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            await PlainTextResponse(refusal, status_code=403)(scope, receive, send)

    def _exchange(self, scope: Scope, host: str) -> Response | None:
        """The key in an address becomes a cookie, and leaves the address bar."""
        if scope["type"] != "http" or scope["method"] not in _SAFE_METHODS:
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in query if name == KEY_PARAMETER]
        if not any(same_token(value, self.start_key.key) for value in given):
            return None
        rest = urlencode([pair for pair in query if pair[0] != KEY_PARAMETER])
        path = "/" + quote(scope["path"].lstrip("/"))  # "//name" would lead to another server
        answer = RedirectResponse(path + (f"?{rest}" if rest else ""), status_code=303)
        answer.set_cookie(
            self.start_key.cookie_name(host),
            self.start_key.cookie,
            httponly=True,
            samesite="strict",
        )
        return answer

    def _may_enter(self, scope: Scope, headers: Headers, host: str) -> bool:
        if scope["type"] == "http" and scope["path"].startswith("/static/"):
            return True
        cookies = cookie_parser(headers.get("cookie", ""))
        given = cookies.get(self.start_key.cookie_name(host))
        return same_token(given, self.start_key.cookie)

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


async def _refuse_stranger(scope: Scope, receive: Receive, send: Send, host: str) -> None:
    if scope["type"] == "websocket":
        # a close frame holds at most 123 bytes
        reason = "Open the address that simvoice serve printed, with its key."
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    if "text/html" in Headers(scope=scope).get("accept", ""):
        answer = Response(_STRANGER_PAGE, status_code=401, media_type="text/html")
    else:
        answer = PlainTextResponse(HOW_TO_GET_IN, status_code=401)
    await answer(scope, receive, _with_headers(send, scope, host))


_STRANGER_PAGE = f"""<!doctype html>
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
<p>{HOW_TO_GET_IN.replace("`simvoice serve`", "<code>simvoice serve</code>")}</p>
</div>
</main>
</body>
</html>
"""


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
