"""CSV as pandas, R and spreadsheets read it: UTF-8, commas, a header, a line feed a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from simvoice.export.columns import Cell


def to_csv(columns: Iterable[str], rows: Iterable[dict[str, Cell]]) -> bytes:
    """Empty cells are missing values. The same rows give the same bytes."""
    out = io.StringIO(newline="")
    names = list(columns)
    writer: Any = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_shown(row[name]) for name in names])
    return out.getvalue().encode("utf-8")


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        # Microseconds are all there is; 1e-06 is a number that not every reader knows.
        return f"{cell:.6f}".rstrip("0").rstrip(".")
    return str(cell)
