"""Where the learners of a course stand at one case: distributions, headings and items. Pure.

Each learner counts once, with one whole attempt. Parts of an encounter that was cut off are joined;
drills and retries do not count. Figures of two versions of a case are never put together.

No figure rests on fewer than `LEAST` learners, and none can be got by subtraction of two others:
a count below it is told as "fewer than 5", together with the one that would give it away, and a
choice whose rest would be smaller is not offered. What cannot be undone is a comparison of today's
page with yesterday's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import comb
from typing import Final, Literal
from uuid import UUID

import numpy as np

from simvoice.hub.briefs import FigureOutcome, Figures, FigureTally
from simvoice.scoring.instruments.instrument import (
    CRITICAL,
    Instrument,
    headings,
    instruments,
    items,
)
from simvoice.scoring.metrics.definitions import Unit, definition_of, followed
from simvoice.scoring.metrics.norms import Norm, norms_beside
from simvoice.scoring.metrics.shares import wilson
from simvoice.scoring.raters.item_agreement import ItemAgreement

LEAST: Final = 5
"""Fewest learners of a figure."""
MOST_POINTS: Final = 20
"""With so many learners or more, quantiles are shown and no single values."""
QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
WEAK_BELOW: Final = 0.5
"""An item is weak when the whole interval of the share that met it is below this."""

Which = Literal["last", "first"]
"""Which attempt of each learner counts."""


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One attempt that is released to the course now."""

    attempt_id: UUID
    learner: UUID
    """The account, or the exam code of a candidate without one."""
    started_at: datetime
    case_id: str
    assignment_id: UUID | None
    holds_words: bool
    """Words are released: only then items count."""
    may_play: bool
    """Sound is released, and the learner agrees that moments are played to the course."""
    figures: Figures


@dataclass(frozen=True, slots=True)
class CohortChoice:
    """Which attempts a page shows."""

    case_id: str
    version: str
    """SHA-256 of the case."""
    assignment_id: UUID | None = None
    """None for all attempts at the case."""
    which: Which = "last"


@dataclass(frozen=True, slots=True)
class CohortChoices:
    """What can be chosen without telling about fewer than `LEAST` learners."""

    cases: tuple[str, ...]
    """Cases with enough learners at one version, by id."""
    versions: tuple[str, ...]
    """Versions of the chosen case with enough learners, the newest first."""
    assignments: tuple[UUID, ...]
    assignment_id: UUID | None
    """The one that is asked for, if it can be chosen; None for all attempts at the case."""
    first_attempts: bool
    """Whether first attempts of these can be shown apart from last ones: few learners who made
    several could be told by the difference."""
    has_too_few: bool
    """Something is released that no choice shows."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """The values of one number over the learners."""

    key: str
    name: str
    unit: Unit | Literal["items"]
    n: int
    """Learners with a value; 0 when there are fewer than `LEAST`."""
    points: tuple[float, ...] = ()
    """Every value in order, of fewer than `MOST_POINTS` learners; empty otherwise."""
    quantiles: tuple[float, ...] = ()
    """At `QUANTILES`, between neighbours (numpy's linear); empty when there are too few."""
    median_low: float | None = None
    median_high: float | None = None
    """Ends of the interval of the median, 95 % or more; None below six learners."""
    norms: tuple[Norm, ...] = ()
    definition: str = ""

    @property
    def median(self) -> float | None:
        """The median; None when there are too few."""
        return self.quantiles[QUANTILES.index(0.5)] if self.quantiles else None


@dataclass(frozen=True, slots=True)
class HeadingFigure:
    """How many items of a heading learners met."""

    id: str
    name: str
    met: Distribution
    judged: float | None
    """Median number of items that could be judged; None when there are too few learners."""


Hidden = Literal["", "met", "not met", "all", "not trusted"]


@dataclass(frozen=True, slots=True)
class Example:
    """A moment that may be played to the course."""

    attempt_id: UUID
    at_s: float
    is_met: bool


@dataclass(frozen=True, slots=True)
class ItemFigure:
    """How many learners met one item, as the machine judged it."""

    id: str
    text: str
    list_id: str
    list_name: str
    of: int
    """Learners of whom it could be judged; with `joins_not_judged` all learners. 0 when hidden."""
    joins_not_judged: bool
    """Fewer than `LEAST` could not be judged, so they count with those who did not meet it."""
    met: int | None
    """None when hidden."""
    low: float | None
    high: float | None
    """Ends of the 95 % interval of the share that met it, 0..1 (Wilson 1927). Where fewer than
    `LEAST` met it, only the upper end, of one less than `LEAST`; the lower end where fewer missed
    it."""
    hidden: Hidden
    """Which count is too small to be told, or why none is told."""
    trust: str
    """What comparison with human raters says of the machine's judgement."""
    ratings: int
    """Human ratings behind it."""
    examples: tuple[Example, ...] = ()

    @property
    def missed_at_least(self) -> float:
        """Lower end of the interval of the share that did not meet it, 0..1."""
        return 0.0 if self.high is None else 1.0 - self.high

    @property
    def is_weak(self) -> bool:
        """Whether the cohort is weak in it."""
        return self.high is not None and self.high < WEAK_BELOW


@dataclass(frozen=True, slots=True)
class Cohort:
    """What the page and the table of a cohort show."""

    choice: CohortChoice
    learners: int
    """0 when there are fewer than `LEAST`."""
    learners_with_words: int
    """Of whom items are known; 0 when there are fewer than `LEAST`."""
    numbers: tuple[Distribution, ...]
    headings: tuple[HeadingFigure, ...]
    items: tuple[ItemFigure, ...]
    """In the order of their lists."""

    @property
    def weak(self) -> tuple[ItemFigure, ...]:
        """The items in which the cohort is weak, those missed most surely first."""
        found = (each for each in self.items if each.is_weak)
        return tuple(sorted(found, key=lambda each: (-each.missed_at_least, each.text)))


# -- which attempts --------------------------------------------------------------------------------


def whole_attempts(rows: Iterable[CohortRow]) -> list[CohortRow]:
    """Return whole attempts, the oldest first: parts joined, drills and retries left out."""
    found = sorted(rows, key=lambda each: (each.started_at, each.attempt_id))
    later: dict[UUID, list[CohortRow]] = {}
    for each in found:
        if each.figures.continues is not None:
            later.setdefault(each.figures.continues, []).append(each)
    return [_joined(each, later) for each in found if each.figures.part == ""]


def _joined(first: CohortRow, later: Mapping[UUID, Sequence[CohortRow]]) -> CohortRow:
    """Return an attempt with what goes on from it. Numbers of parts cannot be joined."""
    chain, seen = [first], {first.attempt_id}
    for each in chain:
        after = [e for e in later.get(each.attempt_id, ()) if e.attempt_id not in seen]
        chain += [e for e in after if e.learner == first.learner]
        seen |= {e.attempt_id for e in after}
    if len(chain) == 1:
        return first
    together: dict[str, FigureOutcome] | None = None
    if all(each.holds_words and each.figures.items is not None for each in chain):
        every = [each.figures.items or {} for each in chain]
        keys = dict.fromkeys(key for each in every for key in each)
        together = {key: _best([each[key] for each in every if key in each]) for key in keys}
    own = {each.id for each in first.figures.own_items}
    lists = {i.id: {item.id for item in i.items} for i in (*headings(), *instruments().values())}
    lists[CRITICAL] = own
    tallies = {
        key: _tally([together[item] for item in lists[key] if item in together])
        for key in (first.figures.lists if together is not None else ())
        if together is not None and key in lists
    }
    figures = first.figures.model_copy(update={"numbers": {}, "lists": tallies, "items": together})
    return CohortRow(
        first.attempt_id,
        first.learner,
        first.started_at,
        first.case_id,
        first.assignment_id,
        holds_words=together is not None,
        may_play=False,  # the moments of a part are seconds of its own recording
        figures=figures,
    )


_ORDER = ("met", "not met", "open", "not judged", "counted")


def _best(found: Sequence[FigureOutcome]) -> FigureOutcome:
    return min(found, key=_ORDER.index)


def _tally(found: Sequence[FigureOutcome]) -> FigureTally:
    counts = Counter(found)
    return FigureTally(
        met=counts["met"],
        not_met=counts["not met"],
        not_judged=counts["not judged"] + counts["open"],
    )


def choices(
    rows: Sequence[CohortRow], case_id: str, version: str, assignment: str = ""
) -> CohortChoices:
    """Return what can be chosen. rows: whole attempts, the oldest first.

    assignment: the id of the one that is asked for, as text; empty for all.
    """
    by_version: dict[tuple[str, str], list[CohortRow]] = {}
    for each in reversed(rows):
        by_version.setdefault((each.case_id, each.figures.case_sha256), []).append(each)
    enough = [key for key, found in by_version.items() if len({e.learner for e in found}) >= LEAST]
    these = by_version.get((case_id, version), [])
    newest = {each.learner: each for each in reversed(these)}
    offered = _assignments(newest.values())
    asked = next((key for key in offered if str(key) == assignment), None)
    attempts_of = Counter(e.learner for e in these if asked in (None, e.assignment_id))
    return CohortChoices(
        cases=tuple(sorted({case for case, _ in enough})),
        versions=tuple(sha256 for case, sha256 in enough if case == case_id),
        assignments=offered,
        assignment_id=asked,
        first_attempts=sum(n > 1 for n in attempts_of.values()) >= LEAST,
        has_too_few=len(enough) < len(by_version),
    )


def _assignments(newest: Iterable[CohortRow]) -> tuple[UUID, ...]:
    """Return the assignments that can be shown apart, so that their rest is none or enough."""
    cells = Counter(each.assignment_id for each in newest)
    offered = {key: n for key, n in cells.items() if key is not None and n >= LEAST}
    rest = sum(cells.values()) - sum(offered.values())
    while offered and 0 < rest < LEAST:
        smallest = min(offered, key=lambda key: (offered[key], str(key)))
        rest += offered.pop(smallest)
    return tuple(sorted(offered, key=str))


def chosen(rows: Iterable[CohortRow], choice: CohortChoice) -> list[CohortRow]:
    """Return one attempt of each learner. rows: whole attempts, the oldest first."""
    found: dict[UUID, CohortRow] = {}
    for each in rows:
        if (each.case_id, each.figures.case_sha256) != (choice.case_id, choice.version):
            continue
        if choice.assignment_id not in (None, each.assignment_id):
            continue
        if choice.which == "last" or each.learner not in found:
            found[each.learner] = each
    return list(found.values())


# -- figures ---------------------------------------------------------------------------------------


def build(
    rows: Sequence[CohortRow],
    choice: CohortChoice,
    trust: Mapping[str, ItemAgreement],
) -> Cohort:
    """Return the figures of a cohort.

    rows: whole attempts, the oldest first. trust: what is known of the machine's judgement of an
    item, by id; nothing for an item that no human rated.
    """
    these = chosen(rows, choice)
    if len(these) < LEAST:
        return Cohort(choice, 0, 0, (), (), ())
    worded = [each for each in these if each.holds_words and each.figures.items is not None]
    enough = len(worded) >= LEAST
    return Cohort(
        choice,
        len(these),
        len(worded) if enough else 0,
        numbers=tuple(_number(key, these) for key in followed()),
        headings=tuple(_heading(each, these) for each in headings()),
        items=tuple(_items(worded, rows, choice, trust)) if enough else (),
    )


def _number(key: str, rows: Sequence[CohortRow]) -> Distribution:
    entry = definition_of()[key]
    values = [each.figures.numbers[key] for each in rows if key in each.figures.numbers]
    kinds = {kind for each in rows for kind in each.figures.visit}
    return _distribution(
        key,
        name_for_educators(entry.name),
        entry.unit,
        values,
        norms_beside(key, kinds),
        definition_for_educators(entry.definition),
    )


def name_for_educators(name: str) -> str:
    """Return the name of a number, which speaks to the learner, as educators read it."""
    name = f"learner's {name.removeprefix('your ')}" if name.startswith("your ") else name
    return name[:1].upper() + name[1:]


def definition_for_educators(text: str) -> str:
    """Return the definition of a number, which speaks to the learner, as educators read it."""
    said = re.sub(r"\byours?\b", "the learner's", text, flags=re.IGNORECASE)
    said = re.sub(r"\byou\b", "the learner", said, flags=re.IGNORECASE)
    return said[:1].upper() + said[1:]


def _distribution(
    key: str,
    name: str,
    unit: Unit | Literal["items"],
    values: Sequence[float],
    norms: tuple[Norm, ...] = (),
    definition: str = "",
) -> Distribution:
    n = len(values)
    if n < LEAST:
        return Distribution(key, name, unit, 0, norms=norms, definition=definition)
    low, high = median_interval(values) or (None, None)
    return Distribution(
        key,
        name,
        unit,
        n,
        points=tuple(sorted(values)) if n < MOST_POINTS else (),
        quantiles=tuple(float(each) for each in np.quantile(values, QUANTILES)),
        median_low=low,
        median_high=high,
        norms=norms,
        definition=definition,
    )


def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the interval of a median, from the k-th smallest value to the k-th largest.

    k is the largest for which the binomial distribution leaves at most 2.5 % on either side, so it
    covers the median in 95 % or more (Conover 1999, Practical Nonparametric Statistics, 3.2). None
    for fewer than six values, where no pair does.
    """
    n = len(values)
    in_order = sorted(values)
    below, k = 0, 0
    while k < n:
        below += comb(n, k)
        if 40 * below > 2**n:
            break
        k += 1
    return (in_order[k - 1], in_order[n - k]) if k else None


def _heading(heading: Instrument, rows: Sequence[CohortRow]) -> HeadingFigure:
    tallies = [each.figures.lists.get(heading.id) for each in rows]
    judged = [each for each in tallies if each is not None and each.met + each.not_met > 0]
    met = _distribution(heading.id, heading.name, "items", [float(each.met) for each in judged])
    counts = [each.met + each.not_met for each in judged]
    return HeadingFigure(
        heading.id, heading.name, met, float(np.median(counts)) if met.quantiles else None
    )


# -- items -----------------------------------------------------------------------------------------


def _items(
    worded: Sequence[CohortRow],
    rows: Sequence[CohortRow],
    choice: CohortChoice,
    trust: Mapping[str, ItemAgreement],
) -> Iterable[ItemFigure]:
    playable = [
        each
        for each in rows
        if each.may_play
        and (each.case_id, each.figures.case_sha256) == (choice.case_id, choice.version)
    ]
    own = {item.id: item.text for each in worded for item in each.figures.own_items}
    lists = [
        (CRITICAL, "Critical for this case", tuple(own)),
        *((h.id, h.name, tuple(i.id for i in h.items)) for h in headings()),
        *((i.id, i.name, tuple(item.id for item in i.items)) for i in instruments().values()),
    ]
    taken: set[str] = set()
    for list_id, list_name, ids in lists:
        for key in ids:
            outcomes = _outcomes(key, worded)
            if key in taken or not outcomes.keys() & {"met", "not met", "open", "not judged"}:
                continue
            taken.add(key)
            text = own.get(key) or items()[key].text
            yield _item((key, text, list_id, list_name), outcomes, trust.get(key), playable)


def _outcomes(key: str, rows: Sequence[CohortRow]) -> Counter[str]:
    every = (each.figures.items or {} for each in rows)
    return Counter(each[key] for each in every if key in each)


NOT_COMPARED: Final = "not compared with human raters"


def _item(
    what: tuple[str, str, str, str],
    outcomes: Counter[str],
    trust: ItemAgreement | None,
    playable: Sequence[CohortRow],
) -> ItemFigure:
    key = what[0]
    met, missed = outcomes["met"], outcomes["not met"]
    unknown = outcomes["not judged"] + outcomes["open"]
    joins = 0 < unknown < LEAST
    missed += unknown if joins else 0
    of = met + missed
    said = f"{trust.trust}: {trust.why}" if trust is not None and trust.ratings else NOT_COMPARED
    ratings = trust.ratings if trust is not None else 0
    low: float | None
    high: float | None
    hidden: Hidden
    if trust is not None and trust.trust == "do not trust":
        hidden, low, high = "not trusted", None, None
    elif of < LEAST or (met < LEAST and missed < LEAST):
        hidden, low, high = "all", None, None
    elif met < LEAST:
        hidden, low, high = "met", None, wilson((LEAST - 1) / of, of)[1]
    elif missed < LEAST:
        hidden, low, high = "not met", wilson((of - LEAST + 1) / of, of)[0], None
    else:
        hidden, (low, high) = "", wilson(met / of, of)
    nothing = hidden in ("all", "not trusted")
    return ItemFigure(
        *what,
        of=0 if nothing else of,
        joins_not_judged=joins and not nothing,
        met=None if hidden else met,
        low=low,
        high=high,
        hidden=hidden,
        trust=said,
        ratings=ratings,
        examples=() if hidden == "not trusted" else _examples(key, playable),
    )


_MOST_EXAMPLES = 3
"""Of each kind; what a class hears in five minutes."""


def _examples(key: str, playable: Sequence[CohortRow]) -> tuple[Example, ...]:
    found: dict[bool, list[Example]] = {True: [], False: []}
    for each in reversed(playable):
        outcome = (each.figures.items or {}).get(key)
        at_s = each.figures.moments.get(key)
        if at_s is not None and outcome in ("met", "not met"):
            is_met = outcome == "met"
            found[is_met].append(Example(each.attempt_id, at_s, is_met))
    return (*found[True][:_MOST_EXAMPLES], *found[False][:_MOST_EXAMPLES])
