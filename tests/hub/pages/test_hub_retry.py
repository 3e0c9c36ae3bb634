"""Retries on the hub: from the debrief to the door, into the encounter, and to the comparison."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from fastapi.testclient import TestClient

from simvoice.audio import RATE
from simvoice.debrief.retry import CheckpointRef, find_checkpoint
from simvoice.hub import attempts, releases
from simvoice.hub.storage.tables import BegunEncounter, StoredAttempt
from simvoice.ports import AudioLine
from simvoice.record.events import RetryOrigin, Started
from simvoice.record.store import Attempt
from simvoice.release.contents import Contents
from simvoice.runtime.encounter_options import AS_WRITTEN, EncounterOptions
from simvoice.runtime.observer import Observer
from simvoice.web.security import TOKEN_HEADER
from tests.hub.conftest import ClientAs
from tests.hub.pages.served import StandInPatients
from tests.hub.pages.town import Town
from tests.planted.builder import record
from tests.web.stand_in import CASE, SCRIPT, ScriptedEncounter, case_header
from tests.web.test_web_line import sound
from tests.web.test_web_retry import FIRST, FIRST_ENTRIES

pytestmark = pytest.mark.slow

WAIT_S = 60.0
OpenAttempt = Callable[[str], Attempt]


class PatientsWhoGoBack(StandInPatients):
    """The stand-in, which begins a retry as `app.simulator` does: from the record."""

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str = "",
        observer: Observer = lambda _: None,
        records: Path | None = None,
        options: EncounterOptions = AS_WRITTEN,
        retry_from: CheckpointRef | None = None,
        open_attempt: OpenAttempt | None = None,
        **_: object,
    ) -> ScriptedEncounter:
        assert records is not None
        origin = None
        if retry_from is not None:
            assert open_attempt is not None
            entry = find_checkpoint(open_attempt(retry_from.attempt), retry_from.turn)
            origin = RetryOrigin(attempt=retry_from.attempt, turn=entry.turn, at_s=entry.at_s)
        return ScriptedEncounter(records, line, learner, observer, SCRIPT, origin)

    def retry_time_s(
        self, case_id: str, checkpoint: CheckpointRef, open_attempt: OpenAttempt
    ) -> float | None:
        entry = find_checkpoint(open_attempt(checkpoint.attempt), checkpoint.turn)
        return max(120.0, (CASE.time_s or 0.0) - entry.at_s)


@pytest.fixture
def first(town: Town, tmp_path: Path) -> Iterator[UUID]:
    """An attempt of Lena's with checkpoints, on a hub that holds encounters."""
    silence = np.zeros(round(22.4 * RATE), np.int16)
    start = Started(wall_time="2026-11-22T10:15:30+00:00")
    header = case_header(FIRST, uuid=uuid4())
    made = record(tmp_path / "first", header, (start, *FIRST_ENTRIES), (silence, silence))
    town.hub.encounters.start(PatientsWhoGoBack(), 2)  # type: ignore[arg-type]
    preparations = town.hub.encounters._preparations
    assert preparations is not None
    assert preparations.wait_until_settled(WAIT_S)
    yield attempts.keep(town.hub, made.folder, origin="hub", owner_id=town.people["lena"])
    town.hub.encounters.stop()


def text_of(browser: TestClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def test_the_door_of_a_retry_says_where_it_begins(
    town: Town, first: UUID, client_as: ClientAs
) -> None:
    lena = client_as(login="lena")
    assert f'href="/again/{first}/2"' in text_of(lena, f"/attempts/{first}")
    page = text_of(lena, f"/again/{first}/2")
    assert "Retry from 0:06" in page
    assert "repeats: “So it is. I knew, …” Then it is your turn." in page
    assert f'data-retry-attempt="{first}"' in page
    assert f'data-wish="retry {FIRST}@2"' in page
    assert f'href="/attempts/{first}"' in page
    assert 'id="reading-clock"' not in page
    assert lena.get(f"/again/{first}/99").status_code == 404
    assert lena.get(f"/again/{first}/4").status_code == 404  # it ended the encounter


def test_nobody_else_tries_again_from_it(town: Town, first: UUID, client_as: ClientAs) -> None:
    ayo, edo = client_as(login="ayo"), client_as(login="edo")
    assert ayo.get(f"/again/{first}/2").status_code == 404
    assert edo.get(f"/again/{first}/2").status_code == 403
    wish = {"retry": {"attempt": str(first), "turn": 2}}
    assert ayo.post("/encounters/place", json=wish).status_code == 404
    with town.hub.database.begin() as session:
        releases.release(session, first, town.course, Contents.SOUND, owner_id=town.people["lena"])
    assert "/again/" not in text_of(edo, f"/attempts/{first}")


def test_numbers_of_a_laptop_begin_no_retry(town: Town, first: UUID, client_as: ClientAs) -> None:
    with town.hub.database.begin() as session:
        row = session.get(StoredAttempt, first)
        assert row is not None
        row.contents = Contents.NUMBERS.value
    answer = client_as(login="lena").get(f"/again/{first}/2")
    assert answer.status_code == 404
    assert "try again on your computer" in answer.text


def test_a_retry_runs_is_kept_and_is_compared_with_the_first(
    town: Town, first: UUID, client_as: ClientAs
) -> None:
    lena = client_as(login="lena")
    state = lena.post("/encounters/place", json={"retry": {"attempt": str(first), "turn": 2}})
    assert state.json()["standing"] == "offered"
    assert state.json()["wish"] == f"retry {FIRST}@2"
    with lena.websocket_connect("wss://hub.test/encounters/line") as socket:
        hello = {"type": "hello", "token": lena.headers[TOKEN_HEADER], "case": CASE.id}
        again = {"attempt": str(first), "turn": 2}
        socket.send_text(json.dumps({**hello, "again": again}))
        begun = until(socket, "begun")["attempt"]
        for index in range(60):
            socket.send_bytes(sound(index, 9000))
        until(socket, "status")
        socket.send_text('{"type": "end"}')
        socket.send_bytes(sound(60))
        assert until(socket, "finished")["reason"] == "learner"
    second = kept(town, begun)
    assert (second.again_of, second.again_at_s) == (FIRST, 6.0)
    assert second.assignment_id is None  # a retry is practice
    with town.hub.database.read() as session:
        assert session.query(BegunEncounter).count() == 0
    assert f'href="/attempts/{second.id}"' in text_of(lena, f"/attempts/{first}")
    page = text_of(lena, f"/attempts/{second.id}")
    assert f'href="/attempts/{first}">an earlier attempt</a>' in page
    assert f'data-sound="/attempts/{first}/audio"' in page
    assert "Both begin with the same line" in page
    attempts.erase(town.hub, [first], reason="learner")
    assert "cannot be read any more" in text_of(lena, f"/attempts/{second.id}")


def until(socket: Any, kind: str) -> dict[str, Any]:
    """Return the first text message of a kind."""
    while True:
        message = socket.receive()
        assert message["type"] != "websocket.close", f"closed before {kind}"
        if message.get("text") is not None:
            told: dict[str, Any] = json.loads(message["text"])
            if told["type"] == kind:
                return told


def kept(town: Town, record_id: str) -> StoredAttempt:
    """Wait until an attempt is kept, and return it."""
    until_s = time.monotonic() + WAIT_S
    while True:
        with town.hub.database.read() as session:
            found = session.query(StoredAttempt).filter_by(record_id=record_id).first()
        if found is not None:
            return found
        assert time.monotonic() < until_s, "the record was not kept in time"
        time.sleep(0.02)
