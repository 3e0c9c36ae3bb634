"""The page's end of the line in Chromium: what it captures and plays."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from websockets.sync.server import ServerConnection, serve

import simvoice.web
from simvoice.audio import FRAME, RATE, to_int16
from simvoice.devices.browser import BrowserLine
from simvoice.devices.loopback import measure_loopback
from simvoice.simulate.signals import pink_noise
from tests.alike import find
from tests.web.silenced import REFUSES_MICROPHONE, refuses_16_khz

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

STATIC = Path(simvoice.web.__file__).parent / "static"

LOOPED = """
// The speaker's sound comes straight back: through a node instead of the air. 8 ms, which a
// cycle in the graph has to have, and no latency of devices that are not there.
for (const name of ["outputLatency", "baseLatency"]) {
  Object.defineProperty(AudioContext.prototype, name, { get: () => 0 });
}
AudioContext.prototype.createMediaStreamSource = function () {
  return (window.air = new DelayNode(this, { delayTime: 128 / 16000 }));
};
"""

START = """
async ([url, looped]) => {
  const { VoiceLine } = await import("/line.js");
  const line = new VoiceLine({
    echoCancellation: false, noiseSuppression: false, autoGainControl: false,
  });
  window.line = line;
  window.told = [];
  for (const name of ["running", "suspended", "message", "closed", "lost"]) {
    line.addEventListener(name, (event) => window.told.push([name, event.detail]));
  }
  await line.open();
  if (looped) {
    // only to the node: the line has connected it to the speaker already
    line.node.connect(window.air);
  }
  line.connect(url).catch((error) => window.told.push(["refused", error.message]));
}
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        return None

    def do_GET(self) -> None:
        if self.path == "/":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>line</title>")
        else:
            super().do_GET()


@pytest.fixture
def site() -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(STATIC))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


Use = Callable[[BrowserLine], None]


class Station:
    """A WebSocket server that gives its one visitor's `BrowserLine` to the test's function."""

    def __init__(self, use: Use) -> None:
        self._use = use
        self.hello: dict[str, Any] = {}
        self.fault: BaseException | None = None
        self.done = threading.Event()
        self._server = serve(self._visit, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/"

    def _visit(self, socket: ServerConnection) -> None:
        line = BrowserLine(socket.send)
        line.start()

        def run() -> None:
            try:
                self._use(line)
            except BaseException as error:
                self.fault = error
            finally:
                socket.close()
                self.done.set()

        user = threading.Thread(target=run)
        user.start()
        for message in socket:
            if isinstance(message, bytes):
                line.push(message)
            else:
                self.hello = json.loads(message)
        line.close()
        user.join()

    def wait(self) -> None:
        assert self.done.wait(60.0), "the page never spoke with the server"
        if self.fault is not None:
            raise self.fault

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()


@pytest.fixture
def learner_wav(tmp_path: Path) -> Path:
    path = tmp_path / "learner.wav"
    said = np.concatenate([np.zeros(RATE), pink_noise(2.0, -20.0, 6), np.zeros(2 * RATE)])
    soundfile.write(path, said, RATE, subtype="PCM_16")
    return path


@pytest.fixture
def visit(site: str, learner_wav: Path) -> Iterator[Callable[..., Any]]:
    """`visit(url, looped=False, before="")` opens a page that connects to `url` and returns it.

    before: a script that runs before the page's own.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("Chromium is not installed; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            headless=True,
            args=[
                "--no-sandbox",
                "--autoplay-policy=no-user-gesture-required",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={learner_wav}%noloop",
            ],
        )

        def open_page(url: str, looped: bool = False, before: str = "") -> Any:
            page = browser.new_page()
            if before:
                page.add_init_script(before)
            if looped:
                page.add_init_script(LOOPED)
            page.goto(site)
            page.evaluate(START, [url, looped])
            return page

        yield open_page
        browser.close()


RESAMPLED = [(refuses_16_khz(44_100), 44_100), (refuses_16_khz(48_000), 48_000)]


@pytest.mark.parametrize(("before", "rate"), [("", RATE), *RESAMPLED, (REFUSES_MICROPHONE, 44_100)])
def test_the_microphones_sound_arrives_complete(
    visit: Callable[..., Any], learner_wav: Path, before: str, rate: int
) -> None:
    heard: list[np.ndarray] = []

    def listen(line: BrowserLine) -> None:
        for _ in range(200):
            frame = line.read()
            assert frame is not None
            assert frame.lost == 0
            heard.append(frame.pcm)
            line.write(np.zeros(FRAME, np.int16))
        assert line.malformed == line.overflow_in == line.overflow_out == 0

    station = Station(listen)
    page = visit(station.url, before=before)
    assert page.evaluate("window.line.context.sampleRate") == rate
    station.wait()
    station.close()
    got = np.concatenate(heard).astype(float)
    said = soundfile.read(learner_wav)[0][RATE : RATE * 5 // 2] * 32768
    wanted, found = find(got, said, RATE)
    assert np.corrcoef(found, wanted)[0, 1] > 0.98
    assert station.hello["type"] == "hello"
    assert station.hello["echoCancellation"] is False


@pytest.mark.parametrize(("before", "rate"), [("", RATE), RESAMPLED[0]])
def test_written_sound_plays_at_the_predicted_time(
    visit: Callable[..., Any], before: str, rate: int
) -> None:
    found = []

    def loop(line: BrowserLine) -> None:
        for _ in range(25):
            line.read()
            line.write(np.zeros(FRAME, np.int16))
        found.append(measure_loopback(line))

    station = Station(loop)
    page = visit(station.url, looped=True, before=before)
    assert page.evaluate("window.line.context.sampleRate") == rate
    station.wait()
    station.close()
    (back,) = found
    assert back.delay_s is not None
    assert back.echo_db == pytest.approx(0.0, abs=0.5)
    assert back.stated_delay_s + 0.008 == pytest.approx(back.delay_s, abs=0.021)
    assert back.delay_s < 0.25


def test_the_surplus_after_a_server_stall_is_dropped_from_silence(
    visit: Callable[..., Any],
) -> None:
    delays = []

    def stall(line: BrowserLine) -> None:
        silence, loud = np.zeros(FRAME, np.int16), to_int16(pink_noise(0.02, -20.0, 1))
        for _ in range(20):
            line.read()
            line.write(silence)
        for _ in range(40):  # written at once, as after a stall
            line.write(loud)
        for k in range(90):
            frame = line.read()
            assert frame is not None
            line.write(loud if k < 20 else silence)
            delays.append(frame.output_delay_s)

    station = Station(stall)
    visit(station.url)
    station.wait()
    station.close()
    assert max(delays[5:20]) > 0.7
    assert delays[-1] < 0.3


def test_the_page_reports_a_closed_server(visit: Callable[..., Any]) -> None:
    station = Station(lambda line: [line.read() for _ in range(5)] and None)
    page = visit(station.url)
    station.wait()
    page.wait_for_function("window.told.some(([name]) => name === 'closed')")
    assert page.evaluate("[window.line.stream, window.line.context]") == [None, None]
    station.close()


def test_the_page_reports_a_missing_server(visit: Callable[..., Any]) -> None:
    page = visit("ws://127.0.0.1:9/")
    page.wait_for_function("window.told.some(([name]) => name === 'refused')")
    told = dict(page.evaluate("window.told"))
    assert told["refused"] == "The server did not answer. Check that simvoice is still running."
