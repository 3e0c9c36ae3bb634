"""Compare two attempts: did a number change, or is the difference within measurement error?

Each kind of number has its own test. "Changed" appears only when the difference exceeds measurement
error:

- a heading: the interval of the difference of two shares (`scoring.metrics.shares`), said in counts
  of items;
- a number that people code: the minimal detectable change that follows from their agreement
  (`scoring.raters.human_range`);
- a metric: the minimal detectable change from calibration (`scoring.metrics.change`).
"""

from __future__ import annotations

from typing import Literal

from simvoice.debrief.wording import tally_items
from simvoice.progress.brief import Brief, BriefHeading, BriefNumber
from simvoice.scoring.metrics.change import change
from simvoice.scoring.metrics.definitions import Definition, definitions
from simvoice.scoring.metrics.interval import ErrorTable
from simvoice.scoring.metrics.quantities import quantity, reason_clause
from simvoice.scoring.metrics.registry import Measured
from simvoice.scoring.metrics.shares import ItemShare, difference, share
from simvoice.scoring.raters.human_range import HumanAgreement, format_value
from simvoice.strict_model import StrictModel

ProgressVerdict = Literal["changed", "no change that can be told from chance", "not comparable"]
NO_CHANGE: ProgressVerdict = "no change that can be told from chance"

TOO_LITTLE = "there were too few turns or judged items"


class ComparedNumber(StrictModel):
    """One number in two attempts."""

    earlier: str
    """Id of the attempt."""
    later: str
    difference: float | None = None
    """Later minus earlier, in the unit of the number."""
    low: float | None = None
    """Lower end of the 95 % interval of the difference, where that decides."""
    high: float | None = None
    detectable: float | None = None
    """The minimal detectable change, where that decides."""
    verdict: ProgressVerdict
    better: bool | None = None
    """Whether a change is an improvement; None without a change, and if no direction is better."""
    said: str
    """The verdict with its numbers, as a clause."""
    only_in_one: tuple[str, ...] = ()
    """Items that could be judged in only one of the two attempts."""


def heading_share(heading: BriefHeading) -> ItemShare | None:
    """Return the share of a heading; None without one (`BriefHeading.has_share`)."""
    if not heading.has_share:
        return None
    return share([w for _, w in heading.met], [w for _, w in heading.not_met])


def compare_headings(earlier: Brief, later: Brief, key: str) -> ComparedNumber:
    """Compare one heading in two attempts."""
    one, other = find_heading(earlier, key), find_heading(later, key)
    before = None if one is None else heading_share(one)
    after = None if other is None else heading_share(other)
    if one is None or other is None or before is None or after is None:
        where = "the earlier" if before is None else "the later"
        return _incomparable(earlier, later, f"in {where} attempt {TOO_LITTLE}")
    found = difference(before, after)
    verdict: ProgressVerdict = "changed" if found.is_beyond_chance else NO_CHANGE
    return ComparedNumber(
        earlier=earlier.attempt,
        later=later.attempt,
        difference=found.value,
        low=found.low,
        high=found.high,
        verdict=verdict,
        better=found.value > 0.0 if found.is_beyond_chance else None,
        said=f"{verdict}: {_then(count_heading(one), count_heading(other))}",
        only_in_one=tuple(sorted(_judged(one) ^ _judged(other))),
    )


def find_heading(brief: Brief, key: str) -> BriefHeading | None:
    """Return a heading by its id; None without it."""
    return next((each for each in brief.headings if each.id == key), None)


def count_heading(heading: BriefHeading) -> str:
    """Return the items of a heading by outcome: `3 of 5 met, 1 not judged`."""
    return tally_items(len(heading.met), len(heading.not_met), len(heading.not_judged))


def _then(first: str, second: str) -> str:
    return f"{first} both times" if first == second else f"{first}, then {second}"


def _judged(heading: BriefHeading) -> set[str]:
    return {text for text, _ in (*heading.met, *heading.not_met)}


def compare_agreed(earlier: Brief, later: Brief, number: HumanAgreement) -> ComparedNumber:
    """Compare a number that people code in two attempts."""
    before, after = number.value(earlier.counts), number.value(later.counts)
    if before is None or after is None:
        where = "the earlier" if before is None else "the later"
        return _incomparable(earlier, later, f"in {where} attempt no question was recognised")
    by = after - before
    verdict: ProgressVerdict = "changed" if abs(by) > number.detectable else NO_CHANGE
    unit, least = ("points", 0.5) if number.unit == "share" else ("", 0.005)
    shown = f"{abs(100 * by):.0f} {unit}" if unit else format_value(number, abs(by))
    known = (
        f"{100 * number.detectable:.0f} {unit}" if unit else format_value(number, number.detectable)
    )
    return ComparedNumber(
        earlier=earlier.attempt,
        later=later.attempt,
        difference=by,
        detectable=number.detectable,
        verdict=verdict,
        said=f"{verdict}: {_moved(shown, 100 * by if unit else by, least)}; {_least(known)}",
    )


def compare_metric(
    earlier: Brief, later: Brief, key: str, table: ErrorTable | None = None
) -> ComparedNumber:
    """Compare a metric of the registry in two attempts. table: errors; None: the shipped one."""
    entry = next(each for each in definitions() if each.key == key)
    one, other = find_number(earlier, key), find_number(later, key)
    if one is None or other is None:
        return _incomparable(earlier, later, "it was not measured in both")
    found = change(to_measured(one, entry), to_measured(other, entry), table)
    if found.verdict == "not comparable":
        return _incomparable(earlier, later, found.reason or "it was not measured in both")
    assert found.difference is not None
    assert found.detectable is not None
    is_change = found.verdict != "no change beyond the error"
    verdict: ProgressVerdict = "changed" if is_change else NO_CHANGE
    moved = _moved(_by(entry, abs(found.difference)), found.difference, 1e-9)
    better = {"improved": True, "worse": False}.get(found.verdict)
    return ComparedNumber(
        earlier=earlier.attempt,
        later=later.attempt,
        difference=found.difference,
        detectable=found.detectable,
        verdict=verdict,
        better=better,
        said=f"{verdict}: {moved}; {_least(_by(entry, found.detectable, is_finer=True))}",
    )


def find_number(brief: Brief, key: str) -> BriefNumber | None:
    """Return a number by its key; None without it."""
    return next((each for each in brief.numbers if each.key == key), None)


def to_measured(number: BriefNumber, entry: Definition) -> Measured:
    """Convert to the type that the functions of the registry take."""
    return Measured(
        key=entry.key,
        name=entry.name,
        unit=entry.unit,
        value=number.value,
        reason=number.reason,
        error="",
        definition=entry.definition,
        source=entry.source,
        direction=entry.direction,
        low=number.low,
        high=number.high,
    )


def _by(entry: Definition, value: float, *, is_finer: bool = False) -> str:
    """Format a difference. is_finer: show a count with one decimal."""
    if entry.unit == "percent":
        return f"{value:.0f} points"
    if is_finer and entry.unit in ("count", "words"):
        return f"{value:.1f}"
    return quantity(entry.unit, value)


def _moved(shown: str, by: float, least: float) -> str:
    """Format such as `12 points higher`. least: smaller differences read as "the same"."""
    if abs(by) < least:
        return "the same"
    return f"{shown} {'higher' if by > 0.0 else 'lower'}"


def _least(shown: str) -> str:
    return f"the smallest detectable change is {shown}"


def _incomparable(earlier: Brief, later: Brief, reason: str) -> ComparedNumber:
    reason = reason_clause(reason)
    return ComparedNumber(
        earlier=earlier.attempt,
        later=later.attempt,
        verdict="not comparable",
        said=f"not comparable: {reason}",
    )
