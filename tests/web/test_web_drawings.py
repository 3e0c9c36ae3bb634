"""Pictures on the debrief page."""

from __future__ import annotations

import threading
from xml.etree import ElementTree

import psutil
import pytest
from fastapi.testclient import TestClient

from simvoice.web import drawings
from tests.planted.on_page import ID, plant
from tests.web.stand_in import StandIn

LATER_ID = ID[:-4] + "zzzz"
LATER = "2026-11-23T10:15:30+00:00"


@pytest.mark.slow
def test_turn_taking_is_drawn(client: TestClient, attempt_id: str) -> None:
    answer = client.get(f"/attempts/{attempt_id}/turns.svg")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/svg+xml"
    assert ElementTree.fromstring(answer.content).tag.endswith("svg")
    page = client.get(f"/attempts/{attempt_id}").text
    assert f"/attempts/{attempt_id}/turns.svg" in page
    assert "Compared with your attempt" not in page


@pytest.mark.slow
def test_a_later_attempt_is_compared_with_the_earlier_one(
    client: TestClient, simulator: StandIn, attempt_id: str
) -> None:
    later = plant(simulator.root, LATER, attempt=LATER_ID)
    address = f"/attempts/{later}/change.svg?earlier={attempt_id}"
    assert address in client.get(f"/attempts/{later}").text
    assert "change.svg" not in client.get(f"/attempts/{attempt_id}").text
    answer = client.get(address)
    assert answer.status_code == 200
    assert b"Before and after" in answer.content


@pytest.mark.slow
def test_an_attempt_of_another_learner_is_not_compared(
    client: TestClient, simulator: StandIn, attempt_id: str
) -> None:
    later = plant(simulator.root, LATER, attempt=LATER_ID, learner="Kim")
    assert "change.svg" not in client.get(f"/attempts/{later}").text


@pytest.mark.slow
def test_an_unknown_attempt_has_no_picture(client: TestClient, attempt_id: str) -> None:
    assert client.get(f"/attempts/{LATER_ID}/turns.svg").status_code == 404
    gone = client.get(f"/attempts/{attempt_id}/change.svg?earlier={LATER_ID}")
    assert gone.status_code == 404


def fonts() -> int:
    return sum(each.path.endswith(".ttf") for each in psutil.Process().open_files())


@pytest.mark.slow
def test_requests_in_many_threads_open_the_fonts_once(client: TestClient, attempt_id: str) -> None:
    open_fonts = []
    for _ in range(3):
        thread = threading.Thread(target=client.get, args=(f"/attempts/{attempt_id}/turns.svg",))
        thread.start()
        thread.join()
        # the server's own threads end after 10 s without work; this thread stands for a new one
        found = drawings._drawn(lambda: str(threading.get_ident()).encode())
        open_fonts.append((fonts(), found.body))
    assert len(set(open_fonts)) == 1
    assert open_fonts[0][0] > 0
