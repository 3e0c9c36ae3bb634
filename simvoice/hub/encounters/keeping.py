"""Records of encounters on their way into the hub's store, so that none is lost or kept twice.

An encounter records into a private folder of its own, which also says whose record it is. When it
is over, a thread keeps the record in the store and then removes the folder. While the database or
the store is away it tries again, at longer and longer intervals. What a killed hub left behind is
kept at the next start.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from pydantic import ValidationError

from simvoice import log
from simvoice.errors import AttemptError, SimvoiceError
from simvoice.hub import begun
from simvoice.hub.attempts import AttemptErased, Parts, keep
from simvoice.hub.releases import release_exam
from simvoice.record.files import is_id, read_regular, replace_file, storage_error
from simvoice.strict_model import StrictModel

_log = logging.getLogger(__name__)

OWNER = "owner.json"
_LARGEST_OWNER = 10_000
"""Bytes; it has 200."""

FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 300.0
"""A database that was away for an hour has all records five minutes after it is back."""


class RecordOwner(StrictModel):
    """Whose record it is, and for what it was made."""

    owner_id: UUID | None = None
    """A person; None under an exam code."""
    code_id: UUID | None = None
    assignment_id: UUID | None = None
    begun_id: UUID | None = None
    """What counts for the assignment (`hub.begun`)."""


Keep = Callable[[Path, RecordOwner], object]
"""Keeps the record in a folder, like `keep_record`."""


@dataclass(slots=True)
class _Waiting:
    """A folder whose record is not in the store yet."""

    folder: Path
    owner: RecordOwner
    next_s: float = 0.0
    wait_s: float = FIRST_RETRY_S


def keep_record(parts: Parts, folder: Path, owner: RecordOwner) -> None:
    """Keep the record of an encounter on this hub. An exam is then released to its course.

    Raises what `attempts.keep` raises.
    """
    kept = keep(
        parts,
        folder,
        origin="hub",
        owner_id=owner.owner_id,
        code_id=owner.code_id,
        assignment_id=owner.assignment_id,
    )
    if owner.assignment_id is not None:
        with parts.database.begin() as session:
            if owner.begun_id is not None:
                begun.note_attempt(session, owner.begun_id, kept)
            release_exam(session, kept, owner.assignment_id)


class RecordKeeper:
    """Makes the folders of encounters, and keeps what was recorded in them. Thread-safe."""

    def __init__(
        self, root: Path, keep: Keep, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """root: the folder of the folders; made when needed. clock_s: returns seconds."""
        self._root = root
        self._keep = keep
        self._clock_s = clock_s
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="record-keeper", daemon=True)

    @property
    def unkept(self) -> int:
        """Number of records that are not in the store yet."""
        with self._changed:
            return len(self._waiting)

    def start(self) -> None:
        """Keep what an earlier process left behind, and start the thread."""
        self._recover()
        self._thread.start()

    def stop(self, longest_s: float) -> None:
        """Stop the thread after what it can keep now. The rest is kept after the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(longest_s)

    def open(self, owner: RecordOwner) -> Path:
        """Return a new folder for the record of an encounter.

        Raises StorageFull or StorageRefused.
        """
        folder = self._root / uuid4().hex
        try:
            folder.mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise storage_error(error, "preparing the record of an encounter") from error
        try:
            self.name(folder, owner)
        except SimvoiceError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def name(self, folder: Path, owner: RecordOwner) -> None:
        """Write down whose record a folder holds. Raises StorageFull or StorageRefused."""
        try:
            replace_file(folder / OWNER, owner.model_dump_json().encode() + b"\n")
        except OSError as error:
            raise storage_error(error, "preparing the record of an encounter") from error

    def close(self, folder: Path) -> None:
        """Keep the record in a folder of `open`: its encounter is over."""
        owner = _read_owner(folder)
        if owner is None:
            _log.error("the owner of the record in %s is not known", folder.name)
            return
        with self._changed:
            self._waiting.append(_Waiting(folder, owner))
            self._changed.notify_all()

    def discard(self, owner_id: UUID) -> None:
        """Remove the records of a person whose account is erased, also those that are damaged.

        Their encounters are over.
        """
        with suppress(FileNotFoundError):
            for folder in list(self._root.iterdir()):
                owner = _read_owner(folder)
                if owner is None or owner.owner_id != owner_id:
                    continue
                with self._changed:
                    self._waiting = [one for one in self._waiting if one.folder != folder]
                shutil.rmtree(folder, ignore_errors=True)

    def _recover(self) -> None:
        with suppress(FileNotFoundError):
            for folder in sorted(self._root.iterdir()):
                if folder.is_dir():
                    _log.warning("an encounter was cut off; its record is kept now")
                    self.close(folder)

    # -- the thread

    def _run(self) -> None:
        while True:
            with self._changed:
                due = self._due()
                if due is None and self._stopping:
                    return
                if due is None:
                    self._changed.wait(self._until_next_s())
                    continue
            self._try(due)

    def _due(self) -> _Waiting | None:
        now_s = self._clock_s()
        return next((one for one in self._waiting if one.next_s <= now_s), None)

    def _until_next_s(self) -> float | None:
        if not self._waiting:
            return None
        return max(0.05, min(one.next_s for one in self._waiting) - self._clock_s())

    def keep_due(self) -> None:
        """Try once to keep each record that is due. The thread does this; tests call it."""
        tried: list[_Waiting] = []
        while True:
            with self._changed:
                due = self._due()
            if due is None or due in tried:
                return
            tried.append(due)
            self._try(due)

    def _try(self, one: _Waiting) -> None:
        """Keep the record, or note when to try again."""
        try:
            for attempt in _attempts_in(one.folder):
                with log.of_attempt(attempt.name):
                    self._keep_attempt(attempt, one.owner)
            shutil.rmtree(one.folder)
        except AttemptError as error:  # it is damaged: trying again in a minute changes nothing
            _log.error("a record cannot be kept and stays in its folder: %s", log.place(error))
            self._remove(one)
        except Exception as error:
            # The database or the store is away, or the disk is full. Anything else must not end
            # the thread either: the records of all others wait for it.
            if not isinstance(error, SimvoiceError | OSError):
                _log.exception("A record could not be kept.")
            else:
                _log.warning("a record is kept later: %s", log.place(error))
            one.next_s = self._clock_s() + one.wait_s
            one.wait_s = min(LONGEST_RETRY_S, 2.0 * one.wait_s)
        else:
            self._remove(one)

    def _keep_attempt(self, attempt: Path, owner: RecordOwner) -> None:
        try:
            self._keep(attempt, owner)
        except AttemptErased:
            _log.info("its attempt was erased; the record is removed")

    def _remove(self, one: _Waiting) -> None:
        with self._changed:
            self._waiting = [each for each in self._waiting if each is not one]


def _attempts_in(folder: Path) -> list[Path]:
    """Return the folders of attempts; none when the encounter ended before it was recorded."""
    return sorted(each for each in folder.iterdir() if each.is_dir() and is_id(each.name))


def _read_owner(folder: Path) -> RecordOwner | None:
    try:
        return RecordOwner.model_validate_json(read_regular(folder / OWNER, _LARGEST_OWNER))
    except (OSError, ValidationError):
        return None
