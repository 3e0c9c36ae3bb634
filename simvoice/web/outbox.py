"""What waits to be sent to the page: filled from the encounter's thread, emptied by the loop."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from typing import Any

AUDIO_BOUND = 100
"""Messages of 20 ms: 2 s. A page that is further behind hears what is new, not what is old."""

TEXT_BOUND = 500
"""Captions and the like; hours of talk. Statuses are not among them: only the last counts."""


class Outbox:
    """Bounded on every side. `put_*` may be called from any thread and never blocks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._audio: deque[bytes] = deque()
        self._texts: deque[str] = deque()
        self._status: str | None = None
        self._woken = asyncio.Event()
        self._signalled = False
        self._closed = False
        self.told_end = False
        """The page took everything up to the end. Set and read in the loop only."""
        self.dropped_audio = 0
        """Audio messages thrown away because the page did not take them."""

    def put_audio(self, message: bytes) -> None:
        """Queue sound; the oldest goes when 2 s are waiting."""
        with self._lock:
            if len(self._audio) >= AUDIO_BOUND:
                self._audio.popleft()
                self.dropped_audio += 1
            self._audio.append(message)
        self._wake()

    def put_text(self, message: dict[str, Any]) -> None:
        """Queue a message that must arrive."""
        with self._lock:
            if len(self._texts) >= TEXT_BOUND:
                self._texts.popleft()
            self._texts.append(json.dumps(message, ensure_ascii=False))
        self._wake()

    def put_status(self, message: dict[str, Any]) -> None:
        """Queue the state of things; it replaces one that still waits."""
        with self._lock:
            self._status = json.dumps(message)
        self._wake()

    def close(self) -> None:
        """No more will come; `take` gives what is left and then None."""
        with self._lock:
            self._closed = True
        self._wake()

    async def take(self) -> list[bytes | str] | None:
        """All that waits, sound first; None once closed and empty. One taker only."""
        while True:
            await self._woken.wait()
            with self._lock:
                self._woken.clear()
                self._signalled = False
                out: list[bytes | str] = [*self._audio, *self._texts]
                if self._status is not None:
                    out.append(self._status)
                self._audio.clear()
                self._texts.clear()
                self._status = None
                if out:
                    if self._closed:
                        self._woken.set()
                    return out
                if self._closed:
                    self._woken.set()
                    return None

    def _wake(self) -> None:
        with self._lock:
            # one wake-up at a time: a loop that lags must not pile up callbacks
            if self._signalled:
                return
            self._signalled = True
        try:
            self._loop.call_soon_threadsafe(self._woken.set)
        except RuntimeError:  # the loop is gone: the server is shutting down, nobody listens
            return
