"""Draw the conversation strip: speech lanes, silences, interruptions, overlaps and ledger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, MultipleLocator

from simvoice.display import clock, count_noun, duration
from simvoice.research.analysis.conversation import Conversation, ConversationEvent
from simvoice.research.pictures.style import (
    DASHES,
    FAINT,
    INK,
    LANE,
    LEARNER_Y,
    MACHINE,
    PATIENT_Y,
    RULE,
    SILENCE,
    WIDTH_IN,
    bare,
    draw_lanes,
    figure,
    keys,
    with_style,
)
from simvoice.scoring.metrics.quantities import with_interval

_ROWS_S = (30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
"""Possible seconds of a row; the shortest that needs at most `_MOST_ROWS` is used."""
_MOST_ROWS = 8
_TICKS = {30.0: 5, 60.0: 10, 120.0: 15, 180.0: 30, 300.0: 30, 600.0: 60, 1200.0: 120}

_LEFT, _RIGHT = 0.10, 0.985
"""Start and end of the rows as shares of the width; the names are to the left."""
_ROW_IN = 0.92
_LEDGER_IN = 0.42
_HEAD_IN = 0.62
_FOOT_IN = 0.62
_LABEL_PT = 6.5
_MOST_KEYS = 6
"""Entries in one line of the legend."""
_TOP = 0.8
"""Upper edge of a row, where labels stand; lanes lie between -0.5 and 0.5."""
_BOTTOM = -0.82

_SILENCES = {
    "hold": "after hard news",
    "chosen": "chosen",
    "answering": "before answering",
    "after_news": "after the news",
    "after_cue": "after a cue",
    "after_question": "after a question",
    "after_statement": "after a statement",
    "unanswered": "unanswered",
    "mid_turn": "within a turn",
    "unclear": "",
}


@dataclass(frozen=True, slots=True)
class _Label:
    at_s: float
    text: str
    is_above: bool


def strip(found: Conversation) -> Figure:
    """Draw the conversation in rows of equal length of time."""
    row_s = _row_s(found.length_s)
    rows = max(1, math.ceil(found.length_s / row_s - 1e-9))
    each_in = _ROW_IN + (_LEDGER_IN + 0.22 if found.ledger else 0.0)
    height_in = _HEAD_IN + rows * each_in + _FOOT_IN
    with with_style():
        sheet = figure(height_in)
        _head(sheet, found, height_in)
        for row in range(rows):
            top_in = height_in - _HEAD_IN - row * each_in
            start_s = row * row_s
            axes = sheet.add_axes(_box(top_in - _ROW_IN, _ROW_IN - 0.18, height_in))
            _draw_row(axes, found, start_s, row_s, with_clock=not found.ledger)
            if found.ledger:
                bottom_in = top_in - _ROW_IN - _LEDGER_IN - 0.02
                below = sheet.add_axes(_box(bottom_in, _LEDGER_IN, height_in))
                _draw_ledger(below, found, start_s, row_s, is_first=row == 0)
        _foot(sheet, found, height_in)
    return sheet


def _row_s(length_s: float) -> float:
    for row_s in _ROWS_S:
        if length_s <= row_s * _MOST_ROWS:
            return row_s
    return math.ceil(length_s / _MOST_ROWS / 3600.0) * 3600.0


def _box(bottom_in: float, tall_in: float, height_in: float) -> tuple[float, float, float, float]:
    return (_LEFT, bottom_in / height_in, _RIGHT - _LEFT, tall_in / height_in)


def _head(sheet: Figure, found: Conversation, height_in: float) -> None:
    top = 1.0 - 0.16 / height_in
    sheet.text(0.02, top, found.title or found.id, fontsize=11, fontweight="bold", va="top")
    share = next((v for v in found.metrics if v.key == "talk_share"), None)
    learner = found.name_of("learner")
    facts = [found.when[:10], duration(found.length_s)]
    if share is not None and share.value is not None:
        shown = with_interval("percent", share.value, share.low, share.high)
        facts.append(f"{learner} {shown} of the talking")
    line = " · ".join(fact for fact in facts if fact)
    sheet.text(0.02, top - 0.26 / height_in, line, color=FAINT, va="top")


# -- one row --------------------------------------------------------------------------------


def _draw_row(
    axes: Axes, found: Conversation, start_s: float, row_s: float, *, with_clock: bool
) -> None:
    end_s = start_s + row_s
    bare(axes)
    axes.set_xlim(start_s, end_s)
    axes.set_ylim(_BOTTOM, _TOP)
    last_s = min(end_s, found.length_s)
    for y, who in ((LEARNER_Y, "learner"), (PATIENT_Y, "patient")):
        axes.plot([start_s, last_s], [y, y], color=RULE, linewidth=0.5, zorder=1)
        name = found.learner if who == "learner" else found.patient
        axes.annotate(
            _short(name or who),
            (0, y),
            (-6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=7,
        )
    _draw_silences(axes, found, start_s, end_s)
    draw_lanes(axes, found, start_s, end_s)
    _draw_overlaps(axes, found, start_s, end_s)
    _draw_interruptions(axes, found, start_s, end_s)
    _draw_labels(axes, _labels(found, start_s, end_s), row_s)
    if with_clock:
        _clock(axes, row_s)
    else:
        for at_s in _ticks(start_s, last_s, row_s):
            axes.plot([at_s, at_s], [_BOTTOM, 0.5], color=RULE, linewidth=0.5, zorder=0)


def _short(name: str) -> str:
    return name if len(name) <= 15 else name[:14] + "…"


def _within(
    events: Sequence[ConversationEvent], start_s: float, end_s: float
) -> list[ConversationEvent]:
    return [e for e in events if e.start_s < end_s and e.end_s > start_s]


def _silences_of(found: Conversation) -> list[ConversationEvent]:
    """Return the silences, and the holds that were too short to be one."""
    silences = [e for e in found.events if e.kind == "silence"]
    holds = [
        hold
        for hold in found.events
        if hold.kind == "hold"
        and not any(s.start_s < hold.end_s and s.end_s > hold.start_s for s in silences)
    ]
    return silences + holds


def _draw_silences(axes: Axes, found: Conversation, start_s: float, end_s: float) -> None:
    for event in _within(found.events, start_s, end_s):
        if event.kind == "machine":
            box = Rectangle(
                (event.start_s, PATIENT_Y - LANE / 2), event.end_s - event.start_s, LANE, **MACHINE
            )
            axes.add_patch(box)
    for event in _within(_silences_of(found), start_s, end_s):
        box = Rectangle(
            (event.start_s, -0.5), event.end_s - event.start_s, 1.0, zorder=1.5, **SILENCE
        )
        axes.add_patch(box)


def _draw_overlaps(axes: Axes, found: Conversation, start_s: float, end_s: float) -> None:
    for event in _within(found.events, start_s, end_s):
        if event.kind in ("overlap_between", "overlap_within"):
            axes.plot(
                [event.start_s, event.end_s],
                [0.0, 0.0],
                color=INK,
                linewidth=2.2,
                zorder=4,
                solid_capstyle="butt",
            )


def _draw_interruptions(axes: Axes, found: Conversation, start_s: float, end_s: float) -> None:
    """Draw an arrow at the interrupted speaker's lane: below the patient, above the learner."""
    for event in found.events:
        if event.kind == "interruption" and start_s <= event.start_s < end_s:
            axes.plot([event.start_s] * 2, [-0.5, 0.5], color=INK, linewidth=0.9, zorder=5)
            y, marker = (-0.52, "^") if event.owner == "learner" else (0.52, "v")
            axes.plot(
                event.start_s, y, marker=marker, color=INK, markersize=5, zorder=5, clip_on=False
            )


def _labels(found: Conversation, start_s: float, end_s: float) -> list[_Label]:
    labels = []
    for event in _silences_of(found):
        middle_s = (max(event.start_s, start_s) + min(event.end_s, end_s)) / 2.0
        if start_s <= event.start_s < end_s:
            labels.append(_Label(middle_s, _silence_text(event), is_above=True))
    for event in found.events:
        is_here = start_s <= event.start_s < end_s
        if event.kind == "interruption" and event.owner == "learner" and is_here:
            lost = event.words_lost
            text = "interrupted"
            if lost:
                text += f", {count_noun(lost, 'word')} lost"
            labels.append(_Label(event.start_s, text, is_above=False))
    return labels


def _silence_text(event: ConversationEvent) -> str:
    length = duration(event.length_s)
    if event.kind == "hold" or event.silence == "hold":
        outcome = {"held": "let stand", "filled": "filled"}.get(event.outcome, "")
        return f"{length} after hard news{', ' + outcome if outcome else ''}"
    return f"{length} {_SILENCES.get(event.silence, '')}".strip()


def _draw_labels(axes: Axes, labels: Sequence[_Label], row_s: float) -> None:
    """Draw the labels above and below; a label without enough space is left out."""
    width_in = WIDTH_IN * (_RIGHT - _LEFT)
    start_s, end_s = axes.get_xlim()
    for is_above in (True, False):
        free_s = -math.inf
        for label in sorted(labels, key=lambda found: found.at_s):
            if label.is_above != is_above:
                continue
            half_s = 0.5 * len(label.text) * 0.56 * _LABEL_PT / 72.0 / width_in * row_s
            middle_s = min(max(label.at_s, start_s + half_s), end_s - half_s)
            if middle_s - half_s < free_s:
                continue
            free_s = middle_s + half_s * 1.1
            y, side = (0.55, "bottom") if is_above else (-0.62, "top")
            axes.text(middle_s, y, label.text, fontsize=_LABEL_PT, ha="center", va=side, zorder=6)


def _ticks(start_s: float, end_s: float, row_s: float) -> list[float]:
    step_s = _TICKS.get(row_s, row_s / 10.0)
    count = int((end_s - start_s) / step_s + 1e-9)
    return [start_s + step_s * index for index in range(count + 1)]


def _clock(axes: Axes, row_s: float) -> None:
    axes.xaxis.set_major_locator(MultipleLocator(_TICKS.get(row_s, row_s / 10.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at_s, _: clock(at_s)))
    axes.tick_params(axis="x", length=2.5, labelsize=6.5, pad=1.5, color=RULE)


# -- the ledger -----------------------------------------------------------------------------


def _draw_ledger(
    axes: Axes, found: Conversation, start_s: float, row_s: float, *, is_first: bool
) -> None:
    """Draw trust, distress and understanding as steps, 0 to 1, with different dashes."""
    end_s = start_s + row_s
    axes.set_xlim(start_s, end_s)
    axes.set_ylim(-0.06, 1.06)
    axes.set_yticks([0.0, 1.0], ["0", "1"])
    axes.tick_params(axis="y", length=0, labelsize=6, pad=2)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.axhline(1.0, color=RULE, linewidth=0.5, zorder=0)
    last_s = min(end_s, found.length_s)
    for name, dashes in zip(_ledger_names(found), DASHES, strict=False):
        times, values = _steps(found, name, start_s, last_s)
        axes.plot(times, values, color=INK, linewidth=1.1, linestyle=dashes)
    if is_first:
        axes.annotate(
            "ledger",
            (0, 0.5),
            (-14, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=7,
            color=FAINT,
        )
    _clock(axes, row_s)


def _ledger_names(found: Conversation) -> list[str]:
    return list(dict.fromkeys(name for point in found.ledger for name in point.values))


def _steps(
    found: Conversation, name: str, start_s: float, end_s: float
) -> tuple[list[float], list[float]]:
    """Return times and values of the steps between two moments; none before the first point."""
    times: list[float] = []
    values: list[float] = []
    now: float | None = None
    for point in found.ledger:
        if name not in point.values:
            continue
        value = point.values[name]
        if point.at_s <= start_s:
            now = value
            continue
        if point.at_s > end_s:
            break
        if not times and now is not None:
            times, values = [start_s], [now]
        if times:
            times.append(point.at_s)
            values.append(values[-1])
        times.append(point.at_s)
        values.append(value)
        now = value
    if not times and now is not None:
        times, values = [start_s], [now]
    if times:
        times.append(end_s)
        values.append(values[-1])
    return times, values


# -- the legend -----------------------------------------------------------------------------


def _foot(sheet: Figure, found: Conversation, height_in: float) -> None:
    entries: list[tuple[Patch | Line2D, str]] = [*keys(found)]
    kinds = {event.kind for event in found.events}
    line: dict[str, Any] = {"color": INK, "linewidth": 0.0}
    if any(s.kind == "backchannel" for s in found.stretches):
        entries.append((Line2D([], [], marker="s", markersize=4, **line), "low: acknowledgement"))
    if kinds & {"silence", "hold"}:
        entries.append((Patch(**SILENCE), "silence of 2 s or more"))
    if kinds & {"overlap_between", "overlap_within"}:
        entries.append((Line2D([], [], color=INK, linewidth=2.2), "both speak"))
    interrupters = {event.owner for event in found.events if event.kind == "interruption"}
    for owner, marker, other in (("learner", "^", "patient"), ("patient", "v", "learner")):
        if owner in interrupters:
            mark = Line2D([], [], marker=marker, markersize=5, **line)
            entries.append((mark, f"the {other} is interrupted"))
    if "machine" in kinds:
        entries.append((Patch(**MACHINE), "the machine's delay"))
    for name, dashes in zip(_ledger_names(found), DASHES, strict=False):
        entries.append((Line2D([], [], color=INK, linewidth=1.1, linestyle=dashes), name))
    handles, words = zip(*entries, strict=True)
    sheet.legend(
        handles,
        words,
        loc="lower left",
        bbox_to_anchor=(0.015, 0.05 / height_in),
        ncols=len(entries) if len(entries) <= _MOST_KEYS else math.ceil(len(entries) / 2),
        frameon=False,
        fontsize=7,
        handlelength=2.2,
        columnspacing=1.6,
    )
