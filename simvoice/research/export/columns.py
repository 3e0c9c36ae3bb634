"""What a table's column is, and tables as CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from simvoice.research.analysis.conversation import Conversation

# -- columns ----------------------------------------------------------------------------------
# What a table's column is: the same data makes the CSV, the Parquet and the schema.


Cell = str | float | int | bool | None

ColumnKind = Literal["string", "number", "integer", "boolean"]
"""The types of Frictionless Table Schema that are needed."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    kind: ColumnKind
    description: str
    unit: str = ""
    values: tuple[str, ...] = ()
    """All the values it may have, where they are few."""
    tells: bool = False
    """Whether it holds words, names or anything that leads to a person or a file; such columns
    are not in the voice-free variant."""
    required: bool = False


CONVERSATION = Column(
    "conversation", "string", "Which conversation; its files are named so.", required=True
)
"""The column that ties the tables together."""


@dataclass(frozen=True, slots=True)
class ExportTable:
    """One table over all conversations."""

    name: str
    description: str
    columns: tuple[Column, ...]
    rows: Callable[[Iterable[Conversation]], Iterable[dict[str, Cell]]]
    """A row lacks no column."""
    key: tuple[str, ...]
    """The columns that make a row unique."""
    tells: bool = False
    """Whether the whole table is left out of the voice-free variant."""
    is_reference: bool = False
    """Whether it is the same whatever the conversations are."""

    def without_words(self) -> ExportTable:
        """Only the columns that tell nothing of who spoke and what was said."""
        kept = tuple(column for column in self.columns if not column.tells)
        names = {column.name for column in kept}

        def rows(of: Iterable[Conversation]) -> Iterable[dict[str, Cell]]:
            for row in self.rows(of):
                yield {name: cell for name, cell in row.items() if name in names}

        return replace(self, columns=kept, rows=rows)

    def schema(self) -> dict[str, Any]:
        """As a Frictionless Table Schema."""
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


# -- csv file ---------------------------------------------------------------------------------
# CSV as pandas, R and spreadsheets read it: UTF-8, commas, a header, a line feed a row.


class CsvTable:
    """A table that grows row by row. Empty cells are missing values."""

    def __init__(self, path: Path, columns: Iterable[Column]) -> None:
        """Raises OSError when the file cannot be made."""
        self._names = [column.name for column in columns]
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer: Any = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(self._names)

    def add(self, rows: Iterable[dict[str, Cell]]) -> None:
        """Raises OSError when the disk refuses."""
        for row in rows:
            self._writer.writerow([_shown(row[name]) for name in self._names])

    def close(self) -> None:
        """May be called twice."""
        self._file.close()


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        # Microseconds are all there is; 1e-06 is a number that not every reader knows.
        return f"{cell:.6f}".rstrip("0").rstrip(".")
    return str(cell)
