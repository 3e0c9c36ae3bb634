"""A WebSocket ends with the sign-in of its visitor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import pytest
from fastapi import APIRouter, WebSocket
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from simvoice.hub import people
from simvoice.hub.app import create_app
from simvoice.hub.doors import lines, sessions
from simvoice.hub.doors.access import Visitor, allow
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from tests.hub.conftest import ADDRESS, PROXY

pytestmark = pytest.mark.slow

LINE = "wss://hub.test/echo"


@pytest.fixture
def app_client(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A browser of Robin, a learner, at a hub with a WebSocket that repeats what it gets."""
    monkeypatch.setattr(lines.LiveSignIns.__init__, "__defaults__", (0.02,))
    app = create_app(hub)
    router = APIRouter()

    @router.websocket("/echo")
    async def echo(socket: WebSocket, visitor: Annotated[Visitor, allow(Role.LEARNER)]) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text(f"{visitor.login}: {await socket.receive_text()}")
        except WebSocketDisconnect:
            return

    app.include_router(router)
    with hub.database.begin() as session:
        robin = people.add(session, hub, login="robin", name="Robin", roles=[Role.LEARNER])
        token = sessions.begin_sign_in(session, hub, person_id=robin.id)
    given = {"origin": ADDRESS, **PROXY}
    with TestClient(app, base_url=ADDRESS, client=("127.0.0.1", 1), headers=given) as client:
        client.cookies.set("__Host-simvoice-session", token, domain="hub.test")
        yield client


def test_a_signed_in_learner_talks(app_client: TestClient) -> None:
    with app_client.websocket_connect(LINE) as socket:
        for word in ("one", "two"):
            socket.send_text(word)
            assert socket.receive_text() == f"robin: {word}"


@pytest.mark.parametrize("change", ["sign out", "disable"])
def test_the_line_ends_when_the_learner_is_signed_out(
    app_client: TestClient, hub: Hub, change: str
) -> None:
    with app_client.websocket_connect(LINE) as socket:
        socket.send_text("one")
        assert socket.receive_text() == "robin: one"
        with hub.database.begin() as session:
            robin = people.find(session, "robin")
            assert robin is not None
            if change == "disable":
                people.disable(session, robin, hub.now())
            else:
                sessions.end_sign_ins(session, robin.id)
        with pytest.raises(WebSocketDisconnect) as raised:
            socket.receive_text()
    assert (raised.value.code, raised.value.reason) == (1008, "You are signed out.")


def test_a_page_of_another_site_opens_no_line(app_client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as raised,
        app_client.websocket_connect(LINE, headers={"origin": "https://evil.example"}),
    ):
        pass
    assert raised.value.code == 1008


def test_a_stranger_is_told_why_the_line_is_refused(app_client: TestClient) -> None:
    app_client.cookies.clear()
    with app_client.websocket_connect(LINE) as socket:
        assert socket.receive_json()["message"] == "Sign in to open this page."
