"""Draw a share over a learner's attempts, with intervals.

The picture is small enough for three in a row, and readable on a phone.
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
"""Attempts drawn with large marks; with more, marks and bars are thinner."""


@dataclass(frozen=True, slots=True)
class CourseMark:
    """One attempt."""

    number: int
    """Number in the table, from 1."""
    value: float | None
    """0..1; None when there is no share."""
    low: float | None
    high: float | None
    comparable: bool
    """False for another version of the case, which is drawn hollow and without a line."""


def course(title: str, marks: Sequence[CourseMark], verdict: str = "") -> Figure:
    """Draw the marks, at least one, in order of time. verdict: a sentence about change."""
    lines = wrap(verdict, _LINE)[:3]
    height_in = _HEIGHT_IN + 0.16 * len(lines)
    with with_style():
        sheet = figure(height_in, _WIDTH_IN)
        foot_in = 0.5 + 0.16 * len(lines)
        body = (0.13, foot_in / height_in, 0.84, (height_in - foot_in - 0.32) / height_in)
        axes = sheet.add_axes(body)
        _frame(axes, marks)
        _draw(axes, marks)
        sheet.text(0.03, 1.0 - 0.09 / height_in, title, fontsize=10, fontweight="bold", va="top")
        sheet.text(0.13, 0.05 / height_in, "\n".join(lines), fontsize=8, color=INK, va="bottom")
    return sheet


def _frame(axes: Axes, marks: Sequence[CourseMark]) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(0.4, max(len(marks), 2) + 0.6)
    axes.set_yticks([0.0, 0.5, 1.0], ["0", "50", "100 %"], fontsize=8)
    axes.tick_params(length=0, colors=FAINT)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    step = -(-len(marks) // _MOST_LABELS)
    shown = [i for i in range(len(marks)) if i % step == (len(marks) - 1) % step]
    axes.set_xticks([i + 1 for i in shown], [str(marks[i].number) for i in shown], fontsize=8)
    axes.set_xlabel("attempt", fontsize=8, color=FAINT, labelpad=1)


def _draw(axes: Axes, marks: Sequence[CourseMark]) -> None:
    many = len(marks) > _MOST_MARKS
    joined = [(i, m.value) for i, m in enumerate(marks, 1) if m.comparable and m.value is not None]
    axes.plot([x for x, _ in joined], [y for _, y in joined], color=INK, linewidth=0.8, zorder=2)
    for x, mark in enumerate(marks, 1):
        if mark.value is None:
            axes.text(x, 0.0, "–", ha="center", va="center", fontsize=8, color=FAINT)
            continue
        if mark.low is not None and mark.high is not None:
            axes.plot(
                [x, x],
                [mark.low, mark.high],
                color=INK if mark.comparable else FAINT,
                linewidth=0.7 if many else 1.4,
                linestyle="-" if mark.comparable else (0, (1.2, 1.6)),
                solid_capstyle="butt",
                zorder=1,
            )
        axes.plot(
            x,
            mark.value,
            marker="o",
            markersize=3 if many else 6,
            color=INK,
            markerfacecolor=INK if mark.comparable else "white",
            zorder=3,
        )
