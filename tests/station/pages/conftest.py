"""Fixtures: the pages of a scripted station, asked by a client or opened in a real Chromium."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from simvoice.station.app import create_app
from simvoice.station.outbox import RecordOutbox
from simvoice.station.pages import ShownDebrief
from simvoice.station.technician_pages import PanelKeys
from simvoice.web.security import TOKEN_HEADER, StartKey
from simvoice.web.server import loopback_socket
from tests.station.pages.scripted_station import ScriptedStation
from tests.web.conftest import Watched

HOST = "127.0.0.1:8770"


@pytest.fixture
def station(tmp_path: Path) -> ScriptedStation:
    return ScriptedStation(tmp_path)


@pytest.fixture
def start_key() -> StartKey:
    return StartKey()


@pytest.fixture
def outbox(tmp_path: Path) -> RecordOutbox:
    return RecordOutbox(tmp_path / "outbox")


@pytest.fixture(scope="session")
def shared_app(tmp_path_factory: pytest.TempPathFactory) -> tuple[FastAPI, StartKey]:
    """An application whose templates are compiled once; each test gives it a station."""
    key = StartKey()
    first = ScriptedStation(tmp_path_factory.mktemp("station"))
    return create_app(first, key), key  # type: ignore[arg-type]


@pytest.fixture
def client(
    station: ScriptedStation, outbox: RecordOutbox, shared_app: tuple[FastAPI, StartKey]
) -> Iterator[TestClient]:
    """A client that sends requests like our own page."""
    app, key = shared_app
    app.state.station, app.state.outbox = station, outbox
    app.state.debrief, app.state.technicians = ShownDebrief(), PanelKeys()
    cookies = {key.cookie_name(HOST): key.cookie}
    with TestClient(app, base_url=f"http://{HOST}", cookies=cookies) as made:
        made.headers[TOKEN_HEADER] = app.state.token
        yield made


@pytest.fixture
def address(station: ScriptedStation, start_key: StartKey, outbox: RecordOutbox) -> Iterator[str]:
    """A server on a free port, in a thread of this process."""
    made = loopback_socket("127.0.0.1", 0)
    config = uvicorn.Config(
        create_app(station, start_key, outbox=outbox),  # type: ignore[arg-type]
        log_level="error",
        ws="websockets-sansio",
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [made]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.getsockname()[1]}"
    server.should_exit = True
    thread.join(60)
    made.close()
    assert not thread.is_alive()


@pytest.fixture(scope="module")  # Playwright allows no second one meanwhile, so no longer
def chromium() -> Iterator[Any]:
    """A Chromium whose microphone is a tone that comes and goes, and that asks nobody for it."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("Chromium is not installed; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    flags = (
        *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
        *("--no-sandbox", "--autoplay-policy=no-user-gesture-required"),
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, headless=True, args=flags)
        yield browser
        browser.close()


Open = Callable[..., Watched]


@pytest.fixture
def browse(chromium: Any, address: str, start_key: StartKey) -> Iterator[Open]:
    """`browse(**context)` opens the station's page in a context of its own."""
    host = address.removeprefix("http://")
    cookie = {
        "name": start_key.cookie_name(host),
        "value": start_key.cookie,
        "url": address,
        "httpOnly": True,
    }
    contexts = []

    def open_page(**context: Any) -> Watched:
        given = {"viewport": {"width": 1366, "height": 768}, **context}
        made = chromium.new_context(**given)
        contexts.append(made)
        made.add_cookies([cookie])
        seen = Watched(made.new_page())
        seen.page.goto(address)
        seen.page.wait_for_selector("#phase[data-wired]", state="attached")
        return seen

    yield open_page
    for each in contexts:
        each.close()
