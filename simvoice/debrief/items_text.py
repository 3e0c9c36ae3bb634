"""The items of a debrief as plain text for a terminal, readable without colour."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from simvoice.debrief.model import CueAnswer, Debrief, ItemResult, Scored
from simvoice.debrief.wording import clock, in_words
from simvoice.scoring.instruments.instrument import CRITICAL

_ITEM_SIGNS = {"met": "+", "not met": "-", "not judged": "?", "counted": "#"}
_ITEM_LEGEND = (
    "+ met   - not met   # counted, no threshold   ? left to a human, or no occasion for it"
)


def render_items(debrief: Debrief) -> RenderableType:
    """For `rich.console.Console.print`. Nothing that was said can be taken for markup."""
    parts: list[RenderableType] = [Text(debrief.title, style="bold"), Text(debrief.attempt)]
    parts += [Text(f"Note: {note}", style="italic") for note in debrief.notes]
    if debrief.cues:
        parts += [Text(), Text("What the patient let show, and what it met", style="bold")]
        parts.append(Padding(_cues(debrief), (0, 0, 0, 2)))
    for scored in (*debrief.headings, *debrief.instruments):
        parts += [Text(), Text(_title(scored), style="bold"), Text(scored.source, style="dim")]
        if scored.id == CRITICAL:
            parts.append(Text(scored.about))
        parts.append(Padding(_items(scored), (0, 0, 0, 2)))
    parts += [Text(), Text(_ITEM_LEGEND, style="dim")]
    parts.append(Text("An item is wrong? simvoice rate object ATTEMPT ITEM --why “…”", style="dim"))
    return Group(*parts)


def _title(scored: Scored) -> str:
    judged = [each for each in scored.items if each.outcome in {"met", "not met"}]
    met = sum(each.outcome == "met" for each in judged)
    if scored.share is not None:
        low, high = scored.interval or (scored.share, scored.share)
        return (
            f"{scored.name}: {scored.share:.0%} (weighted; {met} of {len(judged)} items met; "
            f"95 % interval {low:.0%} to {high:.0%})"
        )
    if not judged:
        return scored.name
    left = len(scored.items) - len(judged)
    return f"{scored.name}: {met} of {len(judged)} met, {left} not judged"


def _items(scored: Scored) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    section = ""
    for item in scored.items:
        if item.section != section:
            section = item.section
            table.add_row("", Text(section, style="italic"))
        table.add_row(_ITEM_SIGNS[item.outcome], Text(_headline(item)))
        for line in _below(item):
            table.add_row("", Text(f"  {line}", style="dim"))
    return table


def _headline(item: ItemResult) -> str:
    if item.outcome != "counted" or item.value is None:
        return f"{item.text} [{item.id}]"
    shown = f"{item.value:g}" if item.value == int(item.value) else f"{item.value:.2f}"
    return f"{item.text}: {shown} [{item.id}]"


def _below(item: ItemResult) -> Iterator[str]:
    for each in item.evidence:
        said = f"“{each.quote}” ({each.shows})" if each.quote else each.shows
        yield f"{clock(each.at_s)} {said}"
    if item.reason:
        yield f"not judged: {item.reason.rstrip('.')}"
    if item.rule and item.outcome in {"met", "not met"}:
        yield f"rule: {item.rule}; certainty {item.certainty}"
    if item.interval_note:
        yield item.interval_note
    if item.note and not item.human:
        yield item.note
    for objected in item.objections:
        yield f"you objected: “{objected.why}”"


def _cues(debrief: Debrief) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for cue in debrief.cues:
        table.add_row(clock(cue.at_s), Text(f"{cue.kind}: “{cue.words}” ({cue.concern})"))
        at = "" if cue.answered_s is None else clock(cue.answered_s)
        table.add_row(at, Text(f"  {_answer(cue)}", style="dim"))
    given = sum(cue.provides is True for cue in debrief.cues)
    table.add_row("", Text(f"{in_words(len(debrief.cues), 'moment')}, {given} given room."))
    return table


def _answer(cue: CueAnswer) -> str:
    if cue.response is None:
        said = f": “{cue.answer}”" if cue.answer else ""
        return f"answer not coded{said}" if cue.answered_s is not None else "no answer"
    said = f": “{cue.answer}”" if cue.answer else ""
    room = "gives room" if cue.provides else "takes room"
    waited = "" if cue.latency_s is None else f", after {cue.latency_s:.1f} s"
    kind = "" if cue.suchman == "neither" else f", {cue.suchman}"
    return f"{cue.response}{said} ({room}{kind}{waited}; certainty {cue.certainty})"
