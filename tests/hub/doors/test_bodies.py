"""How large a body may be, and how slowly it may come."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException

from simvoice.hub.app import create_app
from simvoice.hub.doors.access import Visitor, allow, open_to_programs
from simvoice.hub.doors.bodies import LONGEST_BODY, SteadyBodies
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from tests.hub.conftest import ADDRESS, PROXY, ClientAs, token_of

pytestmark = pytest.mark.slow


def test_a_form_that_is_too_large_is_refused(client: TestClient) -> None:
    token = token_of(client.get("/sign-in"))
    form = {"token": token, "login": "robin", "password": "x" * LONGEST_BODY}
    answer = client.post("/sign-in", data=form)
    assert answer.status_code == 413
    assert "more than the hub takes at once" in answer.text


def test_a_body_without_length_is_counted_as_it_comes(client: TestClient) -> None:
    taken = 0

    def pieces() -> Any:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b"x" * 4096

    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/sign-in", content=pieces(), headers=kind).status_code == 413


def test_a_route_may_take_more(hub: Hub) -> None:
    app = create_app(hub)
    router = APIRouter()

    @router.put("/large", max_body_size=1_000_000)
    async def large(request: Request, visitor: Annotated[Visitor, open_to_programs()]) -> int:
        return sum([len(piece) async for piece in request.stream()])

    app.include_router(router)
    program = {"host": "hub.test", **PROXY}
    with TestClient(app, base_url=ADDRESS, client=("127.0.0.1", 1), headers=program) as client:
        assert client.put("/large", content=b"x" * 1_000_000).json() == 1_000_000
        assert client.put("/large", content=b"x" * 1_000_001).status_code == 413


async def read(receive: Any, patience_s: float = 0.05) -> int:
    """Read a body through the middleware; return its bytes."""
    size = 0

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        nonlocal size
        more = True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)

    async def send(_message: Any) -> None: ...

    await SteadyBodies(app, patience_s)({"type": "http", "headers": []}, receive, send)
    return size


def test_a_body_that_stops_is_given_up() -> None:
    async def receive() -> Any:
        await asyncio.sleep(60)

    with pytest.raises(HTTPException) as raised:
        asyncio.run(read(receive))
    assert raised.value.status_code == 408


def test_a_body_that_drips_is_given_up() -> None:
    async def receive() -> Any:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(HTTPException) as raised:
        asyncio.run(read(receive))
    assert raised.value.status_code == 408


def test_a_large_body_has_the_time_that_it_needs() -> None:
    left = [b"x" * 4096] * 12

    async def receive() -> Any:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": left.pop(), "more_body": bool(left)}

    assert asyncio.run(read(receive)) == 12 * 4096


# -- every route says who may use it


def test_an_app_with_an_undeclared_route_does_not_start(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    include = FastAPI.include_router

    def and_one_more(app: FastAPI, *given: Any, **options: Any) -> None:
        include(app, *given, **options)
        if not any(getattr(route, "path", "") == "/forgotten" for route in app.routes):
            app.add_api_route("/forgotten", lambda: "open", methods=["GET"])

    monkeypatch.setattr(FastAPI, "include_router", and_one_more)
    with pytest.raises(RuntimeError, match="/forgotten declares 0 kinds of access"):
        create_app(hub)


def test_a_route_with_two_declarations_does_not_start(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simvoice.hub.doors import account

    def twice(
        visitor: Annotated[Visitor, allow(Role.LEARNER)],
        again: Annotated[Visitor, open_to_programs()],
    ) -> None: ...

    router = APIRouter()
    router.add_api_route("/twice", twice, methods=["GET"])
    monkeypatch.setattr(account, "router", router)
    with pytest.raises(RuntimeError, match="/twice declares 2"):
        create_app(hub)


def test_a_role_that_is_missing_is_named(client_as: ClientAs) -> None:
    answer = client_as(Role.LEARNER).get("/audit.csv", headers={"accept": "*/*"})
    assert answer.status_code == 403
    assert answer.json()["message"] == (
        "Only a technician or an educator may do this; ask the people who run this hub."
    )
