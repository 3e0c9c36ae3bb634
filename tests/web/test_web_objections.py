"""Objections on the debrief page: a learner says that an item is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from simvoice.record.ratings import OBJECTIONS, load_objections
from simvoice.record.store import Store
from tests.planted.on_page import plant
from tests.web.conftest import Watched
from tests.web.stand_in import HOST, StandIn
from tests.web.test_web_browser import until
from tests.web.test_web_pages import recorder

Browse = Callable[..., Watched]
ITEM = "spikes-perception"


@pytest.fixture
def found(simulator: StandIn) -> str:
    return plant(simulator.root, instruments=("SPIKES",))


def send(client: TestClient, attempt: str, token: str, body: object) -> Response:
    path = f"/attempts/{attempt}/objections"
    return client.post(path, json=body, headers={"x-simvoice-token": token})


def kept(simulator: StandIn, attempt: str) -> list[tuple[str, str]]:
    return [(e.item, e.why) for e in load_objections(simulator.store.open(attempt).folder)]


@pytest.mark.slow
def test_an_objection_is_kept_shown_and_withdrawn(
    client: TestClient, simulator: StandIn, token: str, found: str
) -> None:
    answer = send(client, found, token, {"item": ITEM, "why": " I <b>did</b>\n ask. "})
    assert (answer.status_code, answer.json()) == (201, {"number": 1, "why": "I <b>did</b> ask."})
    assert kept(simulator, found) == [(ITEM, "I <b>did</b> ask.")]
    page = client.get(f"/attempts/{found}").text
    assert 'data-objection="1"' in page
    assert "I &lt;b&gt;did&lt;/b&gt; ask." in page
    path = f"/attempts/{found}/objections/1"
    headers = {"x-simvoice-token": token}
    assert client.delete(path, headers=headers).json() == {"withdrawn": 1}
    assert kept(simulator, found) == []
    assert "I &lt;b&gt;did" not in client.get(f"/attempts/{found}").text
    second = client.delete(path, headers=headers)
    assert second.status_code == 404
    assert "load the page again" in second.json()["message"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"item": "spikes-nothing", "why": "x"}, "There is no item spikes-nothing"),
        ({"item": "critical-other-case-x", "why": "x"}, "There is no item critical-other"),
        ({"item": ITEM, "why": "  \n"}, "Write in your own words"),
        ({"item": ITEM, "why": "x" * 601}, "601 characters and the limit is 600"),
        ({"item": ITEM, "why": "x" * 40_000}, "too long"),
        ({"item": ITEM, "why": 7}, "The text “why” is missing"),
        ({"why": "x"}, "The text “item” is missing"),
        (["x"], "not a JSON object"),
    ],
)
def test_an_invalid_objection_is_refused_with_a_message(
    client: TestClient, simulator: StandIn, token: str, found: str, body: object, sentence: str
) -> None:
    answer = send(client, found, token, body)
    assert answer.status_code == 422
    assert sentence in answer.json()["message"]
    assert not (simulator.root / found / OBJECTIONS).exists()


@pytest.mark.slow
def test_a_body_that_is_not_json_is_refused(client: TestClient, token: str, found: str) -> None:
    path = f"/attempts/{found}/objections"
    for body in (b"", b"{", b"\xff\xfe", b"[" * 20_000):
        answer = client.post(path, content=body, headers={"x-simvoice-token": token})
        assert answer.status_code == 422
        assert "not a JSON object" in answer.json()["message"]


def test_an_unknown_attempt_is_not_found(client: TestClient, token: str) -> None:
    for attempt in ("20260101-000000-none-aaaa", "..%2F..%2Fetc"):
        assert send(client, attempt, token, {"item": ITEM, "why": "x"}).status_code == 404


def test_a_running_attempt_must_end_first(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    running = recorder(simulator)
    try:
        answer = send(client, running.attempt, token, {"item": ITEM, "why": "x"})
        assert answer.status_code == 409
        assert "when it has ended" in answer.json()["message"]
    finally:
        running.abandon()


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [{}, {"x-simvoice-token": "wrong"}, {"origin": "http://evil.example"}],
)
def test_a_page_of_another_site_cannot_object_or_withdraw(
    client: TestClient, simulator: StandIn, token: str, found: str, headers: dict[str, str]
) -> None:
    given = {"x-simvoice-token": token, **headers} if "origin" in headers else headers
    path = f"/attempts/{found}/objections"
    assert client.post(path, json={"item": ITEM, "why": "x"}, headers=given).status_code == 403
    assert client.delete(f"{path}/1", headers=given).status_code == 403
    assert kept(simulator, found) == []
    assert client.post(path, headers={"host": "evil.example"}).status_code == 403
    ours = {"x-simvoice-token": token, "origin": f"http://{HOST}"}
    assert client.post(path, json={"item": ITEM, "why": "x"}, headers=ours).status_code == 201


@pytest.mark.browser
def test_with_the_keyboard_alone(
    browse: Browse, address: str, simulator: StandIn, found: str
) -> None:
    seen = browse()
    page = seen.page
    page.goto(f"{address}/attempts/{found}")
    page.click("#scores > summary")
    page.focus("#unfold")
    page.keyboard.press("Enter")
    item = page.locator(f'.item[data-item="{ITEM}"]')
    item.get_by_role("button", name=re.compile("This is wrong")).focus()
    page.keyboard.press("Enter")
    until(page, "document.activeElement.tagName === 'TEXTAREA'")
    page.keyboard.press("Tab")
    page.keyboard.press(
        "Enter"
    )  # nothing was written: a message, and the focus returns to the text
    until(page, "document.activeElement.tagName === 'TEXTAREA'")
    assert "own words" in item.locator("[role=alert]").inner_text()
    page.keyboard.type("I asked what she knew.")
    assert item.locator("textarea").input_value() == "I asked what she knew."
    assert page.evaluate("document.getElementById('sound').paused")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.scores [role=status]').textContent.startsWith('Saved')")
    assert "I asked what she knew." in item.locator(".objected").inner_text()
    assert page.evaluate("document.activeElement.textContent") == "This is wrong"
    assert kept(simulator, found) == [(ITEM, "I asked what she knew.")]
    page.reload()
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert "I asked what she knew." in item.locator(".objected").inner_text()
    item.get_by_role("button", name=re.compile("Withdraw")).focus()
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.scores [role=status]').textContent === 'Withdrawn.'")
    assert item.locator(".objected").count() == 0
    assert page.evaluate("document.activeElement.textContent") == "This is wrong"
    assert kept(simulator, found) == []
    item.get_by_role("button", name=re.compile("This is wrong")).press("Enter")
    page.keyboard.press("Escape")
    assert item.locator("form").is_hidden()
    assert seen.errors == []


@pytest.mark.browser
def test_an_error_of_the_server_is_shown_and_the_text_stays(
    browse: Browse, address: str, simulator: StandIn, found: str
) -> None:
    page = browse().page
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}/attempts/{found}")
    page.click("#scores > summary")
    page.click("#unfold")
    item = page.locator(f'.item[data-item="{ITEM}"]')
    item.get_by_role("button", name=re.compile("This is wrong")).click()
    item.locator("textarea").fill("I asked.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    Store(simulator.root).erase(found)
    item.get_by_role("button", name="Send").click()
    page.wait_for_selector(f'.item[data-item="{ITEM}"] .fault:not([hidden])')
    assert "There is no attempt" in item.locator(".fault").inner_text()
    assert item.locator("textarea").input_value() == "I asked."
