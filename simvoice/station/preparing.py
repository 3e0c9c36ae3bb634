"""Prepare the patients of a station, one case after the other, those first that someone waits for.

The engines serve one encounter at a time, so nothing is prepared while one runs: the preparation is
cancelled, and begins again afterwards where its clips are.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from simvoice import log
from simvoice.errors import SimvoiceError
from simvoice.machine import release_memory
from simvoice.station.pace import PaceFile, PreparationPace
from simvoice.station.ports import StationSimulator

_log = logging.getLogger(__name__)

_UNEXPECTED = "The patient could not be prepared; ask a technician."

PAGE_FIRST_S = 10.0
"""The engines take a core for some seconds. The page comes first, so that learners see where they
are; without a page the engines are loaded after this time."""
AGAIN_S = 60.0
"""A case that could not be prepared is tried again after this time: its files may have come."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a patient is."""

    share: float
    """How much is done, 0..1."""
    left_s: float | None
    """Seconds until an encounter can begin; 0 when it takes longer than before. None while nothing
    is known, as at the first start of a station."""


class StationPreparations:
    """Prepares cases in a thread of its own. Thread-safe."""

    def __init__(
        self,
        simulator: StationSimulator,
        wanted: Callable[[], Sequence[str]],
        folder: Path,
        *,
        before: Callable[[Callable[[], bool]], object] = lambda _: None,
        hurries: Callable[[], bool] = lambda: False,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """wanted: the cases that are needed, the most urgent first. folder: keeps how long it took.
        before: prepares something else once, and is given a function that says whether to stop.
        hurries: a learner waits for the first case, which then comes before that. now_s: seconds
        of a clock that does not jump.
        """
        self._simulator = simulator
        self._wanted = wanted
        self._before = before
        self._before_is_due = True
        self._hurries = hurries
        self._now_s = now_s
        self._file = PaceFile(folder)
        self._pace: PreparationPace | None = None
        self._has_engines = False
        """The next preparation loads none."""
        self._changed = threading.Condition()
        self._busy = False
        self._paused = False
        self._stopping = False
        self._working_on = ""
        self._sentence = ""
        self._ready: set[str] = set()
        self._troubles: dict[str, str] = {}
        self._has_page = threading.Event()
        self._thread = threading.Thread(target=self._run, name="station-preparing", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for its end: the process must not end while an engine works."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._has_page.set()
        if self._thread.is_alive():
            self._thread.join()

    def page_is_there(self) -> None:
        """Begin now: the page of the station is shown."""
        self._has_page.set()

    def look_again(self) -> None:
        """Ask `wanted` again: it has changed."""
        with self._changed:
            self._changed.notify_all()

    def forget(self) -> None:
        """Prepare all cases again: their files have changed."""
        with self._changed:
            self._ready.clear()
            self._troubles.clear()
            self._changed.notify_all()

    def pause(self, longest_s: float) -> bool:
        """Prepare nothing until `go_on`. Returns False when a step takes longer than this."""
        with self._changed:
            self._paused = True
            return self._changed.wait_for(lambda: not self._busy, longest_s)

    def go_on(self) -> None:
        """Prepare again."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def is_ready(self, case_id: str) -> bool:
        """Return True when an encounter with this case can begin."""
        with self._changed:
            return case_id in self._ready

    def trouble(self, case_id: str) -> str:
        """Return why a case cannot be prepared, in a sentence; empty without a reason."""
        with self._changed:
            return self._troubles.get(case_id, "")

    def sentence(self) -> str:
        """Return what is being done now: "Preparing Ruth's voice"."""
        with self._changed:
            return self._sentence

    def progress(self, case_id: str) -> Progress:
        """Return how far a case is that is not ready yet."""
        with self._changed:
            if self._pace is not None and self._working_on == case_id:
                return Progress(self._pace.share, self._pace.left_s(self._now_s()))
            before = self._file.curve(self._key(case_id))
        return Progress(0.0, before[-1][1] if before else None)

    def _key(self, case_id: str) -> str:
        return f"{case_id} {'with' if self._has_engines else 'without'} engines"

    def states(self) -> tuple[tuple[str, bool, str], ...]:
        """Return id, readiness and trouble of each case that is needed."""
        wanted = self._wanted()
        with self._changed:
            return tuple(
                (each, each in self._ready, self._troubles.get(each, "")) for each in wanted
            )

    def _next(self) -> str | None:
        wanted = self._wanted()
        with self._changed:
            done = self._ready | set(self._troubles)
            return next((each for each in wanted if each not in done), None)

    def _must_stop(self) -> bool:
        """Return True when the present step is to be cancelled: another case comes first, or this
        one is not needed any more, because a learner has chosen another.
        """
        wanted, first = self._wanted(), self._next()
        with self._changed:
            present = self._working_on
            is_outdone = bool(present) and (present not in wanted or first != present)
            return self._stopping or self._paused or is_outdone

    def _run(self) -> None:
        self._has_page.wait(PAGE_FIRST_S)
        while not self._stopping:
            if self._before_is_due and not (self._hurries() and self._next()):
                self._prepare_before()
            if self.prepare_next():
                continue
            with self._changed:
                self._sentence = ""
                if self._has_nothing_to_do() and not self._changed.wait(AGAIN_S):
                    self._troubles.clear()

    def _has_nothing_to_do(self) -> bool:
        return not self._stopping and (self._paused or self._next() is None)

    def prepare_next(self) -> bool:
        """Prepare the most urgent case. Blocks. Returns False when there was nothing to do."""
        case_id = self._next()
        if case_id is None or self._paused:
            return False
        self._prepare(case_id)
        return True

    def _prepare_before(self) -> None:
        with self._changed:
            if self._stopping or self._paused:
                return
            self._busy = True
        try:
            self._before(self._must_stop)
        except Exception:  # the cases can be prepared all the same
            _log.exception("A preparation ended with an error.")
        is_cut_off = self._must_stop()
        with self._changed:
            self._busy, self._before_is_due = False, is_cut_off
            self._changed.notify_all()

    def _prepare(self, case_id: str) -> None:
        with self._changed:
            if self._stopping or self._paused:
                return
            self._busy, self._working_on = True, case_id
            key = self._key(case_id)
            pace = self._pace = PreparationPace(self._file.curve(key), self._now_s())
        trouble, is_whole = "", False
        try:
            self._simulator.make_ready(case_id, self._tell, self._must_stop, likely_only=True)
            is_whole = not self._must_stop()
        except SimvoiceError as error:
            _log.warning("case=%s cannot be prepared: %s", case_id, log.place(error))
            trouble = str(error)
        except Exception:  # the other cases can be prepared
            _log.exception("The preparation of %s ended with an error.", case_id)
            trouble = _UNEXPECTED
        with self._changed:
            self._busy, self._working_on, self._pace = False, "", None
            if trouble:
                self._troubles[case_id] = trouble
            elif is_whole:
                self._ready.add(case_id)
                self._has_engines = True
                pace.note(1.0, self._now_s())
            self._changed.notify_all()
        if is_whole:
            self._file.keep(key, pace.curve)
        release_memory()

    def _tell(self, done: float, sentence: str) -> None:
        with self._changed:
            self._sentence = sentence
            if self._pace is not None:
                self._pace.note(done, self._now_s())
