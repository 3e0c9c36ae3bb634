"""The hub's database: SQLite in a file, or PostgreSQL. Connections, transactions, errors."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from simvoice.errors import DatabaseAway, SettingError, StorageFull, StorageRefused
from simvoice.hub.storage import schema
from simvoice.hub.storage.tables import Table

_log = logging.getLogger(__name__)

POOL = 10
"""Connections that stay open, and as many more in a rush. PostgreSQL allows 100 as it comes."""
_POOL_WAIT_S = 10.0
"""Seconds that a request waits for a connection before it gets an error."""
_CONNECT_S = 3
"""Seconds for a server to answer. A page that waits longer is worse than one that says so."""
_LOCK_S = 10.0
"""Seconds that a transaction waits for another one. The longest of ours take 0.1 s."""
_STATEMENT_S = 30
"""Seconds after which PostgreSQL ends a statement. No statement of ours needs one second."""
_SCRUB_TRIES = 20
_SCRUB_PAUSE_S = 0.05
"""A reader delays the emptying of SQLite's log; one second is enough for a page."""

_READING = "simvoice_reading"


class Database:
    """The database of a hub. All methods may be called from any thread."""

    def __init__(self, url: str) -> None:
        """url: `sqlite:////folder/hub.sqlite3` or `postgresql://user:password@host/name`.

        Connects to nothing yet. Raises SettingError for another URL.
        """
        self._url = _parse(url)
        self._engine = _engine(self._url)
        options: dict[str, Any] = {_READING: True}
        if not self.is_sqlite:
            options["postgresql_readonly"] = True
        self._reading = self._engine.execution_options(**options)
        self._active = threading.local()
        self._turn = threading.Lock()
        self.is_scrub_due = True
        """Whether something may be left of deleted rows: nobody knows how the last hub ended."""

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of SQLite."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def description(self) -> str:
        """What the database is, for messages: without its password."""
        if self.is_sqlite:
            return f"the database {self._url.database}"
        place = f" on {self._url.host}" if self._url.host else ""
        return f"the PostgreSQL database {self._url.database}{place}"

    @property
    def file(self) -> Path | None:
        """The file of SQLite; None for PostgreSQL."""
        return Path(str(self._url.database)) if self.is_sqlite else None

    # -- transactions ---------------------------------------------------------------------------

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Run one transaction that may write. It commits at the end, and rolls back on an error.

        Rows stay readable after it. On SQLite one such transaction runs at a time; on PostgreSQL
        they run at once (READ COMMITTED), so what must happen once needs a unique key, an
        `UPDATE … WHERE` whose row count is looked at, or `with_for_update`.

        Raises DatabaseAway when the database does not answer, StorageFull when its disk is full,
        and RuntimeError inside another `begin` of the same thread, which would wait for itself.
        sqlalchemy's IntegrityError passes through.
        """
        if getattr(self._active, "begun", False):
            raise RuntimeError("a transaction in a transaction waits for itself; pass the session")
        self._active.begun = True
        try:
            if self.is_sqlite:
                # SQLite's own waiting polls and is unfair; within the process a lock is neither.
                with self._own_turn(), self._session(self._engine) as session:
                    yield session
            else:
                with self._session(self._engine) as session:
                    yield session
        finally:
            self._active.begun = False

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run one transaction that only reads. It waits for no writer. Raises as `begin`.

        Writing in it is an error of the program (RuntimeError).
        """
        with self._session(self._reading) as session:
            yield session
            if session.new or session.dirty or session.deleted:
                raise RuntimeError(_ONLY_READS)

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=_LOCK_S):
            raise DatabaseAway(f"{self.description} is busy; try again in a moment")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        try:
            with Session(engine, expire_on_commit=False) as session, session.begin():
                yield session
        except (DBAPIError, PoolTimeout) as error:
            if engine is self._reading and _is_written_while_reading(error):
                raise RuntimeError(_ONLY_READS) from error
            self._raise(error)

    # -- upkeep ---------------------------------------------------------------------------------

    def upgrade(self) -> None:
        """Make the tables, or bring those of an older version to this one. Loses nothing.

        Raises SettingError for a wrong password, missing rights, a file that is no database, or a
        database of a newer version; DatabaseAway as `begin`.
        """
        file = self.file
        if file is not None:
            _make_private_file(file)
        try:
            with self._alone() as connection:
                schema.upgrade(connection, self.description)
        except DBAPIError as error:
            self._refuse(error)
            self._raise(error)

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """A transaction that no other process of the hub runs at the same time, for `upgrade`."""
        # A connection of its own: while SQLite rebuilds a table, foreign keys must not act.
        engine = _engine(self._url, rebuilding=True)
        try:
            with engine.begin() as connection:
                if not self.is_sqlite:
                    # a large table takes its time, and another hub may be changing it now
                    connection.execute(text("SET LOCAL statement_timeout = 0"))
                    connection.execute(text("SET LOCAL lock_timeout = 0"))
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})"))
                yield connection
        finally:
            engine.dispose()

    def ping(self) -> None:
        """Ask the database for an answer. Raises DatabaseAway."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def scrub(self) -> bool:
        """Remove what deleted rows leave behind. Returns False if readers kept SQLite from it.

        SQLite overwrites deleted rows (secure_delete), but not the copies that it has left where a
        row was before its page was split; VACUUM writes the file anew without them. Its log holds
        older pages until it is emptied. PostgreSQL frees the space of deleted rows (VACUUM) and
        overwrites it with later ones; its own log and its backups belong to the people who run it.
        Raises DatabaseAway.
        """
        self.is_scrub_due = True
        try:
            if not self.is_sqlite:
                self._vacuum()
                self.is_scrub_due = False
                return True
            self._rewrite()
            for _ in range(_SCRUB_TRIES):
                if self._empty_log():
                    self.is_scrub_due = False
                    return True
                time.sleep(_SCRUB_PAUSE_S)
        except (DBAPIError, PoolTimeout) as error:
            self._raise(error)
        except sqlite3.OperationalError as error:  # locked by another process, or a full disk
            _log.warning("%s could not be written anew now: %s", self.description, error)
            return False
        _log.warning("the log of %s could not be emptied now", self.description)
        return False

    def _rewrite(self) -> None:
        with self._own_turn(), self._engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA query_only = OFF")
            raw.execute("VACUUM")

    def _empty_log(self) -> bool:
        with self._own_turn(), self._engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

    def _vacuum(self) -> None:
        names = ", ".join(sorted(Table.metadata.tables))
        with self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text(f"VACUUM {names}"))

    def close(self) -> None:
        """Close all connections. Later calls open new ones."""
        self._engine.dispose()

    # -- errors ---------------------------------------------------------------------------------

    def _raise(self, error: DBAPIError | PoolTimeout) -> NoReturn:
        """Raise what a failed statement means to the hub, or the error itself."""
        if isinstance(error, PoolTimeout):
            raise DatabaseAway(f"{self.description} is busy; try again in a moment") from error
        if _is_full(error):
            raise StorageFull(
                f"the disk of {self.description} is full; free some space and try again"
            ) from error
        if _SQLITE_READ_ONLY in str(error.orig):
            raise StorageRefused(
                f"{self.description} cannot be written; check the permissions of its folder"
            ) from error
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DatabaseAway(
                f"{self.description} is damaged ({_first_line(error)}); stop the hub and restore a "
                "backup"
            ) from error
        if code == sqlite3.SQLITE_ERROR:
            raise error  # a statement that cannot be right: the program is wrong
        if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
            _log.warning("%s does not answer: %s", self.description, _first_line(error))
            raise DatabaseAway(
                f"{self.description} cannot be reached now ({_first_line(error)}); nothing is "
                "lost, try again in a moment"
            ) from error
        raise error

    def _refuse(self, error: DBAPIError) -> None:
        """Raise the error of a database that the hub cannot be started with; else return."""
        said = _first_line(error)
        why = ""
        if isinstance(error.orig, sqlite3.Error):
            if "not a database" in said:
                why = "the file is not a database of SQLite; give another file"
            elif "readonly" in said or "unable to open" in said:
                raise StorageRefused(
                    f"{self.description} cannot be written; check the permissions of its folder"
                ) from error
        elif isinstance(error, ProgrammingError) and _state(error) == _NO_RIGHTS:
            why = f"{said}; let its owner grant this user the right to create tables"
        elif isinstance(error, OperationalError) and _is_refusal(said):
            why = f"{said}; check the user, the password and the name in SIMVOICE_DATABASE_URL"
        if why:
            raise SettingError(f"{self.description} cannot be used: {why}") from error


_UPGRADE_LOCK = 7_310_214_001
"""A number that no other program's advisory lock is likely to have."""

_ONLY_READS = "a transaction that only reads was written to; use `begin`"

_NO_RIGHTS = "42501"
_READ_ONLY = "25006"
_DISK_FULL = "53100"
"""SQLSTATEs of PostgreSQL."""

_REFUSALS = ("authentication failed", "does not exist", "no password supplied", "no pg_hba.conf")
"""What a server says that answers and refuses; it sends no SQLSTATE that libpq passes on."""


_SQLITE_READ_ONLY = "attempt to write a readonly database"


def _is_written_while_reading(error: DBAPIError | PoolTimeout) -> bool:
    if isinstance(error, PoolTimeout):
        return False
    return _state(error) == _READ_ONLY or _SQLITE_READ_ONLY in str(error.orig)


def _is_refusal(said: str) -> bool:
    return any(words in said for words in _REFUSALS)


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")


def _is_full(error: DBAPIError) -> bool:
    return _state(error) == _DISK_FULL or "database or disk is full" in str(error.orig)


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return lines[-1].strip().rstrip(".")


# -- engines ------------------------------------------------------------------------------------


def _parse(url: str) -> URL:
    try:
        found = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _unusable("it has no such form") from error
    if found.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        if not found.database:
            raise _unusable("it names no database")
        return found.set(drivername="postgresql+psycopg")
    if found.drivername in ("sqlite", "sqlite+pysqlite"):
        if not found.database or found.database == ":memory:" or found.query:
            raise _unusable("it names no file")
        return found.set(database=os.path.abspath(found.database))
    raise _unusable(f"{found.drivername[:40]!r} is neither sqlite nor postgresql")


def _unusable(why: str) -> SettingError:
    # The URL itself is not shown: it holds a password.
    return SettingError(
        f"the URL of the database cannot be used ({why}); write sqlite:////folder/hub.sqlite3 or "
        "postgresql://user:password@host/name"
    )


def _engine(url: URL, *, rebuilding: bool = False) -> Engine:
    """Return an engine. rebuilding: without foreign keys on SQLite, and without a pool."""
    pool: dict[str, Any] = {"poolclass": NullPool}
    if not rebuilding:
        pool = {
            "pool_size": POOL,
            "max_overflow": POOL,
            "pool_timeout": _POOL_WAIT_S,
            "pool_pre_ping": True,
        }
    # Errors name no values: a log must hold nobody's words.
    pool["hide_parameters"] = True
    if url.get_backend_name() != "sqlite":
        return create_engine(url, connect_args=_postgres_arguments(url), **pool)
    engine = create_engine(url, connect_args={"timeout": _LOCK_S}, **pool)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # sqlite3 begins no transactions of its own
        for pragma in (
            "journal_mode = WAL",
            # What the hub confirms is erased from the sender, so it has to survive a power cut.
            "synchronous = FULL",
            f"foreign_keys = {'OFF' if rebuilding else 'ON'}",
            # Overwrites deleted rows: what a learner erases is gone.
            "secure_delete = ON",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE waits for its turn at the start. A transaction that reads first and writes
        # later would fail when another one has written in between.
        is_reading = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if is_reading else 'OFF'}")
        connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")

    return engine


def _postgres_arguments(url: URL) -> dict[str, Any]:
    """Return libpq's parameters for those that the URL does not set itself."""
    ours: dict[str, Any] = {
        "connect_timeout": _CONNECT_S,
        # A server that vanished without a word is noticed within half a minute.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        "application_name": "simvoice hub",
        "options": f"-c statement_timeout={_STATEMENT_S}s -c lock_timeout={_LOCK_S:.0f}s "
        "-c idle_in_transaction_session_timeout=60s -c timezone=UTC",
    }
    return {name: value for name, value in ours.items() if name not in url.query}


def _make_private_file(file: Path) -> None:
    """Create the file of SQLite so that only its owner can read it; its log inherits this."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise StorageRefused(
            f"the database {file} cannot be written ({why}); check the permissions of its folder"
        ) from error
