"""Run encounters in threads of their own, and queue their messages for the pages.

`Outbox` takes messages from the encounter's thread and gives them to the event loop.
`RunningEncounter` is one encounter and its thread. `EncounterPool` admits a number of them at once:
one in `simvoice serve`, several in a hub.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from simvoice import log
from simvoice.debrief.retry import CheckpointRef
from simvoice.errors import CaseError, SimvoiceError, UsageError
from simvoice.machine import release_memory
from simvoice.ports import AudioLine
from simvoice.record.endings import RequestedEnd
from simvoice.runtime.encounter_options import AS_WRITTEN, EncounterOptions
from simvoice.runtime.observer import (
    Answered,
    Caption,
    Encounter,
    Finished,
    Observation,
    Observer,
    Speaking,
    Status,
    TimeOver,
)
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


class OffersCases(Protocol):
    """Something that has cases; every simulator does."""

    def cases(self) -> Sequence[CaseCard]:
        """Return the cases that are offered, in order."""
        ...


def offered_case(simulator: OffersCases, case_id: str) -> CaseCard:
    """Return the card of a case that the first page lists.

    Every id that a browser names comes through here: the simulator itself also takes the path of
    a file, which is for authors in a terminal. Raises CaseError.
    """
    for card in simulator.cases():
        if card.id == case_id:
            return card
    raise CaseError("This case does not exist. The first page lists the available cases.")


Build = Callable[[Observer], Encounter]
"""Builds an encounter that is ready to run; `observer` is told what happens in it."""


def build_encounter(
    simulator: Simulator,
    case_id: str,
    learner: str,
    line: AudioLine,
    retry_from: CheckpointRef | None = None,
    options: EncounterOptions = AS_WRITTEN,
) -> Build:
    """Return how to build the encounter of a page, with a case that the first page lists."""

    def build(observer: Observer) -> Encounter:
        offered_case(simulator, case_id)
        return simulator.encounter(
            case_id,
            line,
            learner=learner,
            observer=observer,
            retry_from=retry_from,
            options=options,
        )

    return build


class RunningEncounter:
    """One encounter in its own thread. Its messages go to the outbox of one page."""

    def __init__(
        self,
        build: Build,
        line: AudioLine,
        outbox: Outbox,
        on_end: Callable[[RunningEncounter], None],
        on_answer: Callable[[Answered], None] = lambda _: None,
    ) -> None:
        """on_end: called in its thread when it is over. on_answer: called for each answer."""
        self._build = build
        self._line = line
        self._outbox = outbox
        self._on_end = on_end
        self._on_answer = on_answer
        self._lock = threading.Lock()
        self._encounter: Encounter | None = None
        self._end_reason: RequestedEnd | None = None
        self._is_held = False
        self.page_left = False
        """True when the page closed before it knew how the encounter ended."""
        self.status: Status | None = None
        """The last status; None before the first."""
        self.over = threading.Event()
        context = contextvars.copy_context()  # so that lines in the log name the request
        self.thread = threading.Thread(
            target=lambda: context.run(self._run), name="encounter", daemon=True
        )

    @property
    def attempt(self) -> str | None:
        """Identifier of the attempt; None before the encounter is built."""
        return self._encounter.attempt if self._encounter else None

    @property
    def at_s(self) -> float:
        """Session seconds, as of the last status."""
        return 0.0 if self.status is None else self.status.at_s

    def end(self, reason: RequestedEnd = "learner") -> None:
        """Ask the encounter to end. Any thread may call this at any time."""
        with self._lock:
            self._end_reason = reason
            encounter = self._encounter
        if encounter is not None:
            encounter.end(reason)

    def hold(self, held: bool) -> None:
        """Stop its clock or let it run again. Any thread may call this at any time."""
        with self._lock:
            self._is_held = held
            encounter = self._encounter
        if encounter is not None:
            encounter.hold(held)

    def typed(self, text: str) -> None:
        """Pass on a turn that the learner typed. Raises UsageError when it cannot be taken."""
        if self._encounter is None:
            raise UsageError("The encounter has not begun yet. Try again in a moment.")
        self._encounter.typed(text)

    def typing(self) -> None:
        """Tell the encounter that the learner types now."""
        if self._encounter is not None:
            self._encounter.typing()

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
        encounter = self._build(self._observe)
        with self._lock:
            self._encounter = encounter
            reason, is_held = self._end_reason, self._is_held
        if is_held:
            encounter.hold(True)
        if reason is not None:
            encounter.end(reason)
        self._outbox.put_text({"type": "begun", "attempt": encounter.attempt})
        return {"type": "finished", **asdict(encounter.run())}

    def _observe(self, observation: Observation) -> None:
        match observation:
            case Status():
                self.status = observation
                self._outbox.put_status({"type": "status", **asdict(observation)})
            case Caption():
                self._outbox.put_text({"type": "caption", **asdict(observation)})
            case Speaking():
                self._outbox.put_text({"type": "speaking", **asdict(observation)})
            case TimeOver():
                self._outbox.put_text({"type": "time_over", **asdict(observation)})
            case Answered():
                self._on_answer(observation)
            case Finished():
                return  # `run` returns it too

    def _fault(self, message: str) -> dict[str, Any]:
        return {"type": "fault", "message": message, "attempt": self.attempt}


class EncounterPool:
    """Admits a number of encounters at once."""

    def __init__(self, most: int = 1) -> None:
        """most: encounters that run at once."""
        self._lock = threading.Lock()
        self._most = most
        self._running: list[RunningEncounter] = []
        self.left_behind: str | None = None
        """The attempt whose page was closed while it ran, until its debrief is opened."""

    @property
    def most(self) -> int:
        """Encounters that run at once. A smaller number lets those go on that run."""
        with self._lock:
            return self._most

    @most.setter
    def most(self, most: int) -> None:
        with self._lock:
            self._most = most

    @property
    def running(self) -> list[RunningEncounter]:
        """The encounters that run now."""
        with self._lock:
            return list(self._running)

    def begin(
        self,
        build: Build,
        line: AudioLine,
        outbox: Outbox,
        *,
        on_end: Callable[[RunningEncounter], None] = lambda _: None,
        on_answer: Callable[[Answered], None] = lambda _: None,
    ) -> RunningEncounter | None:
        """Start an encounter in its own thread. Returns None when the pool is full.

        on_end: called in its thread when it is over, before its place is free. on_answer: called in
        its thread for each answer of the patient; must return at once.
        """

        def ended(running: RunningEncounter) -> None:
            try:
                on_end(running)
            finally:
                self._release(running)

        with self._lock:
            if len(self._running) >= self._most:
                return None
            running = RunningEncounter(build, line, outbox, ended, on_answer)
            self._running.append(running)
        running.thread.start()
        return running

    def is_free(self, wait_s: float = 0.0) -> bool:
        """Return True when an encounter can begin.

        Blocks up to `wait_s` seconds for one that is about to end, as after a page was reloaded.
        """
        with self._lock:
            if len(self._running) < self._most:
                return True
            first = self._running[0]
        return first.over.wait(wait_s)

    def forget(self, attempt_id: str) -> None:
        """Drop the reminder of this attempt: its debrief was opened, or it was erased."""
        with self._lock:
            if self.left_behind == attempt_id:
                self.left_behind = None

    def shut_down(self, wait_s: float) -> None:
        """End all encounters before the server stops. Blocks up to `wait_s` seconds."""
        until_s = time.monotonic() + wait_s
        running = self.running
        for one in running:
            one.end()
        for one in running:
            one.over.wait(max(0.0, until_s - time.monotonic()))

    def _release(self, running: RunningEncounter) -> None:
        with self._lock:
            if running in self._running:
                self._running.remove(running)
            if running.page_left and running.attempt is not None:
                self.left_behind = running.attempt
