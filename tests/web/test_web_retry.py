"""Retries: the page where one begins, and the comparison in its debrief."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fastapi.testclient import TestClient

from simvoice.audio import RATE
from simvoice.errors import AttemptError
from simvoice.record.events import (
    Checkpoint,
    Ended,
    JournalEntry,
    PatientMove,
    RetryOrigin,
    Started,
    Tellable,
)
from simvoice.record.files import HEADER
from simvoice.record.store import Store
from tests.planted.builder import (
    checkpoint,
    hold,
    learner_turn,
    patient_move,
    patient_speech,
    record,
    trust_step,
)
from tests.web.conftest import Open
from tests.web.stand_in import CASE, LINE, StandIn, case_header

if TYPE_CHECKING:
    from playwright.sync_api import Page

FIRST = "20261122-101530-breast-biopsy-aaaa"
SECOND = "20261122-103000-breast-biopsy-bbbb"
SECRET = "She has told nobody that she found the lump in March."
TOLD = "Her mother died of it."


def move(turn: int, at_s: float, trust: float, told: tuple[str, ...] = ()) -> PatientMove:
    return patient_move(
        turn,
        at_s,
        trust_step(f"cause {turn}", 0.4, trust),
        ledger={"trust": trust, "distress": 0.5, "understanding": 0.2},
        disclosed=told,
    )


def begin(turn: int, at_s: float, text: str, ending: str | None = None) -> Checkpoint:
    return checkpoint(turn, at_s, ending, text=text, last_turn=turn)


FIRST_ENTRIES: tuple[JournalEntry, ...] = (
    move(1, 1.0, 0.4),
    begin(1, 1.0, "They said you would have the result."),
    patient_speech(1, 1.1, "They said you would have the result."),
    learner_turn(2, 4.0, "It is a cancer.", end_s=5.5),
    move(2, 6.0, 0.35),
    begin(2, 6.0, "So it is. I knew, you know. I always knew."),
    patient_speech(2, 6.1, "So it is. I knew,", "you know. I always knew."),
    learner_turn(3, 8.0, "We will operate.", end_s=9.5),
    hold(9.5, 11.5, "filled", window_s=4.0),
    move(3, 12.0, 0.2),
    begin(3, 12.0, "", None),
    learner_turn(4, 18.0, "Goodbye then.", end_s=19.5),
    move(4, 20.0, 0.2),
    begin(4, 20.0, "Goodbye.", "left"),
    patient_speech(4, 20.1, "Goodbye."),
    Ended(at_s=22.2, reason="patient", ending="left"),
)
SECOND_ENTRIES: tuple[JournalEntry, ...] = (
    move(2, 1.0, 0.35),
    begin(2, 1.0, "So it is. I knew, you know. I always knew."),
    patient_speech(2, 1.1, "So it is. I knew, you know. I always knew."),
    hold(3.2, 5.2, "held", window_s=4.0),
    learner_turn(3, 6.0, "I can see this is a shock.", end_s=7.5),
    move(3, 8.0, 0.7, ("mother",)),
    begin(3, 8.0, "My mother died of it."),
    patient_speech(3, 8.1, "My mother died of it."),
    Ended(at_s=11.0, reason="learner"),
)


def plant(root: Path, attempt: str, entries: tuple[JournalEntry, ...], when: str = "") -> str:
    origin = RetryOrigin(attempt=FIRST, turn=2, at_s=6.0) if attempt != FIRST else None
    header = case_header(
        attempt,
        learner="Robin",
        again=origin,
        tellable=(
            Tellable(id="mother", text=TOLD, when="asked"),
            Tellable(id="march", text=SECRET, when="trusted", trust=0.9),
        ),
    )
    hiss = np.random.default_rng(1).integers(-200, 200, RATE).astype(np.int16)
    began = Started(wall_time=when or "2026-11-22T10:15:30+00:00")
    return record(root, header, (began, *entries), (np.tile(hiss, 30),) * 2).id


@pytest.fixture
def first(simulator: StandIn) -> str:
    return plant(simulator.root, FIRST, FIRST_ENTRIES)


@pytest.fixture
def second(simulator: StandIn, first: str) -> str:
    return plant(simulator.root, SECOND, SECOND_ENTRIES, "2026-11-22T10:30:00+00:00")


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_door_note_shows_the_checkpoint_and_the_delivered_words(
    client: TestClient, first: str
) -> None:
    page = client.get(f"/again/{first}/2")
    assert page.status_code == 200
    text = words(page.text)
    assert "Retry from 0:06" in text
    assert "They said you would have the result." in text
    assert "It is a cancer." in text
    assert "repeats: “So it is. I knew, …”" in text
    assert "I always knew" not in text
    assert "7 minutes, the time that was left" in text
    assert "Time to read" not in text
    assert 'value="Robin"' in page.text
    assert f'data-retry-attempt="{first}" data-retry-turn="2"' in page.text


def test_a_checkpoint_in_a_silence_says_so(client: TestClient, first: str) -> None:
    assert "is silent at this moment" in client.get(f"/again/{first}/3").text


@pytest.mark.parametrize(
    ("turn", "sentence"),
    [
        ("9", "has no checkpoint at turn 9; choose one of: 1, 2, 3"),
        ("4", "the checkpoint before it is at turn 3"),
    ],
)
def test_a_turn_without_a_checkpoint_is_refused_with_a_remedy(
    client: TestClient, first: str, turn: str, sentence: str
) -> None:
    page = client.get(f"/again/{first}/{turn}", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert sentence in words(page.text)


@pytest.mark.slow
def test_an_older_record_has_no_checkpoints(client: TestClient, attempt_id: str) -> None:
    page = client.get(f"/again/{attempt_id}/2", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert "was recorded without checkpoints" in page.text


def test_a_changed_case_is_refused_on_the_retry_page(
    client: TestClient, simulator: StandIn, first: str
) -> None:
    simulator.fault = AttemptError("the case breast-biopsy has been changed since")
    page = client.get(f"/again/{first}/2", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert "has been changed since" in page.text


@pytest.mark.slow
def test_a_debrief_offers_no_retry_when_the_case_has_changed(
    client: TestClient, simulator: StandIn, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"/again/{first}/" in client.get(f"/attempts/{first}").text
    now = replace(CASE, sha256="f" * 64)
    monkeypatch.setattr(simulator, "cases", lambda: [now])
    text = client.get(f"/attempts/{first}").text
    assert f"/again/{first}/" not in text
    assert f'<a href="/case/{CASE.id}">Start the case from the beginning</a>' in text


def test_the_hello_names_the_checkpoint_and_the_record_stores_it(
    client: TestClient, simulator: StandIn, token: str, first: str
) -> None:
    hello = {
        "type": "hello",
        "token": token,
        "case": CASE.id,
        "again": {"attempt": first, "turn": 2},
    }
    headers = {"origin": f"http://{client.base_url.netloc.decode()}"}
    with client.websocket_connect(LINE, headers=headers) as socket:
        socket.send_json(hello)
        begun = socket.receive_json()
        assert begun["type"] == "begun"
        socket.send_json({"type": "end"})
        assert simulator.last is not None
        simulator.last.end()
    header = Store(simulator.root).open(begun["attempt"]).header
    assert header.again == RetryOrigin(attempt=first, turn=2, at_s=6.0)


def test_a_hello_with_an_invalid_checkpoint_is_refused(client: TestClient, token: str) -> None:
    hello = {
        "type": "hello",
        "token": token,
        "case": CASE.id,
        "again": {"attempt": "../../etc", "turn": 2},
    }
    headers = {"origin": f"http://{client.base_url.netloc.decode()}"}
    with client.websocket_connect(LINE, headers=headers) as socket:
        socket.send_json(hello)
        assert socket.receive_json()["type"] == "fault"


@pytest.mark.slow
def test_both_attempts_are_shown_side_by_side(client: TestClient, second: str) -> None:
    page = client.get(f"/attempts/{second}").text
    text = words(page)
    assert "The two attempts compared" in text
    assert "Compared with your attempt of" not in text
    assert f'href="/attempts/{FIRST}"' in page
    for shown in ("We will operate.", "I can see this is a shock.", TOLD, "cause 3"):
        assert shown in text
    assert "0 held, 1 filled" in text
    assert "1 held, 0 filled" in text
    assert "35 → 20" in text
    assert "35 → 70" in text


@pytest.mark.slow
def test_untold_facts_are_not_shown(client: TestClient, second: str) -> None:
    for attempt in (FIRST, second):
        assert SECRET not in client.get(f"/attempts/{attempt}").text


@pytest.mark.slow
def test_the_first_attempt_lists_its_retries(client: TestClient, second: str) -> None:
    page = client.get(f"/attempts/{FIRST}").text
    assert f'href="/attempts/{second}"' in page
    assert "From 0:06: compare the two" in words(page)
    assert "The two attempts compared" not in page


@pytest.mark.slow
def test_without_the_first_attempt_the_debrief_still_opens(
    client: TestClient, simulator: StandIn, second: str
) -> None:
    simulator.erase(FIRST)
    text = words(client.get(f"/attempts/{second}").text)
    assert "cannot be read any more" in text


def play_from_the_first(page: Page) -> None:
    """A line of the first attempt plays from its own recording and stops at a second press."""
    button = page.locator(f'[data-sound="/attempts/{FIRST}/audio"]').first
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    page.wait_for_selector("[data-sound][aria-pressed=true]")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-sound][aria-pressed=true]", state="detached")
    assert page.locator("#other-fault").is_hidden()


@pytest.mark.realtime
def test_a_retry_with_the_keyboard_alone_ends_with_the_comparison(
    address: str, simulator: StandIn, browse: Open
) -> None:
    plant(simulator.root, FIRST, FIRST_ENTRIES)
    seen = browse()
    page = seen.page
    page.goto(f"{address}/again/{FIRST}/2")
    page.wait_for_selector("#go:not([disabled])")
    assert page.input_value("#learner") == "Robin"
    page.keyboard.press("Enter")
    page.wait_for_selector("#room[data-floor=patient]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#end-dialog[open]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/attempts/*")
    page.wait_for_selector("#comparison-title")
    assert page.inner_text("#comparison-title") == "The two attempts compared"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    play_from_the_first(page)
    assert seen.errors == []
    kept = simulator.store.list()[0]
    assert (kept.again_of, kept.again_at_s, kept.learner) == (FIRST, 6.0, "Robin")


def test_the_list_marks_a_retry(client: TestClient, second: str) -> None:
    assert "retry from 0:06" in client.get("/").text


def test_a_record_that_names_a_file_as_its_case_opens_no_file(
    client: TestClient, simulator: StandIn, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(simulator, "retry_time_s", lambda case, _: asked.append(case))
    path = simulator.root / first / HEADER
    header = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(header | {"case_id": "/etc/case.yaml"}), "utf-8")
    answer = client.get(f"/again/{first}/2", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "is not available now" in answer.text
    assert asked == []
