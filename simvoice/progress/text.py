"""Progress as plain text for a terminal, readable without colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from simvoice.debrief.wording import in_words
from simvoice.progress.advice import Tried
from simvoice.progress.model import CaseProgress, KnownLearner, NumberSeries, Point, ProgressReport

NAMELESS = "(without a name)"

_TRIED = 8
"""What was tried last; more would bury the rest."""
_ATTEMPTS = 20
"""Attempts in the table, the last of them."""


def render_known(known: Sequence[KnownLearner]) -> RenderableType:
    """The learners there are."""
    table = Table(box=None, pad_edge=False)
    table.add_column("learner", overflow="fold")
    table.add_column("attempts", justify="right")
    table.add_column("last", no_wrap=True)
    for each in known:
        table.add_row(Text(each.learner or NAMELESS), str(each.attempts), _date(each.last))
    return table


def render_progress(progress: ProgressReport) -> RenderableType:
    """One learner. Nothing that was said can be taken for markup."""
    parts: list[RenderableType] = [Text(progress.learner or NAMELESS, style="bold")]
    parts += [Text(note, style="italic") for note in progress.notes]
    if not progress.courses:
        parts.append(Text("No attempt can be read as yet."))
    for course in progress.courses:
        parts += [Text(), *_course(course)]
    if progress.waiting:
        waits = in_words(progress.waiting, "attempt")
        parts += [Text(), Text(f"{waits} not read yet; ask again.")]
    if progress.skipped:
        parts += [Text(), Text("Left out", style="bold")]
        parts += [Text(f"  {each.attempt}: {each.why}") for each in progress.skipped]
    return Group(*parts)


def _course(course: CaseProgress) -> Iterator[RenderableType]:
    many = in_words(len(course.attempts), "attempt")
    goes = f", {course.goes} other go{'es' if course.goes != 1 else ''}" if course.goes else ""
    yield Text(f"{course.title} ({course.case_id}): {many}{goes}", style="bold")
    if course.attempts:
        yield _attempts(course)
        if len(course.attempts) > _ATTEMPTS:
            yield Text(f"  the last {_ATTEMPTS}; --json has all", style="dim")
        yield Text("  % of the items met, weighted (95 % interval)", style="dim")
        if not all(went.comparable for went in course.attempts):
            yield Text("  * of another version of the case", style="dim")
    for title, these in (
        ("Headings", course.headings),
        ("How you asked", course.agreed),
        ("Numbers", course.metrics),
    ):
        compared = [each for each in these if each.first_to_last is not None]
        if compared:
            yield Text(f"  {title}", style="bold")
            yield Padding(_verdicts(compared), (0, 0, 0, 4))
    if course.tried:
        yield Text("  What was suggested, and what came next", style="bold")
        yield Padding(_tried(course.tried[-_TRIED:]), (0, 0, 0, 4))
        if len(course.tried) > _TRIED:
            yield Text(f"    and {len(course.tried) - _TRIED} before these (--json)", style="dim")
    for note in course.notes:
        yield Text(f"  {note}", style="italic")


def _attempts(course: CaseProgress) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("attempt", overflow="fold")
    for series in course.headings:
        table.add_column(series.name, justify="right", width=len("100 (56-100)"))
    for index, went in [*enumerate(course.attempts)][-_ATTEMPTS:]:
        table.add_row(
            f"{went.number}{' ' if went.comparable else '*'}",
            went.attempt,
            *(_cell(series.points[index]) for series in course.headings),
        )
    return table


def _cell(point: Point) -> str:
    """Such as `58 (23-86)`."""
    if point.value is None or point.low is None or point.high is None:
        return "–"
    low, high = (f"{100.0 * end:.0f}" for end in (point.low, point.high))
    return f"{100.0 * point.value:.0f} ({low}-{high})"


def _verdicts(these: Sequence[NumberSeries]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for series in these:
        points = [point for point in series.points if point.comparable]
        assert series.first_to_last is not None
        table.add_row(Text(_capital(series.name)), Text(f"{points[0].shown} → {points[-1].shown}"))
        table.add_row("", Text(f"first to last: {series.first_to_last.said}"))
        if series.previous_to_last is not None:
            table.add_row("", Text(f"last but one to last: {series.previous_to_last.said}"))
    return table


def _tried(these: Sequence[Tried]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for each in these:
        title = f"Suggested: “{each.title}”. " if each.title else ""
        table.add_row(_date(each.after_when), Text(f"{title}{each.said}"))
    return table


def _date(when: str) -> str:
    """As the clock stood there."""
    return when[:16].replace("T", " ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
