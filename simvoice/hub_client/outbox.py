"""The outbox: which attempts the learner has released, and how far the hub knows it.

It holds permissions, and nothing of a record: no word, no sound, no copy. What is sent is read from
the attempt's own folder, so erasing an attempt leaves nothing behind here.

One row an attempt, by its UUID. A row says what the learner wants; the sender makes it true:

    (no row) --release--> waiting --the hub keeps it--> sent
                             |  ^                        |  ^
                     refused by the hub               withdraw / the hub lost it
                             v  |                        v  |
                           refused                  withdrawing --the hub knows--> withdrawn

Each press of the learner gives the row a new `press`. The sender reports what it did together with
the press that it served, and a report about an older press changes nothing. So a withdrawal during
a transmission wins, whenever it comes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from simvoice.errors import UsageError
from simvoice.hub_client.outbox_file import OutboxFile, try_now
from simvoice.release.contents import Contents
from simvoice.strict_model import StrictModel


class EntryState(StrEnum):
    """How far a release is. Values are stored."""

    WAITING = "waiting"
    """Released here; the hub does not have all of it yet."""
    SENT = "sent"
    """The hub has kept it, and released it to these courses."""
    REFUSED = "refused"
    """The hub does not take it, and says why. It is not tried again without a press."""
    WITHDRAWING = "withdrawing"
    """Withdrawn here; the hub does not know yet."""
    WITHDRAWN = "withdrawn"
    """Withdrawn, and the hub knows. Kept, in case the hub is restored from an older backup."""


class ReleasedTo(StrictModel):
    """A course that an attempt is released to, as the hub named it to the learner."""

    id: UUID
    title: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One attempt in the outbox."""

    uuid: UUID
    attempt: str
    """The attempt's identifier, which names its folder."""
    state: EntryState
    contents: Contents
    courses: tuple[ReleasedTo, ...]
    press: int
    """Number of the learner's press that led to this state; larger for a later one."""
    has_begun: bool
    """Whether the hub may hold anything of it."""
    pressed_at: float
    """Unix time of the press."""
    told_at: float | None
    """Unix time at which the hub confirmed `sent` or `withdrawn`."""
    note: str
    """Why it was refused, in a sentence of the hub; empty otherwise."""
    sent_bytes: int
    """Bytes that the hub has of it so far."""
    total_bytes: int
    """Bytes of all its files; 0 until they are counted."""

    @property
    def is_pending(self) -> bool:
        """Whether the hub must still be told something."""
        return self.state in _PENDING


_PENDING = (EntryState.WAITING, EntryState.WITHDRAWING)

_SCHEMA = """
CREATE TABLE entry (
    uuid TEXT PRIMARY KEY,
    attempt TEXT NOT NULL,
    state TEXT NOT NULL,
    contents TEXT NOT NULL,
    courses TEXT NOT NULL,
    press INTEGER NOT NULL,
    has_begun INTEGER NOT NULL DEFAULT 0,
    pressed_at REAL NOT NULL,
    told_at REAL,
    note TEXT NOT NULL DEFAULT '',
    sent_bytes INTEGER NOT NULL DEFAULT 0,
    total_bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE press (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
INSERT INTO press VALUES (1, 0);
"""

_courses: TypeAdapter[tuple[ReleasedTo, ...]] = TypeAdapter(tuple[ReleasedTo, ...])


class ReleaseOutbox(OutboxFile):
    """The outbox in one file. Any thread and any process may use it."""

    schema = _SCHEMA
    full = "the disk is full; free some space and try the release again"
    damaged = (
        "move this file away, look at the hub which attempts it has, and release the others again"
    )

    # -- what the learner does ------------------------------------------------------------------

    def release(
        self, uuid: UUID, attempt: str, contents: Contents, courses: Sequence[ReleasedTo]
    ) -> Entry:
        """Store the permission to send an attempt. It replaces an earlier one.

        Raises UsageError without a course: nothing would be released.
        """
        if not courses:
            raise UsageError("choose at least one course to release to")
        with self._open() as database:
            database.execute(
                "INSERT INTO entry (uuid, attempt, state, contents, courses, press, pressed_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uuid) DO UPDATE SET"
                " attempt = excluded.attempt, state = excluded.state, press = excluded.press,"
                " contents = excluded.contents, courses = excluded.courses, note = '',"
                " pressed_at = excluded.pressed_at, told_at = NULL, sent_bytes = 0,"
                " total_bytes = 0",
                (
                    str(uuid),
                    attempt,
                    EntryState.WAITING,
                    contents,
                    _courses.dump_json(tuple(courses)).decode(),
                    _next_press(database),
                    self._clock(),
                ),
            )
            try_now(database)
            found = _entry(database, uuid)
        assert found is not None
        return found

    def withdraw(self, uuid: UUID) -> Entry | None:
        """Take back a permission. Returns None when nothing is left to tell the hub."""
        with self._open() as database:
            found = _entry(database, uuid)
            if found is None or found.state is EntryState.WITHDRAWN:
                return found
            if not found.has_begun:
                database.execute("DELETE FROM entry WHERE uuid = ?", (str(uuid),))
                return None
            database.execute(
                "UPDATE entry SET state = ?, press = ?, pressed_at = ?, told_at = NULL, note = ''"
                " WHERE uuid = ?",
                (EntryState.WITHDRAWING, _next_press(database), self._clock(), str(uuid)),
            )
            try_now(database)
            return _entry(database, uuid)

    def erased(self, attempt: str) -> None:
        """Take an attempt out, because its record was erased here.

        When the hub holds parts that are not complete, it is still told to drop them. What it has
        kept completely stays the learner's on the hub, and can be erased there.
        """
        with self._open() as database:
            rows = database.execute("SELECT * FROM entry WHERE attempt = ?", (attempt,)).fetchall()
            for found in map(_from_row, rows):
                self._erase(database, found)

    def _erase(self, database: sqlite3.Connection, found: Entry) -> None:
        must_tell = found.state is EntryState.WITHDRAWING or (
            found.state in (EntryState.WAITING, EntryState.REFUSED) and found.has_begun
        )
        if not must_tell:
            database.execute("DELETE FROM entry WHERE uuid = ?", (str(found.uuid),))
        elif found.state is not EntryState.WITHDRAWING:
            database.execute(
                "UPDATE entry SET state = ?, press = ? WHERE uuid = ?",
                (EntryState.WITHDRAWING, _next_press(database), str(found.uuid)),
            )

    def keep_only(self, attempts: Sequence[str]) -> int:
        """Take out every entry whose attempt is not among these, as `erased`. Returns how many.

        For attempts that were erased while no page was open.
        """
        with self._open() as database:
            known = set(attempts)
            found = tuple(map(_from_row, database.execute("SELECT * FROM entry")))
            gone = [
                each
                for each in found
                if each.attempt not in known
                and each.state not in (EntryState.WITHDRAWING, EntryState.WITHDRAWN)
            ]
            for each in gone:
                self._erase(database, each)
            return len(gone)

    def empty(self) -> None:
        """Forget everything: the machine is no longer paired."""
        with self._open() as database:
            database.execute("DELETE FROM entry")
            database.execute(
                "UPDATE contact SET failures = 0, next_try_at = 0, last_contact_at = NULL,"
                " trouble = ''"
            )

    # -- what the sender does -------------------------------------------------------------------

    def next_pending(self, skip: Collection[UUID] = ()) -> Entry | None:
        """Return the entry to work on next: withdrawals first, then the oldest press.

        skip: attempts that are left alone for now.
        """
        with self._open() as database:
            rows = database.execute(
                "SELECT * FROM entry WHERE state IN (?, ?) ORDER BY state = ? DESC, press",
                (*_PENDING, EntryState.WITHDRAWING),
            )
            return next((each for each in map(_from_row, rows) if each.uuid not in skip), None)

    def is_current(self, entry: Entry) -> bool:
        """Return whether the learner has not pressed anything about this attempt since."""
        with self._open() as database:
            found = _entry(database, entry.uuid)
        return found is not None and (found.press, found.state) == (entry.press, entry.state)

    def mark_begun(self, entry: Entry, total_bytes: int) -> bool:
        """Store, before the first byte leaves, that the hub may hold parts of it.

        Returns False when the learner has pressed something since.
        """
        return self._report(entry, "has_begun = 1, total_bytes = ?", total_bytes)

    def mark_progress(self, entry: Entry, sent_bytes: int) -> bool:
        """Store how many bytes the hub has. Returns False as `mark_begun`."""
        return self._report(entry, "sent_bytes = ?", sent_bytes)

    def mark_sent(self, entry: Entry) -> bool:
        """Store that the hub has kept it. Returns False as `mark_begun`."""
        return self._report(
            entry,
            "state = ?, told_at = ?, note = '', sent_bytes = total_bytes",
            EntryState.SENT,
            self._clock(),
        )

    def mark_withdrawn(self, entry: Entry, at: float) -> bool:
        """Store that the hub knows of the withdrawal. at: Unix time of the hub.

        Returns False as `mark_begun`.
        """
        return self._report(entry, "state = ?, told_at = ?", EntryState.WITHDRAWN, at)

    def mark_refused(self, entry: Entry, note: str) -> bool:
        """Store why the hub does not take it. Returns False as `mark_begun`."""
        return self._report(entry, "state = ?, note = ?", EntryState.REFUSED, note)

    def mark_lost(self, entry: Entry) -> bool:
        """Store that a hub restored from a backup no longer has it, or has it released again."""
        again = {
            EntryState.SENT: EntryState.WAITING,
            EntryState.WITHDRAWN: EntryState.WITHDRAWING,
        }[entry.state]
        return self._report(entry, "state = ?, told_at = NULL, sent_bytes = 0", again)

    def drop(self, entry: Entry) -> bool:
        """Take an entry out whose record is gone. Returns False as `mark_begun`."""
        with self._open() as database:
            done = database.execute(
                "DELETE FROM entry WHERE uuid = ? AND press = ? AND state = ?",
                (str(entry.uuid), entry.press, entry.state),
            )
            return done.rowcount == 1

    def _report(self, entry: Entry, changes: str, *values: object) -> bool:
        with self._open() as database:
            done = database.execute(
                f"UPDATE entry SET {changes} WHERE uuid = ? AND press = ? AND state = ?",
                (*values, str(entry.uuid), entry.press, entry.state),
            )
            return done.rowcount == 1

    # -- reading --------------------------------------------------------------------------------

    def entries(self) -> tuple[Entry, ...]:
        """Return all entries, the last press first."""
        if not self.path.exists():  # reading a page creates no file on a machine without a hub
            return ()
        with self._open() as database:
            return tuple(
                map(_from_row, database.execute("SELECT * FROM entry ORDER BY press DESC"))
            )

    def entry(self, uuid: UUID) -> Entry | None:
        """Return the entry of an attempt; None without one."""
        if not self.path.exists():
            return None
        with self._open() as database:
            return _entry(database, uuid)


def _next_press(database: sqlite3.Connection) -> int:
    (last,) = database.execute("UPDATE press SET last = last + 1 RETURNING last").fetchone()
    return int(last)


def _entry(database: sqlite3.Connection, uuid: UUID) -> Entry | None:
    row = database.execute("SELECT * FROM entry WHERE uuid = ?", (str(uuid),)).fetchone()
    return None if row is None else _from_row(row)


def _from_row(row: sqlite3.Row) -> Entry:
    try:
        return Entry(
            uuid=UUID(row["uuid"]),
            attempt=row["attempt"],
            state=EntryState(row["state"]),
            contents=Contents(row["contents"]),
            courses=_courses.validate_json(row["courses"]),
            press=row["press"],
            has_begun=bool(row["has_begun"]),
            pressed_at=row["pressed_at"],
            told_at=row["told_at"],
            note=row["note"],
            sent_bytes=row["sent_bytes"],
            total_bytes=row["total_bytes"],
        )
    except (ValueError, ValidationError) as error:
        raise sqlite3.DatabaseError("malformed entry") from error
