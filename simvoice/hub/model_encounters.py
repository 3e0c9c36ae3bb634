"""Model encounters: a simulated learner who does most things well, to listen to in a course.

One is played with the engines of the hub, in real time, in a place that no one needs. It is kept
for one version of a case in the data folder, and is nobody's attempt.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from simvoice import log, paths
from simvoice.devices.simulated import SimulatedLine
from simvoice.errors import AttemptError, SimvoiceError
from simvoice.hub.encounters.pool import HubEncounters
from simvoice.models import manifest
from simvoice.patient.case.load import locate_case
from simvoice.ports import AudioLine, Voice
from simvoice.record.files import storage_error
from simvoice.record.store import Attempt, Store
from simvoice.runtime.stages import Engines
from simvoice.simulate.demo import build_script, load_demo
from simvoice.web.ports import CaseCard

_log = logging.getLogger(__name__)

_SILENT_S: Final = 8.0
"""The encounter ends when the script is over and no one has spoken for so long."""
_LOOK_AGAIN_S: Final = 5.0
"""Seconds between two looks for a free place."""


class ModelStage(StrEnum):
    """How far a model encounter is."""

    ABSENT = "absent"
    WAITING = "waiting"
    """It is prepared, or waits for a free place."""
    PLAYING = "playing"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ModelState:
    """The model encounter of a case, as a page shows it."""

    stage: ModelStage
    fault: str = ""
    """Why it failed, a sentence."""


def speaking_learner(case_id: str, engines: Engines) -> AudioLine:
    """Return the line of the skilled learner of a case. Synthesises the own sentences first."""
    demo = load_demo(locate_case(case_id, *paths.case_dirs()))
    voice: Voice = engines.voice
    voice_id = manifest.digests([manifest.profile()["voice"]])["voice"]
    script = build_script(demo, voice, voice_id, paths.cache_dir() / "clips")
    return SimulatedLine(script, tail_s=_SILENT_S)


class ModelEncounters:
    """Plays and keeps model encounters. Thread-safe."""

    def __init__(
        self,
        folder: Path,
        encounters: HubEncounters,
        line_of: Callable[[str, Engines], AudioLine] = speaking_learner,
    ) -> None:
        """folder: for the records. line_of: makes the line of a learner; takes seconds."""
        self._folder = folder
        self._encounters = encounters
        self._line_of = line_of
        self._lock = threading.Lock()
        self._stages: dict[str, ModelState] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._wanted: list[CaseCard] = []

    def state(self, case: CaseCard) -> ModelState:
        """Return how far the model encounter of this version of a case is."""
        if self._place(case).is_dir():
            return ModelState(ModelStage.READY)
        with self._lock:
            return self._stages.get(case.sha256, ModelState(ModelStage.ABSENT))

    def want(self, case: CaseCard) -> None:
        """Play the model encounter of a case soon. A second call changes nothing."""
        if self._place(case).is_dir():
            return
        with self._lock:
            if any(each.sha256 == case.sha256 for each in self._wanted):
                return
            self._wanted.append(case)
            self._stages[case.sha256] = ModelState(ModelStage.WAITING)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="model-encounters", daemon=True
                )
                self._thread.start()

    def open(self, case: CaseCard) -> Attempt:
        """Return the record of the model encounter of a case. Raises AttemptError without one."""
        place = self._place(case)
        ids = Store(place).ids() if place.is_dir() else ()
        if not ids:
            raise AttemptError("The model encounter of this case is not ready yet.")
        return Store(place).open(ids[0])

    def stop(self, longest_s: float = 10.0) -> None:
        """Stop what waits. An encounter that plays ends with the others of the hub."""
        self._stop.set()
        thread = self._thread
        if thread is not None and thread.is_alive():
            thread.join(longest_s)

    def _place(self, case: CaseCard) -> Path:
        return self._folder / f"{case.id}-{case.sha256[:16]}"

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                if not self._wanted:
                    self._thread = None
                    return
                case = self._wanted[0]
            try:
                state = self._play(case)
            except SimvoiceError as error:
                _log.warning("no model encounter: %s", log.place(error))
                state = ModelState(ModelStage.FAILED, str(error))
            except Exception:  # the top of a thread: the page says so, and the hub goes on
                _log.exception("The model encounter of %s failed.", case.id)
                state = ModelState(ModelStage.FAILED, "It stopped because of a fault in simvoice")
            with self._lock:
                self._wanted.remove(case)
                self._stages[case.sha256] = state

    def _play(self, case: CaseCard) -> ModelState:
        engines = self._encounters.prepared(case.id)
        line = self._line_of(case.id, engines)
        partial = self._folder / f"partial-{case.id}"
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True, mode=0o700)
            while (running := self._encounters.play(case.id, line, partial)) is None:
                if self._stop.wait(_LOOK_AGAIN_S):
                    return ModelState(ModelStage.ABSENT)
            with self._lock:
                self._stages[case.sha256] = ModelState(ModelStage.PLAYING)
            running.over.wait()
            if self._stop.is_set():
                return ModelState(ModelStage.ABSENT)
            (attempt_id,) = Store(partial).ids() or ("",)
            if not attempt_id or Store(partial).open(attempt_id).state != "complete":
                return ModelState(ModelStage.FAILED, "The encounter did not come to its end")
            partial.rename(self._place(case))
            return ModelState(ModelStage.READY)
        except OSError as error:
            raise storage_error(error, "keeping a model encounter") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
