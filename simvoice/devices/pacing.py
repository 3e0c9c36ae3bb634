"""Real time for lines that have no device to give it, and how long a device has been waited for."""

from __future__ import annotations

import time
from collections.abc import Callable

from simvoice.audio import FRAME_S

# -- pace -------------------------------------------------------------------------------------
# Real time for lines that have no device to give it.


class Pacer:
    """Lets frame k through no earlier than `k` frames after the first."""

    def __init__(
        self,
        paced: bool = True,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """paced=False lets everything through at once: virtual time."""
        self._paced = paced
        self._now = now
        self._sleep = sleep
        self._start_s: float | None = None
        self._frames = 0

    def wait(self) -> None:
        """Return when the next frame is over, as a microphone would give it then.

        A caller that was late gets the frames it missed at once, as from a device's buffer.
        """
        if not self._paced:
            return
        now = self._now()
        if self._start_s is None:
            self._start_s = now
        self._frames += 1
        left = self._start_s + self._frames * FRAME_S - now
        if left > 0.0:
            self._sleep(left)


# -- patience ---------------------------------------------------------------------------------
# How long a device has been waited for, which is not always how late it is.


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
