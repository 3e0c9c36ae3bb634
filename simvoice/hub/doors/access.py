"""Who may use a route. Each route declares it in its signature, and the app checks that it does.

visitor: Annotated[Visitor, allow(Role.LEARNER)]
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import iter_route_contexts
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection
from starlette.routing import Mount

from simvoice.display import duration_in_words
from simvoice.errors import UsageError
from simvoice.hub.doors import sessions
from simvoice.hub.doors.rates import STRANGERS, VISITOR, Rate, network_of
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Account, Device, OneTimeCode, SignIn
from simvoice.web.security import TOKEN_HEADER

SAFE_METHODS = frozenset({"GET", "HEAD"})
"""Methods that change nothing and need no token."""

FORM_TOKEN = "token"
"""The field in which a form sends the token that scripts send as a header."""

OPEN_MOUNTS = frozenset({"/static"})
"""Folders of files that everyone may read: nothing in them is private."""


class NoAccess(UsageError):
    """The visitor may not do this. `status`: 401 for someone who is not signed in, else 403."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class TooSoon(NoAccess):
    """The visitor has to wait. `wait_s`: seconds, rounded up."""

    def __init__(self, what: str, wait_s: float) -> None:
        """what: what there was too much of, in the plural."""
        self.wait_s = max(1, ceil(wait_s))
        wait = duration_in_words(self.wait_s)
        super().__init__(f"There were too many {what}. Wait {wait}, and try again.", 429)


@dataclass(frozen=True)
class Visitor:
    """Who sends a request: a person, someone with an exam code, a device, or a stranger."""

    sign_in_id: UUID | None = None
    person_id: UUID | None = None
    code_id: UUID | None = None
    device_id: UUID | None = None
    assignment_id: UUID | None = None
    """The one assignment that someone with an exam code may see."""
    name: str = ""
    """How pages address the visitor."""
    login: str = ""
    """How the audit trail names the visitor: a login, `code …` or `device …`."""
    roles: frozenset[Role] = frozenset()
    csrf: str = ""
    """The token that this visitor's pages send with each request that changes something."""
    address: str = ""
    """The IP address, as far as the hub knows it."""

    @property
    def is_known(self) -> bool:
        """True for everyone but a stranger."""
        return not (self.person_id is None and self.code_id is None and self.device_id is None)


class _Who(StrEnum):
    PEOPLE = "people"
    DEVICES = "devices"
    ALL = "all"
    PROGRAMS = "programs"


@dataclass(frozen=True)
class Access:
    """What a route declares. FastAPI calls it before the handler, and passes on the visitor."""

    who: _Who
    roles: frozenset[Role] = frozenset()
    """One of them is needed; empty: any person with an account."""
    codes: bool = False
    """Also someone with an exam code."""
    kinds: frozenset[str] = frozenset()
    """Kinds of devices."""
    rate: Rate | None = None
    """How often, for a route that costs much. Every route counts for the visitor's own rate."""

    async def __call__(self, connection: HTTPConnection) -> Visitor:
        """Return the visitor. Raises NoAccess, TooSoon, and DatabaseAway."""
        visitor = await run_in_threadpool(self._admitted, connection)
        if self.who in (_Who.PEOPLE, _Who.ALL) and connection.scope["type"] == "http":
            await _check_token(connection, visitor)
        if self.rate is not None:  # only those count who may do it
            _count(connection, visitor, self.rate)
        return visitor

    def _admitted(self, connection: HTTPConnection) -> Visitor:
        if self.who is _Who.PROGRAMS:
            visitor = Visitor(address=address_of(connection))
            _count(connection, visitor)
            return visitor
        if self.who is _Who.DEVICES:
            device = device_of(connection)
            visitor = Visitor(address=address_of(connection)) if device is None else device.visitor
            _count(connection, visitor)
            if device is None:
                raise NoAccess("This device is not paired with this hub; pair it again.", 401)
            if self.kinds and device.kind not in self.kinds:
                raise NoAccess("Another kind of device is needed for this.", 403)
            return visitor
        visitor = visitor_of(connection)
        _count(connection, visitor)
        if self.who is _Who.ALL:
            return visitor
        if not visitor.is_known:
            raise NoAccess("Sign in to open this page.", 401)
        if visitor.code_id is not None:
            if self.codes:
                return visitor
            raise NoAccess("With a code, you can open only the encounter that it is for.", 403)
        if self.roles and not self.roles & visitor.roles:
            raise NoAccess(_needs(self.roles), 403)
        return visitor

    def in_words(self) -> str:
        """Return the declaration as one word or more, for the table of the tests."""
        if self.who in (_Who.ALL, _Who.PROGRAMS):
            return str(self.who)
        parts: list[str] = []
        if self.who is _Who.PEOPLE:
            parts += sorted(str(role) for role in self.roles) or ["person"]
            parts += ["code"] if self.codes else []
        else:
            parts += sorted(self.kinds) or ["device"]
        return " ".join(parts)


def allow(*roles: Role, codes: bool = False, rate: Rate | None = None) -> Any:
    """Declare a route for people with one of these roles; without any, for every account.

    codes: also for someone with an exam code, who has no role. The handler checks that what it
    shows belongs to `visitor.assignment_id`. rate: how often, for a route that costs much.
    """
    return Depends(Access(_Who.PEOPLE, frozenset(roles), codes, rate=rate))


SignedIn = Annotated[Visitor, allow()]
"""The visitor of a route for every account."""


def allow_device(*kinds: str, rate: Rate | None = None) -> Any:
    """Declare a route for paired devices (`Authorization: Bearer TOKEN`). kinds: default all."""
    return Depends(Access(_Who.DEVICES, kinds=frozenset(kinds), rate=rate))


def open_to_all(rate: Rate | None = None) -> Any:
    """Declare a route for everyone with a browser. What changes something still needs a token."""
    return Depends(Access(_Who.ALL, rate=rate))


def open_to_programs(rate: Rate | None = None) -> Any:
    """Declare a route for programs that are not paired yet. It must do nothing for a cookie."""
    return Depends(Access(_Who.PROGRAMS, rate=rate))


# -- finding the visitor


def address_of(connection: HTTPConnection) -> str:
    """Return the IP address of the visitor, as the guard has found it; empty if unknown."""
    found = connection.scope.get("simvoice.address")
    if found is None and connection.client is not None:
        found = connection.client.host
    return str(found or "")


def csrf_token(hub: Hub, secret: str) -> str:
    """Return the token that belongs to the value of a cookie."""
    return hub.keys.sign("csrf", secret)


def visitor_of(connection: HTTPConnection) -> Visitor:
    """Return who sends a request; a stranger without a valid cookie. Raises DatabaseAway.

    The answer is kept for the rest of the request.
    """
    known: Visitor | None = getattr(connection.state, "visitor", None)
    if known is None:
        known = replace(_look_up(connection), address=address_of(connection))
        connection.state.visitor = known
    return known


def _look_up(connection: HTTPConnection) -> Visitor:
    hub = hub_of(connection)
    token = sessions.read_cookie(connection, "session")
    if token is not None:
        with hub.database.read() as session:
            sign_in = sessions.find_sign_in(session, hub, token)
            found = None if sign_in is None else _visitor(session, hub, sign_in, token)
        if sign_in is not None and found is not None:
            _note_use(hub, sign_in)
            return found
    visit = sessions.read_cookie(connection, "visit")
    return Visitor(csrf=csrf_token(hub, visit) if visit else "")


def _visitor(session: Session, hub: Hub, sign_in: SignIn, token: str) -> Visitor | None:
    csrf = csrf_token(hub, token)
    if sign_in.person_id is not None:
        person = session.get(Account, sign_in.person_id)
        if person is None or person.disabled_at is not None:
            return None
        return Visitor(
            sign_in_id=sign_in.id,
            person_id=person.id,
            name=person.name,
            login=person.login,
            roles=frozenset(Role(one.role) for one in person.roles),
            csrf=csrf,
        )
    code = session.get(OneTimeCode, sign_in.code_id)
    if code is None or code.revoked_at is not None:
        return None
    label = code.label or str(code.id)[:8]
    return Visitor(
        sign_in_id=sign_in.id,
        code_id=code.id,
        assignment_id=code.assignment_id,
        name=label,
        login=f"code {label}",
        csrf=csrf,
    )


def is_still_in(hub: Hub, visitor: Visitor) -> bool:
    """Return True while a visitor is signed in, and note that they are. Raises DatabaseAway."""
    with hub.database.read() as session:
        sign_in = session.get(SignIn, visitor.sign_in_id)
        if sign_in is None or not sessions.is_alive(sign_in, hub):
            return False
        if _visitor(session, hub, sign_in, "") is None:
            return False
    _note_use(hub, sign_in)
    return True


def _note_use(hub: Hub, sign_in: SignIn) -> None:
    if sessions.is_stale(sign_in, hub.now()):
        with hub.database.begin() as session:
            sessions.touch(session, hub, sign_in.id)


@dataclass(frozen=True)
class PairedDevice:
    """A device that has proved itself with its token."""

    kind: str
    visitor: Visitor


def device_of(connection: HTTPConnection) -> PairedDevice | None:
    """Return the device that sends a request; None without a valid token. Raises DatabaseAway."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    with hub_of(connection).database.read() as session:
        hashed = sessions.token_hash(token.strip())
        device = session.scalar(select(Device).where(Device.token_hash == hashed))
        if device is None or device.unpaired_at is not None:
            return None
        if device.person_id is not None:
            owner = session.get(Account, device.person_id)
            if owner is None or owner.disabled_at is not None:
                return None
        visitor = Visitor(
            device_id=device.id,
            person_id=device.person_id,
            name=device.name,
            login=f"device {device.name}",
            address=address_of(connection),
        )
        return PairedDevice(device.kind, visitor)


# -- rates


def _count(connection: HTTPConnection, visitor: Visitor, rate: Rate | None = None) -> None:
    """Count a request for its visitor, or for the address of a stranger. Raises TooSoon.

    rate: default that of all requests.
    """
    known = visitor.device_id or visitor.code_id or visitor.person_id
    whose = network_of(visitor.address) if known is None else str(known)
    counted = rate or (STRANGERS if known is None else VISITOR)
    wait_s = hub_of(connection).rates.take(counted, whose)
    if wait_s:
        raise TooSoon(counted.what, wait_s)


# -- tokens of pages


async def _check_token(connection: HTTPConnection, visitor: Visitor) -> None:
    """Raise NoAccess when a request changes something and lacks the token of our pages."""
    if connection.scope["method"] in SAFE_METHODS:
        return
    assert isinstance(connection, Request)
    given = connection.headers.get(TOKEN_HEADER)
    if given is None:
        kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
            field = (await connection.form()).get(FORM_TOKEN)
            given = field if isinstance(field, str) else None
    expected = visitor.csrf
    if not given or not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise NoAccess("This page is too old. Load it again, and try once more.", 403)


def _needs(roles: frozenset[Role]) -> str:
    names = sorted(f"{'an' if role[0] in 'aeiou' else 'a'} {role}" for role in roles)
    return f"Only {' or '.join(names)} may do this; ask the people who run this hub."


# -- the list of all declarations


@dataclass(frozen=True)
class DeclaredRoute:
    """A route with its declaration."""

    method: str
    """An HTTP method, or "WebSocket"."""
    path: str
    """The pattern: "/attempts/{attempt_id}"."""
    access: Access


def declared_access(app: FastAPI) -> list[DeclaredRoute]:
    """Return every route of an app. Raises RuntimeError for one that declares none, or two."""
    found: list[DeclaredRoute] = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        path = context.path or ""
        if isinstance(route, Mount) and path in OPEN_MOUNTS:
            continue
        dependant = getattr(context, "dependant", None)
        declared = set() if dependant is None else set(_declarations(dependant))
        if len(declared) != 1:
            raise RuntimeError(
                f"the route {path} declares {len(declared)} kinds of access, not one"
            )
        methods = sorted(context.methods or ()) or ["WebSocket"]
        found += [DeclaredRoute(method, path, next(iter(declared))) for method in methods]
    return found


def _declarations(dependant: Any) -> Iterator[Access]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Access):
            yield inner.call
        yield from _declarations(inner)
