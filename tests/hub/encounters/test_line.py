"""The WebSocket of an encounter on the hub, and the queue's addresses, without engines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from simvoice.audio import FRAME
from simvoice.hub import attempts
from simvoice.hub.encounters.keeping import RecordOwner
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Account, StoredAttempt
from simvoice.ports import AudioLine
from simvoice.record.events import Started
from simvoice.record.recorder import Recorder
from simvoice.runtime.encounter_options import AS_WRITTEN, EncounterOptions
from simvoice.runtime.observer import Observer
from simvoice.web.security import TOKEN_HEADER
from tests.hub.conftest import ADDRESS, ClientAs
from tests.web.stand_in import CASE, SCRIPT, ScriptedEncounter, StandIn, case_header
from tests.web.test_web_line import sound

WAIT_S = 60.0
LINE = f"{ADDRESS.replace('https', 'wss')}/encounters/line"
"""The full address: the test client does not add its host to WebSockets."""


class HubStandIn(StandIn):
    """The stand-in of the learner's pages, as a hub uses a simulator."""

    def engines(self) -> None:
        """There are none."""

    def make_ready(self, case_id: str, **_: object) -> None:
        pass

    def prepare_rest(self, case_id: str, cancelled: object = None) -> None:
        pass

    def encounter(  # type: ignore[override]
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str = "",
        observer: Observer,
        records: Path | None = None,
        options: EncounterOptions = AS_WRITTEN,
        **_: object,
    ) -> ScriptedEncounter:
        assert records is not None
        return ScriptedEncounter(records, line, learner, observer, SCRIPT)


@pytest.fixture
def open_hub(hub: Hub, tmp_path: Path) -> Iterator[Hub]:
    """A hub with room for two encounters."""
    hub.encounters.start(HubStandIn(tmp_path / "unused"), 2)  # type: ignore[arg-type]
    preparations = hub.encounters._preparations
    assert preparations is not None
    assert preparations.wait_until_settled(WAIT_S)
    yield hub
    hub.encounters.stop()


def join(browser: TestClient) -> dict[str, Any]:
    answer = browser.post("/encounters/place", json={"case": CASE.id})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def hello(browser: TestClient, **changes: Any) -> str:
    fields = {"type": "hello", "token": browser.headers[TOKEN_HEADER], "case": CASE.id}
    return json.dumps({**fields, **changes})


def until(socket: Any, kind: str) -> dict[str, Any]:
    """Return the first text message of a kind."""
    while True:
        message = socket.receive()
        assert message["type"] != "websocket.close", f"closed before {kind}"
        if message.get("text") is not None:
            told: dict[str, Any] = json.loads(message["text"])
            if told["type"] == kind:
                return told


def stored(hub: Hub) -> list[StoredAttempt]:
    with hub.database.read() as session:
        return list(session.scalars(select(StoredAttempt)).unique())


def wait_for(true: Callable[[], bool]) -> None:
    """Wait for the thread that keeps records."""
    until_s = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < until_s, "the record was not kept in time"
        time.sleep(0.02)


@pytest.mark.slow
def test_two_learners_talk_at_once_and_each_owns_the_record(
    open_hub: Hub, client_as: ClientAs
) -> None:
    ada, ben, cem = (client_as(Role.LEARNER, login=name) for name in ("ada", "ben", "cem"))
    for browser in (ada, ben):
        assert join(browser)["standing"] == "offered"
    with ada.websocket_connect(LINE) as first, ben.websocket_connect(LINE) as second:
        begun = {}
        for browser, socket in ((ada, first), (ben, second)):
            socket.send_text(hello(browser))
            begun[browser] = until(socket, "begun")["attempt"]
        assert join(ada)["standing"] == "talking"
        waiting = join(cem)
        assert waiting["standing"] == "waiting"
        assert waiting["sentence"].startswith("You are next, about ")
        for socket in (first, second):
            for index in range(60):
                socket.send_bytes(sound(index, 9000))
            until(socket, "status")
            socket.send_text('{"type": "end"}')
            socket.send_bytes(sound(60))
            assert until(socket, "finished")["reason"] == "learner"
    assert cem.get("/encounters/place").json()["standing"] == "offered"
    wait_for(lambda: len(stored(open_hub)) == 2)
    with open_hub.database.read() as session:
        owners = {row.record_id: session.get(Account, row.owner_id) for row in stored(open_hub)}
        assert owners[begun[ada]].login == "ada"  # type: ignore[union-attr]
        assert owners[begun[ben]].login == "ben"  # type: ignore[union-attr]
    for row in stored(open_hub):
        with attempts.opened(open_hub, row.id) as kept:
            assert kept.state == "complete"
            assert kept.header.learner in ("Ada", "Ben")
    wait_for(lambda: open_hub.encounters.load().unkept == 0)
    assert list((open_hub.settings.data / "encounters").iterdir()) == []


@pytest.mark.slow
def test_a_record_that_a_killed_hub_left_is_completed_and_kept(
    hub: Hub, client_as: ClientAs
) -> None:
    client_as(Role.LEARNER, login="ada")
    with hub.database.read() as session:
        ada = session.scalar(select(Account.id).where(Account.login == "ada"))
    keeper = hub.encounters._keeper
    folder = keeper.open(RecordOwner(owner_id=ada))
    recorder = Recorder.create(folder, case_header())
    recorder.add(Started(wall_time="2026-11-29T10:00:00+00:00"))
    for _ in range(100):
        recorder.sound(np.zeros(FRAME, np.int16), np.zeros(FRAME, np.int16))
    recorder.abandon()
    hub.encounters.start(None)
    wait_for(lambda: len(stored(hub)) == 1)
    (row,) = stored(hub)
    assert row.owner_id == ada
    assert row.reason == "fault"
    with attempts.opened(hub, row.id) as kept:
        assert kept.state == "complete"
        assert kept.duration_s == pytest.approx(2.0, abs=0.2)
    hub.encounters.stop()
    assert not folder.exists()


def test_who_has_no_place_gets_a_sentence_instead_of_an_encounter(
    open_hub: Hub, client_as: ClientAs
) -> None:
    ada = client_as(Role.LEARNER)
    with ada.websocket_connect(LINE) as socket:
        socket.send_text(hello(ada))
        told = socket.receive_json()
    assert told == {"type": "busy", "message": "Choose a patient first."}


def test_a_hello_without_the_token_of_our_pages_is_refused(
    open_hub: Hub, client_as: ClientAs
) -> None:
    ada = client_as(Role.LEARNER)
    join(ada)
    with ada.websocket_connect(LINE) as socket:
        socket.send_text(hello(ada, token="guessed"))
        assert socket.receive_json()["type"] == "fault"


@pytest.mark.parametrize("role", [Role.EDUCATOR, Role.TECHNICIAN, Role.RESEARCHER])
def test_only_learners_talk_with_patients(open_hub: Hub, client_as: ClientAs, role: Role) -> None:
    someone = client_as(role)
    assert someone.post("/encounters/place", json={"case": CASE.id}).status_code == 403
    with someone.websocket_connect(LINE) as socket:
        told = socket.receive_json()
        assert told["type"] == "fault"
        assert "Only a learner" in told["message"]


def test_a_stranger_cannot_open_the_line(open_hub: Hub, client: TestClient) -> None:
    with client.websocket_connect(LINE) as socket:
        assert socket.receive_json()["type"] == "fault"


def test_leaving_the_queue_gives_the_place_away(open_hub: Hub, client_as: ClientAs) -> None:
    ada = client_as(Role.LEARNER)
    join(ada)
    assert ada.post("/encounters/place/leave").json()["standing"] == "away"
    assert open_hub.encounters.load().waiting == 0


def test_a_case_that_is_not_offered_is_refused_in_a_sentence(
    open_hub: Hub, client_as: ClientAs
) -> None:
    answer = client_as(Role.LEARNER).post("/encounters/place", json={"case": "/etc/passwd"})
    assert answer.status_code == 404
    assert "does not exist" in answer.text
