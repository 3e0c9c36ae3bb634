"""The figures of a cohort as words, as marks on a line, and as a table for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

from simvoice.display import count_noun, fixed
from simvoice.hub.cohort import (
    LEAST,
    QUANTILES,
    Cohort,
    Distribution,
    ItemFigure,
)
from simvoice.safe_text import csv_cell
from simvoice.scoring.metrics.definitions import Unit
from simvoice.scoring.metrics.quantities import quantity

WIDTH: Final = 320.0
"""Of the drawing of one distribution, in its own units."""
_PAD: Final = 8.0


@dataclass(frozen=True, slots=True)
class NormMark:
    """A published number on the line."""

    x: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One distribution: marks on a line, and the same in words."""

    name: str
    definition: str
    said: str
    """The figures in words; why there are none when they are hidden."""
    is_hidden: bool
    points: tuple[float, ...] = ()
    """Places of single learners, 0..`WIDTH`."""
    whisker: tuple[float, float] | None = None
    """Places of the outer quantiles."""
    box: tuple[float, float] | None = None
    """Places of the quartiles."""
    median: float | None = None
    interval: tuple[float, float] | None = None
    """Places of the ends of the median's interval."""
    ends: tuple[str, str] = ("", "")
    """What is at the left and at the right end of the line."""
    norms: tuple[NormMark, ...] = ()


_TOO_FEW = f"Hidden: fewer than {LEAST} learners have a value."


def strip(found: Distribution, of: float | None = None) -> Strip:
    """Return the drawing of a distribution. of: for a heading, the median of its judged items."""
    if not found.quantiles:
        return Strip(found.name, found.definition, _TOO_FEW, is_hidden=True)
    norms = found.norms
    shown = found.points or found.quantiles
    values = [*shown, *found.quantiles, *(each.centre for each in norms)]
    low, high = min(values), max(values)
    if found.unit == "items":
        low, high = 0.0, max(high, of or 0.0, 1.0)
    elif low >= 0.0:
        low = 0.0
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return round(_PAD + (WIDTH - 2 * _PAD) * (value - low) / span, 1)

    p10, p25, median, p75, p90 = found.quantiles
    interval = None
    if found.median_low is not None and found.median_high is not None:
        interval = (x(found.median_low), x(found.median_high))
    return Strip(
        found.name,
        found.definition,
        _in_words(found, of),
        is_hidden=False,
        points=tuple(x(each) for each in found.points),
        whisker=None if found.points else (x(p10), x(p90)),
        box=None if found.points else (x(p25), x(p75)),
        median=x(median),
        interval=interval,
        ends=(_said(found, low), _said(found, high)),
        norms=tuple(NormMark(x(each.centre), each.sentence) for each in norms),
    )


def _in_words(found: Distribution, of: float | None) -> str:
    assert found.median is not None
    _, p25, _, p75, _ = found.quantiles
    said = f"Median {_said(found, found.median)}"
    if of is not None:
        said = f"Median {_plain(found.median)} of {_plain(of)} judged items met"
    if found.median_low is not None and found.median_high is not None:
        said += f" (95 % interval {_said(found, found.median_low)}"
        said += f" to {_said(found, found.median_high)})"
    said += f"; the middle half {_said(found, p25)} to {_said(found, p75)}"
    return f"{said}; {count_noun(found.n, 'learner')}."


def _said(found: Distribution, value: float) -> str:
    if found.unit == "items":
        return _plain(value)
    if found.unit == "count":
        return _plain(value)
    return quantity(cast(Unit, found.unit), value)


def _plain(value: float) -> str:
    return fixed(value, 0 if value == int(value) else 1)


# -- items -----------------------------------------------------------------------------------------


def learners_met(item: ItemFigure) -> str:
    """Return how many learners met an item, in words."""
    rest = " (the others missed it, or it could not be judged)" if item.joins_not_judged else ""
    match item.hidden:
        case "not trusted":
            return "Not shown: raters and the machine do not agree enough on it. Listen instead."
        case "all":
            return f"Hidden: fewer than {LEAST} learners are in a group."
        case "met":
            return f"Fewer than {LEAST} of {item.of} learners met it{rest}."
        case "not met":
            missed = "missed it, or it could not be judged" if rest else "missed it"
            return f"Fewer than {LEAST} of {item.of} learners {missed}."
        case _:
            return f"{item.met} of {item.of} learners met it{rest}."


def interval_words(item: ItemFigure) -> str:
    """Return the interval of an item's share as a number of such learners; empty when hidden."""
    if item.low is not None and item.high is not None:
        return f"In other learners like these it may be {_of_100(item.low)} to " + (
            f"{_of_100(item.high)} of 100."
        )
    if item.high is not None:
        return f"In other learners like these it may be at most {_of_100(item.high)} of 100."
    if item.low is not None:
        return f"In other learners like these it may be {_of_100(item.low)} of 100 or more."
    return ""


def _of_100(share: float) -> str:
    return fixed(100.0 * share, 0)


# -- for a spreadsheet -----------------------------------------------------------------------------

COLUMNS: Final = (
    *("case", "case_version", "attempts", "kind", "key", "name", "unit", "learners"),
    *("median", "median_low", "median_high", "p10", "p25", "p75", "p90", "judged"),
    *("met", "met_low", "met_high", "human_ratings", "trust", "suppressed"),
)
"""Columns of the table. docs/hub.md describes them."""


def csv_lines(cohort: Cohort) -> Iterator[str]:
    """Yield the table of a cohort, with the same figures as the page. Hidden cells are empty."""
    yield _line(COLUMNS)
    choice = cohort.choice
    first = (choice.case_id, choice.version[:12], choice.which)
    for each in cohort.numbers:
        yield _line((*first, "number", *_distribution(each, None)))
    for heading in cohort.headings:
        yield _line((*first, "heading", *_distribution(heading.met, heading.judged)))
    for item in cohort.items:
        yield _line((*first, "item", *_item(item)))


def _distribution(found: Distribution, judged: float | None) -> Sequence[object]:
    p10, p25, median, p75, p90 = found.quantiles or (None,) * len(QUANTILES)
    hidden = "" if found.quantiles else f"fewer than {LEAST} learners"
    return (
        *(found.key, found.name, found.unit, found.n or None),
        *(median, found.median_low, found.median_high, p10, p25, p75, p90, judged),
        *(None, None, None, None, "", hidden),
    )


def _item(item: ItemFigure) -> Sequence[object]:
    said = {
        "": "",
        "all": f"fewer than {LEAST} learners in a group",
        "met": f"fewer than {LEAST} met it",
        "not met": f"fewer than {LEAST} did not meet it",
        "not trusted": "the machine is not to be trusted with it",
    }[item.hidden]
    joined = "; not judged counts as not met" if item.joins_not_judged else ""
    return (
        *(item.id, item.text, "learners", item.of or None),
        *(None,) * 8,
        *(item.met, item.low, item.high, item.ratings, item.trust, f"{said}{joined}".strip("; ")),
    )


def _line(values: Sequence[object]) -> str:
    out = io.StringIO()
    cells = (csv_cell(each) if isinstance(each, str) else each for each in values)
    csv.writer(out, lineterminator="\r\n").writerow("" if each is None else each for each in cells)
    return out.getvalue()
