"""The compositor of `simvoice-screen` without a monitor, and the station's browser in it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simvoice.station import install_files as files
from simvoice.station.browser import KioskBrowser
from tests.station.policy_stage import CHROMIUM, Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = b"""<!doctype html><title>station</title><script>
// A frame is drawn only when the compositor asks for one. The window gets its size after the first.
const tell = () => requestAnimationFrame(() => fetch("/", {
  method: "POST", body: JSON.stringify({width: innerWidth, height: innerHeight}),
}));
addEventListener("load", tell);
addEventListener("resize", tell);
</script>"""
WHOLE = {"width": 1280, "height": 720}
"""The output that wlroots makes without a monitor."""

NOBODY = 65534


def command_of_unit() -> list[str]:
    """The command that systemd would run: it takes quotes away and makes one dollar of two."""
    found = re.search(r"^ExecStart=(.*)$", files.screen_unit(), re.MULTILINE)
    assert found is not None
    return [word.replace("$$", "$") for word in shlex.split(found[1])]


class Compositor:
    """cage with an output that exists in memory alone."""

    def __init__(self, runtime: Path) -> None:
        self.link = runtime / files.SCREEN_LINK
        self._runtime = runtime
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        own = {"WLR_BACKENDS": "headless", "WLR_LIBINPUT_NO_DEVICES": "1", "WLR_RENDERER": "pixman"}
        environment = {**os.environ, **own, "XDG_RUNTIME_DIR": str(self._runtime)}
        environment.pop("WAYLAND_DISPLAY", None)
        as_other: list[str] = []
        if os.geteuid() == 0:  # cage does not run as root
            as_other = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        self.link.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [*as_other, *command_of_unit()],
            env=environment,
            cwd=self._runtime,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(lambda: self.link.exists(), "cage made no socket")

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)


def wait_until(condition: Callable[[], bool], failure: str, within_s: float = 60.0) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, f"{failure} within {within_s:.0f} s"
        time.sleep(0.05)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder for sockets, whose paths have at most 107 characters."""
    with tempfile.TemporaryDirectory(prefix="screen-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def screen(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Compositor]:
    runtime = short_path / "runtime"
    runtime.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(runtime, NOBODY, NOBODY)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("WAYLAND_DISPLAY", files.SCREEN_LINK)
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    made = Compositor(runtime)
    made.start()
    yield made
    made.end()


def test_the_browser_fills_the_screen_and_is_renewed_beside_it(
    screen: Compositor, short_path: Path
) -> None:
    site = Site(0, PAGE)
    address = f"http://127.0.0.1:{site.server_port}/"
    browser = KioskBrowser([CHROMIUM, "--no-sandbox"], short_path / "profiles")

    def show() -> None:
        site.posted = {}
        browser.renew(address)

        def is_shown() -> bool:
            if not browser.is_alive():  # as the station does, which tries again after a wait
                browser.renew(address)
            return site.posted == WHOLE

        wait_until(is_shown, "the page did not fill the screen")

    try:
        for _ in range(2):
            show()
            assert screen.is_alive(), "closing the browser leaves the compositor"
        screen.end()  # as when the only monitor is unplugged
        wait_until(lambda: not browser.is_alive(), "the browser did not notice")
        screen.start()
        show()
    finally:
        browser.close()
        site.shutdown()
        site.server_close()
