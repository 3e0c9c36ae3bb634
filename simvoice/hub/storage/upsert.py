"""Rows whose key comes from outside, such as a setting by its name, written by several at once.

PostgreSQL runs transactions at once: between a look for a row and its insertion, another one can
insert it. So these rows are written by one statement that both databases have.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from simvoice.hub.storage.tables import Table


def put(session: Session, row: Table) -> None:
    """Insert a row, or give the one that has its primary key the same values."""
    values = _values(row)
    key = [column.name for column in inspect(type(row)).primary_key]
    changed = {name: value for name, value in values.items() if name not in key}
    session.flush()
    session.execute(
        _insert(session, row, values).on_conflict_do_update(index_elements=key, set_=changed)
    )
    _forget(session, row)


def add_once(session: Session, row: Table) -> bool:
    """Insert a row unless one with its primary key, or another unique value of it, is there.

    Returns whether it was inserted. Waits for another transaction that is inserting the same.
    """
    session.flush()
    added = _insert(session, row, _values(row)).on_conflict_do_nothing()
    key = inspect(type(row)).primary_key
    return session.execute(added.returning(*key)).first() is not None


def _insert(session: Session, row: Table, values: dict[str, Any]) -> Any:
    name = session.get_bind().dialect.name
    insert = postgresql.insert if name == "postgresql" else sqlite.insert
    return insert(type(row)).values(values)


def _values(row: Table) -> dict[str, Any]:
    """Return what was given for the row; the rest gets the defaults of its columns."""
    given = inspect(row).dict
    columns = inspect(type(row)).column_attrs
    return {each.key: given[each.key] for each in columns if each.key in given}


def _forget(session: Session, row: Table) -> None:
    """Let what the session has read of the row be read again."""
    mapper = inspect(type(row))
    known = session.identity_map.get(mapper.identity_key_from_instance(row))
    if known is not None:
        session.expire(known)
