"""Whether something changed from one attempt to another, or cannot be told from chance.

Each kind of number has its own yardstick: a heading the interval of the difference of two shares
(`scoring.shares`), a number that people code the minimal detectable change that follows from how
far they agree (`scoring.agreed`), a metric the one that calibration found (`scoring.change`).
"""

from __future__ import annotations

from typing import Literal

from simvoice.debrief.model import DebriefPart
from simvoice.progress.brief import Brief, HeadingOf, NumberOf
from simvoice.scoring.metrics.change import change
from simvoice.scoring.metrics.definitions import Definition, definitions
from simvoice.scoring.metrics.interval import ErrorTable
from simvoice.scoring.metrics.quantities import quantity, reason_clause
from simvoice.scoring.metrics.registry import Measured
from simvoice.scoring.metrics.shares import ItemShare, difference, share
from simvoice.scoring.raters.human_range import HumanAgreement, format_value

ProgressVerdict = Literal["changed", "no change that can be told from chance", "not comparable"]
NO_CHANGE: ProgressVerdict = "no change that can be told from chance"

TOO_LITTLE = "less than half of its weight could be judged"


class ComparedNumber(DebriefPart):
    """One number in two attempts."""

    earlier: str
    """The attempt's id."""
    later: str
    difference: float | None = None
    """Later less earlier, in the number's unit."""
    low: float | None = None
    """Lower end of the difference's 95 % interval, where that decides."""
    high: float | None = None
    detectable: float | None = None
    """The minimal detectable change, where that decides."""
    verdict: ProgressVerdict
    better: bool | None = None
    """Of a change: whether it is for the better; None where neither way is, and without one."""
    said: str
    """The verdict with its figures, as a clause."""
    only_in_one: tuple[str, ...] = ()
    """Items that could be judged in one of the two attempts only."""


def share_of(heading: HeadingOf) -> ItemShare | None:
    """None where there is none (`HeadingOf.has_share`)."""
    if not heading.has_share:
        return None
    return share([w for _, w in heading.met], [w for _, w in heading.not_met])


def compare_headings(earlier: Brief, later: Brief, key: str) -> ComparedNumber:
    """One heading in both."""
    one, other = heading_of(earlier, key), heading_of(later, key)
    before = None if one is None else share_of(one)
    after = None if other is None else share_of(other)
    if one is None or other is None or before is None or after is None:
        where = "the earlier" if before is None else "the later"
        return _incomparable(earlier, later, f"in {where} attempt {TOO_LITTLE}")
    found = difference(before, after)
    low, high = (f"{100.0 * end:+.0f}" for end in (found.low, found.high))
    verdict: ProgressVerdict = "changed" if found.is_beyond_chance else NO_CHANGE
    moved = _moved(f"{abs(100.0 * found.value):.0f} points", 100.0 * found.value, 0.5)
    return ComparedNumber(
        earlier=earlier.attempt,
        later=later.attempt,
        difference=found.value,
        low=found.low,
        high=found.high,
        verdict=verdict,
        better=found.value > 0.0 if found.is_beyond_chance else None,
        said=f"{verdict}: {moved} (95 % interval {low} to {high})",
        only_in_one=tuple(sorted(_judged(one) ^ _judged(other))),
    )


def heading_of(brief: Brief, key: str) -> HeadingOf | None:
    """By its id."""
    return next((each for each in brief.headings if each.id == key), None)


def _judged(heading: HeadingOf) -> set[str]:
    return {text for text, _ in (*heading.met, *heading.not_met)}


def compare_agreed(earlier: Brief, later: Brief, number: HumanAgreement) -> ComparedNumber:
    """A number that people code, in both."""
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
    """A metric of the registry in both. table: of errors; None takes the shipped one."""
    entry = next(each for each in definitions() if each.key == key)
    one, other = number_of(earlier, key), number_of(later, key)
    if one is None or other is None:
        return _incomparable(earlier, later, "it was not measured in both")
    found = change(measured(one, entry), measured(other, entry), table)
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


def number_of(brief: Brief, key: str) -> NumberOf | None:
    """By its key."""
    return next((each for each in brief.numbers if each.key == key), None)


def measured(number: NumberOf, entry: Definition) -> Measured:
    """As the registry's own functions take it."""
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
    """A difference as people read it. is_finer: the least change of a count is no whole number."""
    if entry.unit == "percent":
        return f"{value:.0f} points"
    if is_finer and entry.unit in ("count", "words"):
        return f"{value:.1f}"
    return quantity(entry.unit, value)


def _moved(shown: str, by: float, least: float) -> str:
    """Such as `12 points higher`. least: what reads as none."""
    if abs(by) < least:
        return "the same"
    return f"{shown} {'higher' if by > 0.0 else 'lower'}"


def _least(shown: str) -> str:
    return f"the least that can be told is {shown}"


def _incomparable(earlier: Brief, later: Brief, reason: str) -> ComparedNumber:
    reason = reason_clause(reason)
    return ComparedNumber(
        earlier=earlier.attempt,
        later=later.attempt,
        verdict="not comparable",
        said=f"not comparable: {reason}",
    )
