"""The check around every request: which proxy, which host, which page it comes from.

A page of another site in a person's browser can send requests to the hub. What keeps it out:

- The Host header must be a name of this hub, so that no other name can be pointed at it.
- A request that changes something, and a WebSocket, must have the hub as its Origin.
- It must also carry a token that only our pages have (`access`).
- Browsers do not send the cookies with what another site starts (SameSite), except when it only
  opens a page.
- No CORS header is ever sent, so another origin can read nothing.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from simvoice.hub.doors.access import SAFE_METHODS, TooSoon
from simvoice.hub.doors.rates import ADDRESS, network_of
from simvoice.hub.hub import Hub
from simvoice.hub.settings import HubSettings
from simvoice.web import security

_log = logging.getLogger(__name__)

_STRICT_TRANSPORT = "max-age=31536000"
"""For a year, browsers that were here over HTTPS ask for nothing else at this name."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotForUs(Exception):
    """A request that goes no further. Its text is for the visitor."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from, and which name it was sent to."""

    address: str
    """IP address of the visitor."""
    scheme: str
    """http or https."""
    host: str
    """The Host header, with the port if there is one."""


def origin_of(settings: HubSettings, peer: str, headers: Headers) -> Origin:
    """Return where a request comes from. Only a proxy of the settings is believed.

    peer: IP address of the connection. Raises NotForUs for another peer when there are proxies.
    """
    scheme = "https" if settings.has_tls else "http"
    host = headers.get("host", "")
    known = parse_address(peer)
    if not settings.proxies:
        return Origin(str(known or peer), scheme, host)
    proxies = [ipaddress.ip_network(one, strict=False) for one in settings.proxies]
    if not _is_in(known, proxies):
        raise NotForUs("This hub answers only through its proxy.")
    said = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
    if said != "https":
        raise NotForUs("Open this hub with https://, through a proxy that sets X-Forwarded-Proto.")
    address = visitor_address(str(known), headers.getlist("x-forwarded-for"), proxies)
    return Origin(address, said, headers.get("x-forwarded-host") or host)


def visitor_address(peer: str, forwarded: Iterable[str], proxies: Iterable[Network]) -> str:
    """Return the address of the visitor from the X-Forwarded-For headers of trusted proxies.

    Each proxy adds the address that it got the request from at the end, so the last one that is
    no proxy of ours is the visitor. What stands before it can be invented.
    """
    known = list(proxies)
    found = peer
    entries = [one.strip() for line in forwarded for one in line.split(",")]
    for entry in reversed(entries):
        address = parse_address(entry)
        if address is None:
            break
        found = str(address)
        if not _is_in(address, known):
            break
    return found


def parse_address(text: str) -> Address | None:
    """Return the IP address in "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80"; None in others."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _is_in(address: Address | None, networks: Iterable[Network]) -> bool:
    return address is not None and any(address in one for one in networks)


def is_ours(hub: Hub, host: str) -> bool:
    """Return True when a Host header names this hub."""
    if not security.HOST_HEADER.fullmatch(host):
        return False
    name = security.split_host(host).rstrip(".")
    if hub.is_local and security.is_loopback(name):
        return True
    return any(_matches(name, one) for one in hub.host_names())


def _matches(name: str, pattern: str) -> bool:
    """Compare with a name of a certificate, which can begin with "*." for one more label."""
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return name == pattern


class HubGuard:
    """ASGI middleware: refuses what comes from elsewhere, and adds the headers of every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        hub: Hub = scope["app"].state.hub
        try:
            origin = origin_of(hub.settings, (scope.get("client") or ("",))[0], headers)
            if not is_ours(hub, origin.host):
                raise NotForUs("This hub does not answer under this name; use its own address.")
        except NotForUs as error:
            await _refuse(scope, receive, send, str(error))
            return
        scope["simvoice.address"] = origin.address
        if origin.host != headers.get("host"):  # as the proxy got it
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"] = [*others, (b"host", origin.host.encode("latin-1"))]
        scope["scheme"] = origin.scheme.replace("http", "ws") if _is_line(scope) else origin.scheme
        send_on = self._with_headers(send, scope, origin)
        reason = _refusal(scope, headers, origin)
        if reason is None:
            await self.app(scope, receive, send_on)
        elif _is_line(scope) and security.is_own_origin(
            headers.get("origin"), origin.host, origin.scheme
        ):
            await security.refuse(WebSocket(scope, receive, send), reason)
        else:
            await _refuse(scope, receive, send_on, reason)

    def _with_headers(self, send: Send, scope: Scope, origin: Origin) -> Send:
        sender = security.with_headers(send, scope, origin.host, origin.scheme)
        if origin.scheme != "https":
            return sender

        async def strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["strict-transport-security"] = _STRICT_TRANSPORT
            await sender(message)

        return strictly


class AddressRate:
    """ASGI middleware inside the guard: answers 429 to an address that asks too often."""

    def __init__(
        self, app: ASGIApp, answer: Callable[[HTTPConnection, Exception], Awaitable[Response]]
    ) -> None:
        """answer: makes the response of an error, and refuses a WebSocket by itself."""
        self.app = app
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        hub: Hub = scope["app"].state.hub
        wait_s = hub.rates.take(ADDRESS, network_of(scope["simvoice.address"]))
        if not wait_s:
            await self.app(scope, receive, send)
            return
        error = TooSoon(ADDRESS.what, wait_s)
        if _is_line(scope):
            await self.answer(WebSocket(scope, receive, send), error)
        else:
            response = await self.answer(Request(scope, receive), error)
            await response(scope, receive, send)


def _is_line(scope: Scope) -> bool:
    return bool(scope["type"] == "websocket")


def _refusal(scope: Scope, headers: Headers, origin: Origin) -> str | None:
    """Return why a request to the right host is refused; None when it is not.

    Programs send neither an Origin nor cookies. Browsers send the Origin with all that matters
    here, so a request that has cookies and no Origin comes from a browser that hides it.
    """
    if not _is_line(scope) and scope["method"] in SAFE_METHODS:
        return None
    given = headers.get("origin")
    if given is None:
        has_cookies = "cookie" in headers
        return "Your browser did not say from which page this comes." if has_cookies else None
    if not security.is_own_origin(given, origin.host, origin.scheme):
        return "This hub takes requests only from its own pages."
    return None


async def _refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    _log.info("refused: %s", reason)
    if _is_line(scope):  # before the accept: a page of another site learns nothing
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
    else:
        await PlainTextResponse(reason, status_code=403)(scope, receive, send)
