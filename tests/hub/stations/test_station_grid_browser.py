"""The grid of stations in a real Chromium: it changes by itself, and commands are pressed on it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from simvoice.hub_client.station_messages import Light, Phase, Verb
from tests.hub.pages.served import ServedTown, served_town
from tests.hub.pages.test_hub_browser import BROADER, SIZES, axe_source, chromium
from tests.hub.stations.hall import SAID, Hall

__all__ = ["chromium"]

pytestmark = pytest.mark.browser

WITHIN_MS = 60_000
"""A change is on the page after a second; a busy machine takes longer."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedTown]:
    with served_town(tmp_path_factory.mktemp("hall")) as running:
        yield running


@pytest.fixture
def hall(served: ServedTown) -> Iterator[Hall]:
    """Eight stations that report twice a second."""
    made, over = Hall(served.town.hub), threading.Event()

    def report() -> None:
        while not over.wait(0.5):
            made.report()

    made.report()
    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    yield made
    over.set()
    thread.join(60)


@pytest.fixture
def page(served: ServedTown, hall: Hall, chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    context.add_cookies([served.cookie("tech")])
    context.set_default_timeout(WITHIN_MS)
    made = context.new_page()
    faults: list[str] = []
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.goto(served.address + "/stations")
    yield made
    context.close()
    assert faults == []


def tile(page: Any, hall: Hall, name: str) -> Any:
    return page.locator(f'[data-station="{hall.ids[name]}"]')


def commands(served: ServedTown, hall: Hall, name: str) -> list[Verb]:
    hub = served.town.hub
    return [each.verb for each in hub.stations.waiting(hall.ids[name], hub.now())]


def test_a_change_is_shown_without_loading_the_page_again(page: Any, hall: Hall) -> None:
    page.evaluate("window.isTheSame = true")
    a3 = tile(page, hall, "A3")
    assert "The microphone was unplugged at 09:42." in a3.inner_text()
    hall.reports["A3"] |= {"light": Light.TALKING, "reason": "", "phase": Phase.ENCOUNTER}
    hall.reports["A3"] |= {"left_s": 300.0, "level_dbfs": -15.0}
    a3.get_by_text("Talks with the patient").wait_for()
    assert a3.get_attribute("data-light") == "talking"
    assert re.search(r"[45]:\d\d", a3.inner_text())
    assert a3.get_by_role("button", name="Hold the clock").is_visible()
    assert page.evaluate("window.isTheSame")


def test_a_fault_is_read_out_once_and_other_changes_are_not(page: Any, hall: Hall) -> None:
    page.wait_for_timeout(1500)  # two rounds: what was there before is no news
    assert page.locator("#news").inner_text() == ""
    hall.reports["A4"] |= {"light": Light.RED, "reason": "The disk is full."}
    page.locator("#news", has_text="A4: The disk is full.").wait_for(state="attached")
    assert "red" in page.title()


def test_a_press_is_sent_and_the_page_stays(page: Any, hall: Hall, served: ServedTown) -> None:
    a2 = tile(page, hall, "A2")
    a2.get_by_role("button", name="Go on").focus()
    page.keyboard.press("Enter")
    a2.get_by_text("Go on: sent…").wait_for()
    assert commands(served, hall, "A2") == [Verb.RESUME]
    assert page.url.endswith("/stations")


def test_a_press_that_ends_an_encounter_asks_first(
    page: Any, hall: Hall, served: ServedTown
) -> None:
    tile(page, hall, "A1").get_by_role("button", name="Next phase").click()
    page.get_by_role("heading", name="Next phase: A1?").wait_for()
    assert commands(served, hall, "A1") == []
    page.get_by_role("button", name="Next phase").click()
    page.wait_for_url("**/stations")
    assert commands(served, hall, "A1") == [Verb.ADVANCE]


def test_a_server_that_does_not_answer_makes_the_page_say_that_it_is_old(page: Any) -> None:
    page.context.set_offline(True)
    page.get_by_text("What you see is old.").wait_for()
    page.context.set_offline(False)
    page.get_by_text("What you see is old.").wait_for(state="hidden")


@pytest.mark.parametrize("path", ["/stations", "/stations/{}"])
def test_a_full_hall_has_no_fault_and_fits(
    page: Any, hall: Hall, served: ServedTown, path: str
) -> None:
    page.goto(served.address + path.format(hall.ids["A1"]))
    page.get_by_text("Talks with the patient").first.wait_for()
    page.evaluate(axe_source() + "; 0")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = page.evaluate("axe.run().then((done) => done.violations)")
        assert [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found] == [], scheme
    for width, height in SIZES.values():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(BROADER) == [], width
    assert SAID not in page.content()


def test_a_candidate_is_signed_in_by_keyboard_alone(
    page: Any, hall: Hall, served: ServedTown
) -> None:
    page.goto(f"{served.address}/stations/{hall.ids['A7']}")
    page.get_by_label("Sign in", exact=True).focus()
    page.keyboard.press("ArrowDown")
    page.get_by_label("Captions").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.get_by_text("Sent to the station.").wait_for()
    hub = served.town.hub
    (sent,) = hub.stations.waiting(hall.ids["A7"], hub.now())
    assert sent.verb is Verb.SIGN_IN
    assert sent.accommodations is not None
    assert sent.accommodations.captions
