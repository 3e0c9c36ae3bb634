"""Agreement of the machine with humans for each item, and the rule when to trust the machine.

The rule is stated once, in `RULE`, and shown with every result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import combinations
from typing import Literal

from simvoice.criteria.encounter import RuleVerdict
from simvoice.display import percent
from simvoice.errors import SimvoiceError
from simvoice.reading.reading import Reading
from simvoice.record.ratings import Objection, Rating, folders_with_feedback, load_feedback
from simvoice.record.store import Attempt, Store
from simvoice.scoring.data_files import read_toml
from simvoice.scoring.instruments.instrument import Item, items, items_for
from simvoice.scoring.instruments.judge import Judge
from simvoice.scoring.raters.agreement import (
    Estimate,
    RatingPair,
    ac1,
    icc,
    kappa,
    observed_agreement,
)
from simvoice.strict_model import StrictModel

Trust = Literal["may be trusted", "not yet known", "do not trust", "left to humans"]


class Threshold(StrictModel):
    """A threshold of the rule, with its origin."""

    value: float
    what: str
    source: str


class Thresholds(StrictModel):
    """All thresholds of `data/trust.toml`."""

    least_attempts: Threshold
    least_ac1: Threshold
    least_icc: Threshold
    near_humans: Threshold
    least_double: Threshold
    least_varied: Threshold
    most_objected: Threshold


@cache
def thresholds() -> Thresholds:
    """The thresholds that ship with simvoice."""
    return Thresholds.model_validate(read_toml("trust.toml"))


def _rule(t: Thresholds) -> str:
    return (
        "The machine may be trusted with an item when four conditions hold. Humans rated it in "
        f"{t.least_attempts.value:.0f} attempts or more. The interval of its AC1 with them begins "
        f"at {t.least_ac1.value:.2f} or above; for counts, the interval of its ICC begins at "
        f"{t.least_icc.value:.2f} or above, and raters gave another count than the most frequent "
        f"one in {t.least_varied.value:.0f} attempts. Where {t.least_double.value:.0f} attempts "
        f"have two raters, its AC1 with humans is at most {t.near_humans.value:.2f} below the AC1 "
        "between humans. Learners objected in at most "
        f"{percent(t.most_objected.value)} of the attempts. The machine is not to be trusted when "
        "the interval of that many attempts ends below the threshold. In all other cases it is not "
        "yet known."
    )


RULE = _rule(thresholds())


@dataclass(frozen=True, slots=True)
class RatedAttempt:
    """One attempt with the judgements of the machine, raters and learner."""

    attempt: str
    machine: Mapping[str, RuleVerdict]
    """Judgement by item id."""
    ratings: tuple[Rating, ...]
    objections: tuple[Objection, ...]
    case_items: Mapping[str, Item] = field(default_factory=dict)
    """The items that only the attempt's case has, by id."""
    problems: tuple[str, ...] = ()
    """Ratings and objections that could not be read, a sentence each."""


def judge_attempts(
    store: Store,
    attempts: Sequence[str] | None,
    judge: Callable[[Attempt], RatedAttempt],
) -> tuple[tuple[RatedAttempt, ...], tuple[str, ...]]:
    """(the judged attempts, what could not be read, a sentence each).

    attempts: ids; None for all attempts with ratings or objections. With None, an attempt that
    cannot be read becomes a sentence; otherwise its error is raised, AttemptError for an unknown
    id. judge: `judge_attempt`, or a function that adds to it.
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


def judge_attempt(attempt: Attempt, reading: Reading) -> RatedAttempt:
    """An attempt with the machine's judgement of every item, the ratings and the objections."""
    judge = Judge(reading, attempt.header)
    every = items_for(attempt.header)
    said = load_feedback(attempt.folder)
    return RatedAttempt(
        attempt=attempt.id,
        machine={key: judge.judge_item(item).verdict for key, item in every.items()},
        ratings=said.ratings,
        objections=said.objections,
        case_items={key: item for key, item in every.items() if key not in items()},
        problems=said.problems,
    )


@dataclass(frozen=True, slots=True)
class ItemAgreement:
    """One item over all attempts."""

    item: Item
    attempts: int
    """Attempts in which the machine and a human both gave a verdict or a number."""
    raters: int
    agreed: float | None
    """Share of equal answers of machine and humans, 0..1."""
    kappa: Estimate
    ac1: Estimate
    icc: Estimate
    """ICC(2,1) of the machine and the humans who rated all of these attempts; yes and no count 1
    and 0."""
    humans: Estimate
    """AC1 between humans."""
    humans_icc: Estimate
    """ICC(2,1) between the humans who rated all of the attempts that any human rated."""
    humans_attempts: int
    objections: int
    """Attempts whose learner objected to the machine's judgement."""
    ratings: int
    """Ratings by humans in these attempts, each a verdict or a number."""
    blind: int
    """Ratings given on the page that hides the machine's judgement."""
    humans_kappa: Estimate
    varied: int
    """Attempts whose raters' mean number is not the most frequent one."""
    never: str
    """met or not met, when no rater gave that answer; empty when both were given."""
    trust: Trust
    why: str
    """The part of the rule that decides; a clause."""

    @property
    def trusted(self) -> bool:
        """Whether every part of the rule holds."""
        return self.trust == "may be trusted"


def agreement(attempts: Sequence[RatedAttempt]) -> tuple[ItemAgreement, ...]:
    """Agreement on every item with a rating or objection, in the order of the instruments."""
    answered = {r.item for each in attempts for r in each.ratings}
    answered |= {o.item for each in attempts for o in each.objections}
    every = dict(items())
    for each in attempts:
        every |= each.case_items
    return tuple(_item(item, attempts) for key, item in every.items() if key in answered)


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
        judged += verdict is not None and verdict.outcome not in ("not judged", "open")
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
    """(trust, the part of the rule that decides).

    judged: number of attempts in which the machine gave a verdict or a number.
    """
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
    humans_ac1 = found.humans.value if found.humans_attempts >= rule.least_double.value else None
    near = rule.near_humans.value
    if not counted and humans_ac1 is not None and (found.ac1.value or 0.0) < humans_ac1 - near:
        return "not yet known", f"humans agree better with each other (AC1 {humans_ac1:.2f})"
    if judged and found.objections > rule.most_objected.value * judged:
        return "not yet known", f"learners objected in {found.objections} of {judged} attempts"
    though = f", though raters never said {found.never}" if found.never else ""
    return "may be trusted", f"every part of the rule holds{though}"


def _varied(rows: Iterable[Mapping[str, float]]) -> int:
    means = [sum(row.values()) / len(row) for row in rows]
    return len(means) - max(Counter(means).values(), default=0)


def _never_given(pairs: Sequence[RatingPair]) -> str:
    """The answer that no human gave; pairs are of the machine and a human."""
    answers = {pair.second for pair in pairs}
    return "" if len(answers) != 1 else ("not met" if True in answers else "met")


def _as_yes_no(value: str | float) -> bool | None:
    return {"met": True, "not met": False}.get(value) if isinstance(value, str) else None


def _number(value: str | float) -> float | None:
    if isinstance(value, str):
        yes = _as_yes_no(value)
        return None if yes is None else float(yes)
    return value


def _machine_number(verdict: RuleVerdict) -> float | None:
    """A count as it is; met and not met as 1 and 0."""
    return verdict.value if verdict.outcome == "counted" else _number(verdict.outcome)


def _table(rows: Sequence[tuple[float, dict[str, float]]]) -> list[list[float]]:
    """[attempts][machine and raters]: raters who rated all attempts, or only the one with most."""
    counts = Counter(name for _, row in rows for name in row)
    complete = sorted(name for name, count in counts.items() if count == len(rows))
    names = complete or [name for name, _ in counts.most_common(1)]
    return [
        [value, *(row[name] for name in names)]
        for value, row in rows
        if names and all(name in row for name in names)
    ]


def _complete(rows: Sequence[dict[str, float]]) -> list[list[float]]:
    """[attempts][raters]: raters who rated all attempts."""
    names = sorted(name for name in set().union(*rows) if all(name in row for row in rows))
    return [[row[name] for name in names] for row in rows] if names else []
