"""Draw two conversations, before and after, with their metrics side by side.

"Improved" appears only when the difference exceeds measurement error (`scoring.metrics.change`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simvoice.display import clock, duration
from simvoice.errors import UsageError
from simvoice.research.analysis.conversation import Conversation, Value
from simvoice.research.pictures.style import (
    FAINT,
    INK,
    LEARNER_Y,
    PATIENT_Y,
    RULE,
    bare,
    draw_lanes,
    figure,
    with_style,
)
from simvoice.scoring.metrics.change import ChangeVerdict
from simvoice.scoring.metrics.change import change as compared
from simvoice.scoring.metrics.definitions import Definition, Unit, definitions
from simvoice.scoring.metrics.quantities import quantity
from simvoice.scoring.metrics.registry import Measured

_ARROW = 0.03
"""Share of the line between two marks below which no arrow fits."""
_MOST_ROWS = 18
_ROW_IN = 0.27
_HEAD_IN = 2.5
_FOOT_IN = 0.55
_LEFT, _RIGHT = 0.28, 0.70
"""Start and end of the metric lines; names are to the left, numbers to the right."""
_VERDICT_PT = 130
"""Points from the end of the lines to the verdicts, which follow the numbers."""

_VERDICTS: dict[ChangeVerdict, str] = {
    "improved": "improved",
    "worse": "worse",
    "higher": "higher",
    "lower": "lower",
    "no change beyond the error": "within the error",
    "not comparable": "",
}

_UNKNOWN = (
    "The changes may be chance: the measurement error of these numbers between two conversations "
    "is not known,\nso no change is called an improvement."
)
_KNOWN = (
    "“Improved”, “worse”, “higher” and “lower” appear only when the change exceeds the minimal "
    "detectable change.\nWithout a verdict, the measurement error of the number is not known."
)


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    unit: Unit
    before: Value
    after: Value
    verdict: ChangeVerdict

    @property
    def is_still(self) -> bool:
        """Whether both values are printed alike; then no change is drawn."""
        assert self.before.value is not None
        assert self.after.value is not None
        return quantity(self.unit, self.before.value) == quantity(self.unit, self.after.value)


def change(before: Conversation, after: Conversation) -> Figure:
    """Draw the change. Raises UsageError when no metric has a value in both conversations."""
    rows = _rows(before, after)
    if not rows:
        raise UsageError(
            f"no number was measured in both {before.id} and {after.id}; choose two conversations "
            "with values of the same metric"
        )
    height_in = _HEAD_IN + len(rows) * _ROW_IN + _FOOT_IN
    with with_style():
        sheet = figure(height_in)
        sheet.text(
            0.02,
            1.0 - 0.16 / height_in,
            "Before and after",
            fontsize=11,
            fontweight="bold",
            va="top",
        )
        longest_s = max(before.length_s, after.length_s, 1.0)
        for index, found in enumerate((before, after)):
            _strip(sheet, found, longest_s, index, height_in)
        _legend(sheet, height_in)
        body = (_LEFT, _FOOT_IN / height_in, _RIGHT - _LEFT, len(rows) * _ROW_IN / height_in)
        axes = sheet.add_axes(body)
        _draw_rows(axes, rows)
        sheet.text(
            0.02,
            0.16 / height_in,
            "Each line has its own scale, which starts at 0, or at the smaller number when that is "
            f"below 0. {_KNOWN if any(_VERDICTS[row.verdict] for row in rows) else _UNKNOWN}",
            fontsize=6.5,
            color=FAINT,
            va="bottom",
        )
    return sheet


def _rows(before: Conversation, after: Conversation) -> list[_Row]:
    """Return the metrics measured in both, in the order of the registry; changed ones first."""
    known: dict[str, Definition] = {entry.key: entry for entry in definitions()}
    later = {value.key: value for value in after.metrics}
    rows = [
        _Row(
            known[v.key].name,
            known[v.key].unit,
            v,
            later[v.key],
            compared(_measured(v, known[v.key]), _measured(later[v.key], known[v.key])).verdict,
        )
        for v in before.metrics
        if v.key in known
        and v.value is not None
        and v.key in later
        and later[v.key].value is not None
        and not _stands_alone(known[v.key].unit, v, later[v.key])
    ]
    if len(rows) > _MOST_ROWS:
        rows.sort(key=lambda row: row.is_still)  # stable: changed ones first
    return rows[:_MOST_ROWS]


def _stands_alone(unit: Unit, *values: Value) -> bool:
    """Whether percentages would be drawn without their intervals."""
    return unit == "percent" and any(value.low is None or value.high is None for value in values)


def _measured(value: Value, entry: Definition) -> Measured:
    return Measured(
        key=value.key,
        name=entry.name,
        unit=entry.unit,
        value=value.value,
        reason=value.reason,
        error=value.error,
        definition=entry.definition,
        source=entry.source,
        direction=entry.direction,
        low=value.low,
        high=value.high,
    )


def _strip(
    sheet: Figure, found: Conversation, longest_s: float, index: int, height_in: float
) -> None:
    bottom = 1.0 - (1.25 + 0.78 * index) / height_in
    axes = sheet.add_axes((0.10, bottom, 0.885, 0.5 / height_in))
    bare(axes)
    axes.set_xlim(0.0, longest_s)
    axes.set_ylim(-0.55, 0.55)
    draw_lanes(axes, found, 0.0, found.length_s)
    for y, who in ((LEARNER_Y, "learner"), (PATIENT_Y, "patient")):
        axes.annotate(
            who,
            (0, y),
            (-5, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=6.5,
        )
    mark = "○" if index == 0 else "●"
    when = found.when[:16].replace("T", " ")
    facts = (found.title or found.id, when, duration(found.length_s))
    title = " · ".join(fact for fact in facts if fact)
    axes.set_title(f"{mark}  {title}", loc="left", fontsize=8, pad=3)
    for at_s in (0.0, found.length_s):
        axes.annotate(
            clock(at_s),
            (at_s, -0.5),
            (0, -1),
            textcoords="offset points",
            fontsize=6,
            ha="center",
            va="top",
            color=FAINT,
            annotation_clip=False,
        )


def _legend(sheet: Figure, height_in: float) -> None:
    sheet.text(
        0.02,
        1.0 - 2.42 / height_in,
        "○ before   ● after   (solid lane: learner, hatched: patient)",
        fontsize=7.5,
        va="bottom",
        color=INK,
    )


def _draw_rows(axes: Axes, rows: Sequence[_Row]) -> None:
    bare(axes)
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for y, row in enumerate(rows):
        _draw_scale(axes, y, row)
        before, after = row.before.value, row.after.value
        assert before is not None
        assert after is not None
        _beside(axes, y, row.name, at=0.0, by_pt=-8)
        _beside(axes, y, _from_to(row.unit, before, after), at=1.0, by_pt=8)
        _verdict(axes, y, row)


def _from_to(unit: Unit, before: float, after: float) -> str:
    """Return text such as `43  →  44 %`, or with both units (`58.0 s  →  1 min 5 s`)."""
    first, second = quantity(unit, before), quantity(unit, after)
    number, _, own = first.partition(" ")
    return f"{number if own == second.partition(' ')[2] else first}  →  {second}"


def _draw_scale(axes: Axes, y: float, row: _Row) -> None:
    """Draw both values on a line with its own scale, their intervals, and an arrow between."""
    before, after = row.before.value, row.after.value
    assert before is not None
    assert after is not None
    ends = [before, after, *_ends(row.before), *_ends(row.after)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    span = (high - low) or 1.0
    xs = [(value - low) / span for value in (before, before if row.is_still else after)]
    axes.plot([0.0, 1.0], [y, y], color=RULE, linewidth=0.5, zorder=1)
    axes.plot([-low / span] * 2, [y - 0.18, y + 0.18], color=FAINT, linewidth=0.7, zorder=1)
    for value, shift in ((row.before, -0.22), (row.after, 0.22)):
        if value.low is not None and value.high is not None:
            edges = [(value.low - low) / span, (value.high - low) / span]
            axes.plot(edges, [y + shift] * 2, color=FAINT, linewidth=1.0, zorder=2)
    if abs(xs[1] - xs[0]) > _ARROW:
        look = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.9, "mutation_scale": 7}
        axes.annotate(
            "",
            (xs[1], y),
            (xs[0], y),
            zorder=2,
            arrowprops={**look, "shrinkA": 3.2, "shrinkB": 3.2},
        )
    axes.plot(xs[1], y, marker="o", markersize=5, color=INK, zorder=3)
    axes.plot(xs[0], y, marker="o", markersize=5, color=INK, markerfacecolor="white", zorder=4)


def _beside(axes: Axes, y: float, text: str, *, at: float, by_pt: float) -> None:
    axes.annotate(
        text,
        (at, y),
        (by_pt, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right" if by_pt < 0 else "left",
        va="center",
        fontsize=7.5,
    )


def _verdict(axes: Axes, y: float, row: _Row) -> None:
    axes.annotate(
        _VERDICTS[row.verdict],
        (1, y),
        (_VERDICT_PT, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="left",
        va="center",
        fontsize=7.5,
        color=FAINT if row.verdict == "no change beyond the error" else INK,
        fontweight="bold" if row.verdict in ("improved", "worse") else "normal",
    )


def _ends(value: Value) -> list[float]:
    return [end for end in (value.low, value.high) if end is not None]
