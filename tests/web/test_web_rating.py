"""The rater's page: its content, the saved answers, and when it shows both judgements."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from simvoice.record.ratings import RATINGS, load_draft, load_ratings
from tests.planted import on_page
from tests.web.conftest import Watched
from tests.web.stand_in import StandIn
from tests.web.test_web_browser import until
from tests.web.test_web_pages import HTML, recorder

Browse = Callable[..., Watched]
ITEM = "spikes-perception"
COUNT = "nurse-name"
FIELDS: dict[str, Any] = {"instruments": ("SPIKES", "NURSE", "BAS")}


@pytest.fixture
def found(simulator: StandIn) -> str:
    return on_page.plant(simulator.root, learner="Robin", **FIELDS)


def send(client: TestClient, attempt: str, token: str, **body: str) -> Response:
    given = {"rater": "kim", "item": ITEM, "value": "met", "comment": "", **body}
    path = f"/attempts/{attempt}/ratings"
    return client.post(path, json=given, headers={"x-simvoice-token": token})


def finish(client: TestClient, attempt: str, token: str, rater: str = "kim") -> Response:
    path = f"/attempts/{attempt}/ratings/finish"
    return client.post(path, json={"rater": rater}, headers={"x-simvoice-token": token})


@pytest.mark.slow
def test_the_page_has_the_words_the_door_note_and_every_item_with_its_rule(
    client: TestClient, found: str
) -> None:
    page = client.get(f"/attempts/{found}/rate?rater=kim").text
    debrief = client.get(f"/attempts/{found}").text
    asked = set(re.findall(r'class="asked" data-item="([^"]+)"', page))
    judged = set(re.findall(r'class="item" data-outcome="[a-z ]+" data-item="([^"]+)"', debrief))
    assert asked == judged
    assert {"spikes-order", "nurse-name", "bas-points"} <= asked
    assert "tell Ms Calder the result" in page
    assert "The biopsy shows a cancer." in page
    assert "Mm-hm." in page
    assert "forty-nine when she died" not in page
    assert "What counts: heard" in page
    assert re.search(r'data-at="20\.[34]\d"', page)
    assert "Robin" not in page


@pytest.mark.slow
def test_the_timeline_has_no_mark_and_no_kind_of_sound(client: TestClient, found: str) -> None:
    data = client.get(f"/attempts/{found}/rate/timeline").json()
    assert data["marks"] == []
    assert {part["kind"] for lane in data["lanes"] for part in lane["segments"]} == {"speech"}
    assert data["peaks"]["per_s"] > 0
    assert "rows" not in data


# -- answers ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_answers_are_saved_shown_again_and_count_when_finished(
    client: TestClient, simulator: StandIn, token: str, found: str
) -> None:
    assert send(client, found, token).json() == {"item": ITEM, "answered": 1}
    assert send(client, found, token, item=COUNT, value="3").json()["answered"] == 2
    changed = send(client, found, token, value="not met", comment=" She  cut\nin. ")
    assert changed.json()["answered"] == 2
    page = client.get(f"/attempts/{found}/rate?rater=kim").text
    item = page.partition(f'data-item="{ITEM}"')[2].partition("</li>")[0]
    assert 'value="not met" checked' in item
    assert "She cut in." in item
    assert 'value="3"' in page.partition(f'data-item="{COUNT}"')[2].partition("</li>")[0]
    other = client.get(f"/attempts/{found}/rate?rater=lee").text
    assert " checked" not in other.partition('id="rate"')[2]
    folder = simulator.root / found
    assert load_ratings(folder) == ()
    assert finish(client, found, token).json() == {"finished": "kim"}
    kept = load_ratings(folder)
    assert {(e.item, e.value, e.source, e.blind) for e in kept} == {
        (ITEM, "not met", "page", True),
        (COUNT, 3.0, "page", True),
    }


@pytest.mark.slow
def test_after_finishing_both_judgements_are_shown_and_stay(
    client: TestClient, simulator: StandIn, token: str, found: str
) -> None:
    debrief = client.get(f"/attempts/{found}").text
    outcomes = re.findall(r'data-outcome="((?:not )?met)" data-item="(spikes-[^"]+)"', debrief)
    for says, item in outcomes:
        assert send(client, found, token, item=item, value=says).status_code == 200
    says, item = outcomes[0]
    send(client, found, token, item=item, value="no" if says == "met" else "yes")
    assert finish(client, found, token).status_code == 200
    page = client.get(f"/attempts/{found}/rate?rater=kim").text
    same, both = len(outcomes) - 1, len(outcomes)
    assert f"You and the machine gave the same answer on {same} of {both} items." in page
    assert (page.count('data-same="true"'), page.count('data-same="false"')) == (same, 1)
    assert f'href="/attempts/{found}"' in page
    for answer in (send(client, found, token, value="no"), finish(client, found, token)):
        assert answer.status_code == 409
        assert "Kim has finished" in answer.json()["message"]
    assert len(load_ratings(simulator.root / found)) == both
    assert "You and the machine" not in client.get(f"/attempts/{found}/rate?rater=lee").text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"item": "nonsense"}, "There is no item nonsense"),
        ({"item": "os12-1-greets"}, "There is no item os12-1-greets"),
        ({"value": "maybe"}, "'maybe' is not an answer to this item; allowed: met, not met"),
        ({"value": "3"}, "allowed: met, not met or not judged"),
        ({"item": COUNT, "value": "met"}, "allowed: a whole number from 0"),
        ({"item": COUNT, "value": "nan"}, "allowed: a whole number from 0"),
        ({"comment": "x" * 1001}, "1001 characters"),
        ({"rater": " "}, "Enter a name for the rater"),
        ({"rater": "Machine"}, "A rater is a human"),
        ({"rater": "x" * 61}, "at most 60 characters"),
        ({"rater": "a\x00b"}, "no control characters"),
    ],
)
def test_an_invalid_answer_is_refused_with_a_message(
    client: TestClient,
    simulator: StandIn,
    token: str,
    found: str,
    body: dict[str, str],
    sentence: str,
) -> None:
    answer = send(client, found, token, **body)
    assert answer.status_code == 422
    assert sentence in answer.json()["message"]
    assert not (simulator.root / found / RATINGS).exists()


@pytest.mark.slow
def test_a_rating_without_an_answer_cannot_be_finished(
    client: TestClient, token: str, found: str
) -> None:
    answer = finish(client, found, token)
    assert answer.status_code == 422
    assert "rate at least one" in answer.json()["message"]


@pytest.mark.slow
def test_the_page_asks_for_the_rater_first_and_refuses_an_invalid_name(
    client: TestClient, found: str
) -> None:
    assert 'name="rater"' in client.get(f"/attempts/{found}/rate").text
    answer = client.get(f"/attempts/{found}/rate?rater=%20machine")
    assert answer.status_code == 422
    assert "A rater is a human" in answer.text


def test_an_unknown_or_running_attempt_cannot_be_rated(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    gone = "20260101-000000-none-aaaa"
    assert client.get(f"/attempts/{gone}/rate").status_code == 404
    assert send(client, gone, token).status_code == 404
    running = recorder(simulator)
    try:
        for path in ("rate", "rate?rater=kim", "rate/timeline"):
            answer = client.get(f"/attempts/{running.attempt}/{path}", headers=HTML)
            assert answer.status_code == 409
        assert send(client, running.attempt, token).status_code == 409
    finally:
        running.abandon()


@pytest.mark.slow
def test_no_rating_without_the_token(client: TestClient, simulator: StandIn, found: str) -> None:
    for path in ("ratings", "ratings/finish"):
        assert client.post(f"/attempts/{found}/{path}", json={}).status_code == 403
    assert not (simulator.root / found / RATINGS).exists()


@pytest.mark.slow
def test_without_recording_or_case_the_words_can_still_be_rated(
    client: TestClient, simulator: StandIn
) -> None:
    bare = on_page.plant(simulator.root, case_id="gone", **FIELDS)
    for kept in (simulator.root / bare).glob("audio.*"):
        kept.unlink()
    page = client.get(f"/attempts/{bare}/rate?rater=kim").text
    assert "The recording of this attempt was not kept" in page
    assert "not available now" in page
    assert "<audio" not in page
    assert client.get(f"/attempts/{bare}/rate/timeline").json()["peaks"] is None


# -- in a browser -----------------------------------------------------------------------------


@pytest.mark.browser
def test_rating_with_the_keyboard_is_saved_at_once_and_ends_with_both_judgements(
    browse: Browse, address: str, simulator: StandIn, found: str
) -> None:
    folder = simulator.root / found
    seen = browse()
    page = seen.page
    page.goto(f"{address}/attempts/{found}/rate")
    page.focus("#rater")
    page.keyboard.type("rater 1")
    page.keyboard.press("Enter")
    page.locator("#score summary").press("Enter")
    page.wait_for_selector("#timeline svg")
    item = page.locator(f'.asked[data-item="{ITEM}"]')
    item.locator("input").first.focus()
    page.keyboard.press("Space")
    until(page, "document.getElementById('answered').textContent === '1'")
    page.keyboard.press("ArrowRight")
    until(page, "document.getElementById('saving').textContent === 'All saved.'")
    item.locator("summary").focus()
    page.keyboard.press("Enter")
    item.locator("textarea").focus()
    page.keyboard.type("Late, and once.")
    page.locator(f'.asked[data-item="{COUNT}"] input[type=number]').fill("2")
    until(page, "document.getElementById('answered').textContent === '2'")
    page.reload()
    assert item.locator("input:checked").get_attribute("value") == "not met"
    assert item.locator("textarea").input_value() == "Late, and once."
    assert page.input_value(f'.asked[data-item="{COUNT}"] input[type=number]') == "2"
    assert load_ratings(folder) == ()
    page.focus("#finish")
    page.keyboard.press("Enter")
    assert "without an answer will not count" in page.inner_text("#finish-left")
    page.keyboard.press("Enter")  # the safe answer has the focus
    assert not load_draft(folder, "rater 1").done
    page.click("#finish")
    page.locator("#finish-dialog").get_by_role("button", name="Finish").click()
    page.wait_for_selector(".both-list")
    assert len(load_ratings(folder)) == 2
    assert {urlsplit(url).hostname for url in seen.requests} == {"127.0.0.1"}
    assert seen.errors == []


@pytest.mark.browser
def test_an_answer_that_was_not_saved_says_so_and_is_saved_later(
    browse: Browse, address: str, simulator: StandIn, found: str
) -> None:
    page = browse().page
    page.goto(f"{address}/attempts/{found}/rate?rater=kim")
    item = page.locator(f'.asked[data-item="{ITEM}"]')
    page.context.set_offline(True)
    item.get_by_text("Yes", exact=True).click()
    page.wait_for_selector("#retry:not([hidden])")
    assert "did not answer" in item.locator(".fault").inner_text()
    page.context.set_offline(False)
    page.click("#retry")
    until(page, "document.getElementById('saving').textContent === 'All saved.'")
    assert page.is_hidden("#retry")
    assert [each.value for each in load_draft(simulator.root / found, "kim").ratings] == ["met"]


@pytest.mark.browser
@pytest.mark.realtime
def test_the_recording_plays_from_a_line(browse: Browse, address: str, found: str) -> None:
    page = browse().page
    page.goto(f"{address}/attempts/{found}/rate?rater=kim")
    until(page, "document.getElementById('sound').readyState >= 1")
    page.locator(".line .when").nth(3).click()
    now = "document.getElementById('sound').currentTime"
    until(page, f"!document.getElementById('sound').paused && {now} > 9.4")


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1366])
def test_no_rating_page_is_wider_than_its_window_and_every_control_has_a_name(
    browse: Browse, address: str, found: str, width: int
) -> None:
    page = browse().page
    page.set_viewport_size({"width": width, "height": 768})
    for path in (f"/attempts/{found}/rate", f"/attempts/{found}/rate?rater=kim", "/agreement"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        nameless = page.evaluate(
            """[...document.querySelectorAll("a, button, input, textarea, summary")]
            .filter(n => !(n.textContent.trim() || n.ariaLabel || n.labels?.length))
            .map(n => n.outerHTML)"""
        )
        assert nameless == [], path
        assert page.locator("h1:visible").count() == 1


@pytest.mark.slow
def test_no_rating_page_has_an_inline_script_or_style(
    client: TestClient, token: str, found: str
) -> None:
    pages = [f"/attempts/{found}/rate", f"/attempts/{found}/rate?rater=kim", "/agreement"]
    texts = [client.get(path).text for path in pages]
    send(client, found, token)
    finish(client, found, token)
    texts += [client.get(path).text for path in pages]
    for text in texts:
        assert text.count("<script") == text.count('<script type="module" src="/static/')
        assert "<style" not in text
        assert " style=" not in text


@pytest.mark.slow
def test_names_are_shown_as_text_and_never_as_markup(
    client: TestClient, token: str, found: str
) -> None:
    name, said = "<b>kim</b>", "<i>late</i>"
    assert send(client, found, token, rater=name, comment=said).status_code == 200
    before = client.get(f"/attempts/{found}/rate", params={"rater": name}).text
    assert finish(client, found, token, name).status_code == 200
    after = client.get(f"/attempts/{found}/rate", params={"rater": name}).text
    for text in (before, after, client.get("/agreement").text):
        assert name not in text
        assert said not in text
    assert "&lt;b&gt;kim" in before
    assert "&lt;i&gt;late" in after


@pytest.mark.slow
def test_reading_the_page_does_not_change_the_folder(client: TestClient, found: str) -> None:
    """Opening the page stores nothing."""
    folder = Path(client.app.state.simulator.root) / found  # type: ignore[attr-defined]
    before = sorted(path.name for path in folder.iterdir())
    client.get(f"/attempts/{found}/rate?rater=kim")
    assert sorted(path.name for path in folder.iterdir()) == before
