"""The outbox of a station: sealed records that wait for the hub, or that it has.

    outbox/UUID.age          one sealed record (`release.sealed`); nobody here can open it
    outbox/outbox.sqlite3    how far the hub has each

The files are the truth: a file is complete under its name, or it is not there. Rows that are lost
are made again from the files, and the hub says which records it has. So the program can be killed,
and the power cut, between any two lines.

    (no row) --seal--> waiting --the hub has it--> sent --14 days--> (no row, no file)
                        |   ^                       |
                 refused by the hub       the hub lost it (a backup was restored)
                        v   | each hour             v
                       refused                    waiting

A record that was sent stays for two weeks, or until the disk needs its space: a hub that is
restored from a backup gets it again.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from simvoice.display import count_noun
from simvoice.errors import RecordingLost, StorageFull
from simvoice.hub_client.outbox_file import OutboxDamaged, OutboxFile, try_now
from simvoice.record.files import storage_error, sync_folder
from simvoice.record.identity import attempt_uuid
from simvoice.record.store import Store
from simvoice.release.manifest import SealedFacts, SealedOwner
from simvoice.release.sealed import ENDING, check_sealed, facts_of, seal, sealed_name

_log = logging.getLogger(__name__)

KEPT_S = 14 * 86_400.0
"""A hub's backup is rarely older."""
SPARE_BYTES = 2_000_000_000
"""With less free space, records that the hub has are removed, the oldest first."""
_FILE = "outbox.sqlite3"


class RecordState(StrEnum):
    """How far a sealed record is. Values are stored."""

    WAITING = "waiting"
    """The hub does not have all of it yet."""
    SENT = "sent"
    """The hub has it."""
    REFUSED = "refused"
    """The hub does not take it, and says why. It stays here and is tried again each hour."""


@dataclass(frozen=True, slots=True)
class QueuedRecord:
    """One sealed record."""

    uuid: UUID
    state: RecordState
    size: int
    sha256: str
    sealed_at: float
    """Unix time."""
    told_at: float | None
    """Unix time at which the hub had it; None before."""
    note: str
    """Why it was refused, in a sentence of the hub; empty otherwise."""
    sent_bytes: int
    """Bytes that the hub has of it so far."""

    @property
    def facts(self) -> SealedFacts:
        """What is announced to the hub."""
        return SealedFacts(uuid=self.uuid, size=self.size, sha256=self.sha256)


class RecordOutbox(OutboxFile):
    """The outbox in one folder. Any thread may use it; one process at a time seals and sends."""

    schema = """
CREATE TABLE record (
    uuid TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    sealed_at REAL NOT NULL,
    told_at REAL,
    note TEXT NOT NULL DEFAULT '',
    sent_bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""
    full = "the disk of the station is full; free some space"
    damaged = "start the station again, which makes it anew"

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        """folder: of this outbox alone, made at the first use. clock: Unix time."""
        super().__init__(folder / _FILE, clock)
        self.folder = folder
        self.on_queued: Callable[[], None] = lambda: None
        """Called when there is something new to send; the sender sets it."""
        self._sealing = threading.Lock()

    def open(self) -> list[str]:
        """Make files and rows agree after a kill or a power cut. Returns sentences about faults.

        Raises StorageFull and SimvoiceError.
        """
        said = []
        try:
            self._open_folder()
            try:
                self.contact()
            except OutboxDamaged:
                aside = self.path.with_name(f"{_FILE}.damaged-{time.time_ns()}")
                os.replace(self.path, aside)
                said.append("The list of waiting records was damaged, and was made again.")
                _log.error("the outbox was damaged and is made again from its files")
            for path in self.folder.glob("*.partial"):
                path.unlink()
            said += self._compare()
        except OSError as error:
            raise storage_error(error, "opening the outbox") from error
        return said

    def _open_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _compare(self) -> list[str]:
        """Give each file a row, and take out rows whose file is gone."""
        rows = {each.uuid: each for each in self.records()}
        files = dict(self._files())
        for uuid, path in files.items():
            if uuid not in rows:
                size, digest = facts_of(path)
                self._insert(SealedFacts(uuid=uuid, size=size, sha256=digest))
                _log.warning("found a sealed record without a row attempt=%s", uuid)
        lost = [each for each in rows.values() if each.uuid not in files]
        for each in lost:
            self.drop(each.uuid)
        missing = sum(1 for each in lost if each.state is not RecordState.SENT)
        if not missing:
            return []
        _log.error("sealed records are gone from the disk count=%d", missing)
        return [f"The disk has lost {count_noun(missing, 'sealed record')} that waited."]

    def _files(self) -> list[tuple[UUID, Path]]:
        found = []
        for path in sorted(self.folder.glob(f"*{ENDING}")):
            with suppress(ValueError):
                found.append((UUID(path.name.removesuffix(ENDING)), path))
        return found

    # -- sealing --------------------------------------------------------------------------------

    def seal(self, folder: Path, owner: SealedOwner, recipient: str) -> UUID:
        """Seal the record in an attempt's folder, verify the file on disk, and queue it.

        Returns the attempt's UUID. An attempt that is queued or was sent is not sealed again, so
        this can be repeated after a crash at any point. The folder stays as it is. Raises as
        `release.sealed.seal`.
        """
        uuid = attempt_uuid(Store(folder.parent).open_recovered(folder.name).header)
        with self._sealing:
            if self.has(uuid):
                return uuid
            try:
                self._open_folder()
                facts = seal(folder, owner, recipient, self.path_of(uuid))
            except StorageFull:
                if not self._make_room(all_of_them=True):
                    raise
                facts = seal(folder, owner, recipient, self.path_of(uuid))
            except OSError as error:
                raise storage_error(error, f"sealing attempt {folder.name}") from error
            self._insert(facts)
        self.on_queued()
        _log.info("sealed attempt=%s bytes=%d", folder.name, facts.size)
        return uuid

    def has(self, uuid: UUID) -> bool:
        """Return True when the sealed record is whole on the disk, or the hub has it."""
        found = self.record(uuid)
        if found is None:
            return False
        if found.state is RecordState.SENT:
            return True
        try:
            check_sealed(self.path_of(uuid), found.facts)
        except RecordingLost:
            return False
        return True

    def path_of(self, uuid: UUID) -> Path:
        """Return where the sealed file of an attempt is."""
        return self.folder / sealed_name(uuid)

    def _insert(self, facts: SealedFacts) -> None:
        with self._open() as database:
            database.execute(
                "INSERT OR REPLACE INTO record (uuid, state, size, sha256, sealed_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (str(facts.uuid), RecordState.WAITING, facts.size, facts.sha256, self._clock()),
            )
            try_now(database)

    # -- reading --------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Number of records that the hub does not have yet."""
        return sum(1 for each in self.records() if each.state is not RecordState.SENT)

    def records(self) -> tuple[QueuedRecord, ...]:
        """Return all records, the oldest first."""
        if not self.path.exists():
            return ()
        with self._open() as database:
            rows = database.execute("SELECT * FROM record ORDER BY sealed_at, uuid")
            return tuple(map(_from_row, rows))

    def record(self, uuid: UUID) -> QueuedRecord | None:
        """Return a record; None without one."""
        if not self.path.exists():
            return None
        with self._open() as database:
            row = database.execute("SELECT * FROM record WHERE uuid = ?", (str(uuid),)).fetchone()
            return None if row is None else _from_row(row)

    def next_waiting(self, skip: Collection[UUID] = ()) -> QueuedRecord | None:
        """Return the record to send next, the oldest. skip: those that are left alone for now."""
        waiting = (each for each in self.records() if each.state is RecordState.WAITING)
        return next((each for each in waiting if each.uuid not in skip), None)

    # -- what the sender does -------------------------------------------------------------------

    def mark_progress(self, uuid: UUID, sent_bytes: int) -> None:
        """Store how many bytes the hub has."""
        self._change(uuid, "sent_bytes = ?", sent_bytes)

    def mark_sent(self, uuid: UUID) -> None:
        """Store that the hub has it."""
        changes = "state = ?, told_at = ?, note = '', sent_bytes = size"
        self._change(uuid, changes, RecordState.SENT, self._clock())

    def mark_refused(self, uuid: UUID, note: str) -> None:
        """Store why the hub does not take it."""
        self._change(uuid, "state = ?, note = ?", RecordState.REFUSED, note)

    def mark_waiting(self, uuid: UUID) -> None:
        """Store that it is to be sent again."""
        self._change(uuid, "state = ?, told_at = NULL, sent_bytes = 0", RecordState.WAITING)

    def _change(self, uuid: UUID, changes: str, *values: object) -> None:
        with self._open() as database:
            database.execute(f"UPDATE record SET {changes} WHERE uuid = ?", (*values, str(uuid)))

    def drop(self, uuid: UUID) -> None:
        """Forget a record that needs to be here no longer, and remove its file."""
        # A row that is sent and has no file is taken out at the next start. A file without row
        # would be sent again, and a waiting row without file would count as a loss.
        self.mark_sent(uuid)
        try:
            self.path_of(uuid).unlink(missing_ok=True)
            sync_folder(self.folder)
        except OSError as error:
            raise storage_error(error, "removing a sealed record") from error
        with self._open() as database:
            database.execute("DELETE FROM record WHERE uuid = ?", (str(uuid),))

    def tidy(self) -> None:
        """Remove records that the hub has had for long, or whose space is needed."""
        now = self._clock()
        for each in self.records():
            if each.state is RecordState.SENT and now - (each.told_at or now) > KEPT_S:
                self.drop(each.uuid)
        self._make_room()

    def _make_room(self, all_of_them: bool = False) -> bool:
        """Remove records that the hub has until enough space is free. Returns whether any was."""
        has_removed = False
        for each in self.records():
            if each.state is not RecordState.SENT:
                continue
            if not all_of_them and shutil.disk_usage(self.folder).free >= SPARE_BYTES:
                break
            self.drop(each.uuid)
            has_removed = True
        return has_removed


def _from_row(row: sqlite3.Row) -> QueuedRecord:
    try:
        return QueuedRecord(
            uuid=UUID(row["uuid"]),
            state=RecordState(row["state"]),
            size=row["size"],
            sha256=row["sha256"],
            sealed_at=row["sealed_at"],
            told_at=row["told_at"],
            note=row["note"],
            sent_bytes=row["sent_bytes"],
        )
    except ValueError as error:
        raise sqlite3.DatabaseError("malformed record") from error
