"""Render progress for a terminal, readable without colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from simvoice.debrief.terminal import Fitted, flow, sentence
from simvoice.display import count_noun
from simvoice.progress.advice import AdviceOutcome
from simvoice.progress.model import (
    CaseProgress,
    CourseAttempt,
    KnownLearner,
    NumberSeries,
    ProgressReport,
    SeriesPoint,
)

NAMELESS = "(without a name)"

_LAST_OUTCOMES = 8
"""Most suggestions with their outcomes that are shown."""
_LAST_ATTEMPTS = 20
"""Most attempts that the table shows."""


def render_known(known: Sequence[KnownLearner]) -> RenderableType:
    """Render the list of learners."""
    table = Table(box=None, pad_edge=False)
    table.add_column("learner", overflow="fold")
    table.add_column("attempts", justify="right")
    table.add_column("last", no_wrap=True)
    for each in known:
        table.add_row(Text(each.learner or NAMELESS), str(each.attempts), _date(each.last))
    return table


def render_progress(progress: ProgressReport) -> RenderableType:
    """Render the progress of one learner. Spoken text is never read as markup."""
    parts: list[RenderableType] = [Text(progress.learner or NAMELESS, style="bold")]
    parts += [Text(note, style="italic") for note in progress.notes]
    if not progress.courses:
        parts.append(Text("No attempt can be read yet."))
    for course in progress.courses:
        parts += [Text(), *_course(course)]
    if progress.waiting:
        waits = count_noun(progress.waiting, "attempt")
        parts += [Text(), Text(f"{waits} not read yet; run the command again.")]
    if progress.skipped:
        parts += [Text(), Text("Left out", style="bold")]
        parts += [flow(sentence(f"{each.attempt}: {each.why}"), 2) for each in progress.skipped]
    return flow(parts)


def _course(course: CaseProgress) -> Iterator[RenderableType]:
    many = count_noun(len(course.attempts), "attempt")
    retries = ""
    if course.goes:
        retries = ", 1 retry" if course.goes == 1 else f", {course.goes} retries"
    yield Text(f"{course.title} ({course.case_id}): {many}{retries}", style="bold")
    if course.attempts:
        yield _attempts(course)
        if len(course.attempts) > _LAST_ATTEMPTS:
            yield Text(f"  the last {_LAST_ATTEMPTS}; --json has all", style="dim")
        yield Text("  items met of the items judged (? not judged)", style="dim")
        if not all(each.comparable for each in course.attempts):
            yield Text("  * at another version of the case", style="dim")
    for title, these in (
        ("Headings", course.headings),
        ("How you asked", course.agreed),
        ("Numbers", course.metrics),
    ):
        compared = [each for each in these if each.first_to_last is not None]
        if compared:
            yield Text(f"  {title}", style="bold")
            yield flow(_verdicts(compared), 4)
    if course.tried:
        yield Text("  What was suggested, and what you did next", style="bold")
        yield Padding(_outcomes(course.tried[-_LAST_OUTCOMES:]), (0, 0, 0, 4))
        if len(course.tried) > _LAST_OUTCOMES:
            more = len(course.tried) - _LAST_OUTCOMES
            yield Text(f"    and {more} earlier ones (--json)", style="dim")
    for note in course.notes:
        yield Text(f"  {note}", style="italic")


def _attempts(course: CaseProgress) -> RenderableType:
    """One table where it fits; otherwise the counts by number, and the ids below them."""
    shown = course.attempts[-_LAST_ATTEMPTS:]
    wide, narrow = _counts(course, True), _counts(course, False)
    ids = (
        Text(f"{_number(each):>3} {each.attempt}", no_wrap=True, overflow="ignore")
        for each in shown
    )
    return Fitted(wide, Group(narrow, *ids))


def _counts(course: CaseProgress, with_ids: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("", justify="right", no_wrap=True)
    if with_ids:
        table.add_column("attempt", no_wrap=True)
    for series in course.headings:
        # beside the ids, only the headings wrap: the table fits 80 columns
        table.add_column(series.name, justify="right", width=_CELL if with_ids else None)
    for index, attempt in [*enumerate(course.attempts)][-_LAST_ATTEMPTS:]:
        cells = (_cell(series.points[index]) for series in course.headings)
        table.add_row(_number(attempt), *([attempt.attempt] if with_ids else []), *cells)
    return table


_CELL = len("2 of 4 (1 ?)")


def _number(attempt: CourseAttempt) -> str:
    return f"{attempt.number}{' ' if attempt.comparable else '*'}"


def _cell(point: SeriesPoint) -> str:
    """Format such as `2 of 5`, or `2 of 4 (1 ?)` with an item that was not judged."""
    if not point.judged:
        return "–"
    left = f" ({point.not_judged} ?)" if point.not_judged else ""
    return f"{point.met} of {point.judged}{left}"


def _verdicts(these: Sequence[NumberSeries]) -> Iterator[RenderableType]:
    for series in these:
        points = [point for point in series.points if point.comparable]
        assert series.first_to_last is not None
        yield Text(f"{_capital(series.name)}: {points[0].shown} → {points[-1].shown}")
        yield flow([Text(f"first to last: {series.first_to_last.said}")], 2)
        if series.previous_to_last is not None:
            yield flow([Text(f"previous to last: {series.previous_to_last.said}")], 2)


def _outcomes(these: Sequence[AdviceOutcome]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for each in these:
        title = f"Suggested: “{each.title}”. " if each.title else ""
        table.add_row(_date(each.after_when), Text(f"{title}{each.said}"))
    return table


def _date(when: str) -> str:
    """Format a time as local date and time of the recording."""
    return when[:16].replace("T", " ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
