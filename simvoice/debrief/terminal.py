"""Layout for a terminal: prose wraps between words, tables need room, commands stay whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_ENDLESS = 10_000
"""Columns of a terminal in which every table has its natural width."""


def command(text: str) -> Text:
    """Return a command for a line of its own. Copy and paste works at any width of the terminal.

    Print it with `soft_wrap`, as `cli.common.answers` does, and outside of tables and paddings,
    which cut what is too long for them.
    """
    return Text(text, style="dim", no_wrap=True, overflow="ignore")


def prose(text: str, style: str = "") -> Text:
    """Return a text that wraps between words, also on a console that wraps nothing itself."""
    return Text(text, style=style, no_wrap=False, overflow="fold")


def sentence(text: str, style: str = "") -> Iterator[Text]:
    """Yield a sentence; a command that it ends with ("… run: simvoice doctor") on its own line."""
    words, run, what = text.rpartition("run: simvoice ")
    if not run:
        yield Text(text, style=style)
        return
    yield Text(f"{words}run:", style=style)
    yield command(f"simvoice {what}")


def flow(parts: Iterable[RenderableType], indent: int = 0) -> Group:
    """Return the parts one below the other. Texts wrap, except commands."""
    return Group(*(_placed(part, indent) for part in parts))


def _placed(part: RenderableType, indent: int) -> RenderableType:
    if isinstance(part, Group):
        return flow(part.renderables, indent)
    if isinstance(part, Text):
        if part.no_wrap:
            return Text.assemble(" " * indent, part, no_wrap=True, overflow="ignore")
        part = part.copy()
        part.no_wrap, part.overflow = False, "fold"
    return Padding(part, (0, 0, 0, indent)) if indent else part


def hanging(rows: Iterable[tuple[str, Text]], style: str = "dim") -> Group:
    """Return rows of a short key and a text that wraps beside it. Commands stay whole."""
    given = list(rows)
    width = max((len(key) for key, _ in given), default=0)
    return Group(*_hanging(given, width, style))


def _hanging(rows: Iterable[tuple[str, Text]], width: int, style: str) -> Iterator[RenderableType]:
    for key, text in rows:
        if text.no_wrap:
            yield Text.assemble(" " * (width + 1), text, no_wrap=True, overflow="ignore")
            continue
        table = Table.grid(padding=(0, 1))
        table.add_column(justify="right", no_wrap=True, style=style, width=width)
        table.add_column(overflow="fold")
        table.add_row(key, text)
        yield table


@dataclass(frozen=True, slots=True)
class Fitted:
    """Show a table where it fits without a wrapped cell, and its other form where it does not."""

    wide: RenderableType
    narrow: RenderableType
    least: int | None = None
    """Columns from which the table is shown, for a table that may wrap its cells."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        needed = self.least
        if needed is None:
            endless = options.update(max_width=_ENDLESS, width=_ENDLESS)
            needed = Measurement.get(console, endless, self.wide).maximum
        yield self.wide if needed <= options.max_width else self.narrow
