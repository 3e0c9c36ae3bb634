"""Real time for lines that have no device to give it."""

from __future__ import annotations

import time
from collections.abc import Callable

from simvoice.audio import FRAME_S


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
