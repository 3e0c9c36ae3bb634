"""Render the debrief, its items and a comparison for a terminal, readable without colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from simvoice.debrief.comparison import ComparedAttempt, ComparedLine, Comparison
from simvoice.debrief.model import (
    CueAnswer,
    Debrief,
    DebriefMoment,
    ItemResult,
    Scored,
    SpeakerLane,
    Suggestion,
    TimingMark,
    TranscriptRow,
    TurningPoint,
)
from simvoice.debrief.wording import clock, count_noun, duration
from simvoice.scoring.instruments.instrument import CRITICAL
from simvoice.timing.intervals import Intervals, intersect, intervals, total_s

# -- reflection, turning points, suggestions --------------------------------------------------


def first_sections(debrief: Debrief) -> Iterator[tuple[str, RenderableType]]:
    """Yield (title, body) of the reflection by the patient and of the turning points."""
    name = debrief.patient_name
    if debrief.felt:
        yield f"How it felt for {name}", _felt(debrief)
    elif debrief.felt_note:
        yield f"How it felt for {name}", Text(debrief.felt_note, style="dim")
    if debrief.turning_points:
        yield f"Where {name}'s trust changed most", _turning_points(debrief)


def next_sections(debrief: Debrief) -> Iterator[tuple[str, RenderableType]]:
    """Yield (title, body) of the suggestions and of the headings."""
    if debrief.suggestions:
        yield "What to try next", _suggestions(debrief)
    elif debrief.keep:
        yield "What to keep doing", Text(debrief.keep)
    shares = [each for each in debrief.headings if each.share is not None]
    if shares:
        yield "Summary", _headings(debrief)


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
        _add_retry(table, debrief, point.moment)
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
            _add_retry(table, debrief, each.moment)
    return table


def _lines(suggestion: Suggestion) -> Iterator[Text]:
    yield Text(suggestion.why)
    if suggestion.words:
        yield Text(f"You said: “{suggestion.words}”", style="dim")
    yield Text(f"Try: {suggestion.sentence}", style="italic")


def _add_retry(table: Table, debrief: Debrief, moment: DebriefMoment) -> None:
    if moment.again_turn is not None:
        checkpoint = f"{debrief.attempt}@{moment.again_turn}"
        table.add_row("", Text(f"Retry from here: simvoice talk --from {checkpoint}", style="dim"))


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
    items = f"All items with their evidence: simvoice debrief {debrief.attempt} --items"
    return Group(table, Text(items, style="dim"))


# -- items ------------------------------------------------------------------------------------

_ITEM_SIGNS = {"met": "+", "not met": "-", "not judged": "?", "counted": "#"}
_ITEM_LEGEND = "+ met   - not met   # counted, no threshold   ? left to humans, or no occasion"


def render_items(debrief: Debrief) -> RenderableType:
    """Render the items for `rich.console.Console.print`. Spoken text is never read as markup."""
    parts: list[RenderableType] = [Text(debrief.title, style="bold"), Text(debrief.attempt)]
    parts += [Text(f"Note: {note}", style="italic") for note in debrief.notes]
    if debrief.cues:
        parts += [Text(), Text("Cues and concerns, and your answers", style="bold")]
        parts.append(Padding(_cues(debrief), (0, 0, 0, 2)))
    for scored in (*debrief.headings, *debrief.instruments):
        parts += [Text(), Text(_title(scored), style="bold"), Text(scored.source, style="dim")]
        if scored.id == CRITICAL:
            parts.append(Text(scored.about))
        parts.append(Padding(_items(scored), (0, 0, 0, 2)))
    parts += [Text(), Text(_ITEM_LEGEND, style="dim")]
    parts.append(Text("Is an item wrong? simvoice rate object ATTEMPT ITEM --why “…”", style="dim"))
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
    table.add_row("", Text(f"{count_noun(len(debrief.cues), 'moment')}, {given} given space."))
    return table


def _answer(cue: CueAnswer) -> str:
    if cue.response is None:
        said = f": “{cue.answer}”" if cue.answer else ""
        return f"answer not coded{said}" if cue.answered_s is not None else "no answer"
    said = f": “{cue.answer}”" if cue.answer else ""
    space = "gives space" if cue.provides else "takes space"
    waited = "" if cue.latency_s is None else f", after {cue.latency_s:.1f} s"
    kind = "" if cue.suchman == "neither" else f", {cue.suchman}"
    return f"{cue.response}{said} ({space}{kind}{waited}; certainty {cue.certainty})"


# -- comparison -------------------------------------------------------------------------------


def render_comparison(found: Comparison) -> RenderableType:
    """Render a comparison for `rich.console.Console.print`."""
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
        _conversation(found.first, found.patient_name),
        _conversation(found.second, found.patient_name),
    )
    origin = found.again
    return Group(
        Text("The two attempts side by side", style="bold"),
        Text(f"From {clock(origin.at_s)} of {origin.attempt} on.", style="dim"),
        table,
        Text(),
        lines,
    )


def _facts(found: Comparison) -> list[tuple[str, str, str]]:
    both = (found.first, found.second)
    rows = [(name, *(_change(each, name) for each in both)) for name in found.names]
    rows.append(("silences", *(f"{each.held} held, {each.filled} filled" for each in both)))
    rows.append(("cut off", *(count_noun(each.cut_off, "time") for each in both)))
    rows.append(("told", *("; ".join(each.told) or "nothing" for each in both)))
    rows.append(("end", *(f"{each.ended}, after {clock(each.length_s)}" for each in both)))
    return [(name, first, second) for name, first, second in rows]


def _change(side: ComparedAttempt, name: str) -> str:
    if name not in side.start or name not in side.end:
        return "not recorded"
    return f"{100 * side.start[name]:.0f} → {100 * side.end[name]:.0f}"


def _conversation(side: ComparedAttempt, patient: str) -> Text:
    text = Text()
    for line in side.lines:
        text.append(f"+{clock(line.since_s)} ", style="dim")
        text.append(f"{_who(line, patient)}{line.text}")
        if line.unsaid:
            text.append(f" [not said: {line.unsaid}]", style="dim")
        for name, by in line.moved.items():
            text.append(f" ({name} {100 * by:+.0f})", style="dim")
        text.append("\n")
    return text


def _who(line: ComparedLine, patient: str) -> str:
    if line.kind == "silence":
        return ""
    return f"{patient.split()[0]}: " if line.who == "patient" else "You: "


# -- the whole debrief ------------------------------------------------------------------------

STRIP_COLUMNS = 60
"""Columns of the strip: with the names it fits a terminal of 80 columns."""

_SIGNS = {"hold": "H", "silence": "s", "interruption": "!", "backchannel": "m", "overlap": "="}
"""Kind of mark to its letter. In one column the first of these wins."""
_LEGEND = "H silence after hard news   s other silence of 2 s and more   ! interruption   "
_LEGEND_2 = "m backchannel   = overlap"
_SILENT = ("hold", "silence")


def render(debrief: Debrief) -> RenderableType:
    """Render the debrief for `rich.console.Console.print`. Spoken text is never read as markup."""
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
        yield f"What {name} could not finish saying", _unsaid(debrief)
    yield from next_sections(debrief)
    if debrief.rows:
        yield "The conversation", _strip(debrief)
        yield "Transcript", _transcript(debrief)
    cut = [mark for mark in debrief.marks if mark.kind == "interruption"]
    if cut:
        yield "Interruptions", _moments(cut)
    if debrief.ledger:
        yield f"How {name} changed", _ledger(debrief)
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


def _lane(lane: SpeakerLane, length_s: float) -> str:
    """Full blocks for speech in at least half of a column, half blocks for less, dots for none."""
    spoken = intervals([(s.start_s, s.end_s) for s in lane.segments if s.kind == "speech"])
    step_s = length_s / STRIP_COLUMNS
    shares = (_share(spoken, column * step_s, step_s) for column in range(STRIP_COLUMNS))
    return "".join("█" if share >= 0.5 else "▄" if share > 0.0 else "·" for share in shares)


def _share(spoken: Intervals, start_s: float, step_s: float) -> float:
    return total_s(intersect(spoken, intervals([(start_s, start_s + step_s)]))) / step_s


def _signs(marks: Iterable[TimingMark], length_s: float) -> str:
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


def _said(row: TranscriptRow) -> Text:
    text = Text(f"({row.text or 'mm'})" if row.kind == "backchannel" else row.text)
    if not row.sure:
        text.append("  [recognition unsure]", style="dim")
    if row.unsaid:
        text.append(" —", style="bold")
        text.append(f" [not said: {row.unsaid}]", style="dim")
    return text


def _moments(moments: Iterable[TimingMark]) -> RenderableType:
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
    table.add_row("", Text(f"Not told: {count_noun(debrief.not_told or 0, 'thing')}."))
    for untold in debrief.kept:
        at = "" if untold.at_s is None else clock(untold.at_s)
        table.add_row(at, Text(untold.why, style="dim"))
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
        return Group(table, Text(f"Comparison with real visits: {debrief.norms_note}", style="dim"))
    return table
