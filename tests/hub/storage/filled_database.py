"""Rows for every table of a database, whatever its version has: made from what it declares itself.

So a database of each version can be filled that a release has had, and the next migration is tested
without a line of test more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Uuid,
    select,
)

ROWS = 4
"""Of each table: full, without what may be missing, with long and unusual text, and full again."""

Rows = dict[str, list[dict[str, Any]]]
"""Table to its rows, each column to value, ordered by the primary key."""


def fill(connection: Connection) -> Rows:
    """Put rows into every table, and return all that the database holds then."""
    tables = _tables(connection)
    for number in range(ROWS):
        for table in tables:
            values = {column.name: _value(column, number, connection) for column in table.columns}
            connection.execute(table.insert().values(values))
    return rows_of(connection)


def rows_of(connection: Connection) -> Rows:
    """Return all rows of all tables but that of the version."""
    found: Rows = {}
    for table in _tables(connection):
        query = select(table).order_by(*table.primary_key.columns)
        found[table.name] = [dict(row._mapping) for row in connection.execute(query)]
    return found


def _tables(connection: Connection) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def _value(column: Column[Any], number: int, connection: Connection) -> object:
    """Return the value of a column in a row. A foreign key names the row with the same number."""
    if number == 1 and column.nullable:
        return None
    if column.foreign_keys:
        parent = next(iter(column.foreign_keys)).column
        if parent.table is not column.table:
            return _value(parent, number, connection)
    kind = column.type
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, Integer):
        return number + 1
    if isinstance(kind, Float):
        return number + 0.1
    if isinstance(kind, LargeBinary):
        return bytes([number, 0, 255])
    if isinstance(kind, JSON):
        return {"number": number, "text": "é", "list": [None, True]}
    if isinstance(kind, DateTime):
        at = datetime(2026, 11, 29, 12, tzinfo=UTC) + timedelta(days=number, microseconds=7)
        return at if connection.dialect.name == "postgresql" else at.replace(tzinfo=None)
    unique = UUID(int=(hash_of(f"{column.table.name}.{column.name}") << 8) + number)
    if isinstance(kind, Uuid):
        return unique
    length = getattr(kind, "length", None) or 400
    if length == 32 and column.name.endswith("id"):  # how SQLite holds a UUID
        return unique.hex
    long = "Ünïcødé 'quoted' 💬 " * 40 if number == 2 else column.name
    return f"{number} {long}"[:length]


def hash_of(text: str) -> int:
    """Return a number that is the same in every process."""
    return int.from_bytes(text.encode()[-11:], "big")
