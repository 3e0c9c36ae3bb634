"""Draw the items of a heading over a learner's attempts, as counts.

The picture is small enough for three in a row, and readable on a phone. It has no percentages, and
no bars whose length could be read as a grade: one ring for each item that was judged, filled from
below for each that was met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simvoice.research.pictures.style import FAINT, INK, RULE, figure, with_style

_WIDTH_IN, _HEIGHT_IN = 3.9, 2.5
_LINE = 52
"""Letters in a line of the verdict."""
_MOST_LABELS = 8
"""Numbers on the axis; with more attempts only every second, third and so on is numbered."""
_MOST_MARKS = 25
"""Attempts drawn with large marks; with more, marks are smaller."""


@dataclass(frozen=True, slots=True)
class CourseMark:
    """One attempt."""

    number: int
    """Number in the table, from 1."""
    met: int | None
    """Items met; None when the heading is not known for the attempt."""
    judged: int | None
    """Items met or not met."""
    not_judged: int | None
    comparable: bool
    """False for another version of the case, which is drawn faint."""

    @property
    def items(self) -> int:
        """Number of items of the heading, judged or not."""
        return (self.judged or 0) + (self.not_judged or 0)


def course(title: str, marks: Sequence[CourseMark], verdict: str = "") -> Figure:
    """Draw the marks, at least one, in order of time. verdict: a sentence about change."""
    lines = wrap(verdict, _LINE)[:4]
    height_in = _HEIGHT_IN + 0.16 * len(lines)
    with with_style():
        sheet = figure(height_in, _WIDTH_IN)
        foot_in = 0.5 + 0.16 * len(lines)
        body = (0.13, foot_in / height_in, 0.84, (height_in - foot_in - 0.5) / height_in)
        axes = sheet.add_axes(body)
        _frame(axes, marks)
        _draw(axes, marks)
        sheet.text(0.03, 1.0 - 0.09 / height_in, title, fontsize=10, fontweight="bold", va="top")
        sheet.text(
            0.03,
            1.0 - 0.28 / height_in,
            "items: ● met, ○ not met, · not judged",
            fontsize=8,
            color=FAINT,
            va="top",
        )
        sheet.text(0.13, 0.05 / height_in, "\n".join(lines), fontsize=8, color=INK, va="bottom")
    return sheet


def _frame(axes: Axes, marks: Sequence[CourseMark]) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    most = max(1, *(mark.items for mark in marks))
    axes.set_ylim(0.3, most + 0.7)
    axes.set_xlim(0.4, max(len(marks), 2) + 0.6)
    axes.set_yticks(range(1, most + 1), [str(each) for each in range(1, most + 1)], fontsize=8)
    axes.tick_params(length=0, colors=FAINT)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    step = -(-len(marks) // _MOST_LABELS)
    shown = [i for i in range(len(marks)) if i % step == (len(marks) - 1) % step]
    axes.set_xticks([i + 1 for i in shown], [str(marks[i].number) for i in shown], fontsize=8)
    axes.set_xlabel("attempt", fontsize=8, color=FAINT, labelpad=1)


def _draw(axes: Axes, marks: Sequence[CourseMark]) -> None:
    size = 3.0 if len(marks) > _MOST_MARKS else 6.0
    for x, mark in enumerate(marks, 1):
        if mark.met is None or not mark.items:
            axes.text(x, 1.0, "–", ha="center", va="center", fontsize=8, color=FAINT).set_bbox(
                {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            )
    # one line for each look, because thousands of lines take seconds
    for comparable, ink in ((True, INK), (False, FAINT)):
        for outcome, fill, part in (("met", ink, 1.0), ("not met", "white", 1.0), ("", FAINT, 0.3)):
            at = [
                (x, row)
                for x, mark in enumerate(marks, 1)
                if mark.comparable == comparable
                for row in _rows(mark, outcome)
            ]
            axes.plot(
                [x for x, _ in at],
                [y for _, y in at],
                linestyle="none",
                marker="o",
                markersize=part * size,
                color=ink if outcome else FAINT,
                markerfacecolor=fill,
                zorder=3,
            )


def _rows(mark: CourseMark, outcome: str) -> range:
    """Return the rows, from 1, of the items with an outcome: met below, not judged above."""
    met, judged = mark.met or 0, mark.judged or 0
    if outcome == "met":
        return range(1, met + 1)
    return range(met + 1, judged + 1) if outcome else range(judged + 1, mark.items + 1)
