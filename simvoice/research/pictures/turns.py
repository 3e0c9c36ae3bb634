"""Draw turn-taking over time: turn lengths, floor transfer offsets and how long each talks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from simvoice.display import clock, duration
from simvoice.research.analysis.conversation import Conversation, ConversationEvent
from simvoice.research.pictures.style import (
    FAINT,
    INK,
    LEARNER,
    PATIENT,
    RULE,
    figure,
    keys,
    with_style,
)
from simvoice.timing.intervals import Intervals, intersect, intervals, total_s

_LONGEST_GAP_S = 6.0
"""Seconds of the longest gap drawn to scale; longer ones are drawn at the edge, with a label."""

_WINDOW_SHARE = 0.2
_LEAST_WINDOW_S = 30.0
"""Talking is added up in windows of a fifth of the conversation, but at least 30 s: shorter windows
contain a turn or two and jump. Seconds are drawn and no share: the error of a share in so short a
window is not known."""

Floats = NDArray[np.float64]

_STEPS = 240
"""Points of the curves of talking."""


def turns(found: Conversation) -> Figure:
    """Draw three panels over one time axis."""
    with with_style():
        sheet = figure(5.6)
        grid = sheet.add_gridspec(
            3,
            1,
            height_ratios=(2.4, 1.7, 1.0),
            hspace=0.42,
            left=0.10,
            right=0.985,
            top=0.87,
            bottom=0.115,
        )
        panels = [sheet.add_subplot(grid[index]) for index in range(3)]
        for axes in panels:
            _frame(axes, found.length_s)
        _lengths(panels[0], found)
        _transfers(panels[1], found)
        _talking(panels[2], found)
        _head(sheet, found)
        handles, words = zip(*keys(found), strict=True)
        sheet.legend(
            handles,
            words,
            loc="lower left",
            bbox_to_anchor=(0.09, 0.0),
            ncols=2,
            frameon=False,
            fontsize=7,
        )
    return sheet


def _head(sheet: Figure, found: Conversation) -> None:
    sheet.text(0.02, 0.975, found.title or found.id, fontsize=11, fontweight="bold", va="top")
    counts = {who: sum(t.who == who for t in found.turns) for who in ("learner", "patient")}
    facts = [
        found.when[:10],
        duration(found.length_s),
        f"turns: {found.name_of('learner')} {counts['learner']}, {found.name_of('patient')} "
        f"{counts['patient']}",
    ]
    line = " · ".join(fact for fact in facts if fact)
    sheet.text(0.02, 0.932, line, color=FAINT, va="top")


def _frame(axes: Axes, length_s: float) -> None:
    axes.set_xlim(0.0, max(length_s, 1.0))
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 1.5, 3, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at_s, _: clock(at_s)))
    axes.tick_params(length=2.5, labelsize=6.5, color=RULE)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=RULE, linewidth=0.4)
    axes.set_axisbelow(True)


def _titled(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=8, loc="left", color=INK, pad=4)


# -- turn lengths ---------------------------------------------------------------------------


def _lengths(axes: Axes, found: Conversation) -> None:
    """Draw each turn as wide and as tall as it was long: the learner's up, the patient's down."""
    _titled(axes, "Length of each turn, seconds: the learner's upwards, the patient's downwards")
    longest = {"learner": 1.0, "patient": 1.0}
    for turn in found.turns:
        length = turn.end_s - turn.start_s
        longest[turn.who] = max(longest[turn.who], length)
        look, height = (LEARNER, length) if turn.who == "learner" else (PATIENT, -length)
        axes.add_patch(Rectangle((turn.start_s, 0.0), length, height, zorder=2, **look))
    axes.axhline(0.0, color=INK, linewidth=0.7, zorder=3)
    margin = 0.08 * sum(longest.values())
    axes.set_ylim(-longest["patient"] - margin, longest["learner"] + margin)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{abs(y):g}"))


# -- floor transfer offsets -----------------------------------------------------------------


def _transfers(axes: Axes, found: Conversation) -> None:
    """Draw each change of the turn: who took it, and its floor transfer offset."""
    _titled(
        axes,
        "Time from the other's last sound to the start of each turn, seconds (● learner, "
        "□ patient); below the line: overlap",
    )
    offsets = [(e, _offset_s(e)) for e in found.events if e.kind in ("gap", "overlap_between")]
    for event, offset_s in offsets:
        shown_s = min(offset_s, _LONGEST_GAP_S)
        is_learner = event.breaker == "learner"
        axes.plot(
            event.end_s,
            shown_s,
            marker="o" if is_learner else "s",
            markersize=4.2,
            color=LEARNER["facecolor"] if is_learner else PATIENT["edgecolor"],
            markerfacecolor=LEARNER["facecolor"] if is_learner else "white",
            linestyle="none",
            zorder=3,
        )
        if offset_s > _LONGEST_GAP_S:
            axes.annotate(
                duration(offset_s),
                (event.end_s, shown_s),
                (5, -2),
                textcoords="offset points",
                fontsize=6.5,
            )
    axes.axhline(0.0, color=INK, linewidth=0.7, zorder=2)
    values = [offset for _, offset in offsets] or [0.0]
    low, high = min(*values, -0.5), min(max(*values, 1.0), _LONGEST_GAP_S)
    axes.set_ylim(low - 0.1 * (high - low), high + 0.12 * (high - low))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _offset_s(event: ConversationEvent) -> float:
    """Return the floor transfer offset, seconds, without the machine's delay."""
    return -event.length_s if event.kind == "overlap_between" else event.length_s


# -- how long each talks --------------------------------------------------------------------


def _talking(axes: Axes, found: Conversation) -> None:
    window_s = max(_LEAST_WINDOW_S, _WINDOW_SHARE * found.length_s)
    _titled(
        axes,
        f"Seconds of talking in the {duration(window_s)} around each moment: the learner's "
        "upwards, the patient's downwards",
    )
    times, spoken = talking(found, window_s)
    axes.fill_between(times, 0.0, spoken["learner"], color=LEARNER["facecolor"], linewidth=0.0)
    axes.fill_between(
        times,
        -spoken["patient"],
        0.0,
        facecolor=PATIENT["facecolor"],
        edgecolor=PATIENT["edgecolor"],
        hatch=PATIENT["hatch"],
        linewidth=0.0,
    )
    axes.axhline(0.0, color=INK, linewidth=0.7, zorder=3)
    most = max(1.0, *(float(each.max()) for each in spoken.values()))
    axes.set_ylim(-1.08 * most, 1.08 * most)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{abs(y):g}"))


def talking(found: Conversation, window_s: float) -> tuple[Floats, dict[str, Floats]]:
    """Return (moments, seconds of each one's talking around each moment, by who), float64 [n]."""
    times = np.linspace(0.0, max(found.length_s, 1e-3), _STEPS)
    windows = [intervals([(at - window_s / 2.0, at + window_s / 2.0)]) for at in times]
    lanes = {who: _voice(found, who) for who in ("learner", "patient")}
    return times, {
        who: np.array([total_s(intersect(lane, window)) for window in windows])
        for who, lane in lanes.items()
    }


def _voice(found: Conversation, who: str) -> Intervals:
    own: Iterable[tuple[float, float]] = (
        (s.start_s, s.end_s) for s in found.stretches if s.who == who and s.kind != "noise"
    )
    return intervals(own)
