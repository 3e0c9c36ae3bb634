"""Pace lines without a device in real time, and time how long a device is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable

from simvoice.audio import FRAME_S

MOST_STEP_S = 0.25
"""The longest time that one reading adds: a longer one means that the machine stood still."""


class Pacer:
    """Releases frame k at the earliest `k` frames after the first, as a device does."""

    def __init__(
        self,
        paced: bool = True,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """paced=False never waits: virtual time."""
        self._paced = paced
        self._now = now
        self._sleep = sleep
        self._start_s: float | None = None
        self._frames = 0

    def wait(self) -> None:
        """Return at the end of the next frame, when a microphone would deliver it.

        A late caller gets the frames that it missed at once, as from a device's buffer.
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


class WaitTimer:
    """Counts the seconds of waiting for a device, without those in which the machine stood still.

    After a suspended or overloaded machine resumes, all deadlines have passed although the sound is
    still to come. By the clock alone every device would count as lost.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last_s = now()
        self._waited_s = 0.0

    def elapsed_s(self) -> float:
        """Return the seconds waited; each call adds `MOST_STEP_S` at most."""
        now_s = self._now()
        self._waited_s += min(now_s - self._last_s, MOST_STEP_S)
        self._last_s = now_s
        return self._waited_s
