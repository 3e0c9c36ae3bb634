"""Watch the page of a station: a browser that is gone or silent is renewed, and the phase stays."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from simvoice.station.ports import Screen

_log = logging.getLogger(__name__)

SILENT_S: Final = 8.0
"""A page that lives asks twice a second; a busy machine makes it late by some seconds."""
START_S: Final = 12.0
"""A browser that was just started shows its page within this time on a slow machine."""
_RENEWED_ONCE_S: Final = 1.0
_MOST_WINDOWS: Final = 20


class PageWatch:
    """Which window is the page, when it was last heard of, and its browser. Thread-safe."""

    def __init__(self, screen: Screen, real_s: Callable[[], float]) -> None:
        """real_s: seconds of a real clock."""
        self.screen = screen
        self._real_s = real_s
        self._lock = threading.Lock()
        self._address = ""
        self._windows: list[str] = []
        """Of pages that were loaded, the present one last."""
        self._seen_s: float | None = None
        self._renewed_s = real_s()
        self._level_dbfs: float | None = None

    def open(self, address: str) -> None:
        """Open the page. address: with the key."""
        self._address = address
        self.renew()

    def seen(self, window: str, level_dbfs: float | None) -> bool:
        """Note that a page lives. Returns False for a window that a later one has replaced."""
        with self._lock:
            if window not in self._windows:
                self._windows = [*self._windows[1 - _MOST_WINDOWS :], window]
            if window != self._windows[-1]:
                return False
            self._seen_s = self._real_s()
            self._level_dbfs = level_dbfs
            return True

    @property
    def level_dbfs(self) -> float | None:
        """Level of the microphone as the page last told it; None while it is closed."""
        with self._lock:
            return self._level_dbfs

    def renew(self) -> None:
        """Close the browser with everything that it kept, and open the page in a new one."""
        with self._lock:
            self._renewed_s, self._seen_s, self._level_dbfs = self._real_s(), None, None
        if self._address:
            self.screen.renew(self._address)

    def look(self, close_line: Callable[[], object]) -> None:
        """Renew a browser that is gone or whose page is silent.

        close_line: called first for a page that is silent: the line of an encounter would stay
        open while no sound comes.
        """
        now_s = self._real_s()
        with self._lock:
            since_renewed_s = now_s - self._renewed_s
            was_seen = self._seen_s is not None
            silent_s = since_renewed_s - START_S if self._seen_s is None else now_s - self._seen_s
        is_gone = since_renewed_s > _RENEWED_ONCE_S and not self.screen.is_alive()
        if silent_s <= SILENT_S and not is_gone:
            return
        if was_seen:
            _log.warning("the page is %s; the browser is renewed", "gone" if is_gone else "silent")
            close_line()
        self.renew()
