"""Which items the machine may be trusted with: machine and raters side by side, as a page shows
it, and one short sentence for each item of a debrief."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from simvoice.debrief.items import rests_on_words
from simvoice.debrief.wording import NOT_ENGLISH, in_words, is_english
from simvoice.record.events import LearnerTurn
from simvoice.record.store import Attempt
from simvoice.scoring.instruments.evidence import RuleVerdict
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

__all__ = ["ItemTrust", "ItemTrustRow", "RatedAttempt", "as_shown", "compared", "shown"]


_FEW = 5
"""Attempts below which no coefficient is shown."""


@dataclass(frozen=True, slots=True)
class ItemTrustRow:
    """One item, in figures as people read them."""

    id: str
    text: str
    counted: bool
    """Compared by ICC; else by kappa and AC1."""
    attempts: int
    raters: int
    ratings: int
    blind: int
    objections: int
    machine: tuple[tuple[str, str], ...]
    """(coefficient, value with interval), the machine with humans."""
    humans: tuple[tuple[str, str], ...]
    """The same, humans with each other."""
    humans_attempts: int
    trust: str
    why: str


@dataclass(frozen=True, slots=True)
class ItemTrust:
    """All that can be said now."""

    lists: tuple[tuple[str, tuple[ItemTrustRow, ...]], ...]
    """(instrument's name, its items that somebody rated or objected to)."""
    words: Mapping[str, str]
    """Item to a short sentence for its place in a debrief."""
    attempts: int
    raters: tuple[str, ...]
    rule: str
    thresholds: tuple[Threshold, ...]
    level: float
    """Of the intervals, 0..1."""
    problems: tuple[str, ...]
    """What could not be read, a sentence each."""


def as_shown(attempt: Attempt) -> RatedAttempt:
    """`rated`, with what the debrief does not judge not judged: words that are not English."""
    found = judge_attempt(attempt)
    turns = [entry for entry in attempt.entries if isinstance(entry, LearnerTurn)]
    if is_english(turns):
        return found
    every = items_for(attempt.header)
    unknown = RuleVerdict("not judged", reason=NOT_ENGLISH)
    return replace(
        found,
        machine={
            key: unknown if rests_on_words(every[key]) else verdict
            for key, verdict in found.machine.items()
        },
    )


def compared(attempts: Sequence[RatedAttempt], problems: Sequence[str] = ()) -> ItemTrust:
    """Machine and humans on every item that somebody spoke of. Takes a second for 100 attempts."""
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


def shown(estimate: Estimate) -> str:
    """A coefficient with its interval; a dash where it is not defined."""
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return _two(estimate.value)
    return f"{_two(estimate.value)} ({_two(estimate.low)} to {_two(estimate.high)})"


def _two(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # no "-0.00"


def _row(each: ItemAgreement) -> ItemTrustRow:
    counted = each.agreed is None
    machine: tuple[tuple[str, str], ...] = (("ICC", shown(each.icc)),)
    humans: tuple[tuple[str, str], ...] = (("ICC", shown(each.humans_icc)),)
    if not counted:
        machine = (("kappa", shown(each.kappa)), ("AC1", shown(each.ac1)))
    if each.humans.value is not None:
        humans = (("kappa", shown(each.humans_kappa)), ("AC1", shown(each.humans)))
    return ItemTrustRow(
        id=each.item.id,
        text=each.item.text,
        counted=counted,
        attempts=each.attempts,
        raters=each.raters,
        ratings=each.ratings,
        blind=each.blind,
        objections=each.objections,
        machine=_given(machine, each.attempts),
        humans=_given(humans, each.humans_attempts),
        humans_attempts=each.humans_attempts,
        trust=each.trust,
        why=each.why,
    )


def _given(of: tuple[tuple[str, str], ...], attempts: int) -> tuple[tuple[str, str], ...]:
    """Those that are defined; none of a few attempts, where any of them may be 1 or -1."""
    return tuple(each for each in of if attempts >= _FEW and each[1] != "–")


def _words(each: ItemAgreement) -> str:
    if each.item.human:
        return each.why
    if not each.ratings:
        return "not yet checked against humans"
    said = f"checked against {in_words(each.ratings, 'human rating')}: {each.trust}"
    if each.trusted:
        return f"{said}, though raters never said {each.never}" if each.never else said
    return f"{said}, {each.why}"
