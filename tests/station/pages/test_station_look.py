"""Every page of a station in a real Chromium: accessibility, sizes, light and dark, outline.

Two walks show what faults show: a kiosk in light, and a phone in dark with larger type. With
SIMVOICE_EVERY_LOOK=1 in the environment each size is walked in each scheme and both sizes of type.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest

from simvoice.hub_client.station_messages import Accommodations
from tests.hub.pages.test_hub_browser import BROADER, FOCUSED, axe_source
from tests.station.pages.conftest import Open
from tests.station.pages.scripted_station import PIN, ScriptedStation, views
from tests.web.test_web_browser import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

KIOSK, PHONE, WALL = (1366, 768), (390, 844), (1920, 1080)
_SHORT = ((KIOSK, "light", False), (PHONE, "dark", True))
_WHOLE = tuple(
    itertools.product((KIOSK, PHONE, WALL, (320, 640)), ("light", "dark"), (False, True))
)
WALKS = _WHOLE if os.environ.get("SIMVOICE_EVERY_LOOK") else _SHORT

HIDDEN_BELOW = """() => [...document.querySelectorAll("[data-enter], #leave, #end, .bar .button")]
  .filter((each) => each.checkVisibility())
  .filter((each) => each.getBoundingClientRect().bottom > innerHeight)
  .map((each) => each.textContent.trim())"""

LEVELS = """() => [...document.querySelectorAll("h1, h2, h3, h4")]
  .filter((each) => each.checkVisibility()).map((each) => Number(each.tagName[1]))"""

MOVING = """() => [...document.querySelectorAll("*")].filter((each) => {
  const shown = getComputedStyle(each);
  return shown.animationName !== "none" || shown.transitionDuration !== "0s";
}).length"""

REACHABLE = """() => [...document.querySelectorAll(
  "a[href], button:not([disabled]), input, textarea, select, summary")]
  .filter((each) => each.checkVisibility()).length"""


@pytest.mark.parametrize(("size", "scheme", "large_type"), WALKS)
def test_every_page_can_be_read_reached_and_used(
    station: ScriptedStation,
    browse: Open,
    size: tuple[int, int],
    scheme: str,
    large_type: bool,
) -> None:
    page = browse(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        reduced_motion="reduce",
    ).page
    faults: list[str] = []
    for name in shown_one_after_the_other(station, page, large_type):
        faults += [f"{name}: {each}" for each in look(page, name, size == KIOSK)]
    assert faults == [], "\n".join(faults)


def shown_one_after_the_other(
    station: ScriptedStation, page: Any, large_type: bool
) -> Iterator[str]:
    """Show every view, and at last what a technician sees in an exam. Yields the names."""
    wanted, address = Accommodations(large_type=large_type), page.url
    for name, view in views(station.planted()).items():
        page.goto("about:blank")  # else the page itself may be about to load another
        station.show(view, accommodations=wanted)
        page.goto(address)
        page.wait_for_selector("#phase[data-wired]", state="attached")
        large = "document.documentElement.classList.contains('large-type')"
        until(page, large if large_type else f"!{large}")
        if name == "encounter":
            page.wait_for_selector("#room[data-floor=patient]")
        if name == "preparing":
            page.wait_for_selector("#preparing:not([hidden])")
        yield name
        if name == "encounter":
            page.keyboard.press("Escape")
            page.keyboard.press("Enter")  # the room says "closed" to a page that leaves it
            page.wait_for_selector('#phase[data-phase="questions"]')
    station.show(views("")["questions"], accommodations=wanted)
    page.wait_for_selector("#questions")
    page.keyboard.press("Control+Alt+T")
    page.wait_for_selector("#pin")
    yield "pin"
    page.keyboard.press("Control+Alt+T")  # the focus has walked on
    page.wait_for_selector("#pin:focus")
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    page.wait_for_selector("#technician-now")
    yield "technician"


def look(page: Any, name: str, is_kiosk: bool) -> Iterator[str]:
    """Yield what is wrong with a page, as clauses."""
    page.evaluate(axe_source() + "; 0")
    for each in page.evaluate("axe.run().then((done) => done.violations)"):
        yield f"{each['id']} ({each['impact']}): {each['nodes'][0]['html'][:200]}"
    broader = page.evaluate(BROADER)
    if broader or page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        yield f"is broader than the screen: {broader}"
    if is_kiosk and (hidden := page.evaluate(HIDDEN_BELOW)):
        yield f"has to be scrolled for {hidden}"
    levels = page.evaluate(LEVELS)
    is_outline = levels[:1] == [1] and levels.count(1) == 1
    if not is_outline or any(after > before + 1 for before, after in itertools.pairwise(levels)):
        yield f"has no outline: {levels}"
    tree = page.locator("body").aria_snapshot()
    is_room = name == "encounter"
    for landmark in ("- main",) if is_room else ("- banner", "- main", "- contentinfo"):
        if landmark not in tree:
            yield f"has no landmark {landmark}"
    if page.evaluate(MOVING):
        yield "moves though less motion is wanted"
    yield from walk_by_tab(page)


def walk_by_tab(page: Any) -> Iterator[str]:
    """Yield what the Tab key does not reach, or where the focus is not seen."""
    page.evaluate("document.querySelector('.skip').focus()")
    wanted = page.evaluate(REACHABLE)
    radios = page.evaluate("document.querySelectorAll('input[type=radio]').length")
    seen = 1
    for _ in range(wanted + 10):
        page.keyboard.press("Tab")
        now = page.evaluate(FOCUSED)
        is_over = page.evaluate("document.activeElement.matches('body, .skip')")
        if is_over:  # the browser's own controls come next, or it begins again
            break
        if not now["is_outlined"]:
            yield f"the focus is not seen on {now}"
        seen += 1
    else:
        yield f"the focus does not leave the page: {now}"
    if seen < wanted - radios:
        yield f"{wanted - radios - seen} controls are not reached by keys"
