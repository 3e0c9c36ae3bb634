"""Run one encounter at a time in its own thread, and queue its messages for the page.

`Outbox` takes messages from the encounter's thread and gives them to the event loop.
`RunningEncounter` is one encounter and its thread. `EncounterSlot` admits one of them at a time.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from simvoice import log
from simvoice.debrief.retry import CheckpointRef
from simvoice.errors import CaseError, SimvoiceError
from simvoice.machine import release_memory
from simvoice.ports import AudioLine
from simvoice.runtime.observer import Caption, Encounter, Finished, Observation, Status
from simvoice.web.ports import CaseCard, Simulator

_log = logging.getLogger(__name__)

AUDIO_BOUND = 100
"""Messages of 20 ms: 2 s. When a page falls further behind, the oldest sound is dropped."""

TEXT_BOUND = 500
"""Captions and other messages: hours of talk. Statuses do not count; only the last one is kept."""


# -- messages to the page


class Outbox:
    """Bounded queues of messages to the page. Any thread may call `put_*`; it never blocks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._audio: deque[bytes] = deque()
        self._texts: deque[str] = deque()
        self._status: str | None = None
        self._has_messages = asyncio.Event()
        self._signalled = False
        self._closed = False
        self.sent_all = False
        """True when the page took every message up to the end. Used in the event loop only."""
        self.dropped_audio = 0
        """Number of audio messages that were dropped because the page was too slow."""

    def put_audio(self, message: bytes) -> None:
        """Queue sound. Drop the oldest message when 2 s are waiting."""
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
        """Queue a status. It replaces a status that still waits."""
        with self._lock:
            self._status = json.dumps(message)
        self._wake()

    def close(self) -> None:
        """Accept no more messages. `take` returns the rest and then None."""
        with self._lock:
            self._closed = True
        self._wake()

    async def take(self) -> list[bytes | str] | None:
        """Wait for messages and return all of them, sound first.

        Returns None when the outbox is closed and empty. Only one task may call this.
        """
        while True:
            await self._has_messages.wait()
            with self._lock:
                self._has_messages.clear()
                self._signalled = False
                out: list[bytes | str] = [*self._audio, *self._texts]
                if self._status is not None:
                    out.append(self._status)
                self._audio.clear()
                self._texts.clear()
                self._status = None
                if out:
                    if self._closed:
                        self._has_messages.set()
                    return out
                if self._closed:
                    self._has_messages.set()
                    return None

    def _wake(self) -> None:
        with self._lock:
            # schedule one callback at a time, so that a slow loop does not collect many
            if self._signalled:
                return
            self._signalled = True
        try:
            self._loop.call_soon_threadsafe(self._has_messages.set)
        except RuntimeError:  # the loop is closed: the server is shutting down
            return


# -- encounters


def offered_case(simulator: Simulator, case_id: str) -> CaseCard:
    """Return the card of a case that the first page lists.

    Every id that a browser names comes through here: the simulator itself also takes the path of
    a file, which is for authors in a terminal. Raises CaseError.
    """
    for card in simulator.cases():
        if card.id == case_id:
            return card
    raise CaseError("This case does not exist. The first page lists the available cases.")


class RunningEncounter:
    """One encounter in its own thread. Its messages go to the outbox of one page."""

    def __init__(
        self,
        simulator: Simulator,
        case_id: str,
        learner: str,
        line: AudioLine,
        outbox: Outbox,
        on_end: Callable[[RunningEncounter], None],
        retry_from: CheckpointRef | None = None,
    ) -> None:
        self._simulator = simulator
        self._case_id = case_id
        self._learner = learner
        self._line = line
        self._outbox = outbox
        self._on_end = on_end
        self._retry_from = retry_from
        self._lock = threading.Lock()
        self._encounter: Encounter | None = None
        self._end_requested = False
        self.page_left = False
        """True when the page closed before it knew how the encounter ended."""
        self.over = threading.Event()
        context = contextvars.copy_context()  # so that lines in the log name the request
        self.thread = threading.Thread(
            target=lambda: context.run(self._run), name="encounter", daemon=True
        )

    @property
    def attempt(self) -> str | None:
        """Identifier of the attempt; None before the encounter is built."""
        return self._encounter.attempt if self._encounter else None

    def end(self) -> None:
        """Ask the encounter to end. Any thread may call this at any time."""
        with self._lock:
            self._end_requested = True
            encounter = self._encounter
        if encounter is not None:
            encounter.end()

    def _run(self) -> None:
        try:
            last = self._play()
        except SimvoiceError as error:
            with log.of_attempt(self.attempt or "-"):
                _log.warning("refused %s", log.place(error))
            last = self._fault(str(error))
        except Exception:  # the top of a thread: report the fault and keep the server running
            with log.of_attempt(self.attempt or "-"):
                _log.exception("The encounter ended with an error.")
            last = self._fault(
                "The conversation stopped because of a fault in simvoice. The recording up to "
                f"then is kept. The log has the details under {log.request_id()}."
            )
        self._line.stop()
        self._on_end(self)
        self.over.set()
        # sent last: the page then opens the debrief at once
        self._outbox.put_text(last)
        self._outbox.close()
        release_memory()

    def _play(self) -> dict[str, Any]:
        offered_case(self._simulator, self._case_id)
        encounter = self._simulator.encounter(
            self._case_id,
            self._line,
            learner=self._learner,
            observer=self._observe,
            retry_from=self._retry_from,
        )
        with self._lock:
            self._encounter = encounter
            end_requested = self._end_requested
        if end_requested:
            encounter.end()
        self._outbox.put_text({"type": "begun", "attempt": encounter.attempt})
        return {"type": "finished", **asdict(encounter.run())}

    def _observe(self, observation: Observation) -> None:
        match observation:
            case Status():
                self._outbox.put_status({"type": "status", **asdict(observation)})
            case Caption():
                self._outbox.put_text({"type": "caption", **asdict(observation)})
            case Finished():
                return  # `run` returns it too

    def _fault(self, message: str) -> dict[str, Any]:
        return {"type": "fault", "message": message, "attempt": self.attempt}


class EncounterSlot:
    """Admits one encounter at a time."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._lock = threading.Lock()
        self._running: RunningEncounter | None = None
        self.left_behind: str | None = None
        """The attempt whose page was closed while it ran, until its debrief is opened."""

    def begin(
        self,
        case_id: str,
        learner: str,
        line: AudioLine,
        outbox: Outbox,
        retry_from: CheckpointRef | None = None,
    ) -> RunningEncounter | None:
        """Start an encounter in its own thread. Returns None when another one is running."""
        with self._lock:
            if self._running is not None:
                return None
            running = RunningEncounter(
                self._simulator, case_id, learner, line, outbox, self._release, retry_from
            )
            self._running = running
        running.thread.start()
        return running

    def is_free(self, wait_s: float = 0.0) -> bool:
        """Return True when no encounter is running.

        Blocks up to `wait_s` seconds for one that is about to end, as after a page was reloaded.
        """
        with self._lock:
            running = self._running
        return running is None or running.over.wait(wait_s)

    def forget(self, attempt_id: str) -> None:
        """Drop the reminder of this attempt: its debrief was opened, or it was erased."""
        with self._lock:
            if self.left_behind == attempt_id:
                self.left_behind = None

    def shut_down(self, wait_s: float) -> None:
        """End a running encounter before the server stops. Blocks up to `wait_s` seconds."""
        with self._lock:
            running = self._running
        if running is not None:
            running.end()
            running.over.wait(wait_s)

    def _release(self, running: RunningEncounter) -> None:
        with self._lock:
            if self._running is running:
                self._running = None
            if running.page_left and running.attempt is not None:
                self.left_behind = running.attempt
