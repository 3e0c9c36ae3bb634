"""Fixtures: a hub with a database of its own, and browsers that are signed in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from simvoice.hub import people
from simvoice.hub.app import attach, build_app
from simvoice.hub.clock import HubClock
from simvoice.hub.doors import sessions
from simvoice.hub.doors.access import csrf_token
from simvoice.hub.doors.passwords import Passwords
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.roles import Role
from simvoice.hub.settings import load_settings
from simvoice.web.security import TOKEN_HEADER
from tests.hub.storage_fixtures import (
    database,
    database_url,
    empty_database_url,
    objects,
    postgres,
    postgres_with_tables,
    s3,
    small_disk,
    sqlite_with_tables,
    store_url,
)

__all__ = [
    "database",
    "database_url",
    "empty_database_url",
    "objects",
    "postgres",
    "postgres_with_tables",
    "s3",
    "small_disk",
    "sqlite_with_tables",
    "store_url",
]

ADDRESS = "https://hub.test"
"""How the browsers of the tests reach the hub."""

PROXY = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"}
"""What the proxy in front of the hub of the tests adds to each request."""

PASSWORD = "four quiet blue herons"

PRINTED_CODE = re.compile(r"(?<![\w-])[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}(?![\w-])")
"""A one-time code on a page. It is not looked for in a UUID: some of them have digits alone."""

ClientAs = Callable[..., TestClient]


class MachineClock:
    """A machine's clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.elapsed_s = 0.0

    def go_on(self, **time: float) -> None:
        """Let time pass: `go_on(minutes=5)`."""
        self.now += timedelta(**time)
        self.elapsed_s += timedelta(**time).total_seconds()

    def set_back(self, **time: float) -> None:
        """Set the clock of the machine back."""
        self.now -= timedelta(**time)


@pytest.fixture
def clock() -> MachineClock:
    """The clock of the hub's machine."""
    return MachineClock()


def fast_passwords() -> Passwords:
    """Return passwords that are hashed quickly, and badly."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def hub(tmp_path: Path, database_url: str, clock: MachineClock) -> Iterator[Hub]:
    """A hub behind a proxy that speaks HTTPS, on each kind of database."""
    options = {"public_url": ADDRESS, "proxies": ("127.0.0.1",), "database_url": database_url}
    made = open_hub(load_settings(tmp_path / "hub", options, environment={}))
    made.passwords = fast_passwords()
    made.clock = HubClock(system=lambda: clock.now, elapsed_s=lambda: clock.elapsed_s)
    yield made
    made.database.close()
    if id(made) in _serving:
        _spare.append(_serving.pop(id(made)))


@pytest.fixture
def client(hub: Hub) -> Iterator[TestClient]:
    """A browser that is not signed in. Its requests have the Origin of the hub's own pages."""
    with browser(hub) as made:
        yield made


@pytest.fixture
def client_as(hub: Hub) -> Iterator[ClientAs]:
    """`client_as(Role.LEARNER)` makes a person with these roles, and returns a browser as them.

    `client_as(role, login="robin")` names them. The token of the pages is sent with each request.
    """
    opened: list[TestClient] = []

    def sign_in(*roles: Role, login: str = "") -> TestClient:
        login = login or "-".join([*roles, str(len(opened))])
        with hub.database.begin() as session:
            person = people.find(session, login) or people.add(
                session, hub, login=login, name=login.title(), roles=roles
            )
            token = sessions.begin_sign_in(session, hub, person_id=person.id)
        made = browser(hub, token)
        opened.append(made.__enter__())
        return made

    yield sign_in
    for made in opened:
        made.__exit__(None, None, None)


def token_of(page: Response) -> str:
    """Return the token that the forms of a page send along."""
    found = re.search(r'name="token" value="(\w+)"', page.text)
    assert found is not None, page.text
    return found[1]


_serving: dict[int, FastAPI] = {}
"""By the id of its hub, the application that its browsers use."""
_spare: list[FastAPI] = []
"""Applications of hubs that are closed. Building one takes 0.2 s, and no test changes it."""


def app_of(hub: Hub) -> FastAPI:
    """Return the application of a hub, the same for all of its browsers."""
    if id(hub) not in _serving:
        _serving[id(hub)] = attach(_spare.pop() if _spare else build_app(), hub)
    return _serving[id(hub)]


def browser(hub: Hub, token: str | None = None) -> TestClient:
    """Return a browser. token: the value of the cookie of a sign-in."""
    made = TestClient(
        app_of(hub),
        base_url=ADDRESS,
        headers={"origin": ADDRESS, "accept": "text/html", **PROXY},
        client=("127.0.0.1", 50_000),
        follow_redirects=False,
    )
    if token is not None:
        made.cookies.set(sessions.cookie_name(hub, "session"), token, domain="hub.test")
        made.headers[TOKEN_HEADER] = csrf_token(hub, token)
    return made
