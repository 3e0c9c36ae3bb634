"""CSV as pandas, R and spreadsheets read it: UTF-8, commas, a header, a line feed a row."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simvoice.research.export.columns import Cell, Column


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
