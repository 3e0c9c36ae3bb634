"""What a table's column is: the same data makes the CSV, the Parquet and the schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from simvoice.research.analysis.conversation import Conversation

Cell = str | float | int | bool | None

Kind = Literal["string", "number", "integer", "boolean"]
"""The types of Frictionless Table Schema that are needed."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    kind: Kind
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
class Table:
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

    def without_words(self) -> Table:
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
