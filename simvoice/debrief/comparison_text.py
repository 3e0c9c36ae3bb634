"""The two goes side by side, as plain text for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simvoice.debrief.comparison import Comparison, Go, Line
from simvoice.debrief.wording import clock, in_words


def render_branches(found: Comparison) -> RenderableType:
    """For `rich.console.Console.print`."""
    table = Table(box=None, pad_edge=False, show_header=True)
    table.add_column("")
    table.add_column("the first time", overflow="fold", ratio=1)
    table.add_column("this time", overflow="fold", ratio=1)
    for name, first, second in _facts(found):
        table.add_row(Text(name, style="dim"), Text(first), Text(second))
    lines = Table(box=None, pad_edge=False, show_header=False)
    lines.add_column(overflow="fold", ratio=1)
    lines.add_column(overflow="fold", ratio=1)
    lines.add_row(
        _said_since(found.first, found.patient_name), _said_since(found.second, found.patient_name)
    )
    again = found.again
    return Group(
        Text("The two goes side by side", style="bold"),
        Text(f"From {clock(again.at_s)} of {again.attempt} on.", style="dim"),
        table,
        Text(),
        lines,
    )


def _facts(found: Comparison) -> list[tuple[str, str, str]]:
    goes = (found.first, found.second)
    rows = [(name, *(_stood(go, name) for go in goes)) for name in found.names]
    rows.append(("silences", *(f"{go.held} held, {go.filled} filled" for go in goes)))
    rows.append(("cut off", *(in_words(go.cut_off, "time") for go in goes)))
    rows.append(("told", *("; ".join(go.told) or "nothing" for go in goes)))
    rows.append(("end", *(f"{go.ended}, after {clock(go.length_s)}" for go in goes)))
    return [(name, first, second) for name, first, second in rows]


def _stood(go: Go, name: str) -> str:
    if name not in go.start or name not in go.end:
        return "not recorded"
    return f"{100 * go.start[name]:.0f} → {100 * go.end[name]:.0f}"


def _said_since(go: Go, patient: str) -> Text:
    text = Text()
    for line in go.lines:
        text.append(f"+{clock(line.since_s)} ", style="dim")
        text.append(f"{_who(line, patient)}{line.text}")
        if line.unsaid:
            text.append(f" [not said: {line.unsaid}]", style="dim")
        for name, by in line.moved.items():
            text.append(f" ({name} {100 * by:+.0f})", style="dim")
        text.append("\n")
    return text


def _who(line: Line, patient: str) -> str:
    if line.kind == "silence":
        return ""
    return f"{patient.split()[0]}: " if line.who == "patient" else "You: "
