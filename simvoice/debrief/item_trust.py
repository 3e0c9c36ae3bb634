"""How far the machine's judgement of each item can be trusted, compared with raters.

It gives the table that a page shows, and a short sentence for each item of a debrief.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from simvoice.debrief.limits import find_limits
from simvoice.debrief.wording import NOT_COMPARED
from simvoice.display import count_noun, fixed
from simvoice.reading.reading import read
from simvoice.record.store import Attempt
from simvoice.scoring.instruments.instrument import CRITICAL, headings, instruments, items_for
from simvoice.scoring.raters.agreement import LEVEL, Estimate
from simvoice.scoring.raters.item_agreement import (
    RULE,
    ItemAgreement,
    RatedAttempt,
    Threshold,
    agreement,
    judge_attempt,
    thresholds,
)

__all__ = [
    "ItemTrust",
    "ItemTrustRow",
    "RatedAttempt",
    "build_item_trust",
    "format_estimate",
    "judge_as_shown",
]


_FEW = 5
"""Fewest attempts for which coefficients are shown."""


@dataclass(frozen=True, slots=True)
class ItemTrustRow:
    """One item, with its figures as text."""

    id: str
    text: str
    counted: bool
    """Whether it is compared by ICC; else by kappa and AC1."""
    attempts: int
    raters: int
    ratings: int
    blind: int
    objections: int
    machine: tuple[tuple[str, str], ...]
    """(coefficient, value with interval) for the machine and humans."""
    humans: tuple[tuple[str, str], ...]
    """The same for humans among each other."""
    humans_attempts: int
    trust: str
    why: str


@dataclass(frozen=True, slots=True)
class ItemTrust:
    """The comparison over all rated attempts."""

    lists: tuple[tuple[str, tuple[ItemTrustRow, ...]], ...]
    """(name of the instrument, its items with ratings or objections)."""
    words: Mapping[str, str]
    """Item to a short sentence for the debrief."""
    attempts: int
    raters: tuple[str, ...]
    rule: str
    thresholds: tuple[Threshold, ...]
    level: float
    """Confidence level of the intervals, 0..1."""
    problems: tuple[str, ...]
    """One sentence for each problem in reading."""


def judge_as_shown(attempt: Attempt) -> RatedAttempt:
    """Judge an attempt as its debrief does: within the limits of what can be judged in it."""
    reading = read(attempt)
    found = judge_attempt(attempt, reading)
    limits, every = find_limits(reading), items_for(attempt.header)
    machine = {key: limits.on(every[key], verdict) for key, verdict in found.machine.items()}
    return replace(found, machine=machine)


def build_item_trust(attempts: Sequence[RatedAttempt], problems: Sequence[str] = ()) -> ItemTrust:
    """Compare machine and humans on every item with feedback. Takes 1 s for 100 attempts."""
    found = {each.item.id: each for each in agreement(attempts)}
    with_ratings = [each for each in attempts if each.ratings]
    lists: list[tuple[str, tuple[ItemTrustRow, ...]]] = []
    taken: set[str] = set()
    for instrument in (*headings(), *instruments().values()):
        rows = [found[i.id] for i in instrument.items if i.id in found and i.id not in taken]
        taken |= {row.item.id for row in rows}
        if rows:
            lists.append((instrument.name, tuple(map(_row, rows))))
    own = [each for key, each in found.items() if key.startswith(f"{CRITICAL}-")]
    if own:
        lists.append(("Critical for a case", tuple(map(_row, own))))
    return ItemTrust(
        lists=tuple(lists),
        words={key: _words(each) for key, each in found.items()},
        attempts=len(with_ratings),
        raters=tuple(sorted({r.rater for each in with_ratings for r in each.ratings})),
        rule=RULE,
        thresholds=tuple(threshold for _, threshold in thresholds()),
        level=LEVEL,
        problems=tuple(problems),
    )


def format_estimate(estimate: Estimate) -> str:
    """Format a coefficient with its interval; "–" when it is not defined."""
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return _two(estimate.value)
    return f"{_two(estimate.value)} ({_two(estimate.low)} to {_two(estimate.high)})"


def _two(value: float) -> str:
    return fixed(value, 2)


def _row(each: ItemAgreement) -> ItemTrustRow:
    counted = each.agreed is None
    machine: tuple[tuple[str, str], ...] = (("ICC", format_estimate(each.icc)),)
    humans: tuple[tuple[str, str], ...] = (("ICC", format_estimate(each.humans_icc)),)
    if not counted:
        machine = (("kappa", format_estimate(each.kappa)), ("AC1", format_estimate(each.ac1)))
    if each.humans.value is not None:
        humans = (
            ("kappa", format_estimate(each.humans_kappa)),
            ("AC1", format_estimate(each.humans)),
        )
    return ItemTrustRow(
        id=each.item.id,
        text=each.item.text,
        counted=counted,
        attempts=each.attempts,
        raters=each.raters,
        ratings=each.ratings,
        blind=each.blind,
        objections=each.objections,
        machine=_shown_coefficients(machine, each.attempts),
        humans=_shown_coefficients(humans, each.humans_attempts),
        humans_attempts=each.humans_attempts,
        trust=each.trust,
        why=each.why,
    )


def _shown_coefficients(
    coefficients: tuple[tuple[str, str], ...], attempts: int
) -> tuple[tuple[str, str], ...]:
    """Keep the defined coefficients; none for few attempts, where any may be 1 or -1."""
    return tuple(each for each in coefficients if attempts >= _FEW and each[1] != "–")


def _words(each: ItemAgreement) -> str:
    if each.item.human:
        return each.why
    if not each.ratings:
        return NOT_COMPARED
    said = f"compared with {count_noun(each.ratings, 'human rating')}: {each.trust}"
    if each.trusted:
        return f"{said}, though raters never said {each.never}" if each.never else said
    return f"{said}, {each.why}"
