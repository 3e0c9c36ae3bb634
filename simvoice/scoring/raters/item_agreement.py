"""Machine and humans on the same items: where they agree, and which items the machine may be
trusted with. The rule is stated here once, and shown wherever its result is."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from itertools import combinations
from typing import Literal

from pydantic import BaseModel, ConfigDict

from simvoice.errors import SimvoiceError
from simvoice.record.ratings import Objection, Rating, folders_with_feedback, load_feedback
from simvoice.record.store import Attempt, Store
from simvoice.scoring.instruments.evidence import RuleVerdict
from simvoice.scoring.instruments.instrument import Item, items, items_for
from simvoice.scoring.instruments.judge import Judge
from simvoice.scoring.metrics.reading import read
from simvoice.scoring.raters.agreement import (
    Estimate,
    RatingPair,
    ac1,
    icc,
    kappa,
    observed_agreement,
)

Trust = Literal["may be trusted", "not yet known", "do not trust", "left to humans"]


class Threshold(BaseModel):
    """A threshold of the rule, with where it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    what: str
    source: str


class Thresholds(BaseModel):
    """`data/trust.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least_attempts: Threshold
    least_ac1: Threshold
    least_icc: Threshold
    near_humans: Threshold
    least_double: Threshold
    least_varied: Threshold
    most_objected: Threshold


@cache
def thresholds() -> Thresholds:
    """The thresholds that ship."""
    path = files("simvoice.scoring") / "data" / "trust.toml"
    return Thresholds.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def _rule(t: Thresholds) -> str:
    return (
        "The machine may be trusted with an item when humans rated it in "
        f"{t.least_attempts.value:.0f} attempts or more, the interval of its AC1 with them begins "
        f"at {t.least_ac1.value:.2f} or above (for counts: of its ICC at {t.least_icc.value:.2f}, "
        f"and raters counted something else than in most in {t.least_varied.value:.0f} attempts), "
        f"it agrees with humans no more than {t.near_humans.value:.2f} less than they do with each "
        f"other where {t.least_double.value:.0f} attempts have two raters, and learners objected "
        f"in at most {t.most_objected.value:.0%} of the attempts. It is not to be trusted when the "
        "interval of as many attempts ends below that threshold. In all other cases it is not "
        "known yet."
    )


RULE = _rule(thresholds())


@dataclass(frozen=True, slots=True)
class RatedAttempt:
    """One attempt with all that was said of it."""

    attempt: str
    machine: Mapping[str, RuleVerdict]
    """By item."""
    ratings: tuple[Rating, ...]
    objections: tuple[Objection, ...]
    own: Mapping[str, Item] = field(default_factory=dict)
    """The items that only its case has, by id."""
    problems: tuple[str, ...] = ()
    """What people said and could not be read, a sentence each."""


def judge_attempts(
    store: Store,
    attempts: Sequence[str] | None,
    judge: Callable[[Attempt], RatedAttempt],
) -> tuple[tuple[RatedAttempt, ...], tuple[str, ...]]:
    """(attempts with what was said of them, what could not be read, a sentence each).

    attempts: ids; None for all that somebody has said something of, of which one that cannot be
    read stops nothing. judge: `rated`, or what makes more of it. Raises AttemptError for an id
    that is not there.
    """
    found: list[RatedAttempt] = []
    problems: list[str] = []
    all_of = [folder.name for folder in folders_with_feedback(store.root)]
    for attempt in dict.fromkeys(all_of if attempts is None else attempts):
        try:
            found.append(judge(store.open(attempt)))
        except SimvoiceError as error:
            if attempts is not None:
                raise
            problems.append(str(error))
        else:
            problems += found[-1].problems
    return tuple(found), tuple(problems)


def judge_attempt(attempt: Attempt) -> RatedAttempt:
    """An attempt with what the machine says of every item there is, and what people said."""
    judge = Judge(read(attempt), attempt.header)
    every = items_for(attempt.header)
    said = load_feedback(attempt.folder)
    return RatedAttempt(
        attempt=attempt.id,
        machine={key: judge.item(item).verdict for key, item in every.items()},
        ratings=said.ratings,
        objections=said.objections,
        own={key: item for key, item in every.items() if key not in items()},
        problems=said.problems,
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
    ratings: int
    """Of humans in these attempts, each a verdict or a number."""
    blind: int
    """How many of them were given on the page that hides the machine's judgement."""
    humans_kappa: Estimate
    varied: int
    """Attempts whose raters' mean number is not the commonest one."""
    never: str
    """met or not met, when no rater ever said so; empty when both were said."""
    trust: Trust
    why: str
    """Which part of the rule decides; a clause."""

    @property
    def trusted(self) -> bool:
        """Every part of the rule holds."""
        return self.trust == "may be trusted"


def agreement(attempts: Sequence[RatedAttempt]) -> tuple[ItemAgreement, ...]:
    """Every item that a human rated or a learner objected to, in the order of the instruments."""
    spoken = {r.item for each in attempts for r in each.ratings}
    spoken |= {o.item for each in attempts for o in each.objections}
    every = dict(items())
    for each in attempts:
        every |= each.own
    return tuple(_item(item, attempts) for key, item in every.items() if key in spoken)


def _item(item: Item, attempts: Sequence[RatedAttempt]) -> ItemAgreement:
    yes_no: list[RatingPair] = []
    between: list[RatingPair] = []
    numbers: list[tuple[float, dict[str, float]]] = []
    rows: list[dict[str, float]] = []
    counted: list[Rating] = []
    judged = 0
    for each in attempts:
        verdict = each.machine.get(item.id)
        rated = {r.rater: r for r in each.ratings if r.item == item.id}
        judged += verdict is not None and verdict.outcome != "not judged"
        machine = _as_yes_no(verdict.outcome) if verdict is not None else None
        given = [rated[name] for name in sorted(rated)]
        said = [yes for r in given if (yes := _as_yes_no(r.value)) is not None]
        between += [RatingPair(each.attempt, a, b) for a, b in combinations(said, 2)]
        if machine is not None:
            yes_no += [RatingPair(each.attempt, machine, yes) for yes in said]
        row = {name: n for name, r in rated.items() if (n := _number(r.value)) is not None}
        value = _machine_number(verdict) if verdict is not None else None
        rows += [row] if row else []
        if row and value is not None:
            numbers.append((value, row))
            counted += [r for r in given if r.rater in row]
    objected = sum(any(o.item == item.id for o in each.objections) for each in attempts)
    found = ItemAgreement(
        item=item,
        attempts=len(numbers),
        raters=len({name for row in rows for name in row}),
        agreed=observed_agreement(yes_no),
        kappa=kappa(yes_no),
        ac1=ac1(yes_no),
        icc=icc(_table(numbers)),
        humans=ac1(between),
        humans_icc=icc(_complete(rows)),
        humans_attempts=len({pair.attempt for pair in between}),
        objections=objected,
        ratings=len(counted),
        blind=sum(each.blind for each in counted),
        humans_kappa=kappa(between),
        varied=_varied(row for _, row in numbers),
        never=_never_given(yes_no),
        trust="not yet known",
        why="",
    )
    trust, why = _trust(found, judged, thresholds())
    return replace(found, trust=trust, why=why)


def _trust(found: ItemAgreement, judged: int, rule: Thresholds) -> tuple[Trust, str]:
    """judged: attempts in which the machine gave a verdict or a number."""
    if found.item.human:
        return "left to humans", "it is left to humans"
    needed = int(rule.least_attempts.value)
    if found.attempts < needed:
        return (
            "not yet known",
            f"both judged it in {found.attempts} of the {needed} attempts that are needed",
        )
    counted = found.agreed is None
    estimate, least = (
        (found.icc, rule.least_icc.value) if counted else (found.ac1, rule.least_ac1.value)
    )
    name = "ICC" if counted else "AC1"
    if estimate.low is None or estimate.high is None:
        return "not yet known", f"no interval of its {name} can be given"
    if counted and found.varied < rule.least_varied.value:
        return "not yet known", "raters counted nearly the same in every attempt"
    if estimate.high < least:
        return "do not trust", f"its {name} is at most {estimate.high:.2f}"
    if estimate.low < least:
        return "not yet known", f"its {name} may be as low as {estimate.low:.2f}"
    theirs = found.humans.value if found.humans_attempts >= rule.least_double.value else None
    near = rule.near_humans.value
    if not counted and theirs is not None and (found.ac1.value or 0.0) < theirs - near:
        return "not yet known", f"humans agree better with each other (AC1 {theirs:.2f})"
    if judged and found.objections > rule.most_objected.value * judged:
        return "not yet known", f"learners objected in {found.objections} of {judged} attempts"
    though = f", though raters never said {found.never}" if found.never else ""
    return "may be trusted", f"every part of the rule holds{though}"


def _varied(rows: Iterable[Mapping[str, float]]) -> int:
    means = [sum(row.values()) / len(row) for row in rows]
    return len(means) - max(Counter(means).values(), default=0)


def _never_given(pairs: Sequence[RatingPair]) -> str:
    """What no human ever said; pairs are of the machine and a human."""
    said = {pair.second for pair in pairs}
    return "" if len(said) != 1 else ("not met" if True in said else "met")


def _as_yes_no(value: str | float) -> bool | None:
    return {"met": True, "not met": False}.get(value) if isinstance(value, str) else None


def _number(value: str | float) -> float | None:
    if isinstance(value, str):
        yes = _as_yes_no(value)
        return None if yes is None else float(yes)
    return value


def _machine_number(verdict: RuleVerdict) -> float | None:
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
