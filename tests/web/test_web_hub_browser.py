"""Pairing, a release and its withdrawal in Chromium, by keyboard alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from simvoice.hub_client.connection import HubConnection
from simvoice.hub_client.link import HubLink
from simvoice.web.app import create_app
from simvoice.web.security import StartKey
from simvoice.web.server import loopback_socket
from tests.hub_client.scripted_hub import ScriptedHub
from tests.planted.on_page import plant
from tests.web.conftest import Open
from tests.web.stand_in import StandIn

pytestmark = pytest.mark.browser

WIDE = """[...document.querySelectorAll("body *")]
  .filter((each) => each.getBoundingClientRect().right > document.documentElement.clientWidth)
  .map((each) => `${each.tagName}.${each.className}`).slice(0, 8)"""
"""The elements that are too wide."""


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub(now=time.time)


@pytest.fixture
def address(
    simulator: StandIn, start_key: StartKey, hub: ScriptedHub, tmp_path: Path
) -> Iterator[str]:
    """A server whose hub is scripted."""

    def connect(*given: Any) -> HubConnection:
        return HubConnection(*given, transport=hub.transport())

    link = HubLink(tmp_path / "paired", connect=connect)
    made = loopback_socket("127.0.0.1", 0)
    config = uvicorn.Config(create_app(simulator, start_key, link), log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [made]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.getsockname()[1]}"
    server.should_exit = True
    thread.join(60)
    made.close()


def test_a_learner_pairs_releases_and_withdraws_by_keyboard(
    browse: Open, address: str, hub: ScriptedHub, simulator: StandIn
) -> None:
    attempt_id = plant(simulator.root)
    watched = browse()
    page = watched.page
    page.goto(f"{address}/hub")
    assert "Nothing leaves this machine" in page.locator("header").inner_text()
    page.locator("#hub-line").focus()
    page.keyboard.type("http://127.0.0.1:9000 CODE")
    page.keyboard.press("Enter")
    page.locator("#hub-address").wait_for()
    assert page.evaluate("document.activeElement.id") == "hub-address"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "hub-pair"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Connected to Lab").wait_for()
    assert "Connected to Lab (127.0.0.1:9000)" in page.locator("header").inner_text()

    page.goto(f"{address}/attempts/{attempt_id}")
    page.locator("#release-open").focus()
    page.keyboard.press("Enter")
    page.locator("#release-panel").wait_for()
    assert page.locator("#release-send").is_disabled()
    page.locator("[name=contents][value=words]").focus()
    page.keyboard.press("Space")
    files = page.locator("#release-files tbody tr")
    assert not any("audio.flac" in text for text in files.all_inner_texts())
    assert files.count() == 4
    page.locator("#release-send").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Lab (127.0.0.1:9000) has it.").wait_for()
    (kept,) = hub.kept.values()
    assert "audio.flac" not in kept.files
    assert page.evaluate("document.activeElement.id") == "release-withdraw"

    page.keyboard.press("Enter")
    page.get_by_text("nobody can open any more").wait_for()
    assert kept.courses == set()
    page.goto(f"{address}/hub")
    page.locator("#hub-unpair").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Pair this machine").wait_for()
    assert watched.errors == []
    assert not any("9000" in url for url in watched.requests)


def test_a_code_that_is_wrong_is_said_and_can_be_corrected(browse: Open, address: str) -> None:
    watched = browse()
    page = watched.page
    page.goto(f"{address}/hub")
    page.locator("#hub-line").fill("http://127.0.0.1:9000 WRONG")
    page.keyboard.press("Enter")
    page.locator("#hub-pair").click()
    page.get_by_text("This code is not known here.").wait_for()
    assert page.locator("#hub-line").input_value() == "http://127.0.0.1:9000 WRONG"
    assert page.locator("#hub-line").is_visible()


@pytest.mark.parametrize("width", [320, 1366])
def test_the_pages_fit_on_a_phone_and_a_screen(
    browse: Open, address: str, simulator: StandIn, width: int, tmp_path: Path
) -> None:
    attempt_id = plant(simulator.root)
    page = browse().page
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{address}/hub")
    page.locator("#hub-line").fill("http://127.0.0.1:9000 CODE")
    page.keyboard.press("Enter")
    page.locator("#hub-pair").click()
    page.get_by_role("heading", name="Connected to Lab").wait_for()
    for path in ("/hub", "/", f"/attempts/{attempt_id}"):
        page.goto(address + path)
        if path.startswith("/attempts"):
            page.locator("#release-open").click()
            page.locator("#release-panel").wait_for()
            page.locator("[name=contents][value=sound]").check()
        wider = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wider <= 0, (path, page.evaluate(WIDE))
        page.screenshot(path=str(tmp_path / f"{path.strip('/').replace('/', '-')}.png"))
