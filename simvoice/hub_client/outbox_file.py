"""The file of an outbox: rows of what a device must tell its hub, and when the hub was reached.

Plain `sqlite3`: a few tables with a handful of statements. SQLAlchemy would add 0.3 s to every
start of a program, and its types and migrations would stay unused.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from simvoice.errors import SimvoiceError, StorageFull

SYNCHRONOUS = "FULL"
"""What was stored survives a power cut."""
_LOCK_S = 10.0
"""Seconds that a statement waits for another process; ours take milliseconds."""

_CONTACT = """
CREATE TABLE contact (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    failures INTEGER NOT NULL,
    next_try_at REAL NOT NULL,
    last_contact_at REAL,
    trouble TEXT NOT NULL
);
INSERT INTO contact VALUES (1, 0, 0, NULL, '');
"""


class OutboxDamaged(SimvoiceError):
    """The file cannot be read as an outbox."""


@dataclass(frozen=True, slots=True)
class Contact:
    """When the hub was last reached, and when it is tried again."""

    failures: int = 0
    """Failed tries in a row."""
    next_try_at: float = 0.0
    """Unix time before which the hub is not asked again by itself."""
    last_contact_at: float | None = None
    trouble: str = ""
    """Why the last try failed, in a sentence; empty after a success."""


class OutboxFile:
    """An outbox in one file. Any thread and any process may use it."""

    schema = ""
    """Statements that make the tables of a kind of outbox."""
    version = 1
    """Of the schema. An outbox of another one is refused."""
    full = "the disk is full; free some space"
    """What a full disk means here, as a sentence."""
    damaged = "move this file away"
    """What to do with a file that is damaged."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        """path: of the SQLite file, made with its folder at the first use. clock: Unix time."""
        self.path = path
        self._clock = clock

    def try_now(self) -> None:
        """Ask the hub at the next occasion, whatever the back-off says."""
        with self._open() as database:
            try_now(database)

    def reached(self) -> None:
        """Store that the hub answered now."""
        with self._open() as database:
            database.execute(
                "UPDATE contact SET failures = 0, next_try_at = 0, trouble = '',"
                " last_contact_at = ?",
                (self._clock(),),
            )

    def failed(self, failures: int, next_try_at: float, trouble: str) -> None:
        """Store that the hub did not answer for the n-th time, and when to ask again."""
        with self._open() as database:
            database.execute(
                "UPDATE contact SET failures = ?, next_try_at = ?, trouble = ?",
                (failures, next_try_at, trouble),
            )

    def contact(self) -> Contact:
        """Return when the hub was reached."""
        if not self.path.exists():  # reading a page creates no file on a machine without a hub
            return Contact()
        with self._open() as database:
            row = database.execute(
                "SELECT failures, next_try_at, last_contact_at, trouble FROM contact"
            ).fetchone()
            return Contact(*row)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """One transaction. A connection for each: it takes 0.3 ms and belongs to no thread."""
        try:
            self._make_file()
            with contextlib.closing(
                sqlite3.connect(self.path, timeout=_LOCK_S, isolation_level=None)
            ) as database:
                database.row_factory = sqlite3.Row
                database.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
                database.execute("PRAGMA secure_delete = ON")
                database.execute("BEGIN IMMEDIATE")
                try:
                    self._check_version(database)
                    yield database
                    database.execute("COMMIT")
                except BaseException:
                    if database.in_transaction:
                        database.execute("ROLLBACK")
                    raise
        except (sqlite3.Error, OSError) as error:
            raise self._fault(error) from error

    def _make_file(self) -> None:
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))

    def _check_version(self, database: sqlite3.Connection) -> None:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in (self.schema + _CONTACT).split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {self.version}")
        elif version != self.version:
            raise SimvoiceError(
                f"the outbox {self.path} is of a newer version of simvoice; install that version"
            )

    def _fault(self, error: sqlite3.Error | OSError) -> SimvoiceError:
        said = str(error)
        if "disk is full" in said:
            return StorageFull(self.full)
        if "not a database" in said or "malformed" in said:
            return OutboxDamaged(f"the outbox {self.path} is damaged; {self.damaged}")
        return SimvoiceError(
            f"the outbox {self.path} cannot be used ({said}); check the disk and its permissions"
        )


def try_now(database: sqlite3.Connection) -> None:
    """Forget the back-off, in an open transaction."""
    database.execute("UPDATE contact SET failures = 0, next_try_at = 0")
