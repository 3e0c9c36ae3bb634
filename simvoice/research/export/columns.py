"""Define tables and their columns, and write tables as CSV.

The same definitions make the CSV, the Parquet and the Frictionless schema.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from simvoice.research.analysis.conversation import Conversation
from simvoice.safe_text import csv_cell

Cell = str | float | int | bool | None

ColumnKind = Literal["string", "number", "integer", "boolean"]
"""The types of Frictionless Table Schema that the tables use."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    kind: ColumnKind
    description: str
    unit: str = ""
    values: tuple[str, ...] = ()
    """All values that it can have, where they are few."""
    private: bool = False
    """Whether it holds words, names or anything else that identifies a person or a file; such
    columns are not in the voice-free variant."""
    required: bool = False


CONVERSATION = Column(
    "conversation", "string", "Id of the conversation; its files have this name.", required=True
)
"""The column that links the tables."""


@dataclass(frozen=True, slots=True)
class ExportTable:
    """A table over all conversations."""

    name: str
    description: str
    columns: tuple[Column, ...]
    rows: Callable[[Iterable[Conversation]], Iterable[dict[str, Cell]]]
    """Returns the rows; each row has all columns."""
    key: tuple[str, ...]
    """The columns that identify a row."""
    private: bool = False
    """Whether the whole table is left out of the voice-free variant."""
    is_reference: bool = False
    """Whether it is the same for all conversations."""

    def voice_free(self) -> ExportTable:
        """Return the table without its private columns."""
        columns = tuple(column for column in self.columns if not column.private)
        names = {column.name for column in columns}

        def rows(conversations: Iterable[Conversation]) -> Iterable[dict[str, Cell]]:
            for row in self.rows(conversations):
                yield {name: cell for name, cell in row.items() if name in names}

        return replace(self, columns=columns, rows=rows)

    def schema(self) -> dict[str, Any]:
        """Return the Frictionless Table Schema."""
        found: dict[str, Any] = {
            "fields": [_field(column) for column in self.columns],
            "primaryKey": list(self.key),
            "missingValues": [""],
        }
        if self.name != "conversations" and any(c.name == "conversation" for c in self.columns):
            found["foreignKeys"] = [
                {
                    "fields": "conversation",
                    "reference": {"resource": "conversations", "fields": "conversation"},
                }
            ]
        return found


def _field(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": column.name,
        "type": column.kind,
        "description": column.description,
    }
    if column.unit:
        found["unit"] = column.unit
    constraints: dict[str, Any] = {}
    if column.required:
        constraints["required"] = True
    if column.values:
        constraints["enum"] = list(column.values)
    if constraints:
        found["constraints"] = constraints
    return found


class CsvTable:
    """Writes a table row by row as CSV; empty cells are missing values.

    The format is that of pandas, R and spreadsheets: UTF-8, commas, a header, line feeds. A text
    that a spreadsheet would take as a formula gets an apostrophe (`safe_text.csv_cell`).
    """

    def __init__(self, path: Path, columns: Iterable[Column]) -> None:
        """Raises OSError when the file cannot be created."""
        self._names = [column.name for column in columns]
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer: Any = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(self._names)

    def add(self, rows: Iterable[dict[str, Cell]]) -> None:
        """Write rows. Raises OSError when the file cannot be written."""
        for row in rows:
            self._writer.writerow([_shown(row[name]) for name in self._names])

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        # Microseconds suffice, and some readers do not accept numbers such as 1e-06.
        return f"{cell:.6f}".rstrip("0").rstrip(".")
    return csv_cell(cell) if isinstance(cell, str) else str(cell)
