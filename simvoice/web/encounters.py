"""The encounters of this server: who is talking now, in which thread, and what waits to be sent."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from simvoice.debrief.retry import CheckpointRef
from simvoice.errors import SimvoiceError
from simvoice.ports import AudioLine
from simvoice.runtime.observer import Caption, Encounter, Finished, Sight, Status
from simvoice.web.ports import Simulator

# -- outbox -----------------------------------------------------------------------------------
# What waits to be sent to the page: filled from the encounter's thread, emptied by the loop.


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


# -- encounters -------------------------------------------------------------------------------
# The one stage of this server: who is talking now, in which thread, and what was left behind.


log = logging.getLogger(__name__)


class RunningEncounter:
    """One encounter in its own thread, and the page that watches it."""

    def __init__(
        self,
        simulator: Simulator,
        case_id: str,
        learner: str,
        line: AudioLine,
        outbox: Outbox,
        gone: Callable[[RunningEncounter], None],
        again: CheckpointRef | None = None,
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


class EncounterSlot:
    """Admits one encounter at a time."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._lock = threading.Lock()
        self._scene: RunningEncounter | None = None
        self.left_behind: str | None = None
        """The attempt whose page was closed in the middle, until its debrief is opened."""

    def begin(
        self,
        case_id: str,
        learner: str,
        line: AudioLine,
        outbox: Outbox,
        again: CheckpointRef | None = None,
    ) -> RunningEncounter | None:
        """Start an encounter in a thread of its own; None when one is on already."""
        with self._lock:
            if self._scene is not None:
                return None
            scene = RunningEncounter(
                self._simulator, case_id, learner, line, outbox, self._leave, again
            )
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

    def _leave(self, scene: RunningEncounter) -> None:
        with self._lock:
            if self._scene is scene:
                self._scene = None
            if scene.page_left and scene.attempt is not None:
                self.left_behind = scene.attempt
