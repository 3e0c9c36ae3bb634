"""Write tables as Parquet, with the description and unit of each column."""

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
"""Rows in a row group: some megabytes of memory, and few groups in a file."""


class ParquetTable:
    """Writes a table row by row as Parquet; empty text is a missing value, as in the CSV.

    The same rows give the same bytes with the same version of pyarrow, which is named in the file.
    """

    def __init__(self, path: Path, columns: Iterable[Column]) -> None:
        """Raises OSError when the file cannot be created."""
        self._columns = tuple(columns)
        self._schema = pyarrow.schema([_field(column) for column in self._columns])
        self._writer = pyarrow.parquet.ParquetWriter(
            path, self._schema, compression="snappy", version="2.6"
        )
        self._waiting: list[dict[str, Cell]] = []

    def add(self, rows: Iterable[dict[str, Cell]]) -> None:
        """Write rows. Raises OSError when the file cannot be written."""
        for row in rows:
            self._waiting.append({c.name: _cell(row[c.name]) for c in self._columns})
            if len(self._waiting) == _GROUP:
                self._write()

    def close(self) -> None:
        """Write the waiting rows and close the file; may be called twice."""
        if self._waiting:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        table = pyarrow.Table.from_pylist(self._waiting, schema=self._schema)
        self._writer.write_table(table, row_group_size=_GROUP)
        self._waiting = []


def _field(column: Column) -> pyarrow.Field:
    metadata = {"description": column.description}
    if column.unit:
        metadata["unit"] = column.unit
    return pyarrow.field(column.name, _TYPES[column.kind], metadata=metadata)


def _cell(cell: Cell) -> Cell:
    return None if cell == "" else cell
