"""Every page of the hub in Firefox ESR."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.pages.served import ServedTown, all_pages, served_town
from tests.hub.pages.test_hub_browser import BROADER, SIZES
from tests.web.firefox import Firefox, missing_program

TITLES = "[...document.querySelectorAll('h1')].filter((each) => each.checkVisibility()).length"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedTown]:
    with served_town(tmp_path_factory.mktemp("town")) as running:
        yield running


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    if missing_program():
        pytest.fail("Firefox is not installed; on Debian: apt-get install firefox-esr")
    with Firefox(tmp_path_factory.mktemp("firefox"), os.environ) as running:
        yield running


def sign_in(firefox: Firefox, served: ServedTown, login: str) -> None:
    cookie = served.cookie(login)
    firefox.set_cookie("127.0.0.1", cookie["name"], cookie["value"])


def test_every_page_is_shown_without_an_error_and_fits_each_window(
    firefox: Firefox, served: ServedTown
) -> None:
    for page in all_pages(served.town):
        if page.login:
            sign_in(firefox, served, page.login)
        firefox.goto(served.address + page.path)
        assert firefox.evaluate(TITLES) == 1, page.name
        for width, height in SIZES.values():
            firefox.resize(width, height)
            assert firefox.evaluate(f"({BROADER})()") == [], (page.name, width)
    assert [each for each in firefox.errors if "/nothing" not in each] == []
    hosts = {url.partition("//")[2].partition("/")[0] for url in firefox.requests}
    assert hosts == {served.address.removeprefix("http://")}


def test_an_attempt_is_released_with_the_keyboard_alone(
    firefox: Firefox, served: ServedTown
) -> None:
    sign_in(firefox, served, "lena")
    firefox.goto(f"{served.address}/attempts/{served.town.attempt}/release")
    press_until(firefox, "document.activeElement.name === 'course_id'")
    firefox.press(" ")
    press_until(firefox, "document.activeElement.name === 'contents'")
    firefox.press(" ")
    press_until(firefox, "document.activeElement.textContent === 'Release'")
    firefox.press("Enter")
    firefox.until("location.search === '?done=released'")
    assert "Released." in firefox.text("main")


def press_until(firefox: Firefox, condition: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(60):
        firefox.press("Tab")
        if firefox.evaluate(condition):
            return
    pytest.fail(f"60 presses of Tab did not reach: {condition}")


def test_the_recording_plays(firefox: Firefox, served: ServedTown, tmp_path: Path) -> None:
    sign_in(firefox, served, "lena")
    firefox.goto(f"{served.address}/attempts/{served.town.attempt}")
    firefox.click("#conversation > summary")
    firefox.wait_for("#timeline svg")
    firefox.evaluate("document.getElementById('sound').load()")
    firefox.until("document.getElementById('sound').readyState >= 1")
    length_s = firefox.evaluate("document.getElementById('sound').duration")
    assert length_s == pytest.approx(75.0, abs=0.5)
    firefox.evaluate("document.getElementById('sound').currentTime = 60")
    firefox.until("document.getElementById('sound').readyState >= 2")
    assert firefox.evaluate("document.getElementById('sound').currentTime") == 60
