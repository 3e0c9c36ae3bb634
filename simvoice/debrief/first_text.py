"""What a debrief says first, as plain text: how it felt, the turning points, what to try next."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simvoice.debrief.model import Debrief, Moment, Suggestion, TurningPoint
from simvoice.debrief.wording import clock


def first_sections(debrief: Debrief) -> Iterator[tuple[str, RenderableType]]:
    """(title, body) of the patient's own words and the turning points."""
    name = debrief.patient_name
    if debrief.felt:
        yield f"How it felt to {name}", _felt(debrief)
    elif debrief.felt_note:
        yield f"How it felt to {name}", Text(debrief.felt_note, style="dim")
    if debrief.turning_points:
        yield f"Where {name}'s trust changed most", _turning_points(debrief)


def next_sections(debrief: Debrief) -> Iterator[tuple[str, RenderableType]]:
    """(title, body) of what to try next and the headings."""
    if debrief.suggestions:
        yield "What to try next", _suggestions(debrief)
    elif debrief.keep:
        yield "What to keep", Text(debrief.keep)
    shares = [each for each in debrief.headings if each.share is not None]
    if shares:
        yield "In short", _headings(debrief)


def _timed() -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    return table


def _felt(debrief: Debrief) -> RenderableType:
    table = _timed()
    for each in debrief.felt:
        table.add_row("" if each.at_s is None else clock(each.at_s), Text(f"“{each.text}”"))
        if each.why:
            table.add_row("", Text(each.why, style="dim"))
    return table


def _turning_points(debrief: Debrief) -> RenderableType:
    table = _timed()
    for point in debrief.turning_points:
        way = "rose" if point.rose else "fell"
        moved = f"{way} from {100 * point.before:.0f} to {100 * point.after:.0f}"
        table.add_row(
            clock(point.moment.at_s), Text(f"{moved}: {', '.join(point.causes)}", style="bold")
        )
        for who, words in _exchange(debrief, point):
            table.add_row("", Text(f"{who}: “{words}”"))
        _again(table, debrief, point.moment)
    return table


def _exchange(debrief: Debrief, point: TurningPoint) -> Iterator[tuple[str, str]]:
    learner = next((lane.name for lane in debrief.lanes if lane.who == "learner"), "You")
    if point.words:
        yield learner, point.words
    if point.answer:
        yield debrief.patient_name, point.answer


def _suggestions(debrief: Debrief) -> RenderableType:
    table = _timed()
    for number, each in enumerate(debrief.suggestions, 1):
        table.add_row(f"{number}.", Text(each.title, style="bold"))
        for line in _lines(each):
            table.add_row("", line)
        if each.moment is not None:
            _again(table, debrief, each.moment)
    return table


def _lines(suggestion: Suggestion) -> Iterator[Text]:
    yield Text(suggestion.why)
    if suggestion.words:
        yield Text(f"You said: “{suggestion.words}”", style="dim")
    yield Text(f"To try: {suggestion.sentence}", style="italic")


def _again(table: Table, debrief: Debrief, moment: Moment) -> None:
    if moment.again_turn is not None:
        place = f"{debrief.attempt}@{moment.again_turn}"
        table.add_row("", Text(f"Again from here: simvoice talk --from {place}", style="dim"))


def _headings(debrief: Debrief) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold", style="dim")
    for heading in debrief.headings:
        judged = [each for each in heading.items if each.outcome in {"met", "not met"}]
        met = sum(each.outcome == "met" for each in judged)
        share = "–"
        if heading.share is not None and heading.interval is not None:
            low, high = heading.interval
            share = f"{heading.share:.0%} ({low:.0%} to {high:.0%})"
        table.add_row(Text(heading.name), share, f"{met} of {len(judged)} items met")
    items = f"Each item with its words: simvoice debrief {debrief.attempt} --items"
    return Group(table, Text(items, style="dim"))
