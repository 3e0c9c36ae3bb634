"""Machine and humans on the same items: where they agree, and which items the machine may be
trusted with. The rule is stated here once, and shown wherever its result is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from simvoice.record.remarks import Objection, Rating, objections_of, ratings_of
from simvoice.record.store import Attempt
from simvoice.scoring.agreement import Estimate, Pair, ac1, agreed, icc, kappa
from simvoice.scoring.instruments import Item, items, items_with
from simvoice.scoring.judging import Judge
from simvoice.scoring.reading import read
from simvoice.scoring.verdicts import Verdict

LEAST_ATTEMPTS = 20
"""Attempts below which an interval is too wide to trust anything: AC1 .85 of 20 has about +- .2."""
LEAST_AC1 = 0.60
"""Lower end of the interval; "substantial" by Landis & Koch 1977, doi 10.2307/2529310."""
LEAST_ICC = 0.50
"""Lower end for counts; "moderate" by Koo & Li 2016, doi 10.1016/j.jcm.2016.02.012."""
NEAR_HUMANS = 0.10
"""How far below humans with each other the machine may be."""
LEAST_DOUBLE = 10
"""Attempts that two humans have to have rated before they are compared with."""
MOST_OBJECTED = 0.10
"""Share of the attempts in which learners objected."""

RULE = (
    f"The machine may be trusted with an item when humans rated it in {LEAST_ATTEMPTS} attempts or "
    f"more, the interval of its AC1 with them begins at {LEAST_AC1:.2f} or above (for counts: of "
    f"its ICC at {LEAST_ICC:.2f}), it agrees with humans no more than {NEAR_HUMANS:.2f} less than "
    f"they do with each other where {LEAST_DOUBLE} attempts have two raters, and learners objected "
    f"in at most {MOST_OBJECTED:.0%} of the attempts."
)


@dataclass(frozen=True, slots=True)
class RatedAttempt:
    """One attempt with all that was said of it."""

    attempt: str
    machine: Mapping[str, Verdict]
    """By item."""
    ratings: tuple[Rating, ...]
    objections: tuple[Objection, ...]
    own: Mapping[str, Item] = field(default_factory=dict)
    """The items that only its case has, by id."""


def rated(attempt: Attempt) -> RatedAttempt:
    """An attempt with what the machine says of every item there is, and what people said."""
    judge = Judge(read(attempt), attempt.header)
    every = items_with(attempt.header)
    return RatedAttempt(
        attempt=attempt.id,
        machine={key: judge.item(item).verdict for key, item in every.items()},
        ratings=ratings_of(attempt.folder),
        objections=objections_of(attempt.folder),
        own={key: item for key, item in every.items() if key not in items()},
    )


@dataclass(frozen=True, slots=True)
class ItemAgreement:
    """One item over all attempts."""

    item: Item
    attempts: int
    """In which the machine and a human both gave a verdict or a number."""
    raters: int
    agreed: float | None
    """0..1, machine with humans."""
    kappa: Estimate
    ac1: Estimate
    icc: Estimate
    """Machine and the humans who rated all of these attempts, ICC(2,1); yes and no count 1 and
    0."""
    humans: Estimate
    """AC1 of humans with each other."""
    humans_icc: Estimate
    """ICC(2,1) of the humans who rated all of the attempts that any human rated."""
    humans_attempts: int
    objections: int
    """Attempts whose learner objected to it."""
    trusted: bool
    why: str
    """Why not, or that every part of the rule holds; a clause."""


def agreement(attempts: Sequence[RatedAttempt]) -> tuple[ItemAgreement, ...]:
    """Every item that a human rated or a learner objected to, in the order of the instruments."""
    spoken = {r.item for each in attempts for r in each.ratings}
    spoken |= {o.item for each in attempts for o in each.objections}
    every = dict(items())
    for each in attempts:
        every |= each.own
    return tuple(_item(item, attempts) for key, item in every.items() if key in spoken)


def _item(item: Item, attempts: Sequence[RatedAttempt]) -> ItemAgreement:
    yes_no: list[Pair] = []
    between: list[Pair] = []
    numbers: list[tuple[float, dict[str, float]]] = []
    rows: list[dict[str, float]] = []
    judged = 0
    for each in attempts:
        verdict = each.machine.get(item.id)
        rated = {r.rater: r for r in each.ratings if r.item == item.id}
        judged += verdict is not None and verdict.outcome != "not judged"
        machine = _yes(verdict.outcome) if verdict is not None else None
        said = [yes for r in rated.values() if (yes := _yes(r.value)) is not None]
        between += [Pair(each.attempt, a, b) for a, b in combinations(said, 2)]
        if machine is not None:
            yes_no += [Pair(each.attempt, machine, yes) for yes in said]
        row = {name: n for name, r in rated.items() if (n := _number(r.value)) is not None}
        value = _machine_number(verdict) if verdict is not None else None
        rows += [row] if row else []
        if row and value is not None:
            numbers.append((value, row))
    objected = sum(any(o.item == item.id for o in each.objections) for each in attempts)
    found = ItemAgreement(
        item=item,
        attempts=len(numbers),
        raters=len({name for row in rows for name in row}),
        agreed=agreed(yes_no),
        kappa=kappa(yes_no),
        ac1=ac1(yes_no),
        icc=icc(_table(numbers)),
        humans=ac1(between),
        humans_icc=icc(_complete(rows)),
        humans_attempts=len({pair.attempt for pair in between}),
        objections=objected,
        trusted=False,
        why="",
    )
    why = _why_not(found, judged)
    return replace(found, trusted=not why, why=why or "every part of the rule holds")


def _why_not(found: ItemAgreement, judged: int) -> str:
    """The first part of the rule that does not hold; empty when all do."""
    if found.item.human:
        return "it is left to humans"
    if found.attempts < LEAST_ATTEMPTS:
        return f"humans rated {found.attempts} of the {LEAST_ATTEMPTS} attempts that are needed"
    counted = found.agreed is None
    estimate, least = (found.icc, LEAST_ICC) if counted else (found.ac1, LEAST_AC1)
    name = "ICC" if counted else "AC1"
    if estimate.low is None:
        return f"no interval of its {name} can be given"
    if estimate.low < least:
        return f"its {name} may be as low as {estimate.low:.2f}"
    theirs = found.humans.value if found.humans_attempts >= LEAST_DOUBLE else None
    if not counted and theirs is not None and (found.ac1.value or 0.0) < theirs - NEAR_HUMANS:
        return f"humans agree better with each other (AC1 {theirs:.2f})"
    if judged and found.objections > MOST_OBJECTED * judged:
        return f"learners objected in {found.objections} of {judged} attempts"
    return ""


def _yes(value: str | float) -> bool | None:
    return {"met": True, "not met": False}.get(value) if isinstance(value, str) else None


def _number(value: str | float) -> float | None:
    if isinstance(value, str):
        yes = _yes(value)
        return None if yes is None else float(yes)
    return value


def _machine_number(verdict: Verdict) -> float | None:
    """Counts as they are; verdicts as 1 and 0."""
    return verdict.value if verdict.outcome == "counted" else _number(verdict.outcome)


def _table(rows: Sequence[tuple[float, dict[str, float]]]) -> list[list[float]]:
    """[attempts][machine and raters]: those who rated all; else the one who rated most, alone."""
    counts = Counter(name for _, row in rows for name in row)
    whole = sorted(name for name, count in counts.items() if count == len(rows))
    names = whole or [name for name, _ in counts.most_common(1)]
    return [
        [value, *(row[name] for name in names)]
        for value, row in rows
        if names and all(name in row for name in names)
    ]


def _complete(rows: Sequence[dict[str, float]]) -> list[list[float]]:
    """[attempts][raters]: those who rated all."""
    names = sorted(name for name in set().union(*rows) if all(name in row for row in rows))
    return [[row[name] for name in names] for row in rows] if names else []
