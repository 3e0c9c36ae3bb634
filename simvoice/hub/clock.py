"""The time of the hub. It never goes back, so that nothing that has expired comes alive again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

ClockSource = Callable[[], datetime]
Elapsed = Callable[[], float]


def system_time() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


class HubClock:
    """Time that goes on from the latest moment known when the machine's clock is set back.

    Thread-safe. `latest` is kept in the database (`hub.Hub`), so that a restart changes nothing.
    """

    def __init__(
        self,
        latest: datetime | None = None,
        *,
        system: ClockSource = system_time,
        elapsed_s: Elapsed = time.monotonic,
    ) -> None:
        """latest: the latest moment that was known before. elapsed_s: never goes back."""
        self._system = system
        self._elapsed_s = elapsed_s
        self._lock = threading.Lock()
        self._latest = latest or system()
        self._seen_s = elapsed_s()

    def now(self) -> datetime:
        """Return the present moment: the machine's, or a later one if that was set back."""
        with self._lock:
            elapsed_s = self._elapsed_s()
            going_on = self._latest + timedelta(seconds=elapsed_s - self._seen_s)
            self._latest, self._seen_s = max(self._system(), going_on), elapsed_s
            return self._latest

    def behind(self) -> timedelta:
        """Return by how much the machine's clock is behind the time of the hub."""
        return max(self.now() - self._system(), timedelta())
