"""The thread of a device that talks with its hub: what is due, and how long to wait.

What there is to say is the business of `Sender` for laptops and of `station.sending` for stations.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from simvoice import log
from simvoice.errors import HubError, SimvoiceError
from simvoice.hub_client.connection import HubAway, HubConnection, HubForgot, OffsetMoved
from simvoice.hub_client.outbox_file import Contact, OutboxFile
from simvoice.hub_client.pairing import Connect, Pairings, tell_leaving
from simvoice.record.files import AttemptLock

_log = logging.getLogger(__name__)

FIRST_WAIT_S = 5.0
"""Seconds after the first failure. A hub that restarts is back within it."""
LONGEST_WAIT_S = 3600.0
"""A hub that is away for months is asked once an hour: 0.3 kB each time."""
LONGEST_ASKED_S = 86_400.0
"""A hub may ask for a wait of at most a day."""
IDLE_S = 60.0
"""Another process can have put something into the outbox."""
_POSTPONED_S = 60.0
"""What another device sends now, or whose disk is away, is tried again after at most this time."""
_MOVES = 20
"""Times that the hub may name another offset of one file: after cuts, and never without end."""


def wait_s(failures: int, jitter: float, longest_s: float = LONGEST_WAIT_S) -> float:
    """Return how many seconds to wait after so many failures in a row.

    jitter: 0..1, at random, so that a class whose hub was away does not come back all at once.
    """
    longest = min(longest_s, FIRST_WAIT_S * 2.0 ** min(failures - 1, 20))
    return longest * (0.5 + 0.5 * jitter)


def _wait(event: threading.Event, seconds: float) -> bool:
    return event.wait(seconds)


@dataclass
class SendingLoop:
    """Serves an outbox. `step` does one thing; `start` a thread of them."""

    pairings: Pairings
    outbox: OutboxFile
    connect: Connect
    clock: Callable[[], float]
    """Unix time."""
    work: Callable[[HubConnection, float], bool]
    """Does the next thing that waits, at this Unix time. Returns False when nothing waits; what is
    in `later` does not wait. Raises HubError."""
    check: Callable[[HubConnection], None]
    """Compares the outbox with what the hub has. Raises HubError."""
    check_s: float
    """Seconds from one check to the next; the first is at the start."""
    forgotten: Callable[[], None] = lambda: None
    """Called after the hub has ended the pairing and it was removed here."""
    jitter: Callable[[], float] = random.random
    longest_wait_s: float = LONGEST_WAIT_S
    longest_asked_s: float = LONGEST_ASKED_S
    """A clock that was set back stops the sending for no longer than this either."""
    wait: Callable[[threading.Event, float], bool] = _wait
    """Waits for an event for so many seconds of the clock."""
    has_progressed: bool = False
    """Whether the hub took something in this step; `work` says so."""
    later: dict[UUID, float] = field(default_factory=dict)
    """Attempts that cannot be sent now: Unix time before which they are left alone."""
    _checked_at: float | None = None
    _wake: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    # -- thread ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread. It waits while another process sends from the same outbox."""
        self._thread = threading.Thread(target=self._run, name="hub-sender", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look into the outbox now."""
        self._wake.set()

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop after the request that is under way, or leave it to the end of the process."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    @property
    def is_stopping(self) -> bool:
        """Whether `close` was called."""
        return self._stop.is_set()

    def _run(self) -> None:
        lock: AttemptLock | None = None
        try:
            while not self._stop.is_set():
                self._wake.clear()
                delay_s: float | None = None
                try:
                    lock = lock or self.take_lock()
                    if lock is not None:
                        delay_s = self.step()
                except SimvoiceError as error:
                    _log.warning("sending to the hub failed %s", log.place(error))
                except Exception:  # whatever it is, what waits must not wait for ever
                    _log.exception("Sending to the hub failed.")
                if delay_s is None or delay_s > 0:
                    self.wait(self._wake, IDLE_S if delay_s is None else min(delay_s, IDLE_S))
        finally:
            if lock is not None:
                lock.release()

    def take_lock(self) -> AttemptLock | None:
        """Return the lock of the outbox; None while another process has it, or without a hub."""
        try:
            return AttemptLock.take(self.pairings.folder)
        except OSError:  # the folder is not there: this machine was never paired
            return None

    # -- one step -------------------------------------------------------------------------------

    def step(self) -> float | None:
        """Do one thing that is due. Returns the seconds until the next one; None for nothing.

        Raises SimvoiceError when this machine's own disk or outbox fails.
        """
        now = self.clock()
        pairing, leaving = self.pairings.pairing(), self.pairings.leaving()
        if pairing is None and leaving is None:
            return None
        contact = self.outbox.contact()
        due_s = contact.next_try_at - now
        if 0 < due_s <= self.longest_asked_s:  # more than that: the clock was set back
            return due_s
        self.has_progressed = False
        try:
            if leaving is not None:
                tell_leaving(self.pairings, connect=self.connect)
            if pairing is None:
                return None
            with self.connect(pairing.address, pairing.token) as hub:
                return self._serve(hub, now)
        except HubForgot:
            _log.info("the hub has unpaired this machine")
            self.pairings.forget()
            self._checked_at = None
            self.forgotten()
            return None
        except HubError as error:
            return self._failed(contact, now, error)

    def postpone(self, attempt: UUID, now: float) -> None:
        """Leave an attempt alone for a while, and go on with the others."""
        self.later[attempt] = now + _POSTPONED_S * (0.5 + 0.5 * self.jitter())

    def _serve(self, hub: HubConnection, now: float) -> float:
        """Do one thing with the hub. Returns the seconds until the next one. Raises HubError."""
        self.later = {uuid: at for uuid, at in self.later.items() if 0 < at - now <= _POSTPONED_S}
        since_s = None if self._checked_at is None else now - self._checked_at
        if self.work(hub, now):
            self.outbox.reached()
            return 0.0
        if since_s is None or not 0 <= since_s < self.check_s:
            self.check(hub)
            self._checked_at = now
            self.outbox.reached()
            return 0.0
        return min([self.check_s - since_s, *(at - now for at in self.later.values())])

    def _failed(self, contact: Contact, now: float, error: HubError) -> float:
        failures = 1 if self.has_progressed else contact.failures + 1
        asked_s = error.retry_after_s if isinstance(error, HubAway) else None
        delay_s = max(
            wait_s(failures, self.jitter(), self.longest_wait_s),
            min(asked_s or 0.0, self.longest_asked_s),
        )
        _log.info("the hub does not answer failures=%d next_s=%.0f", failures, delay_s)
        self.outbox.failed(failures, now + delay_s, str(error))
        return delay_s


# -- files --------------------------------------------------------------------------------------


class FileChanged(Exception):
    """A file is not what was announced any more."""


def send_file(
    path: Path,
    size: int,
    at: int,
    *,
    append: Callable[[int, bytes], int],
    offset: Callable[[], int],
    chunk_bytes: int,
) -> Iterator[int]:
    """Send a file from an offset on. Yields the offset after each request.

    append: sends bytes at an offset and returns the one after them. offset: asks how far the hub
    is. Raises FileChanged and what the two raise.
    """
    moves = 0
    try:
        with path.open("rb") as file:
            while at < size:
                file.seek(at)
                chunk = file.read(min(chunk_bytes, size - at))
                if not chunk:
                    raise FileChanged
                try:
                    after = append(at, chunk)
                except OffsetMoved:
                    after, moves = offset(), moves + 1
                    if moves > _MOVES:
                        raise HubAway("the hub does not agree how much it has") from None
                else:
                    if after <= at:
                        raise HubAway("the hub stored nothing of what was sent")
                at = after
                yield at
    except OSError as error:
        raise FileChanged from error
