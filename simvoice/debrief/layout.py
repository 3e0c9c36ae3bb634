"""Arrange a debrief for the page: order, groups and shapes.

All words and numbers come from the debrief; nothing new is measured here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simvoice.audio import RATE, Pcm16
from simvoice.debrief.first_screen import FirstScreen, first_screen
from simvoice.debrief.model import (
    Debrief,
    ItemResult,
    LedgerPoint,
    Number,
    Peaks,
    Scored,
    ShownLedgerStep,
    TimingMark,
    TranscriptRow,
)
from simvoice.debrief.wording import (
    SectionTitles,
    how_many_judged,
    items_by_outcome,
    judged_items,
    numbers_of_half_page,
    section_titles,
    shared_reason,
    shared_reason_in_words,
    tally,
)
from simvoice.display import clock, count_noun, duration
from simvoice.scoring.metrics.definitions import (
    definition_of,
    first_in_terminal,
    first_on_page,
    metric_groups,
)
from simvoice.scoring.metrics.quantities import with_interval

# -- outline of the recording -----------------------------------------------------------------

PER_S = 50
"""Bins per second: one for each frame, and for all but short encounters finer than the pixels of a
screen."""


def peaks(learner: Pcm16, patient: Pcm16, per_s: int = PER_S) -> Peaks:
    """Return the outline of a recording.

    learner, patient: int16 [n], 16 kHz. per_s: bins per second, a divisor of 16,000.
    """
    return Peaks(per_s=per_s, learner=_channel(learner, per_s), patient=_channel(patient, per_s))


def _channel(pcm: Pcm16, per_s: int) -> tuple[int, ...]:
    size = RATE // per_s
    bins = -(-len(pcm) // size)
    padded = np.zeros(bins * size, dtype=np.int16)
    padded[: len(pcm)] = pcm
    rows = padded.reshape(bins, size)
    both = np.column_stack((rows.min(axis=1), rows.max(axis=1))) if bins else rows
    # Truncated towards zero, so that noise of one step draws as a straight line.
    scaled = np.trunc(both.astype(np.float64) * (127.0 / 32767.0)).clip(-127, 127)
    return tuple(scaled.astype(np.int64).ravel().tolist())


# -- layout -----------------------------------------------------------------------------------

_OTHER = "More"
"""The group of numbers that this version does not measure."""
_OWN = "simvoice"
"""Start of the source of a number without publication: a plain count or sum."""

_MARKS_IN_TRANSCRIPT = frozenset({"silence", "hold", "interruption", "together"})
"""Marks that the transcript shows too; there are too many pauses and gaps."""

_MOST_JUDGED = 8
"""Most items that half a page lists; the lists below it have all."""

_LIKENESS = re.compile(r"\s*\((?:similarity|likeness) [\d.]+\)")
"""What a recorded move says of how a line was found: for the journal, not for people."""

_MOST_ON_PAPER = 10
"""Most numbers of a printed page: those of the terminal's screen."""

_LEDGER_DASHES = ("none", "7 4", "2 4", "10 3 2 3", "1 3")
"""Dash patterns, so that the lines differ without colour."""


@dataclass(frozen=True, slots=True)
class Group:
    """Numbers on one subject."""

    title: str
    numbers: tuple[Number, ...]
    sources: tuple[str, ...]
    """Publications behind the numbers, each once."""


@dataclass(frozen=True, slots=True)
class TranscriptItem:
    """One line of the transcript: an utterance or a mark."""

    at_s: float
    row: TranscriptRow | None = None
    mark: TimingMark | None = None
    anchor: str = ""
    """The name of the line in an address, such as `at-1:23`; empty for a mark, and where an earlier
    line has this name."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One quantity of the ledger as a line in a box of 600 by 100 units."""

    name: str
    points: str
    """Points of an SVG polyline."""
    dash: str
    end_y: float
    last: float
    """The last value, 0..1."""


@dataclass(frozen=True, slots=True)
class ItemSheet:
    """One heading or instrument, with its items in sections."""

    scored: Scored
    tally: str
    """How many of the judged items were met, in words."""
    items_by_outcome: str
    """For a heading: which items were met, not met and not judged; empty for an instrument."""
    shared_reason: str
    """The reason that is said once, and not below each item that is not judged; empty without."""
    reason_in_words: str
    sections: tuple[tuple[str, tuple[ItemResult, ...]], ...]
    """(name, items) in the order of the instrument. The name may be empty."""


@dataclass(frozen=True, slots=True)
class TalkShare:
    """The learner's share of all speech, with its interval; percent."""

    value: float
    low: float
    high: float

    @property
    def learner(self) -> str:
        """The learner's share in words: `47 % (45–49)`."""
        return with_interval("percent", self.value, self.low, self.high)

    @property
    def patient(self) -> str:
        """The patient's share in words."""
        return with_interval("percent", 100.0 - self.value, 100.0 - self.high, 100.0 - self.low)


@dataclass(frozen=True, slots=True)
class PageView:
    """The data for the template."""

    debrief: Debrief
    titles: SectionTitles
    first_screen: FirstScreen
    first: tuple[Number, ...]
    """Numbers that a learner reads first."""
    on_paper: tuple[Number, ...]
    """Numbers of a printed page: those of the terminal's screen."""
    groups: tuple[Group, ...]
    """All numbers, by subject."""
    moments: tuple[TranscriptItem, ...]
    silences: tuple[TimingMark, ...]
    """Silences of 2 s and more, and those that the patient kept."""
    sheets: tuple[ItemSheet, ...]
    """The headings, then the instruments."""
    judged: tuple[ItemResult, ...]
    """For half a page: the items that could be judged, each wording once."""
    how_many_judged: str
    how_much: tuple[Number, ...]
    """For half a page: the numbers that say how much there was."""
    curves: tuple[Curve, ...]
    changes: tuple[ShownLedgerStep, ...]
    talk: TalkShare | None
    """None when not measurable, or when its error is not known: then no bar is drawn."""
    common_error: str
    """The error note that all numbers share; empty when they differ."""
    how_much_said: str
    """How long the conversation is: `14 turns, 2:10`."""

    def anchor_at(self, at_s: float) -> str:
        """Return the name of the line of the transcript at a moment; empty before the first."""
        named = [each.anchor for each in self.moments if each.anchor and each.at_s <= at_s + 0.01]
        return named[-1] if named else ""


def view(debrief: Debrief) -> PageView:
    """Arrange a debrief for the template."""
    errors = {number.error for number in debrief.numbers}
    return PageView(
        debrief=debrief,
        titles=section_titles(debrief.patient_name),
        first_screen=first_screen(debrief),
        first=tuple(n for key in first_on_page() for n in debrief.numbers if n.key == key),
        on_paper=_on_paper(debrief),
        groups=_groups(debrief.numbers),
        moments=_moments(debrief.rows, debrief.marks),
        silences=tuple(m for m in debrief.marks if m.kind in {"silence", "hold"}),
        sheets=tuple(_sheet(each) for each in (*debrief.headings, *debrief.instruments)),
        judged=judged_items(debrief)[:_MOST_JUDGED],
        how_many_judged=how_many_judged(debrief),
        how_much=numbers_of_half_page(debrief),
        curves=_curves(debrief.ledger, debrief.duration_s),
        changes=debrief.changes,
        talk=_talk(debrief.numbers),
        common_error=errors.pop() if len(errors) == 1 else "",
        how_much_said=_how_much_said(debrief),
    )


def _how_much_said(debrief: Debrief) -> str:
    turns = sum(row.kind == "turn" for row in debrief.rows)
    return f"{count_noun(turns, 'turn')}, {clock(debrief.duration_s)}" if turns else "no words"


def _on_paper(debrief: Debrief) -> tuple[Number, ...]:
    if debrief.half_page:
        return numbers_of_half_page(debrief)
    by_key = {number.key: number for number in debrief.numbers if number.value is not None}
    found = [by_key[key] for key in first_in_terminal() if key in by_key]
    return tuple(found[:_MOST_ON_PAPER])


def _talk(numbers: Iterable[Number]) -> TalkShare | None:
    found = next((number for number in numbers if number.key == "talk_share"), None)
    if found is None or found.value is None or found.low is None or found.high is None:
        return None
    return TalkShare(found.value, found.low, found.high)


def timeline(debrief: Debrief) -> dict[str, Any]:
    """Return the data that the page's script draws, ready for JSON."""
    drawn = debrief.model_dump(
        mode="json",
        include={"duration_s", "patient_name", "lanes", "marks", "rows", "peaks", "has_sound"},
    )
    for mark in drawn["marks"]:
        mark["length"] = duration(mark["length_s"])
    return drawn


def _sheet(scored: Scored) -> ItemSheet:
    sections: dict[str, list[ItemResult]] = {}
    for item in scored.items:
        sections.setdefault(item.section, []).append(item)
    return ItemSheet(
        scored,
        tally(scored),
        items_by_outcome(scored) if scored.kind == "heading" else "",
        shared_reason(scored.items),
        shared_reason_in_words(scored.items),
        tuple((name, tuple(s)) for name, s in sections.items()),
    )


def _groups(numbers: Iterable[Number]) -> tuple[Group, ...]:
    groups: dict[str, list[Number]] = {title: [] for title in (*metric_groups(), _OTHER)}
    for number in numbers:
        entry = definition_of().get(number.key)
        groups[_OTHER if entry is None else entry.group].append(number)
    return tuple(
        Group(title, tuple(found), _sources(found)) for title, found in groups.items() if found
    )


def _sources(numbers: Iterable[Number]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n.source for n in numbers if not n.source.startswith(_OWN)))


def _moments(
    rows: Sequence[TranscriptRow], marks: Sequence[TimingMark]
) -> tuple[TranscriptItem, ...]:
    found = [TranscriptItem(row.start_s, row=_for_people(row)) for row in rows]
    found += [TranscriptItem(m.start_s, mark=m) for m in marks if m.kind in _MARKS_IN_TRANSCRIPT]
    # an utterance before its mark, when both begin at the same time
    in_order = sorted(found, key=lambda moment: (moment.at_s, moment.row is None))
    seen: set[str] = set()
    return tuple(_anchored(each, seen) for each in in_order)


def _for_people(row: TranscriptRow) -> TranscriptRow:
    """A row whose move names no similarity, and no code as a program writes it."""
    return row.model_copy(update={"move": _LIKENESS.sub("", row.move).replace("_", " ")})


def _anchored(item: TranscriptItem, seen: set[str]) -> TranscriptItem:
    anchor = f"at-{clock(item.at_s)}"
    if item.row is None or anchor in seen:
        return item
    seen.add(anchor)
    return replace(item, anchor=anchor)


def _curves(ledger: Sequence[LedgerPoint], duration_s: float) -> tuple[Curve, ...]:
    names = list(dict.fromkeys(name for point in ledger for name in point.values))
    length_s = max([duration_s, *(point.at_s for point in ledger)], default=0.0)
    if length_s <= 0.0:
        return ()
    return tuple(
        _curve(name, _LEDGER_DASHES[i % len(_LEDGER_DASHES)], ledger, length_s)
        for i, name in enumerate(names)
    )


def _curve(name: str, dash: str, ledger: Sequence[LedgerPoint], length_s: float) -> Curve:
    steps: list[str] = []
    y, last = 0.0, 0.0
    for point in ledger:
        if name not in point.values:
            continue
        x = 600.0 * min(1.0, max(0.0, point.at_s / length_s))
        if steps:
            steps.append(f"{x:.1f},{y:.1f}")
        last = point.values[name]
        y = 100.0 * (1.0 - min(1.0, max(0.0, last)))
        steps.append(f"{x:.1f},{y:.1f}")
    steps.append(f"600.0,{y:.1f}")
    return Curve(name, " ".join(steps), dash, end_y=y, last=last)
