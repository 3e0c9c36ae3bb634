"""The versions of the tables, and how a database comes from one to the next (Alembic)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from simvoice.errors import SettingError
from simvoice.hub.storage.tables import Table

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
"""The folder of migrations. It is a part of the package, so that a wheel has it too."""


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration. connection: what the migrations act on."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    made.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    made.attributes["connection"] = connection
    return made


def version(connection: Connection) -> str | None:
    """Return the version of a database's tables, such as "0001"; None for one without tables."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """Return the version that this program makes."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    assert head is not None
    return head


def upgrade(connection: Connection, name: str) -> None:
    """Bring the tables to the newest version, within the transaction of `connection`.

    name: the database, as a message names it. Raises SettingError for one of a newer version, or
    one that has tables of the same names already.
    """
    found = version(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if found is not None and found not in known:
        raise SettingError(
            f"{name} was made by a newer simvoice (its tables have version {found[:40]}, this one "
            f"knows {newest()}); install that version, or restore a backup of before it"
        )
    if found is None and (taken := set(inspect(connection).get_table_names()) & _names()):
        raise SettingError(
            f"{name} holds a table {min(taken)!r} that simvoice did not make; give the hub a "
            "database of its own"
        )
    if found == newest():
        return
    command.upgrade(config(connection), "head")
    _check_foreign_keys(connection, name)


def _names() -> set[str]:
    return set(Table.metadata.tables)


def _check_foreign_keys(connection: Connection, name: str) -> None:
    """Refuse a migration that left a row without what it belongs to. It is rolled back then."""
    if connection.dialect.name != "sqlite":
        return  # PostgreSQL checks them itself
    broken = connection.execute(text("PRAGMA foreign_key_check")).first()
    if broken is not None:
        raise SettingError(
            f"{name} could not be brought to this version, and stays as it was: a row of "
            f"{broken[0]!r} belongs to nothing; restore a backup or ask for help"
        )
