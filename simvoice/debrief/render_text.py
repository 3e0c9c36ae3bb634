"""The debrief as plain text for a terminal, readable without colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from simvoice.debrief.first_text import first_sections, next_sections
from simvoice.debrief.model import Debrief, Lane, Mark, Row
from simvoice.debrief.wording import clock, duration, in_words
from simvoice.timing.intervals import Intervals, intersect, intervals, total_s

STRIP_COLUMNS = 60
"""Columns of the conversation strip: it fits a terminal of 80 beside the names."""

_SIGNS = {"hold": "H", "silence": "s", "interruption": "!", "backchannel": "m", "overlap": "="}
"""One letter a mark; where two fall into one column the first of these wins."""
_LEGEND = "H silence after a blow   s other silence of 2 s and more   ! interruption   "
_LEGEND_2 = "m acknowledgement   = overlap"
_SILENT = ("hold", "silence")


def render(debrief: Debrief) -> RenderableType:
    """For `rich.console.Console.print`. Nothing that was said can be taken for markup."""
    parts: list[RenderableType] = [*_head(debrief)]
    for title, body in _sections(debrief):
        parts += [Text(), Text(title, style="bold"), Padding(body, (0, 0, 0, 2))]
    return Group(*parts)


def _sections(debrief: Debrief) -> Iterator[tuple[str, RenderableType]]:
    name = debrief.patient_name
    yield from first_sections(debrief)
    silences = [mark for mark in debrief.marks if mark.kind in _SILENT]
    if silences:
        yield "Silences", _moments(silences)
    if debrief.unsaid:
        yield f"What {name} never got to say", _unsaid(debrief)
    yield from next_sections(debrief)
    if debrief.rows:
        yield "The conversation", _strip(debrief)
        yield "What was said", _transcript(debrief)
    cut = [mark for mark in debrief.marks if mark.kind == "interruption"]
    if cut:
        yield "Interruptions", _moments(cut)
    if debrief.ledger:
        yield f"What it did to {name}", _ledger(debrief)
    if debrief.not_told is not None:
        yield f"What {name} told you, and why", _told(debrief)
    if debrief.rows:
        yield "Numbers", _numbers(debrief)


def _head(debrief: Debrief) -> Iterator[Text]:
    yield Text(debrief.title, style="bold")
    when = debrief.when.replace("T", " ")[:16]
    facts = [debrief.attempt, when, duration(debrief.duration_s)]
    yield Text(" · ".join(fact for fact in facts if fact), style="dim")
    yield Text(debrief.ended)
    for note in debrief.notes:
        yield Text(f"Note: {note}", style="italic")


# -- the strip ------------------------------------------------------------------------------


def _strip(debrief: Debrief) -> RenderableType:
    length_s = max(debrief.duration_s, 1e-3)
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for lane in debrief.lanes:
        table.add_row(Text(lane.name), Text(_lane(lane, length_s)))
    table.add_row(Text(), Text(_signs(debrief.marks, length_s)))
    end = clock(length_s)
    table.add_row(Text(), Text("0:00" + end.rjust(STRIP_COLUMNS - 4), style="dim"))
    return Group(table, Text(_LEGEND, style="dim"), Text(_LEGEND_2, style="dim"))


def _lane(lane: Lane, length_s: float) -> str:
    """A block where the speaker spoke for half of a column's time, a dot where at all."""
    spoken = intervals([(s.start_s, s.end_s) for s in lane.segments if s.kind == "speech"])
    step_s = length_s / STRIP_COLUMNS
    shares = (_share(spoken, column * step_s, step_s) for column in range(STRIP_COLUMNS))
    return "".join("█" if share >= 0.5 else "▄" if share > 0.0 else "·" for share in shares)


def _share(spoken: Intervals, start_s: float, step_s: float) -> float:
    return total_s(intersect(spoken, intervals([(start_s, start_s + step_s)]))) / step_s


def _signs(marks: Iterable[Mark], length_s: float) -> str:
    line = [" "] * STRIP_COLUMNS
    order = list(_SIGNS)
    wanted = [mark for mark in marks if mark.kind in _SIGNS]
    for mark in sorted(wanted, key=lambda mark: order.index(mark.kind), reverse=True):
        column = int(mark.start_s / length_s * STRIP_COLUMNS)
        line[min(max(column, 0), STRIP_COLUMNS - 1)] = _SIGNS[mark.kind]
    return "".join(line).rstrip()


# -- the rest -------------------------------------------------------------------------------


def _transcript(debrief: Debrief) -> RenderableType:
    names = {lane.who: lane.name for lane in debrief.lanes}
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in debrief.rows:
        table.add_row(clock(row.start_s), Text(names[row.who]), _said(row))
    return table


def _said(row: Row) -> Text:
    text = Text(f"({row.text or 'mm'})" if row.kind == "backchannel" else row.text)
    if not row.sure:
        text.append("  [the recogniser was guessing]", style="dim")
    if row.unsaid:
        text.append(" —", style="bold")
        text.append(f" [not said: {row.unsaid}]", style="dim")
    return text


def _moments(moments: Iterable[Mark]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for mark in moments:
        table.add_row(clock(mark.start_s), Text(mark.label))
    return table


def _unsaid(debrief: Debrief) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for unsaid in debrief.unsaid:
        table.add_row(clock(unsaid.at_s), Text(f"“{unsaid.before} — {unsaid.words}”"))
    return table


def _ledger(debrief: Debrief) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    first, last = debrief.ledger[0].values, debrief.ledger[-1].values
    for name in last:
        begin = next((c.before for c in debrief.changes if c.name == name), first.get(name, 0.0))
        moved = [change for change in debrief.changes if change.name == name]
        most = max(moved, key=lambda change: abs(change.after - change.before), default=None)
        cause = f"most at {clock(most.at_s)}: {most.cause}" if most else ""
        table.add_row(Text(name), Text(f"{begin:.2f} → {last[name]:.2f}"), Text(cause))
    return table


def _told(debrief: Debrief) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for told in debrief.told:
        cut = "" if told.whole else " (cut off)"
        table.add_row(clock(told.at_s), Text(f"{told.text}{cut} {told.why}"))
    table.add_row("", Text(f"{in_words(debrief.not_told or 0, 'thing')} stayed untold."))
    for kept in debrief.kept:
        at = "" if kept.at_s is None else clock(kept.at_s)
        table.add_row(at, Text(kept.why, style="dim"))
    return table


def _numbers(debrief: Debrief) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", style="dim")
    for number in debrief.numbers:
        style = "" if number.value is not None else "dim"
        error = number.error if number.value is not None else ""
        table.add_row(Text(number.name), Text(number.shown, style=style), Text(error))
        for norm in number.norms:
            table.add_row(Text(), Text(f"in real visits: {norm}", style="dim"), Text())
    if debrief.norms_note:
        return Group(table, Text(f"Beside real visits: {debrief.norms_note}", style="dim"))
    return table
