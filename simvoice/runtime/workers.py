"""The worker threads of the engines, and the rule that one heavy engine runs at a time.

There are three workers: recogniser (end of turn, speech to text, embedding), language model and
voice. The recogniser goes first: the other two wait until it is idle before they start a job,
because everything waits for the learner's words, and two thread pools that spin on two cores slow
each other down (measured: up to 80-fold). The voice does not wait for the language model: a line
that is decided must not wait for an answer that came too late.
"""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from simvoice.conversation.events import Key

_log = logging.getLogger(__name__)

Work = Callable[[Callable[[], bool]], None]
"""Does one piece of work and delivers its result. Its argument `cancelled` returns True once the
result is no longer wanted."""

_LONGEST_WAIT_S = 1.5
"""Longest wait for the recogniser: a long transcription must not silence the patient."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of heavy work."""

    key: Key
    run: Work
    failed: Callable[[str], None]
    """Called with the reason when the work failed."""


class WorkerPool:
    """Owns the worker threads. Call `to_…` and `drop` from the encounter's thread."""

    def __init__(self) -> None:
        self._recogniser_idle = threading.Event()
        self._recogniser_idle.set()
        self._counting = threading.Lock()
        self._recogniser_jobs = 0
        """Jobs of the recogniser that wait or run."""
        self._closing = threading.Event()
        self._dropped: set[Key] = set()
        self._job_count = _JobCount()
        self._recogniser = _Worker("recogniser", 16, self._run_recogniser_job, self._job_count)
        self._language_model = _Worker(
            "language-model", 16, self._run_after_recogniser, self._job_count
        )
        self._voice = _Worker("voice", 32, self._run_after_recogniser, self._job_count)

    def start(self) -> None:
        """Start the threads."""
        for worker in (self._recogniser, self._language_model, self._voice):
            worker.start()

    def to_recogniser(self, job: Job) -> None:
        """Queue for the recogniser. With a full queue the job fails at once."""
        with self._counting:
            self._recogniser_jobs += 1
            self._recogniser_idle.clear()
        if not self._recogniser.put(job):
            self._recogniser_job_done()

    def to_language_model(self, job: Job) -> None:
        """Queue for the language model. With a full queue the job fails at once."""
        self._language_model.put(job)

    def to_voice(self, job: Job) -> None:
        """Queue for the voice. With a full queue the job fails at once."""
        self._voice.put(job)

    def drop(self, key: Key) -> None:
        """Cancel the work with this key. A running job is asked to stop."""
        self._dropped.add(key)

    def wait_until_idle(self, longest_s: float) -> bool:
        """Wait until no job is left. Return False when one is left after `longest_s`."""
        return self._job_count.wait_until_idle(longest_s)

    def stop(self) -> None:
        """End the threads. Running jobs are asked to stop, queued jobs are dropped."""
        self._closing.set()
        self._recogniser_idle.set()
        for worker in (self._recogniser, self._language_model, self._voice):
            worker.stop()

    def _is_dropped(self, key: Key) -> bool:
        return self._closing.is_set() or key in self._dropped

    def _run_recogniser_job(self, job: Job) -> None:
        try:
            if not self._is_dropped(job.key):
                job.run(lambda: self._is_dropped(job.key))
        finally:
            self._recogniser_job_done()

    def _recogniser_job_done(self) -> None:
        with self._counting:
            self._recogniser_jobs -= 1
            if self._recogniser_jobs == 0:
                self._recogniser_idle.set()

    def _run_after_recogniser(self, job: Job) -> None:
        self._recogniser_idle.wait(_LONGEST_WAIT_S)
        if not self._is_dropped(job.key):
            job.run(lambda: self._is_dropped(job.key))


class _JobCount:
    """Counts the waiting and running jobs of all workers."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    def add(self, jobs: int) -> None:
        with self._changed:
            self._count += jobs
            self._changed.notify_all()

    def wait_until_idle(self, longest_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, longest_s)


class _Worker:
    """One thread with a bounded queue of jobs."""

    def __init__(
        self, name: str, depth: int, run: Callable[[Job], None], job_count: _JobCount
    ) -> None:
        self._queue: queue.Queue[Job | None] = queue.Queue(maxsize=depth)
        self._run = run
        self._job_count = job_count
        self._name = name
        self._context = contextvars.Context()
        self._thread = threading.Thread(
            target=lambda: self._context.run(self._work), name=f"simvoice-{name}", daemon=True
        )

    def start(self) -> None:
        self._context = contextvars.copy_context()  # so that lines in the log name the attempt
        self._thread.start()

    def put(self, job: Job) -> bool:
        self._job_count.add(1)
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            self._job_count.add(-1)
            job.failed("too much work is waiting")
            return False
        return True

    def stop(self) -> None:
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                break
            self._job_count.add(-1)
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                self._run(job)
            except Exception as error:  # the top of a thread: the encounter is told, and continues
                _log.warning("A job of the %s failed.", self._name, exc_info=error)
                job.failed(str(error) or type(error).__name__)
            finally:
                self._job_count.add(-1)
