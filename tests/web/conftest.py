"""Fixtures: a server with the stand-in simulator, and a Chromium that opens its pages."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import uvicorn
from fastapi.testclient import TestClient

from simvoice.audio import RATE
from simvoice.web.app import create_app
from simvoice.web.security import StartKey
from simvoice.web.server import loopback_socket
from tests.planted.builder import speech_like
from tests.planted.on_page import plant
from tests.web.stand_in import HOST, StandIn


@pytest.fixture
def simulator(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path / "attempts")


@pytest.fixture
def start_key() -> StartKey:
    return StartKey()


@pytest.fixture
def client(simulator: StandIn, start_key: StartKey) -> Iterator[TestClient]:
    """A client that sends requests like our own page, with the cookie of this start."""
    cookies = {start_key.cookie_name(HOST): start_key.cookie}
    app = create_app(simulator, start_key)
    with TestClient(app, base_url=f"http://{HOST}", cookies=cookies) as made:
        yield made


@pytest.fixture
def token(client: TestClient) -> str:
    """The token of this start, as our pages carry it."""
    found: str = client.app.state.token  # type: ignore[attr-defined]
    return found


@pytest.fixture
def attempt_id(simulator: StandIn) -> str:
    """The id of a complete attempt, recorded beforehand."""
    return plant(simulator.root)


# -- a real server and a real browser -------------------------------------------------------


@pytest.fixture
def address(simulator: StandIn, start_key: StartKey) -> Iterator[str]:
    """A server on a free port, in a thread of this process."""
    made = loopback_socket("127.0.0.1", 0)
    config = uvicorn.Config(
        create_app(simulator, start_key),
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


@pytest.fixture
def microphone_wav(tmp_path: Path) -> Path:
    """1 s of background noise (playback starts with the permission), then speech, pause, speech."""
    pause = np.zeros(RATE)
    sound = np.concatenate([pause, speech_like(2.5), pause, speech_like(3.0), pause, pause])
    sound += np.random.default_rng(7).normal(0, 0.0005, sound.size)
    path = tmp_path / "learner.wav"
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    return path


KEEP_STREAM = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wishes) => (window.stream = await open(wishes));
"""
"""A script for a page: a test can reach its microphone as `window.stream`."""


@dataclass
class Watched:
    """A page with its console errors and its requests."""

    page: Any
    errors: list[str] = field(default_factory=list)
    """Console errors and uncaught exceptions."""
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self._console(message))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.context.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.set_default_timeout(60_000)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)


Open = Callable[..., Watched]


@pytest.fixture
def browse(microphone_wav: Path, address: str, start_key: StartKey) -> Iterator[Open]:
    """`browse(microphone="file" | "denied" | "none", **context)` opens a page in Chromium."""
    host = address.removeprefix("http://")
    cookie = {"name": start_key.cookie_name(host), "value": start_key.cookie, "url": address}
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("Chromium is not installed; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browsers = []

        def open_page(microphone: str = "file", **context: Any) -> Watched:
            flags = {
                "file": [
                    "--use-fake-ui-for-media-stream",
                    "--use-fake-device-for-media-stream",
                    f"--use-file-for-fake-audio-capture={microphone_wav}%noloop",
                ],
                # without the fake permission dialogue, a headless browser denies
                "denied": ["--use-fake-device-for-media-stream", "--deny-permission-prompts"],
                "none": ["--use-fake-ui-for-media-stream"],
            }[microphone]
            browser = playwright.chromium.launch(
                executable_path=chromium, headless=True, args=["--no-sandbox", *flags]
            )
            browsers.append(browser)
            made = browser.new_context(viewport={"width": 1366, "height": 768}, **context)
            made.add_cookies([cookie])
            return Watched(made.new_page())

        yield open_page
        for browser in browsers:
            browser.close()
