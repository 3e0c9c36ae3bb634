"""Get the hub ready for encounters: load the engines, measure the machine, prepare the cases.

One thread does this, one case after the other, those first that someone waits for. Between two
steps it gives way to running encounters. The rest of a case, for which no one waits, is prepared
only when someone has wished for the case.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from simvoice import log
from simvoice.debrief.retry import CheckpointRef
from simvoice.errors import SimvoiceError
from simvoice.hub.encounters.capacity import measure_capacity
from simvoice.machine import release_memory
from simvoice.ports import AudioLine
from simvoice.record.store import Attempt
from simvoice.runtime.encounter_options import AS_WRITTEN, EncounterOptions
from simvoice.runtime.observer import Encounter, Observer
from simvoice.runtime.stages import Engines
from simvoice.web.ports import CaseCard

_log = logging.getLogger(__name__)

_UNEXPECTED = "The patient could not be prepared; ask the people who run this hub."
_LOADING = "The hub has just started and loads its models. You keep your place."


class HubSimulator(Protocol):
    """What a hub needs of `app.simulator.Simulator(shared=True)`."""

    def cases(self) -> Sequence[CaseCard]:
        """Return the cases that are offered, in order."""
        ...

    def look_again(self) -> None:
        """Read the list of cases again: their files have changed."""
        ...

    def engines(self) -> Engines:
        """Return all engines. Loads them at the first call."""
        ...

    def make_ready(
        self,
        case_id: str,
        progress: Callable[[float, str], None] = ...,
        cancelled: Callable[[], bool] = ...,
        *,
        likely_only: bool = False,
    ) -> None:
        """Prepare a case so far that an encounter can begin. Blocks."""
        ...

    def prepare_rest(self, case_id: str, cancelled: Callable[[], bool] = ...) -> None:
        """Prepare what no one waits for. Blocks."""
        ...

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str = "",
        observer: Observer = ...,
        records: Path | None = None,
        retry_from: CheckpointRef | None = None,
        open_attempt: Callable[[str], Attempt] | None = None,
        options: EncounterOptions = AS_WRITTEN,
    ) -> Encounter:
        """Return an encounter that is ready to run, and that records into a folder.

        retry_from: the checkpoint at which it begins; open_attempt: returns an earlier attempt by
        its id. options: how it differs from the case.
        """
        ...

    def retry_time_s(
        self,
        case_id: str,
        checkpoint: CheckpointRef,
        open_attempt: Callable[[str], Attempt] | None = None,
    ) -> float | None:
        """Return the time limit of a retry in seconds; None without a limit.

        Raises AttemptError when no retry can begin there.
        """
        ...


class CasePreparations:
    """Prepares all cases that are offered, in a thread. Thread-safe."""

    def __init__(
        self, simulator: HubSimulator, most: int | None, set_most: Callable[[int], None]
    ) -> None:
        """most: encounters at once; measured when None. set_most: called once it is known."""
        self._simulator = simulator
        self._most = most
        self._set_most = set_most
        self._lock = threading.Condition()
        self._wanted: list[str] = []
        """The cases that someone has wished for, the newest wish first."""
        self._ready: set[str] = set()
        self._complete: set[str] = set()
        self._troubles: dict[str, str] = {}
        self._has_changed = True
        """The list of cases is to be read, again or for the first time."""
        self._stop = threading.Event()
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub-preparing", daemon=True)
        self.trouble = _LOADING
        """Why no encounter can begin, as a sentence; empty once the engines are loaded."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for its end: the process must not end while an engine works."""
        self._stop.set()
        with self._lock:
            self._lock.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def wait_until_settled(self, longest_s: float) -> bool:
        """Wait until all cases are prepared, or none can be. Return False after `longest_s`."""
        return self._settled.wait(longest_s)

    def want(self, case_id: str) -> None:
        """Prepare this case next: someone waits for it."""
        with self._lock:
            if case_id in self._wanted:
                self._wanted.remove(case_id)
            self._wanted.insert(0, case_id)
            self._troubles.pop(case_id, None)
            self._lock.notify_all()

    def forget(self, case_id: str) -> None:
        """Prepare this case again before the next encounter with it: it has changed, or is new."""
        with self._lock:
            for known in (self._ready, self._complete):
                known.discard(case_id)
            self._troubles.pop(case_id, None)
            self._has_changed = True
            self._lock.notify_all()

    def is_ready(self, case_id: str) -> bool:
        """Return True when an encounter with this case can begin."""
        with self._lock:
            return case_id in self._ready

    def trouble_of(self, case_id: str) -> str:
        """Return why this case cannot be prepared; empty without a reason."""
        with self._lock:
            return self._troubles.get(case_id, "")

    def _run(self) -> None:
        try:
            engines = self._simulator.engines()
            self._set_most(self._most or measure_capacity(engines))
        except SimvoiceError as error:
            _log.warning("no encounters: %s", log.place(error))
            self.trouble = str(error)
            self._settled.set()
            return
        except Exception:  # the waiting pages would wait for ever
            _log.exception("The engines could not be loaded.")
            self.trouble = _UNEXPECTED
            self._settled.set()
            return
        self.trouble = ""
        offered: Sequence[str] = ()
        while not self._stop.is_set():
            if self._has_changed:
                self._has_changed = False
                offered = [card.id for card in self._simulator.cases()]
            if (case_id := self._unprepared(offered)) is not None:
                self._prepare(case_id)
            elif (case_id := self._incomplete()) is not None:
                self._complete_case(case_id)
            else:
                with self._lock:
                    self._settled.set()
                    self._lock.wait_for(partial(self._has_work, offered))

    def _has_work(self, offered: Sequence[str]) -> bool:
        is_all_done = self._unprepared(offered) is None and self._incomplete() is None
        return self._stop.is_set() or self._has_changed or not is_all_done

    def _unprepared(self, offered: Sequence[str]) -> str | None:
        with self._lock:
            done = self._ready | set(self._troubles)
            return next((each for each in (*self._wanted, *offered) if each not in done), None)

    def _incomplete(self) -> str | None:
        with self._lock:
            wanted = (each for each in self._wanted if each in self._ready)
            return next((each for each in wanted if each not in self._complete), None)

    def _complete_case(self, case_id: str) -> None:
        try:
            self._simulator.prepare_rest(case_id, self._stop.is_set)
        except Exception:  # it is synthesised in the encounter then
            _log.exception("The rest of %s could not be prepared.", case_id)
        with self._lock:
            self._complete.add(case_id)
        release_memory()

    def _prepare(self, case_id: str) -> None:
        trouble = ""
        try:
            self._simulator.make_ready(case_id, cancelled=self._stop.is_set, likely_only=True)
        except SimvoiceError as error:
            _log.warning("case=%s cannot be prepared: %s", case_id, log.place(error))
            trouble = str(error)
        except Exception:  # the other cases can be prepared
            _log.exception("The preparation of %s ended with an error.", case_id)
            trouble = _UNEXPECTED
        with self._lock:
            if trouble:
                self._troubles[case_id] = trouble
            elif not self._stop.is_set():
                self._ready.add(case_id)
        release_memory()
