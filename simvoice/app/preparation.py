"""What is made ready before anybody needs it: one thing at a time, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from simvoice.errors import SimvoiceError
from simvoice.web.ports import Readiness

PreparationProgress = Callable[[float, str], None]
"""Called with 0..1 and a sentence."""
Cancelled = Callable[[], bool]
"""True once the work is no longer wanted."""


@dataclass(slots=True)
class _Going:
    """A preparation that has begun."""

    case_id: str
    thread: threading.Thread | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def is_on(self) -> bool:
        """It has begun and not ended."""
        return self.thread is not None and self.thread.is_alive()


class Preparations:
    """The one that goes on, and how far it has come. Not for two threads at once, but for
    `readiness`."""

    def __init__(self) -> None:
        self.readiness = Readiness(False, 0.0, "Starting")
        self._going: _Going | None = None

    def serves(self, case_id: str) -> bool:
        """This case is made ready already, or is being so."""
        going = self._going
        return going is not None and going.case_id == case_id and not going.cancelled.is_set()

    @property
    def busy_with(self) -> str | None:
        """The case that is being made ready now."""
        going = self._going
        return going.case_id if going is not None and going.is_on else None

    def begin(
        self,
        case_id: str,
        ready: str,
        work: Callable[[PreparationProgress, Cancelled], None],
        rest: Callable[[Cancelled], None],
    ) -> None:
        """Put this in place of what goes on; returns once that has ended.

        ready: what to say when `work` is done. rest: what may be made when nobody waits for it.
        """
        self.stop()
        going = self._going = _Going(case_id)
        self.readiness = Readiness(False, 0.0, "Starting")

        def run() -> None:
            stop = going.cancelled.is_set
            try:
                work(self._progress, stop)
            except SimvoiceError as error:
                self.readiness = Readiness(False, 0.0, "", fault=str(error))
                going.cancelled.set()
                return
            if not stop():
                self.readiness = Readiness(True, 1.0, ready)
                rest(stop)

        going.thread = threading.Thread(target=run, name="simvoice-prepare", daemon=True)
        going.thread.start()

    def stop(self) -> None:
        """End what goes on; the engines are not for two threads at once."""
        going, self._going = self._going, None
        if going is not None and going.thread is not None and going.is_on:
            going.cancelled.set()
            going.thread.join()

    def _progress(self, done: float, what: str) -> None:
        self.readiness = Readiness(False, min(done, 0.99), what)
