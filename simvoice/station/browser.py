"""The browser of a station: Chromium in kiosk mode, with a new profile for each learner.

A profile lives in a private folder together with the browser's home and temporary files, so that
removing the folder removes everything that the browser wrote. The address with the key goes through
a file in that folder: other accounts of the machine can read a command line.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import math
import os
import resource
import secrets
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from simvoice.errors import LibraryMissing

_log = logging.getLogger(__name__)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Commands that are looked for on PATH, in this order."""

_QUICK_S = 5.0
"""A browser that ends by itself within this time would end again at once."""
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 8.0
"""Short enough that a station is back within 20 s when the last try succeeds."""
_LOOK_S = 0.05
_LONGEST_FOLDER = 50
"""Bytes of the folder's name. Chromium makes a socket in it, whose whole name has 108 at most."""
_KILL_S = 5.0
"""Killed processes are gone within milliseconds; only a disk that hangs takes longer."""

_SWITCHES = (
    "--kiosk",
    "--no-first-run",
    "--no-default-browser-check",
    "--noerrdialogs",
    "--disable-session-crashed-bubble",
    "--hide-crash-restore-bubble",
    # nothing of one learner is kept for the next, and nothing leaves the machine
    "--disable-sync",
    "--password-store=basic",
    "--disable-save-password-bubble",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-logging",
    "--no-pings",
    "--no-proxy-server",
    "--disk-cache-size=1",
    "--media-cache-size=1",
    "--disable-features=Translate,AutofillServerCommunication,MediaRouter,OptimizationHints,"
    "InterestFeedContentSuggestions,CertificateTransparencyComponentUpdater,BackForwardCache",
    # a learner who touches the screen stays on the page
    "--overscroll-history-navigation=0",
    "--disable-pinch",
    # sound starts without a press; microphones are granted in the preferences, to one origin
    "--autoplay-policy=no-user-gesture-required",
)


def find_browser(command: str = "") -> tuple[str, ...]:
    """Return the command that starts Chromium, with its own arguments.

    command: as `--browser` gives it; empty to look on PATH. Raises LibraryMissing.
    """
    if command:
        words = tuple(shlex.split(command))
        if words and shutil.which(words[0]):
            return words
        raise LibraryMissing(f"there is no program {command!r}; give --browser a Chromium")
    for name in NAMES:
        if found := shutil.which(name):
            return (found,)
    raise LibraryMissing(
        "a station shows its pages in Chromium, and none is installed; on Debian and Ubuntu: "
        "apt-get install chromium; or give its command with --browser"
    )


def private_folder(data: Path) -> Path:
    """Return the folder for profiles of the station with this data folder.

    In `$XDG_RUNTIME_DIR` it is in memory, so that no disk keeps what was erased; without that
    variable it is in the data folder.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and os.access(runtime, os.W_OK):
        name = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:8]
        return Path(runtime, f"simvoice-{name}")
    return data / "browser"


class KioskBrowser:
    """Starts Chromium, and ends it with everything that it wrote (`station.ports.Screen`).

    A thread of its own does the work, so that no method waits for a disk or a process.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """command: as from `find_browser`. folder: for profiles alone; it is emptied."""
        self._command = tuple(command)
        self._folder = folder
        self._now = now
        self._changed = threading.Condition()
        self._wanted: str | None = None
        """The address that the next browser opens; None when there is nothing to do."""
        self._closing = False
        self._stale = True
        """Something of an earlier browser may be left, also of an earlier start of the station."""
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._quick_ends = 0
        self._not_before_s = -math.inf
        self.problem = ""
        """Why there is no browser, in a sentence; empty while one runs."""
        self._thread = threading.Thread(target=self._work, name="browser", daemon=True)
        self._thread.start()

    @property
    def profile(self) -> Path | None:
        """The folder of the present profile; None without one."""
        return next(iter(self._profiles()), None)

    def renew(self, address: str) -> None:
        """Close the browser, remove its profile, and start one with a new profile at `address`.

        Returns at once. A browser that ended by itself within some seconds is started again after a
        wait that doubles; `problem` then says why. Repeated calls during it change nothing.
        """
        with self._changed:
            if self._closing:
                return
            self._stale = self._stale or self._process is not None
            self._wanted = address
            self._changed.notify_all()

    def is_alive(self) -> bool:
        """Return True while the browser runs, or is on its way after `renew`."""
        with self._changed:
            if self._wanted is not None:
                return self._now() >= self._not_before_s
            return self._process is not None and self._process.poll() is None

    def is_clean(self) -> bool:
        """Return True when the last `renew` has removed everything of the browser before it."""
        with self._changed:
            return not self._stale

    def close(self) -> None:
        """Close the browser and remove its profile. Blocks until it is done."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._wanted is not None)
                process, self._process = self._process, None
            self._note_end(process)
            is_removed = self._remove(process)
            with self._changed:
                self._stale = not is_removed
                while not self._closing and self._now() < self._not_before_s:
                    self._changed.wait(_LOOK_S)
                if self._closing:
                    return
                assert self._wanted is not None
                address, self._wanted = self._wanted, None
                try:
                    self._start(address)
                except OSError as error:
                    self._end_too_soon(f"cannot be started ({error.strerror})")

    def _start(self, address: str) -> None:
        # a dump of a crashed browser would hold what the learner saw; the limit is inherited
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if len(os.fsencode(self._folder)) > _LONGEST_FOLDER:
            raise OSError(errno.ENAMETOOLONG, "the name of the data folder is too long for it")
        profile = self._folder / f"profile-{secrets.token_hex(4)}"
        for folder in (profile / "Default", profile / "home", profile / "tmp"):
            folder.mkdir(parents=True)
        self._folder.chmod(0o700)
        (profile / "Default" / "Preferences").write_text(
            json.dumps(preferences(address)), encoding="utf-8"
        )
        entrance = profile / "open.html"
        entrance.touch(mode=0o600)
        entrance.write_text(entrance_page(address), encoding="utf-8")
        self._process = subprocess.Popen(
            [*self._command, *_SWITCHES, f"--user-data-dir={profile}", entrance.as_uri()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=environment(profile),
        )
        self._started_s = self._now()
        self.problem = ""
        _log.info("the browser has started")

    def _note_end(self, process: subprocess.Popen[bytes] | None) -> None:
        """Look whether the browser ended by itself, and how soon."""
        if process is None:
            return
        code = process.poll()
        if code is None:
            self._quick_ends = 0
        elif self._now() - self._started_s > _QUICK_S:
            self._quick_ends = 0
            _log.warning("the browser has ended with code %d", code)
        else:
            self._end_too_soon(f"ends at once (code {code})")

    def _end_too_soon(self, what: str) -> None:
        wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**self._quick_ends)
        self._quick_ends += 1
        self._not_before_s = self._now() + wait_s
        self.problem = (
            f"The browser {what}; run {self._command[0]} in a terminal of this computer to see why."
        )
        _log.warning("%s Next try in %.1f s.", self.problem, wait_s)

    def _remove(self, process: subprocess.Popen[bytes] | None) -> bool:
        """End all processes of the browser and remove the folder of profiles."""
        if process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_KILL_S)
        # also those that left the group, and those of a station that was killed
        left = _processes_with(self._folder)
        for each in left:
            with suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(left, timeout=_KILL_S)
        for _ in range(2):  # a process that just died may have made one more file
            for profile in self._profiles():
                shutil.rmtree(profile, ignore_errors=True)
        left_over = len(self._profiles())
        if left_over:
            _log.error("profiles of the browser cannot be removed: %d", left_over)
        return left_over == 0

    def _profiles(self) -> list[Path]:
        return sorted(self._folder.glob("profile-*")) if self._folder.is_dir() else []


def _processes_with(folder: Path) -> list[psutil.Process]:
    """Return the processes of browsers whose profile is in a folder."""
    wanted = f"--user-data-dir={folder}{os.sep}profile-"
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            if any(word.startswith(wanted) for word in each.cmdline()):
                found.append(each)
    return found


def environment(profile: Path) -> dict[str, str]:
    """Return the environment of the browser: its home and its temporary files are in `profile`."""
    own = dict(os.environ)
    own.setdefault("XAUTHORITY", str(Path.home() / ".Xauthority"))
    home = str(profile / "home")
    own.update(HOME=home, XDG_CONFIG_HOME=home, XDG_CACHE_HOME=home, XDG_DATA_HOME=home)
    own["TMPDIR"] = str(profile / "tmp")
    return own


def preferences(address: str) -> dict[str, Any]:
    """Return the preferences of a new profile. Only the origin of `address` has the microphone."""
    parts = urlsplit(address)
    origin = f"{parts.scheme}://{parts.netloc},*"
    return {
        "profile": {
            "content_settings": {"exceptions": {"media_stream_mic": {origin: {"setting": 1}}}},
            "default_content_setting_values": {"notifications": 2, "geolocation": 2, "popups": 2},
            "password_manager_enabled": False,
        },
        "credentials_enable_service": False,
        "autofill": {"enabled": False, "profile_enabled": False, "credit_card_enabled": False},
        "browser": {"enable_spellchecking": False},
        "translate": {"enabled": False},
        "search": {"suggest_enabled": False},
        "download": {"prompt_for_download": True},
        "printing": {"enabled": False},
    }


def entrance_page(address: str) -> str:
    """Return a page that goes on to `address` and stays out of the history."""
    return (
        '<!doctype html><meta charset="utf-8"><title>simvoice</title>'
        f'<meta http-equiv="refresh" content="0; url={escape(address)}">'
    )
