"""A real `simvoice station` with its engines and its Chromium, started again as systemd does it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.endurance.sending import free_port
from tests.exam_day.station_host import HOUSE, RESTART_S, waited_for_core_s

READY_S = 300.0
"""Longest wait for the models and the patient. Two stations load theirs on two cores."""


class RealStation:
    """`simvoice station` in a process of its own, and the page in its browser."""

    def __init__(self, name: str, hub: str, line: str, folder: Path, home: Path, wav: Path) -> None:
        """line: pairs it. home: SIMVOICE_HOME. wav: what its microphone hears, again and again."""
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        if chromium is None:
            pytest.fail("Chromium is not installed; on Debian: apt-get install chromium")
        self.name = name
        self.folder = folder
        self.data = folder / "data"
        self.run_folder = Path(tempfile.mkdtemp(prefix=f"sv-{name}-"))
        """XDG_RUNTIME_DIR, where the profiles of the browser are. Its path is short, because
        Chromium makes sockets below it."""
        self.temporary = folder / "tmp"
        for each in (self.data, self.temporary):
            each.mkdir(parents=True, mode=0o700)
        self.debug_port = free_port()
        self._browser = " ".join(
            (
                chromium,
                "--headless=new --no-sandbox --window-size=1366,768",
                f"--remote-debugging-port={self.debug_port}",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={wav}",
            )
        )
        self._words = ["station", "--hub", hub, "--name", name, "--pair", line]
        self._words += ["--port", str(free_port()), "--data", str(self.data)]
        self._words += ["--browser", self._browser]
        self._environment = os.environ | {
            "SIMVOICE_HOME": str(home),
            "XDG_RUNTIME_DIR": str(self.run_folder),
            "TMPDIR": str(self.temporary),
            "COLUMNS": "100",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False

    def start(self) -> None:
        """Start it, and start it again whenever it ends."""
        self._launch()
        threading.Thread(target=self._supervise, name=f"systemd-{self.name}").start()

    def _launch(self) -> None:
        with (self.folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "simvoice", *self._words],
                cwd=HOUSE,
                env=self._environment,
                stdout=output,
                stderr=output,
            )

    def _supervise(self) -> None:
        while not self._is_over:
            assert self._process is not None
            self._process.wait()
            if not self._is_over:
                time.sleep(RESTART_S)  # as `RestartSec`
                self._launch()

    def kill(self) -> None:
        """End the process at once; it is started again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)

    def waited_for_core_s(self) -> float:
        """Return how long the present process and its browser have waited for a core."""
        assert self._process is not None
        mine = f"--user-data-dir={self.run_folder}"
        waited_s = waited_for_core_s(self._process.pid)
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                words = each.cmdline()
                is_browser = any(word.startswith(mine) for word in words)
                if is_browser and not any(word.startswith("--type=") for word in words):
                    waited_s += waited_for_core_s(each.pid)
        return waited_s

    def stop(self) -> None:
        """End it as at a shutdown."""
        self._is_over = True
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.run_folder, ignore_errors=True)

    def output(self) -> str:
        """Return what it has printed."""
        return (self.folder / "output.log").read_text(errors="replace")


class Kiosk:
    """The page in the browser of a station. A browser that was renewed is connected to again."""

    def __init__(self, playwright: Any, station: RealStation) -> None:
        self._playwright = playwright
        self._station = station
        self._address = f"http://127.0.0.1:{station.debug_port}"
        self._browser: Any = None
        self._number = ""
        """What Chromium calls the browser that is connected to."""

    def _present(self) -> str:
        """Return what Chromium calls the browser that runs now; empty without one."""
        try:
            found = httpx.get(f"{self._address}/json/version", timeout=2.0).json()
        except (httpx.HTTPError, ValueError):
            return ""
        return str(found["webSocketDebuggerUrl"])

    def page(self, within_s: float = 60.0) -> Any:
        """Return the page, whichever browser shows it now."""
        end = time.monotonic() + within_s
        while True:
            with suppress(Exception):  # the browser has just gone, or is not there yet
                present = self._present()
                if present and present != self._number:
                    self._browser = self._playwright.chromium.connect_over_cdp(
                        self._address, timeout=5000
                    )
                    self._number = present
                for context in self._browser.contexts if present else ():
                    for page in context.pages:
                        if page.locator("#phase").count():
                            return page
            if time.monotonic() > end:
                raise AssertionError(
                    f"{self._station.name} shows no page after {within_s:.0f} s: "
                    f"{self._station.output()[-2000:]}"
                )
            time.sleep(0.1)

    def wait_gone(self, within_s: float = 120.0) -> None:
        """Wait until the browser that was connected to is closed."""
        end = time.monotonic() + within_s
        while self._present() == self._number:
            if time.monotonic() > end:
                raise AssertionError(f"{self._station.name} goes on with the browser of before")
            time.sleep(0.1)

    def phase(self) -> str:
        """Return the phase that the page shows; empty while there is no page."""
        with suppress(Exception):  # the browser is being renewed
            found: str = self.page(5.0).locator("#phase").get_attribute("data-phase", timeout=2000)
            return found
        return ""

    def wait_for(self, phase: str, within_s: float = 60.0) -> Any:
        """Return the page when it shows this phase."""
        end = time.monotonic() + within_s
        while (seen := self.phase()) != phase:
            if time.monotonic() > end:
                raise AssertionError(
                    f"{self._station.name} is in {seen!r}, not in {phase}, after {within_s:.0f} s: "
                    f"{self._station.output()[-2000:]}"
                )
            time.sleep(0.1)
        return self.page()

    def press(self, act: str) -> None:
        """Press the button of an action, as soon as it can be pressed."""
        self.page().locator(f'#phase [data-act="{act}"]').first.click(timeout=60_000)


@contextmanager
def running(*stations: RealStation) -> Iterator[None]:
    """Start stations, and stop them at the end."""
    try:
        for each in stations:
            each.start()
        yield
    finally:
        for each in stations:
            each.stop()
