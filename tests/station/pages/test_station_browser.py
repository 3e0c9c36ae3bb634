"""The browser that a station starts: its profile, its processes, and what it may do."""

from __future__ import annotations

import json
import shlex
import shutil
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from simvoice.errors import LibraryMissing
from simvoice.station.browser import KioskBrowser, find_browser, preferences, private_folder

ADDRESS = "http://127.0.0.1:8770/?key=the-key-of-this-start"
STAYS = ("sh", "-c", "sleep 60")
"""A browser for tests that need its processes alone."""
ENDS = ("sh", "-c", "exit 3")


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def until(condition: Callable[[], object], what: str, limit_s: float = 60.0) -> None:
    end_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end_s:
            pytest.fail(f"{what} did not happen within {limit_s:g} s")
        time.sleep(0.02)


def processes_in(folder: Path) -> list[psutil.Process]:
    found = []
    for each in psutil.process_iter():
        try:
            if any(str(folder) in word for word in each.cmdline()):
                found.append(each)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    # the folder of a test has a name that is too long for the socket of a browser
    with tempfile.TemporaryDirectory(prefix="sv-") as made:
        yield Path(made, "browser")


def opened(browser: KioskBrowser, address: str = ADDRESS) -> Path:
    """Renew a browser and return its new profile, once it is there."""
    before = browser.profile
    browser.renew(address)
    until(lambda: browser.profile not in (None, before), "the new profile")
    until(lambda: next(iter(processes_in(browser.profile or Path())), None), "the new browser")
    profile = browser.profile
    assert profile is not None
    return profile


def test_each_learner_gets_a_new_profile_and_the_old_one_is_removed_also_from_a_frozen_browser(
    folder: Path,
) -> None:
    browser = KioskBrowser(STAYS, folder)
    first = opened(browser)
    (first / "Default" / "History").write_text("what a learner typed")
    for each in processes_in(first):
        each.suspend()  # a frozen browser hears no SIGTERM
    browser.renew(ADDRESS)
    until(browser.is_clean, "the removal of the old profile")
    assert not first.exists()
    until(lambda: browser.profile not in (None, first), "the new profile")
    assert browser.is_alive()
    assert len(list(folder.iterdir())) == 1
    browser.close()
    assert not browser.is_alive()
    assert list(folder.iterdir()) == []
    assert processes_in(folder) == []


def test_a_profile_is_not_clean_until_the_one_before_it_is_gone(folder: Path) -> None:
    browser = KioskBrowser(STAYS, folder)
    assert not browser.is_clean()  # an earlier start of the station may have left one
    opened(browser)
    assert browser.is_clean()
    browser.renew(ADDRESS)
    assert not browser.is_clean()
    until(browser.is_clean, "the removal of the old profile")
    browser.close()


def test_only_this_account_can_read_the_profile_and_no_command_line_has_the_key(
    folder: Path,
) -> None:
    browser = KioskBrowser(STAYS, folder)
    profile = opened(browser)
    running = [word for each in processes_in(folder) for word in each.cmdline()]
    assert not any("the-key-of-this-start" in word for word in running)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((profile / "open.html").stat().st_mode) == 0o600
    assert "the-key-of-this-start" in (profile / "open.html").read_text()
    preferences = json.loads((profile / "Default" / "Preferences").read_text())
    granted = preferences["profile"]["content_settings"]["exceptions"]["media_stream_mic"]
    assert granted == {"http://127.0.0.1:8770,*": {"setting": 1}}
    browser.close()


def test_the_browser_of_a_station_that_was_killed_is_ended_by_the_next_start(folder: Path) -> None:
    marked = f"--user-data-dir={folder}/profile-0123"
    (folder / "profile-0123").mkdir(parents=True)
    with subprocess.Popen([*STAYS, marked], start_new_session=True) as left:
        browser = KioskBrowser(STAYS, folder)
        browser.renew(ADDRESS)
        until(lambda: left.poll() is not None, "the end of the old browser")
        until(browser.is_clean, "the removal of the old profile")
        browser.close()
    assert list(folder.iterdir()) == []


def test_a_browser_that_ends_at_once_is_tried_again_after_waits_that_double(folder: Path) -> None:
    clock = Clock()
    browser = KioskBrowser(ENDS, folder, now=clock)
    browser.renew(ADDRESS)
    until(lambda: browser.profile, "the first try")
    for wait_s in (0.5, 1.0, 2.0, 4.0, 8.0, 8.0):
        until(lambda: not browser.is_alive(), "the end of the browser")
        browser.renew(ADDRESS)
        until(lambda: browser.profile is None, "the removal of its profile")
        assert "ends at once (code 3)" in browser.problem
        assert not browser.is_alive()
        clock.s += wait_s - 0.01
        browser.renew(ADDRESS)  # as a station does that looks after it
        assert not browser.is_alive()
        clock.s += 0.02
        until(lambda: browser.profile, f"another try after {wait_s:g} s")
    browser.close()


def test_a_browser_that_was_closed_after_a_while_is_started_again_at_once(folder: Path) -> None:
    clock = Clock()
    browser = KioskBrowser(ENDS, folder, now=clock)
    browser.renew(ADDRESS)
    until(lambda: browser.profile, "the browser")
    until(lambda: not browser.is_alive(), "the end of the browser")
    first = browser.profile
    clock.s += 60.0
    browser.renew(ADDRESS)
    until(lambda: browser.profile not in (None, first), "the next browser")
    assert browser.problem == ""
    browser.close()


def test_a_browser_that_is_not_there_costs_a_sentence(folder: Path) -> None:
    browser = KioskBrowser(("/nowhere/chromium",), folder)
    browser.renew(ADDRESS)
    until(lambda: browser.problem, "the sentence")
    assert not browser.is_alive()
    assert browser.problem == (
        "The browser cannot be started (No such file or directory); run /nowhere/chromium in a "
        "terminal of this computer to see why."
    )
    browser.close()


def test_a_folder_with_a_name_too_long_for_chromium_costs_a_sentence(tmp_path: Path) -> None:
    browser = KioskBrowser(STAYS, tmp_path / ("a" * 60))
    browser.renew(ADDRESS)
    until(lambda: browser.problem, "the sentence")
    assert "the name of the data folder is too long for it" in browser.problem
    browser.close()


def test_without_chromium_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LibraryMissing, match="apt-get install chromium"):
        find_browser()
    with pytest.raises(LibraryMissing, match="there is no program 'chromium --kiosk'"):
        find_browser("chromium --kiosk")


def test_a_command_may_have_arguments() -> None:
    assert find_browser("sh -c 'sleep 1'") == ("sh", "-c", "sleep 1")


def test_profiles_are_in_memory_where_the_system_has_a_private_place_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    one, other = private_folder(tmp_path / "one"), private_folder(tmp_path / "other")
    assert one.parent == other.parent == tmp_path
    assert one != other
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert private_folder(tmp_path / "one") == tmp_path / "one" / "browser"


# -- the real one


_PAGE = b"""<!doctype html><title>a page</title><script>
localStorage.setItem("marked", "zebra-in-storage");
document.cookie = "marked=zebra-in-cookie; max-age=9999";
const say = (what) => fetch("/said", { method: "POST", body: what });
navigator.mediaDevices.getUserMedia({ audio: true })
  .then(() => say("microphone"), (error) => say(error.name))
  .then(() => say(`history ${history.length}`))
  .then(() => say(`sound ${new AudioContext().state}`))
  .then(() => say("done"));
</script>"""


@pytest.fixture
def site() -> Iterator[tuple[str, list[str]]]:
    """A page on loopback that asks for the microphone, and what it said."""
    said: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Be quiet."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(_PAGE)

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            said.append(self.rfile.read(length).decode())
            self.send_response(204)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/?key=zebra-key", said
    server.shutdown()
    thread.join(60)
    server.server_close()


def chromium_command() -> tuple[str, ...]:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("Chromium is not installed; on Debian: apt-get install chromium")
    words = "--headless=new --no-sandbox --use-fake-device-for-media-stream"
    return (found, *shlex.split(words))


@pytest.mark.browser
def test_chromium_gives_the_microphone_to_the_station_alone_and_leaves_nothing(
    folder: Path, site: tuple[str, list[str]]
) -> None:
    address, said = site
    browser = KioskBrowser(chromium_command(), folder)
    try:
        old = opened(browser, address)
        until(lambda: "done" in said, "the page in the browser", 60.0)
        assert said == ["microphone", "history 1", "sound running", "done"]
        said.clear()
        browser.renew(address)
        until(browser.is_clean, "the removal of the old profile")
        assert not old.exists()
        until(lambda: "done" in said, "the page in the new browser", 60.0)
        assert all(str(old) not in " ".join(each.cmdline()) for each in processes_in(folder))
    finally:
        browser.close()
    assert processes_in(folder) == []
    assert list(folder.iterdir()) == []


@pytest.mark.browser
def test_chromium_gives_the_microphone_to_no_other_origin(
    folder: Path, site: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, said = site
    granted = preferences("http://127.0.0.1:1/")  # the grant of another port
    monkeypatch.setattr("simvoice.station.browser.preferences", lambda _: granted)
    browser = KioskBrowser(chromium_command(), folder)
    try:
        opened(browser, address)
        until(lambda: said, "the page in the browser", 60.0)
        assert said[0] == "NotAllowedError"
    finally:
        browser.close()
