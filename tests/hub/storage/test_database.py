"""Transactions, versions and errors of the hub's database."""

from __future__ import annotations

import os
import random
import shutil
import threading
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from simvoice.errors import DatabaseAway, SettingError, StorageRefused
from simvoice.hub.storage import schema
from simvoice.hub.storage.database import POOL, Database
from simvoice.hub.storage.tables import Account, AccountRole, Table
from tests.hub.postgres_server import PostgresServer


def person(login: str) -> Account:
    return Account(login=login, name="Ana Maria")


def logins(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.scalars(select(Account.login)))


# -- transactions


def test_a_transaction_is_there_after_its_end_and_its_rows_stay_readable(
    database: Database,
) -> None:
    with database.begin() as session:
        made = person("ana")
        made.roles.append(AccountRole(role="learner"))
        session.add(made)
    assert made.roles[0].role == "learner"
    assert made.created_at.tzinfo is not None
    with database.read() as session:
        found = session.scalars(select(Account)).one()
    assert (found.login, [r.role for r in found.roles]) == ("ana", ["learner"])
    assert found.created_at == made.created_at


def test_an_error_in_a_transaction_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.begin() as session:
            session.add(person("ana"))
            session.flush()
            raise KeyError("something else failed")

    with pytest.raises(KeyError):
        fail()
    assert logins(database) == []


def test_what_must_be_unique_is_refused_twice(database: Database) -> None:
    with database.begin() as session:
        session.add(person("ana"))
    with pytest.raises(IntegrityError), database.begin() as session:
        session.add(person("ana"))
    assert logins(database) == ["ana"]


def test_rows_go_with_what_they_belong_to(database: Database) -> None:
    with database.begin() as session:
        made = person("ana")
        made.roles.append(AccountRole(role="learner"))
        session.add(made)
    with database.begin() as session:
        session.execute(text("DELETE FROM person"))
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(AccountRole)) == 0


def test_writing_while_reading_is_an_error_and_changes_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError, match="only reads"), database.read() as session:
        session.add(person("ana"))
    with pytest.raises(RuntimeError, match="only reads"), database.read() as session:
        session.execute(text("DELETE FROM person"))
    with database.begin() as session:  # a connection that has read can write
        session.add(person("ana"))
    assert logins(database) == ["ana"]


def test_a_transaction_in_a_transaction_of_the_thread_is_an_error(database: Database) -> None:
    with database.begin(), pytest.raises(RuntimeError, match="pass the session"):  # noqa: SIM117
        with database.begin():
            pass
    with database.begin() as session:
        session.add(person("ana"))


def test_many_threads_count_without_losing_one(database: Database) -> None:
    with database.begin() as session:
        session.add(person("ana"))

    def count() -> None:
        for _ in range(10):
            with database.begin() as session:
                row = session.scalars(select(Account).with_for_update()).one()
                row.name = str(int(row.name) + 1) if row.name.isdigit() else "1"

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with database.read() as session:
        assert session.scalars(select(Account.name)).one() == "80"


def test_a_reader_waits_for_no_writer_and_sees_what_was_committed(database: Database) -> None:
    with database.begin() as writing:
        writing.add(person("ana"))
        writing.flush()
        seen: list[list[str]] = []
        thread = threading.Thread(target=lambda: seen.append(logins(database)))
        thread.start()
        thread.join(60)
        assert seen == [[]]
    assert logins(database) == ["ana"]


def test_an_error_names_no_value(database: Database) -> None:
    with database.begin() as session:
        session.add(person("ana"))
    with pytest.raises(IntegrityError) as caught, database.begin() as session:
        session.add(Account(login="ana", name="a secret name"))
    assert "secret" not in str(caught.value)


def test_a_rush_larger_than_the_pool_is_served(database: Database) -> None:
    held = threading.Barrier(POOL + 5)
    found: list[list[str]] = []

    def read() -> None:
        with database.read() as session:
            held.wait(60)
            found.append(list(session.scalars(select(Account.login))))

    threads = [threading.Thread(target=read) for _ in range(POOL + 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == POOL + 5


# -- versions


def test_the_migrations_make_the_tables_of_the_code(database: Database, database_url: str) -> None:
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Table.metadata) == []
        assert schema.version(connection) == schema.newest()
    engine.dispose()


def test_making_the_tables_again_changes_nothing(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    database.upgrade()
    with database.begin() as session:
        session.add(person("ana"))
    database.upgrade()
    assert logins(database) == ["ana"]
    database.close()


def test_two_hubs_that_start_at_once_make_the_tables_once(empty_database_url: str) -> None:
    databases = [Database(empty_database_url) for _ in range(4)]
    failed: list[BaseException] = []

    def upgrade(database: Database) -> None:
        try:
            database.upgrade()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=upgrade, args=(d,)) for d in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert logins(databases[0]) == []
    for database in databases:
        database.close()


def test_a_database_of_a_newer_version_is_refused_and_stays(database: Database) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9000'"))
    with pytest.raises(SettingError, match=r"newer simvoice .*9000.* restore a backup"):
        database.upgrade()
    assert logins(database) == []


def test_a_database_of_something_else_is_refused_and_stays(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    file = database.file
    if file is not None:
        file.parent.mkdir()
    with database.begin() as session:
        session.execute(text("CREATE TABLE person (nickname TEXT)"))
    with pytest.raises(SettingError, match="database of its own"):
        database.upgrade()
    with database.read() as session:
        assert session.execute(text("SELECT nickname FROM person")).all() == []
    database.close()


# -- errors


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hub.sqlite3",
        "mysql://root@localhost/hub",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://host",
        "postgresql://user:secret@host:port/name",
        "\x00",
    ],
)
def test_a_url_that_cannot_be_used_gets_a_sentence_without_the_password(url: str) -> None:
    with pytest.raises(SettingError, match="URL of the database cannot be used") as caught:
        Database(url)
    assert "secret" not in str(caught.value)


def test_the_description_holds_no_password() -> None:
    database = Database("postgresql://user:secret@host/name")
    assert database.description == "the PostgreSQL database name on host"


def test_a_file_that_is_no_database_is_refused_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "hub.sqlite3"
    file.write_bytes(b"a letter, and not a database\n" * 100)
    with pytest.raises(SettingError, match="not a database of SQLite"):
        Database(f"sqlite:///{file}").upgrade()
    assert file.read_bytes().startswith(b"a letter")


@pytest.mark.slow
def test_a_damaged_database_says_so(tmp_path: Path) -> None:
    file = tmp_path / "hub.sqlite3"
    database = Database(f"sqlite:///{file}")
    database.upgrade()
    database.close()
    data = bytearray(file.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    file.write_bytes(data)
    with pytest.raises(DatabaseAway, match=r"is damaged .* restore a backup"):
        logins(database)


def test_a_statement_that_is_wrong_is_an_error_of_the_program(database: Database) -> None:
    with pytest.raises(DBAPIError, match="nowhere"), database.read() as session:
        session.execute(text("SELECT 1 FROM nowhere"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageRefused, match="check the permissions"):
        Database(f"sqlite:///{tmp_path / 'file' / 'hub.sqlite3'}").upgrade()


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        database = Database(f"sqlite:///{tmp_path / 'hub' / 'hub.sqlite3'}")
        database.upgrade()
        with database.begin() as session:
            session.add(person("ana"))
        modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "hub").iterdir()}
    finally:
        os.umask(before)
    assert len(modes) == 3  # with its log and the index of it
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "hub").stat().st_mode & 0o777 == 0o700
    database.close()


@pytest.mark.slow
def test_no_copy_of_a_deleted_row_is_left_where_a_page_was_split(
    sqlite_with_tables: Path, tmp_path: Path
) -> None:
    """`secure_delete` alone leaves about one deleted row in two hundred in the file."""
    file = tmp_path / "hub.sqlite3"
    shutil.copyfile(sqlite_with_tables, file)
    database = Database(f"sqlite:///{file}")
    chosen = random.Random(5)
    marks = [f"mark{chosen.getrandbits(64):016x}" for _ in range(3000)]
    with database.begin() as session:
        for number, mark in enumerate(marks):
            name = mark + "x" * chosen.randrange(180)
            session.execute(insert(Account).values(id=uuid4(), login=mark, name=name))
            if number % 3 == 2:
                other = chosen.choice(marks[:number])
                longer = other + "y" * chosen.randrange(180)
                session.execute(update(Account).filter_by(login=other).values(name=longer))
    deleted = chosen.sample(marks, 1000)
    with database.begin() as session:
        session.execute(delete(Account).where(Account.login.in_(deleted)))
    assert database.scrub()
    left = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("hub.sqlite3*")))
    assert sum(mark.encode() in left for mark in marks) == len(marks) - len(deleted)
    assert [mark for mark in deleted if mark.encode() in left] == []
    database.close()


def test_a_server_that_is_not_there_is_away(tmp_path: Path) -> None:
    database = Database(f"postgresql://user@/name?host={tmp_path}")
    for act in (database.upgrade, database.ping, database.scrub):
        with pytest.raises(DatabaseAway, match="cannot be reached now"):
            act()


@pytest.mark.postgresql
def test_a_server_that_goes_away_and_comes_back_loses_nothing(
    postgres: PostgresServer, postgres_with_tables: str
) -> None:
    name = postgres.create(like=postgres_with_tables)
    database = Database(postgres.url(name))
    with database.begin() as session:
        session.add(person("ana"))

    def begin_and_lose_the_server() -> None:
        with database.begin() as session:
            session.add(person("ben"))
            session.flush()
            postgres.stop()

    try:
        with pytest.raises(DatabaseAway):
            begin_and_lose_the_server()
        with pytest.raises(DatabaseAway, match="nothing is lost"):
            database.ping()
    finally:
        postgres.start()
    assert logins(database) == ["ana"]
    with database.begin() as session:
        session.add(person("ben"))
    assert logins(database) == ["ana", "ben"]
    database.close()
    postgres.drop(name)


@pytest.mark.postgresql
def test_a_user_without_rights_is_told(postgres: PostgresServer) -> None:
    name = postgres.create()
    postgres.execute("DROP ROLE IF EXISTS guest")
    postgres.execute("CREATE ROLE guest LOGIN")
    database = Database(postgres.url(name).replace("tester@", "guest@"))
    with pytest.raises(SettingError, match="right to create tables"):
        database.upgrade()
    postgres.drop(name)


@pytest.mark.postgresql
def test_a_database_or_user_that_does_not_exist_is_a_setting(postgres: PostgresServer) -> None:
    with pytest.raises(SettingError, match='"nowhere" does not exist'):
        Database(postgres.url("nowhere")).upgrade()
    with pytest.raises(SettingError, match="SIMVOICE_DATABASE_URL"):
        Database(postgres.url("postgres").replace("tester@", "nobody@")).upgrade()
