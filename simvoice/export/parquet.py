"""Parquet, with the columns' meaning in the file."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pyarrow  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]

from simvoice.export.columns import Cell, Column

_TYPES = {
    "string": pyarrow.string(),
    "number": pyarrow.float64(),
    "integer": pyarrow.int64(),
    "boolean": pyarrow.bool_(),
}


def to_parquet(columns: Iterable[Column], rows: Iterable[dict[str, Cell]]) -> bytes:
    """Empty text is missing, as in the CSV. The same rows give the same bytes, with one version
    of pyarrow (which writes its own name into the file)."""
    given = list(columns)
    schema = pyarrow.schema([_field(column) for column in given])
    records = [{c.name: _cell(row[c.name]) for c in given} for row in rows]
    table = pyarrow.Table.from_pylist(records, schema=schema)
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out, compression="snappy", version="2.6")
    return out.getvalue()


def _field(column: Column) -> pyarrow.Field:
    meaning = {"description": column.description}
    if column.unit:
        meaning["unit"] = column.unit
    return pyarrow.field(column.name, _TYPES[column.kind], metadata=meaning)


def _cell(cell: Cell) -> Cell:
    return None if cell == "" else cell
