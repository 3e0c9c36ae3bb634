"""Record a running encounter without blocking its loop.

Entries and sound go through a bounded queue to a writer thread, which writes them at once. A second
thread syncs the files to the disk. Two threads are needed because a sync may take seconds, and
everything that waits in the queue is lost if the process dies.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import tempfile
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from simvoice.audio import RATE, Pcm16, seconds
from simvoice.errors import AttemptError, SimvoiceError, StorageFull, StorageRefused
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
    read_regular,
    replace_file,
    storage_error,
    sync_folder,
)
from simvoice.record.journal import Journal
from simvoice.record.sound import SoundFile, count_samples, interleave, pack, sound_path
from simvoice.strict_model import StrictModel

_log = logging.getLogger(__name__)

SYNC_S = 0.5
"""Seconds between syncs. A power cut loses at most twice as much."""
QUEUE_SAMPLES = 10 * RATE
"""10 s of sound may wait for a slow disk. More is counted and replaced by silence."""
QUEUE_ENTRIES = 10_000
"""Far more entries than an encounter has. Only a disk that hangs reaches this limit."""
NEEDED_BYTES = 200_000_000
"""Free space required to start: 45 minutes at 4 MB a minute, and the packed copy."""
_RESERVE_BYTES = 262_144
_LARGEST_MARK = 10_000
"""Bytes of the mark of a complete record; it has 100."""
_CLOSE_TIMEOUT_S = 30.0
"""Seconds that `close` waits for a disk that does not answer."""


BATCH = 5
"""Frames that go to the writer together: 0.1 s. Waking it for each frame costs as much as all else
that an encounter does with a frame."""


@dataclass(frozen=True, slots=True)
class _Sound:
    """Blocks of both channels, and the number of samples left out before them."""

    blocks: tuple[tuple[Pcm16, Pcm16], ...]
    """(learner, patient) of each block."""
    left_out: int

    @property
    def samples(self) -> int:
        """Samples of each channel in all blocks."""
        return sum(max(learner.size, patient.size) for learner, patient in self.blocks)


class Recorder:
    """An attempt that is being recorded. Only one thread may call `add` and `sound`."""

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
        self._batch: list[tuple[Pcm16, Pcm16]] = []
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
        """Create the folder `root/<attempt>/` and start recording into it.

        Raises StorageFull without enough free space, AttemptError if the attempt exists, and
        SimvoiceError if the folder cannot be written. No folder is left behind then.
        """
        attempt = check_id(header.attempt)
        folder = root / attempt
        # Built under another name, so that no reader sees an attempt without its header.
        building = root / f".{attempt}.new"
        try:
            check_storage(root)
            if folder.exists():
                raise AttemptError(f"attempt {attempt} already exists; start another one")
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
            assert lock is not None  # no other process knows the new folder
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

    # -- called by the loop ----------------------------------------------------------------------

    @property
    def attempt(self) -> str:
        """Identifier, and name of the folder."""
        return self.folder.name

    @property
    def fault(self) -> SimvoiceError | None:
        """The first error in writing, or None. After an error the encounter should end."""
        return self._fault

    @property
    def left_out_s(self) -> float:
        """Seconds of sound left out, as silence, because the disk was too slow."""
        return seconds(self._left_out)

    @property
    def left_out_entries(self) -> int:
        """Number of entries left out because the disk was too slow."""
        return self._left_out_entries

    def add(self, entry: JournalEntry) -> None:
        """Queue an entry for writing. Never blocks and never raises."""
        if isinstance(entry, Ended):
            self._has_ended = True
        if self._stopping.is_set() or self._queue.qsize() >= QUEUE_ENTRIES:
            self._left_out_entries += 1
            return
        self._queue.put(entry)

    def sound(self, learner: Pcm16, patient: Pcm16) -> None:
        """Queue the next samples of both channels for writing. Never blocks and never raises.

        learner, patient: int16 [n], 16 kHz, equally long. The arrays are not copied, so the caller
        must not write to them again.
        """
        length = max(learner.size, patient.size)
        if self._stopping.is_set() or self._put - self._taken + length > QUEUE_SAMPLES:
            self._put_batch()
            self._left_out += length
            self._pending_gap += length
            return
        # Only one thread writes each counter, so their difference needs no lock.
        self._put += length
        self._batch.append((learner, patient))
        if len(self._batch) >= BATCH:
            self._put_batch()

    def _put_batch(self) -> None:
        if self._batch:
            self._queue.put(_Sound(tuple(self._batch), self._pending_gap))
            self._batch.clear()
            self._pending_gap = 0

    def drain(self) -> bool:
        """Wait until the queue is written. Returns False if the disk hangs.

        Conversations that run faster than real time need this, to not overfill the queue.
        """
        if self._stopping.is_set():
            return True
        written = threading.Event()
        self._put_batch()
        self._queue.put(written)
        return written.wait(_CLOSE_TIMEOUT_S)

    # -- the end ----------------------------------------------------------------------------

    def close(self) -> Path:
        """Write the queue, pack the sound and mark the attempt as complete.

        Returns the folder of the attempt. Never raises: an error in writing becomes `fault`, and
        the attempt stays recoverable. May be called twice.
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
        """Stop without finishing, like a killed process. For tests of recovery."""
        self._closed = self._abandoned = True
        self._stop()
        self._lock.release()

    def _stop(self) -> bool:
        """Stop both threads and close the files. Returns False if the disk hangs."""
        self._put_batch()
        self._stopping.set()
        self._queue.put(None)
        self._writer.join(_CLOSE_TIMEOUT_S)
        self._syncer.join(_CLOSE_TIMEOUT_S)
        if self._writer.is_alive() or self._syncer.is_alive():
            _log.warning("recording was not stored in time attempt=%s", self.attempt)
            self._fault = self._fault or SimvoiceError(
                f"the disk did not store the end of attempt {self.attempt} in time; "
                f"run later: simvoice attempts recover {self.attempt}"
            )
            return False
        self._journal.close()
        self._sound.close()
        return True

    def _finish(self) -> None:
        (self.folder / RESERVE).unlink(missing_ok=True)
        pack(self.folder)
        # Without an end the journal is incomplete; recovery adds the end and says so.
        if self._has_ended and self._fault is None:
            facts = ClosedFacts(
                left_out_samples=self._left_out, left_out_entries=self._left_out_entries
            )
            mark_closed(self.folder, facts)

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
            self._sync_files()

    def _write_one(self, item: JournalEntry | _Sound) -> None:
        if not isinstance(item, _Sound):
            try:
                self._journal.append(item)
            except OSError as error:
                # `_fail` freed the reserve, so that the last entries still fit on the disk.
                self._fail(error)
                self._journal.append(item)
            return
        self._taken += item.samples
        if self._fault is None:
            if item.left_out:
                self._sound.append(bytes(4 * item.left_out))
            self._sound.append(b"".join(interleave(*block) for block in item.blocks))

    def _sync(self) -> None:
        while not self._stopping.wait(SYNC_S):
            self._sync_files()

    def _sync_files(self) -> None:
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
            _log.warning("recording failed attempt=%s", self.attempt, exc_info=error)
            self._fault = storage_error(error, f"recording attempt {self.attempt}")


class ClosedFacts(StrictModel):
    """What the mark of a complete record says. Every fact is 0 where it is not known."""

    left_out_samples: int = 0
    left_out_entries: int = 0
    samples: int = 0
    """Samples of each channel that were stored. Not known in records of release 0.1."""
    journal_bytes: int = 0
    """Length of the journal. Not known in records of release 0.1."""


def mark_closed(folder: Path, facts: ClosedFacts | None = None) -> None:
    """Mark the record of an attempt as complete. Raises OSError.

    facts: what is known already. The lengths of journal and sound are added, so that a reader can
    tell when they are cut later.
    """
    known = facts or ClosedFacts()
    samples = 0
    path = sound_path(folder)
    if path is not None:
        with suppress(AttemptError):
            samples = count_samples(path)
    journal_bytes = (folder / JOURNAL).stat().st_size
    made = known.model_copy(
        update={"samples": max(samples, known.samples), "journal_bytes": journal_bytes}
    )
    replace_file(folder / CLOSED, made.model_dump_json().encode() + b"\n")


def read_closed(folder: Path) -> ClosedFacts | None:
    """Return what the mark of a complete record says; None without one."""
    try:
        return ClosedFacts.model_validate_json(read_regular(folder / CLOSED, _LARGEST_MARK))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        return ClosedFacts()  # the mark is damaged; the record need not be


def check_storage(root: Path) -> None:
    """Check that an encounter can be recorded under `root`. Creates the folder.

    Raises StorageRefused when it cannot be written, StorageFull without enough free space.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
        free = shutil.disk_usage(root).free
    except OSError as error:
        if error.errno in FULL:
            raise storage_error(error, f"recording in {root}") from error
        raise StorageRefused(
            f"attempts cannot be written to {root} ({error.strerror}); allow your user to write "
            "there, or set SIMVOICE_HOME to another folder"
        ) from error
    if free < NEEDED_BYTES:
        raise StorageFull(
            f"the disk for attempts has {free // 1_000_000} MB left and an encounter needs "
            f"{NEEDED_BYTES // 1_000_000} MB; free some space or set SIMVOICE_HOME to another disk"
        )
