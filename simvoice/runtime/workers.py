"""The threads that do the heavy work, and the rule that one heavy stage runs at a time.

Three lanes: the ear (end of turn, speech to text, meaning), the mind (the language model) and the
mouth (the voice). The ear goes first: what the others are about to begin waits until it is idle,
because the learner's words are what everything waits for, and two pools that spin on two cores
slow each other many times over (measured: up to 80-fold). The mouth does not wait for the mind:
a line that is settled must not stand behind a thought that came too late.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from simvoice.conversation.events import Key

Work = Callable[[Callable[[], bool]], None]
"""Takes `cancelled`, which is True once nobody wants the result; delivers its own result."""

_LONGEST_WAIT_S = 1.5
"""The others wait no longer than this for the ear: a long transcription must not mute her."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of heavy work."""

    key: Key
    run: Work
    failed: Callable[[str], None]
    """Told what went wrong, in words."""


class WorkerPool:
    """Owns the threads. `to_…` and `drop` are called from the encounter's thread."""

    def __init__(self) -> None:
        self._ear_idle = threading.Event()
        self._ear_idle.set()
        self._counting = threading.Lock()
        self._for_ear = 0
        """Jobs that wait for the ear or are with it."""
        self._closing = threading.Event()
        self._dropped: set[Key] = set()
        self._open = _Open()
        self._ear = _Worker("ear", 16, self._run_ear, self._open)
        self._mind = _Worker("mind", 16, self._run_after_ear, self._open)
        self._mouth = _Worker("mouth", 32, self._run_after_ear, self._open)

    def start(self) -> None:
        """Begin to work."""
        for lane in (self._ear, self._mind, self._mouth):
            lane.start()

    def to_ear(self, job: Job) -> None:
        """Queue for the ear; a full queue fails the job at once."""
        with self._counting:
            self._for_ear += 1
            self._ear_idle.clear()
        if not self._ear.put(job):
            self._ear_done()

    def to_mind(self, job: Job) -> None:
        """Queue for the mind; a full queue fails the job at once."""
        self._mind.put(job)

    def to_mouth(self, job: Job) -> None:
        """Queue for the mouth; a full queue fails the job at once."""
        self._mouth.put(job)

    def drop(self, key: Key) -> None:
        """Nobody waits for this key's work any more; what runs is asked to stop."""
        self._dropped.add(key)

    def settle(self, longest_s: float) -> bool:
        """Wait until no job is left; False when there is one still after `longest_s`."""
        return self._open.settle(longest_s)

    def stop(self) -> None:
        """End the threads; what runs is asked to stop, what is queued is forgotten."""
        self._closing.set()
        self._ear_idle.set()
        for lane in (self._ear, self._mind, self._mouth):
            lane.stop()

    def _is_dropped(self, key: Key) -> bool:
        return self._closing.is_set() or key in self._dropped

    def _run_ear(self, job: Job) -> None:
        try:
            if not self._is_dropped(job.key):
                job.run(lambda: self._is_dropped(job.key))
        finally:
            self._ear_done()

    def _ear_done(self) -> None:
        with self._counting:
            self._for_ear -= 1
            if self._for_ear == 0:
                self._ear_idle.set()

    def _run_after_ear(self, job: Job) -> None:
        self._ear_idle.wait(_LONGEST_WAIT_S)
        if not self._is_dropped(job.key):
            job.run(lambda: self._is_dropped(job.key))


class _Open:
    """Counts the jobs of all lanes that wait or run."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    def add(self, jobs: int) -> None:
        with self._changed:
            self._count += jobs
            self._changed.notify_all()

    def settle(self, longest_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, longest_s)


class _Worker:
    def __init__(self, name: str, depth: int, run: Callable[[Job], None], open_: _Open) -> None:
        self._queue: queue.Queue[Job | None] = queue.Queue(maxsize=depth)
        self._run = run
        self._open = open_
        self._thread = threading.Thread(target=self._work, name=f"simvoice-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, job: Job) -> bool:
        self._open.add(1)
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            self._open.add(-1)
            job.failed("too much work is waiting")
            return False
        return True

    def stop(self) -> None:
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                break
            self._open.add(-1)
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                self._run(job)
            except Exception as error:  # the top of a thread: the encounter hears of it and goes on
                job.failed(str(error) or type(error).__name__)
            finally:
                self._open.add(-1)
