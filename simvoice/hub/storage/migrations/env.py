"""Alembic runs this file for each command, with the connection that `hub.storage.schema` gives."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from simvoice.hub.storage.tables import Table, UtcTime


def _render(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Write a type of ours as the plain one: a migration must not change when the code does."""
    is_ours = kind == "type" and isinstance(item, UtcTime)
    return "sa.DateTime(timezone=True)" if is_ours else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    # SQLite changes a table by building it again, under the names of `tables._NAMES`.
    render_as_batch=True,
    # SQLite too keeps changes of tables in a transaction; Alembic assumes that it does not.
    transactional_ddl=True,
    compare_server_default=True,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
