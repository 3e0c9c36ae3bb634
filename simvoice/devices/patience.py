"""How long a device has been waited for, which is not always how late it is."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP_S = 0.25
"""The most that one look adds: a longer one means that the machine stood still, not the device."""


class Waiting:
    """Counts the seconds from its making, as somebody lived through them who keeps looking.

    A machine that is suspended, paused or starved for seconds wakes with its deadlines passed and
    the sound still on its way; by the clock alone every device would be lost then.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last_s = now()
        self._waited_s = 0.0

    def look(self) -> float:
        """Seconds waited so far; what lies between two looks counts `STEP_S` at most."""
        now_s = self._now()
        self._waited_s += min(now_s - self._last_s, STEP_S)
        self._last_s = now_s
        return self._waited_s
