"""A filled database of every version comes to the newest one, and loses nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from simvoice.errors import SettingError
from simvoice.hub.storage import schema
from simvoice.hub.storage.database import Database
from tests.hub.storage.filled_database import ROWS, Rows, fill, rows_of

pytestmark = pytest.mark.slow

CHANGED: dict[tuple[str, str], dict[tuple[str, str], Any]] = {}
"""What a migration changes on purpose: (from version, to version) to {(table, column): the column's
new values in order, or None where it is gone}. A table that is gone has the column "*"."""

VERSIONS = [
    script.revision for script in ScriptDirectory.from_config(schema.config()).walk_revisions()
]


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def make(url: str, version: str) -> Rows:
    """Make a database of a version, fill it, and return its rows."""
    file = Database(url).file
    if file is not None:
        file.parent.mkdir(exist_ok=True)
    with connected(url) as connection:
        command.upgrade(schema.config(connection), version)
        return fill(connection)


def lost(before: Rows, after: Rows, version: str) -> list[str]:
    """Return what of the rows of an older database is not in the newer one."""
    changed: dict[tuple[str, str], Any] = {}
    for (first, _), columns in CHANGED.items():
        if first >= version:
            changed |= columns
    wrong = []
    for table, rows in before.items():
        if (table, "*") in changed:
            continue
        if len(after.get(table, [])) != len(rows):
            wrong.append(f"{table} has {len(after.get(table, []))} rows and had {len(rows)}")
            continue
        for number, row in enumerate(rows):
            for column, value in row.items():
                if (table, column) in changed:
                    if changed[table, column] is None:
                        continue
                    value = changed[table, column][number]
                if after[table][number].get(column, "nothing") != value:
                    wrong.append(f"{table}.{column} in row {number}")
    return wrong


@pytest.mark.parametrize("version", VERSIONS)
def test_a_filled_database_of_each_version_loses_nothing(
    empty_database_url: str, version: str
) -> None:
    before = make(empty_database_url, version)
    assert len(before) >= 17
    assert {len(rows) for rows in before.values()} == {ROWS}
    database = Database(empty_database_url)
    database.upgrade()
    database.close()
    with connected(empty_database_url) as connection:
        assert schema.version(connection) == schema.newest()
        assert lost(before, rows_of(connection), version) == []


def test_the_search_for_what_is_lost_finds_it(empty_database_url: str) -> None:
    before = make(empty_database_url, schema.newest())
    with connected(empty_database_url) as connection:
        connection.execute(text("UPDATE person SET name = 'x' WHERE login LIKE '2%'"))
        connection.execute(text("DELETE FROM erasure"))
        after = rows_of(connection)
    assert lost(before, after, schema.newest()) == [
        "erasure has 0 rows and had 4",
        f"person.name in row {[row['login'][0] for row in before['person']].index('2')}",
    ]


# -- the next migration, as it may be

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{newest}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("person") as person:
        person.add_column(sa.Column("language", sa.String(10), nullable=False, server_default="en"))
        person.alter_column("name", type_=sa.String(300), existing_type=sa.String(200))
    with op.batch_alter_table("attempt") as attempt:
        attempt.alter_column("reason", type_=sa.String(40), existing_type=sa.String(20))
    {last}
"""


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that adds a migration to a copy of ours. last: its last statement."""
    ours = schema.MIGRATIONS

    def add(last: str) -> None:
        copy = tmp_path / "migrations"
        shutil.copytree(ours, copy)
        newest = schema.newest()
        file = copy / "versions" / "9000_next.py"
        file.write_text(NEXT.format(newest=newest, last=last), encoding="utf-8")
        monkeypatch.setattr(schema, "MIGRATIONS", copy)

    return add


def test_a_migration_that_builds_tables_again_loses_nothing(
    empty_database_url: str, next_release: Callable[[str], None]
) -> None:
    """SQLite builds a table again to change a column; its rows take others with them if it may."""
    version = schema.newest()
    before = make(empty_database_url, version)
    next_release("pass")
    database = Database(empty_database_url)
    database.upgrade()
    with connected(empty_database_url) as connection:
        after = rows_of(connection)
        assert schema.version(connection) == "9000"
    assert lost(before, after, version) == []
    assert {row["language"] for row in after["person"]} == {"en"}
    with pytest.raises(Exception, match=r"(?i)foreign key"), database.begin() as session:
        session.execute(text("UPDATE person_role SET person_id = :none"), {"none": "0" * 32})
    database.close()


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("raise RuntimeError('the disk broke')", "the disk broke"),
        ("op.execute('SELECT nothing FROM nowhere')", "nowhere"),
    ],
)
def test_a_migration_that_fails_leaves_the_database_as_it_was(
    empty_database_url: str, next_release: Callable[[str], None], last: str, said: str
) -> None:
    version = schema.newest()
    before = make(empty_database_url, version)
    next_release(last)
    database = Database(empty_database_url)
    with pytest.raises(Exception, match=said):
        database.upgrade()
    database.close()
    with connected(empty_database_url) as connection:
        assert schema.version(connection) == version
        assert rows_of(connection) == before


def test_a_migration_that_leaves_a_row_without_its_parent_is_refused(
    empty_database_url: str, next_release: Callable[[str], None]
) -> None:
    version = schema.newest()
    before = make(empty_database_url, version)
    next_release("op.execute('DELETE FROM course')")
    database = Database(empty_database_url)
    if database.is_sqlite:
        with pytest.raises(SettingError, match="stays as it was"):
            database.upgrade()
        with connected(empty_database_url) as connection:
            assert rows_of(connection) == before
    else:  # PostgreSQL removes with a course what belongs to it, as the tables say
        database.upgrade()
        with connected(empty_database_url) as connection:
            assert rows_of(connection)["membership"] == []
    database.close()
