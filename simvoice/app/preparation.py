"""Prepare one case at a time in a background thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from simvoice import log
from simvoice.errors import SimvoiceError
from simvoice.machine import release_memory
from simvoice.web.ports import Readiness

_log = logging.getLogger(__name__)

PreparationProgress = Callable[[float, str], None]
"""Called with 0..1 and a sentence."""
Cancelled = Callable[[], bool]
"""Returns True once the work is no longer wanted."""


_UNEXPECTED = "the patient could not be prepared; load the page again, or run: simvoice doctor"


@dataclass(slots=True)
class _Preparation:
    """A preparation that was started."""

    case_id: str
    thread: threading.Thread | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def is_running(self) -> bool:
        """True until its thread ends."""
        return self.thread is not None and self.thread.is_alive()


class Preparations:
    """The current preparation and its progress.

    Any thread may read `readiness`; for all else the caller allows one thread at a time.
    """

    def __init__(self) -> None:
        self.readiness = Readiness(False, 0.0, "Starting")
        self._current: _Preparation | None = None

    def serves(self, case_id: str) -> bool:
        """Return True when this case is prepared, or is being prepared."""
        current = self._current
        return current is not None and current.case_id == case_id and not current.cancelled.is_set()

    @property
    def busy_with(self) -> str | None:
        """Id of the case that is being prepared now; None when there is none."""
        current = self._current
        return current.case_id if current is not None and current.is_running else None

    def begin(
        self,
        case_id: str,
        ready: str,
        work: Callable[[PreparationProgress, Cancelled], None],
        rest: Callable[[Cancelled], None],
    ) -> None:
        """Start a preparation. Stops the current one first and waits for its end.

        ready: the sentence when `work` is done. rest: work that no one waits for, done after that.
        """
        self.stop()
        current = self._current = _Preparation(case_id)
        self.readiness = Readiness(False, 0.0, "Starting")

        def run() -> None:
            stop = current.cancelled.is_set
            began_s = time.monotonic()
            try:
                work(self._progress, stop)
            except SimvoiceError as error:
                _log.warning("preparation failed case=%s %s", case_id, log.place(error))
                self.readiness = Readiness(False, 0.0, "", fault=str(error))
                current.cancelled.set()
                return
            except Exception:  # the page would wait for ever
                _log.exception("The preparation of %s ended with an error.", case_id)
                self.readiness = Readiness(False, 0.0, "", fault=_UNEXPECTED)
                current.cancelled.set()
                return
            if not stop():
                _log.info("prepared case=%s seconds=%.1f", case_id, time.monotonic() - began_s)
                release_memory()  # what loading and synthesis have freed
                self.readiness = Readiness(True, 1.0, ready)
                rest(stop)
                release_memory()

        current.thread = threading.Thread(target=run, name="simvoice-prepare", daemon=True)
        current.thread.start()

    def stop(self) -> None:
        """Stop the current preparation and wait for its end: engines serve one thread at a time."""
        current, self._current = self._current, None
        if current is not None and current.thread is not None and current.is_running:
            current.cancelled.set()
            current.thread.join()

    def _progress(self, done: float, what: str) -> None:
        self.readiness = Readiness(False, min(done, 0.99), what)
