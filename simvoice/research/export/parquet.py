"""Parquet, with the columns' meaning in the file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]

from simvoice.research.export.columns import Cell, Column

_TYPES = {
    "string": pyarrow.string(),
    "number": pyarrow.float64(),
    "integer": pyarrow.int64(),
    "boolean": pyarrow.bool_(),
}

_GROUP = 50_000
"""Rows written at once: some megabytes, and few enough groups for readers."""


class ParquetTable:
    """A table that grows row by row. Empty text is missing, as in the CSV.

    The same rows give the same bytes with one version of pyarrow, which writes its own name into
    the file.
    """

    def __init__(self, path: Path, columns: Iterable[Column]) -> None:
        """Raises OSError when the file cannot be made."""
        self._columns = tuple(columns)
        self._schema = pyarrow.schema([_field(column) for column in self._columns])
        self._writer = pyarrow.parquet.ParquetWriter(
            path, self._schema, compression="snappy", version="2.6"
        )
        self._waiting: list[dict[str, Cell]] = []

    def add(self, rows: Iterable[dict[str, Cell]]) -> None:
        """Raises OSError when the disk refuses."""
        for row in rows:
            self._waiting.append({c.name: _cell(row[c.name]) for c in self._columns})
            if len(self._waiting) == _GROUP:
                self._write()

    def close(self) -> None:
        """Write what is left; may be called twice."""
        if self._waiting:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        table = pyarrow.Table.from_pylist(self._waiting, schema=self._schema)
        self._writer.write_table(table, row_group_size=_GROUP)
        self._waiting = []


def _field(column: Column) -> pyarrow.Field:
    meaning = {"description": column.description}
    if column.unit:
        meaning["unit"] = column.unit
    return pyarrow.field(column.name, _TYPES[column.kind], metadata=meaning)


def _cell(cell: Cell) -> Cell:
    return None if cell == "" else cell
