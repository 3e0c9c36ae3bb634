"""The writing end of the record: called from the encounter's loop, never makes it wait.

What is handed in goes through a queue bounded in seconds to a writer thread that writes at once;
a second thread asks the disk to keep it. They are two, because a disk may take seconds to answer
and what waits in a queue is lost with the process.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from simvoice.audio import RATE, Pcm16, seconds
from simvoice.errors import AttemptError, SimvoiceError, StorageFull
from simvoice.record.events import Ended, Header, JournalEntry
from simvoice.record.files import (
    CLOSED,
    FULL,
    HEADER,
    JOURNAL,
    RESERVE,
    WAV,
    AttemptLock,
    check_id,
    replace_file,
    storage_error,
    sync_folder,
)
from simvoice.record.journal import Journal
from simvoice.record.sound import SoundFile, interleave, pack

SYNC_S = 0.5
"""Seconds between requests to the disk; half of what a power cut may cost."""
QUEUE_SAMPLES = 10 * RATE
"""10 s of sound may wait for a slow disk; beyond that it is left out, as silence, and counted."""
QUEUE_ENTRIES = 10_000
"""Far more than an encounter has; only a disk that hangs for good gets here."""
NEEDED_BYTES = 200_000_000
"""Room asked for before starting: 45 minutes at 4 MB a minute, and its packed copy beside it."""
_RESERVE_BYTES = 262_144
_PATIENCE_S = 30.0
"""Seconds `close` waits for a disk that does not answer."""


@dataclass(frozen=True, slots=True)
class _Sound:
    """Two channels of equal length, and the samples that were left out before them."""

    learner: Pcm16
    patient: Pcm16
    left_out: int


class Recorder:
    """One attempt while it is being recorded. `add` and `sound` belong to one thread."""

    def __init__(self, folder: Path, lock: AttemptLock, journal: Journal, sound: SoundFile) -> None:
        self.folder = folder
        self._lock = lock
        self._journal = journal
        self._sound = sound
        self._queue: queue.SimpleQueue[JournalEntry | _Sound | threading.Event | None] = (
            queue.SimpleQueue()
        )
        self._stopping = threading.Event()
        self._fault: SimvoiceError | None = None
        self._put = 0
        self._taken = 0
        self._left_out = 0
        self._pending_gap = 0
        self._left_out_entries = 0
        self._has_ended = False
        self._closed = False
        self._abandoned = False
        self._writer = threading.Thread(target=self._write, name="record-writer", daemon=True)
        self._syncer = threading.Thread(target=self._sync, name="record-sync", daemon=True)
        self._writer.start()
        self._syncer.start()

    @classmethod
    def create(cls, root: Path, header: Header) -> Recorder:
        """Make `root/<attempt>/` and begin recording into it.

        Raises StorageFull when there is no room, AttemptError when the attempt is there already,
        SimvoiceError when the folder cannot be written. Nothing is left behind then.
        """
        attempt = check_id(header.attempt)
        folder = root / attempt
        # Built under another name, so that nobody ever sees an attempt without its header.
        building = root / f".{attempt}.new"
        try:
            root.mkdir(parents=True, exist_ok=True)
            _check_room(root)
            if folder.exists():
                raise AttemptError(f"attempt {attempt} is there already; start another one")
            building.mkdir(mode=0o700)
            recorder = cls._build(building, folder, header)
            sync_folder(root)
        except OSError as error:
            shutil.rmtree(building, ignore_errors=True)
            raise storage_error(error, f"recording attempt {attempt}") from error
        return recorder

    @classmethod
    def _build(cls, building: Path, folder: Path, header: Header) -> Recorder:
        with ExitStack() as undo:
            lock = AttemptLock.take(building)
            assert lock is not None  # the folder was made a moment ago under a private name
            undo.callback(lock.release)
            replace_file(building / HEADER, header.model_dump_json(indent=2).encode() + b"\n")
            replace_file(building / RESERVE, bytes(_RESERVE_BYTES))
            journal = Journal(building / JOURNAL)
            undo.callback(journal.close)
            sound = SoundFile(building / WAV)
            undo.callback(sound.close)
            os.rename(building, folder)
            undo.pop_all()
        return cls(folder, lock, journal, sound)

    # -- from the loop ----------------------------------------------------------------------

    @property
    def attempt(self) -> str:
        """Identifier; also the name of the folder."""
        return self.folder.name

    @property
    def fault(self) -> SimvoiceError | None:
        """Set once writing failed: the encounter should end. What was written is kept."""
        return self._fault

    @property
    def left_out_s(self) -> float:
        """Seconds of sound that the disk was too slow for; they are silence in the record."""
        return seconds(self._left_out)

    @property
    def left_out_entries(self) -> int:
        """Entries that the disk was too slow for."""
        return self._left_out_entries

    def add(self, entry: JournalEntry) -> None:
        """Write an entry soon. Never blocks and never raises."""
        if isinstance(entry, Ended):
            self._has_ended = True
        if self._stopping.is_set() or self._queue.qsize() >= QUEUE_ENTRIES:
            self._left_out_entries += 1
            return
        self._queue.put(entry)

    def sound(self, learner: Pcm16, patient: Pcm16) -> None:
        """Write the next samples of both channels soon. Never blocks and never raises.

        learner, patient: int16 [n], 16 kHz, equally long; they are kept, so hand in arrays that
        nobody writes to again.
        """
        length = max(learner.size, patient.size)
        if self._stopping.is_set() or self._put - self._taken + length > QUEUE_SAMPLES:
            self._left_out += length
            self._pending_gap += length
            return
        # Each counter has one writing thread, so their difference needs no lock.
        self._put += length
        self._queue.put(_Sound(learner, patient, self._pending_gap))
        self._pending_gap = 0

    def drain(self) -> bool:
        """Wait until all that was handed in is written: for conversations that run faster than
        real time, which would otherwise outrun the queue. False when the disk hangs."""
        if self._stopping.is_set():
            return True
        written = threading.Event()
        self._queue.put(written)
        return written.wait(_PATIENCE_S)

    # -- the end ----------------------------------------------------------------------------

    def close(self) -> Path:
        """Write what waits, pack the sound and mark the attempt as complete.

        Returns the attempt's folder. Never raises: what cannot be written becomes `fault`, and
        the attempt then stays recoverable. May be called twice.
        """
        if self._closed:
            return self.folder
        self._closed = True
        if self._stop():
            try:
                self._finish()
            except OSError as error:
                self._fail(error)
            self._lock.release()
        return self.folder

    def abandon(self) -> None:
        """Let go without finishing, as a killed process would; for tests of recovery."""
        self._closed = self._abandoned = True
        self._stop()
        self._lock.release()

    def _stop(self) -> bool:
        """Whether both threads ended; else the disk hangs and the files stay theirs."""
        self._stopping.set()
        self._queue.put(None)
        self._writer.join(_PATIENCE_S)
        self._syncer.join(_PATIENCE_S)
        if self._writer.is_alive() or self._syncer.is_alive():
            self._fault = self._fault or SimvoiceError(
                f"the disk did not take the end of attempt {self.attempt} in time; "
                f"run later: simvoice attempts recover {self.attempt}"
            )
            return False
        self._journal.close()
        self._sound.close()
        return True

    def _finish(self) -> None:
        (self.folder / RESERVE).unlink(missing_ok=True)
        pack(self.folder)
        # Without an end the journal is not the whole story, and recovery has to say so.
        if self._has_ended and self._fault is None:
            mark_closed(self.folder, self._left_out, self._left_out_entries)

    # -- the threads ------------------------------------------------------------------------

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            try:
                self._write_one(item)
            except OSError as error:
                self._fail(error)
        if not self._abandoned:
            self._keep()

    def _write_one(self, item: JournalEntry | _Sound) -> None:
        if not isinstance(item, _Sound):
            try:
                self._journal.append(item)
            except OSError as error:
                # The reserve exists for this: the last entries say how the encounter ended.
                self._fail(error)
                self._journal.append(item)
            return
        self._taken += max(item.learner.size, item.patient.size)
        if self._fault is None:
            if item.left_out:
                self._sound.append(bytes(4 * item.left_out))
            self._sound.append(interleave(item.learner, item.patient))

    def _sync(self) -> None:
        while not self._stopping.wait(SYNC_S):
            self._keep()

    def _keep(self) -> None:
        try:
            self._sound.patch()
            self._sound.sync()
            self._journal.sync()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        if error.errno in FULL:
            with suppress(OSError):
                (self.folder / RESERVE).unlink(missing_ok=True)
        if self._fault is None:
            self._fault = storage_error(error, f"recording attempt {self.attempt}")


def mark_closed(folder: Path, left_out_samples: int = 0, left_out_entries: int = 0) -> None:
    """Say that an attempt's record is whole. Raises OSError."""
    facts = {"left_out_samples": left_out_samples, "left_out_entries": left_out_entries}
    replace_file(folder / CLOSED, json.dumps(facts).encode() + b"\n")


def _check_room(root: Path) -> None:
    free = shutil.disk_usage(root).free
    if free < NEEDED_BYTES:
        raise StorageFull(
            f"the disk for attempts has {free // 1_000_000} MB left and an encounter needs "
            f"{NEEDED_BYTES // 1_000_000} MB; free some space or set SIMVOICE_HOME to another disk"
        )
