"""Render the debrief, its items and a comparison for a terminal, readable without colour.

`render_screen` is what a learner reads first, on one screen; `render` has everything. Print both
with `soft_wrap`, so that commands stay whole (`debrief.terminal.command`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simvoice.debrief.comparison import (
    SILENCES,
    ComparedAttempt,
    ComparedLine,
    Comparison,
    compared_facts,
)
from simvoice.debrief.first_screen import first_screen
from simvoice.debrief.model import (
    Debrief,
    DebriefMoment,
    ItemResult,
    Number,
    Scored,
    SpeakerLane,
    Suggestion,
    TimingMark,
    TranscriptRow,
    TurningPoint,
)
from simvoice.debrief.terminal import Fitted, command, flow, hanging, prose, sentence
from simvoice.debrief.wording import (
    NOT_COMPARED,
    UNSURE,
    cannot_tell,
    cause_named,
    counted,
    cue_answer,
    how_many_judged,
    judged_items,
    moved,
    not_told,
    numbers_of_half_page,
    outcome_words,
    section_titles,
    shared_reason,
    shared_reason_in_words,
    tally,
    tally_cues,
)
from simvoice.display import clock, count_noun, duration, points, signed_points
from simvoice.scoring.instruments.instrument import CRITICAL
from simvoice.scoring.metrics.definitions import first_in_terminal
from simvoice.scoring.metrics.quantities import with_interval
from simvoice.timing.intervals import Intervals, intersect, intervals, total_s

# -- the first screen -------------------------------------------------------------------------

LEARNER_NUMBERS: Final = first_in_terminal()
"""Numbers for the learner, the most telling first: what a learner can change in the next attempt.

They say how much room the patient had, whether the patient could finish, and what became of the
silences. The screen shows the first `SCREEN_NUMBERS` that are measurable. Numbers about the
patient, the machine and the pitch of a voice are not among them: no learner can act on them.
"""
SCREEN_NUMBERS: Final = 10
_SCREEN_FELT: Final = 2
"""Sentences of the patient on the first screen; they come with the most important first."""

MAX_CAUSES: Final = 9
"""Most causes of a turning point in the whole debrief; the first screen has room for one."""

MORE: Final = "Add --numbers for all numbers and the transcript, --items for the evidence."


def render_screen(debrief: Debrief, compared: Comparison | None = None) -> RenderableType:
    """Render what a learner reads first, for a screen of 80 columns and 40 lines."""
    parts: list[RenderableType] = [*_head(debrief)]
    for title, body in _screen_sections(debrief, compared):
        parts += [Text(), Text(title, style="bold"), flow([body], 2)]
    return flow([*parts, Text(), Text(MORE, style="dim")])


def _screen_sections(
    debrief: Debrief, compared: Comparison | None
) -> Iterator[tuple[str, RenderableType]]:
    titles = section_titles(debrief.patient_name)
    if debrief.felt:
        short = debrief.felt[:_SCREEN_FELT]
        yield (
            titles.felt,
            hanging((clock(each.at_s), Text(f"“{each.text}”")) for each in short),
        )
    elif debrief.felt_note:
        yield titles.felt, Text(debrief.felt_note, style="dim")
    first = first_screen(debrief)
    if first.worked is not None and not debrief.half_page:
        said = f"“{first.worked.words}”" if first.worked.words else ""
        text = " ".join(part for part in (first.worked.what, said) if part)
        yield first.worked_title, hanging([(clock(first.worked.moment.at_s), Text(text))])
    if debrief.turning_points:
        points = ((clock(p.moment.at_s), Text(_moved(p, 1))) for p in debrief.turning_points)
        yield titles.turning_points, hanging(points)
    if debrief.suggestions:
        yield f"{titles.suggestions}, and the command to retry from there", _short_advice(debrief)
    elif debrief.keep and not debrief.half_page:
        yield titles.keep, Text(debrief.keep)
    if compared is not None:
        yield "The first time, and this time", _short_comparison(compared)
    if debrief.half_page:
        yield from _half_page(debrief)
    elif numbers := learner_numbers(debrief):
        yield titles.numbers, _short_numbers(numbers)


_HALF_PAGE_ITEMS: Final = 4
"""Most items of half a page; `--items` has all."""


def _half_page(debrief: Debrief) -> Iterator[tuple[str, RenderableType]]:
    """What could be judged, in a few lines; the notes at the top say once why the rest was not."""
    titles = section_titles(debrief.patient_name)
    judged = judged_items(debrief)[:_HALF_PAGE_ITEMS]
    rows = hanging((_ITEM_SIGNS[item.outcome], Text(item.text)) for item in judged)
    yield titles.judged, Group(rows, Text(how_many_judged(debrief)))
    if numbers := numbers_of_half_page(debrief):
        yield titles.numbers, _short_numbers(list(numbers))


def _short_advice(debrief: Debrief) -> RenderableType:
    rows: list[tuple[str, Text]] = []
    for number, each in enumerate(debrief.suggestions, 1):
        at = "" if each.moment is None else f" ({clock(each.moment.at_s)})"
        rows.append((f"{number}.", Text(f"{each.title}{at}", style="bold")))
        rows.append(("", Text(f"Try: {each.sentence}", style="italic")))
        rows += (("", line) for line in _retry(debrief, each.moment))
    return hanging(rows)


def learner_numbers(debrief: Debrief) -> list[Number]:
    """Return the numbers of the first screen: measurable ones, in the order of LEARNER_NUMBERS."""
    if not debrief.rows:
        return []
    by_key = {number.key: number for number in debrief.numbers if number.value is not None}
    return [by_key[key] for key in LEARNER_NUMBERS if key in by_key][:SCREEN_NUMBERS]


def _short_numbers(numbers: list[Number]) -> RenderableType:
    """Two numbers on a line where the terminal has room for them, otherwise one."""
    half = (len(numbers) + 1) // 2
    wide, narrow = Table.grid(padding=(0, 2)), Table.grid(padding=(0, 2))
    for first, second in zip(numbers[:half], [*numbers[half:], None], strict=False):
        beside = ("", "") if second is None else (second.name, _shown(second))
        wide.add_row(*map(Text, (first.name, _shown(first), *beside)))
    for number in numbers:
        narrow.add_row(Text(number.name), Text(_shown(number)))
    return Fitted(wide, narrow)


def _shown(number: Number) -> str:
    if number.value is None or number.unit != "percent":
        return number.shown
    return with_interval("percent", number.value, number.low, number.high)


def _short_comparison(found: Comparison) -> RenderableType:
    return hanging(
        (name, Text(f"{first}; this time {second}"))
        for name, first, second in _facts(found)
        if name in (*found.names, SILENCES)
    )


# -- reflection, turning points, suggestions --------------------------------------------------


def _felt(debrief: Debrief) -> RenderableType:
    rows: list[tuple[str, Text]] = []
    for each in debrief.felt:
        rows.append((clock(each.at_s), Text(f"“{each.text}”")))
        quote = f" “{each.words}”" if each.words else ""
        if each.why:
            rows.append(("", Text(f"{each.why}{quote}", style="dim")))
    return hanging(rows)


def _turning_points(debrief: Debrief) -> RenderableType:
    rows: list[tuple[str, Text]] = []
    for point in debrief.turning_points:
        rows.append((clock(point.moment.at_s), Text(_moved(point), style="bold")))
        rows += (("", Text(f"{who}: “{words}”")) for who, words in _exchange(debrief, point))
        rows += (("", line) for line in _retry(debrief, point.moment, "Try again from here:"))
    return hanging(rows)


def _moved(point: TurningPoint, most: int = MAX_CAUSES) -> str:
    """A change of trust, with at most so many of its causes."""
    named = cause_named(point.causes[:most], point.grade)
    more = " and more" if named and len(point.causes) > most else ""
    return f"{moved(point.before, point.after)}{named}{more}"


def _exchange(debrief: Debrief, point: TurningPoint) -> Iterator[tuple[str, str]]:
    learner = next((lane.name for lane in debrief.lanes if lane.who == "learner"), "You")
    if point.words:
        yield learner, point.words
    if point.answer:
        yield debrief.patient_name, point.answer


def _suggestions(debrief: Debrief) -> RenderableType:
    rows: list[tuple[str, Text]] = []
    for number, each in enumerate(debrief.suggestions, 1):
        rows.append((f"{number}.", Text(each.title, style="bold")))
        rows += (("", line) for line in _lines(each))
        rows += (("", line) for line in _retry(debrief, each.moment, "Try again from here:"))
    return hanging(rows)


def _lines(suggestion: Suggestion) -> Iterator[Text]:
    yield Text(suggestion.why)
    if suggestion.words:
        yield Text(f"You said: “{suggestion.words}”", style="dim")
    yield Text(f"Try: {suggestion.sentence}", style="italic")


def _retry(debrief: Debrief, moment: DebriefMoment | None, label: str = "") -> Iterator[Text]:
    """Yield the command to retry from a moment, after a label; nothing without a checkpoint."""
    if moment is None or moment.again_turn is None:
        return
    if label:
        yield Text(label, style="dim")
    yield command(f"simvoice talk --from {debrief.attempt}@{moment.again_turn}")


def _headings(debrief: Debrief, ratings: Mapping[str, int] | None) -> RenderableType:
    """Each heading with its items, as counts: a percentage of five items would be a grade."""
    parts: list[RenderableType] = []
    for heading in debrief.headings:
        parts.append(Text(_title(heading, ratings)))
        rows = ((_ITEM_SIGNS[item.outcome], Text(item.text)) for item in heading.items)
        parts.append(flow([hanging(rows)], 2))
    return Group(
        *parts,
        Text(_ITEM_LEGEND, style="dim"),
        Text("All items with their evidence:", style="dim"),
        command(f"simvoice debrief {debrief.attempt} --items"),
    )


# -- items ------------------------------------------------------------------------------------

_ITEM_SIGNS = {"met": "+", "not met": "-", "open": "o", "not judged": "?", "counted": "#"}
_JUDGED = frozenset({"met", "not met"})
_ITEM_LEGEND = (
    "+ met   - not met   o open: you decide   # counted   ? not judged, or left to humans"
)


def render_items(debrief: Debrief, ratings: Mapping[str, int] | None = None) -> RenderableType:
    """Render the items for `rich.console.Console.print`. Spoken text is never read as markup.

    ratings: number of human ratings of each item, by its id (`record.ratings.count_ratings`); None
    when it is not known.
    """
    parts: list[RenderableType] = [Text(debrief.title, style="bold"), Text(debrief.attempt)]
    for note in debrief.notes:
        parts += sentence(f"Note: {note}", "italic")
    if debrief.cues:
        parts += [Text(), Text("Cues and concerns, and your answers", style="bold")]
        parts.append(flow([_cues(debrief)], 2))
    for scored in (*debrief.headings, *debrief.instruments):
        parts += [
            Text(),
            Text(_title(scored, ratings), style="bold"),
            Text(scored.source, style="dim"),
        ]
        if scored.id == CRITICAL:
            parts.append(Text(scored.about))
        if once := shared_reason_in_words(scored.items):
            parts.append(Text(once, style="dim"))
        parts.append(flow([_items(scored, ratings or {})], 2))
    parts += [Text(), Text(_ITEM_LEGEND, style="dim")]
    parts.append(Text("Is an item wrong? Say so:", style="dim"))
    parts.append(command(f"simvoice rate object {debrief.attempt} ITEM --why “…”"))
    return flow(parts)


def _title(scored: Scored, ratings: Mapping[str, int] | None) -> str:
    parts = [tally(scored)] if scored.items else []
    if ratings is not None and not any(ratings.get(item.id) for item in scored.items):
        parts.append(NOT_COMPARED)
    return ": ".join([scored.name, ", ".join(parts)] if parts else [scored.name])


def _items(scored: Scored, ratings: Mapping[str, int]) -> RenderableType:
    is_compared = any(ratings.get(item.id) for item in scored.items)
    said_once = shared_reason(scored.items)
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    section = ""
    for item in scored.items:
        if item.section != section:
            section = item.section
            table.add_row("", Text(section, style="italic"))
        table.add_row(_ITEM_SIGNS[item.outcome], Text(_headline(item)))
        compared = _compared(ratings.get(item.id, 0)) if is_compared and not item.human else ()
        for line in (*_below(item, said_once), *compared):
            table.add_row("", Text(f"  {line}", style="dim"))
    return table


def _headline(item: ItemResult) -> str:
    if item.outcome != "counted" or item.value is None:
        return f"{item.text} [{item.id}]"
    return f"{item.text}: {counted(item)} [{item.id}]"


def _below(item: ItemResult, said_once: str) -> Iterator[str]:
    for each in item.evidence:
        said = f"“{each.quote}” ({each.shows})" if each.quote else each.shows
        yield f"{clock(each.at_s)} {said}"
    if item.reason and item.reason != said_once:
        yield f"not judged: {item.reason.rstrip('.')}"
    if outcome_words(item) == "not recognised":
        yield "not recognised in your words"
    if why := cannot_tell(item):
        yield why
    if item.rule and item.outcome in {"met", "not met"}:
        yield f"rule: {item.rule}; certainty {item.certainty}"
    if item.interval_note:
        yield item.interval_note
    if item.note and not item.human:
        yield item.note
    for objected in item.objections:
        yield f"you objected: “{objected.why}”"


def _compared(ratings: int) -> tuple[str]:
    if not ratings:
        return (NOT_COMPARED,)
    return (f"{count_noun(ratings, 'human rating')}; how well they agree: simvoice agree",)


def _cues(debrief: Debrief) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for cue in debrief.cues:
        table.add_row(clock(cue.at_s), Text(f"{cue.kind} by the case: “{cue.words}”"))
        table.add_row(clock(cue.answered_s), Text(f"  {cue_answer(cue)}", style="dim"))
    table.add_row("", Text(f"{tally_cues(debrief.cues)}."))
    return table


# -- comparison -------------------------------------------------------------------------------


_SIDE_BY_SIDE: Final = 96
"""Columns from which two attempts fit side by side, with seven words or more on a line."""


def render_comparison(found: Comparison) -> RenderableType:
    """Render a comparison: side by side in a wide terminal, one below the other otherwise."""
    origin = found.again
    return flow(
        [
            Text(section_titles(found.patient_name).comparison, style="bold"),
            Text(f"From {clock(origin.at_s)} of {origin.attempt} on.", style="dim"),
            Fitted(_side_by_side(found), _one_below_the_other(found), _SIDE_BY_SIDE),
        ]
    )


def _side_by_side(found: Comparison) -> RenderableType:
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
        hanging(_conversation(found.first, found.patient_name)),
        hanging(_conversation(found.second, found.patient_name)),
    )
    return Group(table, Text(), lines)


def _one_below_the_other(found: Comparison) -> RenderableType:
    parts: list[RenderableType] = []
    for name, first, second in _facts(found):
        parts.append(prose(f"{name}: the first time {first}; this time {second}"))
    for title, side in (("The first time", found.first), ("This time", found.second)):
        parts += [Text(), prose(title, "bold"), hanging(_conversation(side, found.patient_name))]
    return Group(*parts)


def _facts(found: Comparison) -> list[tuple[str, str, str]]:
    return [
        (fact.name, "; ".join(fact.first), "; ".join(fact.second)) for fact in compared_facts(found)
    ]


def _conversation(side: ComparedAttempt, patient: str) -> Iterator[tuple[str, Text]]:
    for line in side.lines:
        text = Text(f"{_who(line, patient)}{line.text}")
        if line.unsaid:
            text.append(f" [not said: {line.unsaid}]", style="dim")
        for name, by in line.moved.items():
            text.append(f" ({name} {signed_points(by)})", style="dim")
        yield f"+{clock(line.since_s)}", text


def _who(line: ComparedLine, patient: str) -> str:
    if line.kind == "silence":
        return ""
    return f"{patient.split()[0]}: " if line.who == "patient" else "You: "


# -- the whole debrief ------------------------------------------------------------------------

STRIP_COLUMNS: Final = (60, 40)
"""Columns of the strip: with the names it fits a terminal of 80 columns, or one of 60."""

_SIGNS = {"hold": "H", "silence": "s", "interruption": "!", "backchannel": "m", "overlap": "="}
"""Kind of mark to its letter. In one column the first of these wins."""
_LEGEND = (
    "H silence after hard news   s other silence of 2 s and more   ! interruption   "
    "m backchannel   = overlap"
)
_SILENT = ("hold", "silence")


def render(debrief: Debrief, ratings: Mapping[str, int] | None = None) -> RenderableType:
    """Render the debrief for `rich.console.Console.print`. Spoken text is never read as markup.

    ratings: as for `render_items`.
    """
    parts: list[RenderableType] = [*_head(debrief)]
    for title, body in _sections(debrief, ratings):
        parts += [Text(), Text(title, style="bold"), flow([body], 2)]
    return flow(parts)


def _sections(
    debrief: Debrief, ratings: Mapping[str, int] | None
) -> Iterator[tuple[str, RenderableType]]:
    titles = section_titles(debrief.patient_name)
    if debrief.felt:
        yield titles.felt, _felt(debrief)
    elif debrief.felt_note:
        yield titles.felt, Text(debrief.felt_note, style="dim")
    if debrief.turning_points:
        yield titles.turning_points, _turning_points(debrief)
    silences = [mark for mark in debrief.marks if mark.kind in _SILENT]
    if silences:
        yield titles.silences, _moments(silences)
    if debrief.unsaid:
        yield titles.unsaid, _unsaid(debrief)
    if debrief.suggestions:
        yield titles.suggestions, _suggestions(debrief)
    elif debrief.keep:
        yield titles.keep, Text(debrief.keep)
    if any(item.outcome in _JUDGED for each in debrief.headings for item in each.items):
        yield "Summary", _headings(debrief, ratings)
    if debrief.rows:
        yield titles.conversation, _strip(debrief)
        yield titles.transcript, _transcript(debrief)
    cut = [mark for mark in debrief.marks if mark.kind == "interruption"]
    if cut:
        yield "Interruptions", _moments(cut)
    if debrief.ledger:
        yield titles.ledger, _ledger(debrief)
    if debrief.not_told is not None:
        yield titles.told, _told(debrief)
    if debrief.rows:
        yield titles.numbers, _numbers(debrief)


def _head(debrief: Debrief) -> Iterator[Text]:
    yield Text(debrief.title, style="bold")
    when = debrief.when.replace("T", " ")[:16]
    facts = [debrief.attempt, when, duration(debrief.duration_s)]
    yield Text(" · ".join(fact for fact in facts if fact), style="dim")
    yield Text(debrief.ended)
    for note in debrief.notes:
        yield from sentence(f"Note: {note}", "italic")


# -- the strip ------------------------------------------------------------------------------


def _strip(debrief: Debrief) -> RenderableType:
    wide, narrow = (_lanes(debrief, columns) for columns in STRIP_COLUMNS)
    return Group(Fitted(wide, narrow), Text(_LEGEND, style="dim"))


def _lanes(debrief: Debrief, columns: int) -> Table:
    length_s = max(debrief.duration_s, 1e-3)
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for lane in debrief.lanes:
        table.add_row(Text(lane.name), Text(_lane(lane, length_s, columns)))
    table.add_row(Text(), Text(_signs(debrief.marks, length_s, columns)))
    end = clock(length_s)
    table.add_row(Text(), Text("0:00" + end.rjust(columns - 4), style="dim"))
    return table


def _lane(lane: SpeakerLane, length_s: float, columns: int) -> str:
    """Full blocks for speech in at least half of a column, half blocks for less, dots for none."""
    spoken = intervals([(s.start_s, s.end_s) for s in lane.segments if s.kind == "speech"])
    step_s = length_s / columns
    shares = (_share(spoken, column * step_s, step_s) for column in range(columns))
    return "".join("█" if share >= 0.5 else "▄" if share > 0.0 else "·" for share in shares)


def _share(spoken: Intervals, start_s: float, step_s: float) -> float:
    return total_s(intersect(spoken, intervals([(start_s, start_s + step_s)]))) / step_s


def _signs(marks: Iterable[TimingMark], length_s: float, columns: int) -> str:
    line = [" "] * columns
    order = list(_SIGNS)
    wanted = [mark for mark in marks if mark.kind in _SIGNS]
    for mark in sorted(wanted, key=lambda mark: order.index(mark.kind), reverse=True):
        column = int(mark.start_s / length_s * columns)
        line[min(max(column, 0), columns - 1)] = _SIGNS[mark.kind]
    return "".join(line).rstrip()


# -- the rest -------------------------------------------------------------------------------


def _transcript(debrief: Debrief) -> RenderableType:
    names = {lane.who: lane.name for lane in debrief.lanes}
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    rows: list[tuple[str, Text]] = []
    for row in debrief.rows:
        at, name, said = clock(row.start_s), names[row.who], _said(row)
        table.add_row(at, Text(name), said)
        rows.append((at, Text.assemble(f"{name}: ", said)))
    return Fitted(table, hanging(rows), _WIDE)


def _said(row: TranscriptRow) -> Text:
    text = Text(f"({row.text or 'mm'})" if row.kind == "backchannel" else row.text)
    if row.is_typed:
        text.append(" (typed)", style="dim")
    if not row.sure:
        text.append(f"  [{UNSURE}]", style="dim")
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
        cause = f"most at {clock(most.at_s)}{cause_named([most.cause], most.grade)}" if most else ""
        table.add_row(Text(name), Text(f"{points(begin)} → {points(last[name])}"), Text(cause))
    return table


def _told(debrief: Debrief) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for told in debrief.told:
        cut = "" if told.whole else " (cut off)"
        table.add_row(clock(told.at_s), Text(f"“{told.words}”{cut} {told.why}"))
    table.add_row("", Text(f"{not_told(debrief.not_told or 0)}."))
    for untold in debrief.kept:
        table.add_row(clock(untold.at_s), Text(untold.why, style="dim"))
    return table


_WIDE: Final = 74
"""Columns, without the indent, from which a table with sentences in a column is shown as one."""


def _numbers(debrief: Debrief) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold", ratio=2)
    table.add_column(overflow="fold", ratio=3)
    narrow: list[RenderableType] = []
    for number in debrief.numbers:
        value = Text(number.shown, style="" if number.value is not None else "dim")
        if number.value is not None and number.error:
            value.append(f" ({number.error})", style="dim")
        norms = [Text(f"in real visits: {norm}", style="dim") for norm in number.norms]
        for name, text in zip((number.name, *("" for _ in norms)), (value, *norms), strict=True):
            table.add_row(Text(name), text)
        narrow += [flow([Text.assemble(f"{number.name}: ", value)])]
        narrow += [flow([norm], 2) for norm in norms]
    parts: list[RenderableType] = [Fitted(table, Group(*narrow), _WIDE)]
    if debrief.norms_note:
        parts.append(Text(f"Comparison with real visits: {debrief.norms_note}", style="dim"))
    return Group(*parts)
