"""The one stage of this server: who is talking now, in which thread, and what was left behind."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from simvoice.debrief.retry import Place
from simvoice.errors import SimvoiceError
from simvoice.ports import AudioLine
from simvoice.runtime.observer import Caption, Encounter, Finished, Sight, Status
from simvoice.web.outbox import Outbox
from simvoice.web.ports import Simulator

log = logging.getLogger(__name__)


class Scene:
    """One encounter in its own thread, and the page that watches it."""

    def __init__(
        self,
        simulator: Simulator,
        case_id: str,
        learner: str,
        line: AudioLine,
        outbox: Outbox,
        gone: Callable[[Scene], None],
        again: Place | None = None,
    ) -> None:
        self._simulator = simulator
        self._case_id = case_id
        self._learner = learner
        self._line = line
        self._outbox = outbox
        self._gone = gone
        self._again = again
        self._lock = threading.Lock()
        self._encounter: Encounter | None = None
        self._end_asked = False
        self.page_left = False
        """The page went away before it was told how the encounter ended."""
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, name="encounter", daemon=True)

    @property
    def attempt(self) -> str | None:
        """Identifier of the attempt; None until the encounter was built."""
        return self._encounter.attempt if self._encounter else None

    def end(self) -> None:
        """Ask for the end; safe at any time, from any thread."""
        with self._lock:
            self._end_asked = True
            encounter = self._encounter
        if encounter is not None:
            encounter.end()

    def _run(self) -> None:
        try:
            last = self._play()
        except SimvoiceError as error:
            last = self._fault(str(error))
        except Exception:  # the top of a thread: say so, keep the server
            log.exception("the encounter failed")
            last = self._fault(
                "The conversation stopped because of a fault in simvoice; "
                "what was said up to then is kept, and the terminal shows the details."
            )
        self._line.stop()
        self._gone(self)
        self.over.set()
        # told last of all: the page opens the debrief at once, and all has to be in place
        self._outbox.put_text(last)
        self._outbox.close()

    def _play(self) -> dict[str, Any]:
        encounter = self._simulator.encounter(
            self._case_id,
            self._line,
            learner=self._learner,
            observer=self._observe,
            again=self._again,
        )
        with self._lock:
            self._encounter = encounter
            end_asked = self._end_asked
        if end_asked:
            encounter.end()
        self._outbox.put_text({"type": "begun", "attempt": encounter.attempt})
        return {"type": "finished", **asdict(encounter.run())}

    def _observe(self, sight: Sight) -> None:
        match sight:
            case Status():
                self._outbox.put_status({"type": "status", **asdict(sight)})
            case Caption():
                self._outbox.put_text({"type": "caption", **asdict(sight)})
            case Finished():
                return  # `run` returns it as well

    def _fault(self, message: str) -> dict[str, Any]:
        return {"type": "fault", "message": message, "attempt": self.attempt}


class Stage:
    """Admits one encounter at a time."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._lock = threading.Lock()
        self._scene: Scene | None = None
        self.left_behind: str | None = None
        """The attempt whose page was closed in the middle, until its debrief is opened."""

    def begin(
        self,
        case_id: str,
        learner: str,
        line: AudioLine,
        outbox: Outbox,
        again: Place | None = None,
    ) -> Scene | None:
        """Start an encounter in a thread of its own; None when one is on already."""
        with self._lock:
            if self._scene is not None:
                return None
            scene = Scene(self._simulator, case_id, learner, line, outbox, self._leave, again)
            self._scene = scene
        scene.thread.start()
        return scene

    def is_free(self, patience_s: float = 0.0) -> bool:
        """True when nobody talks. Waits up to `patience_s` for one that is just ending, as when
        a page is reloaded; blocks meanwhile."""
        with self._lock:
            scene = self._scene
        return scene is None or scene.over.wait(patience_s)

    def seen(self, attempt_id: str) -> None:
        """The debrief of this attempt was opened, or it was erased."""
        with self._lock:
            if self.left_behind == attempt_id:
                self.left_behind = None

    def shut(self, patience_s: float) -> None:
        """End what is on, for the end of the server; blocks up to `patience_s`."""
        with self._lock:
            scene = self._scene
        if scene is not None:
            scene.end()
            scene.over.wait(patience_s)

    def _leave(self, scene: Scene) -> None:
        with self._lock:
            if self._scene is scene:
                self._scene = None
            if scene.page_left and scene.attempt is not None:
                self.left_behind = scene.attempt
