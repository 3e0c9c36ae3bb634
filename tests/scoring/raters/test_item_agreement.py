"""The rule when to trust the machine with an item, on ratings with planted agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from simvoice.criteria.encounter import ItemOutcome, RuleVerdict
from simvoice.record.ratings import Objection, Rating
from simvoice.scoring.raters.item_agreement import (
    RULE,
    ItemAgreement,
    RatedAttempt,
    agreement,
    thresholds,
)

WHEN = "2026-11-24T10:00:00+01:00"
ITEM = "os12-1-greets"


def attempt(
    number: int,
    machine: ItemOutcome,
    *humans: str | float,
    item: str = ITEM,
    value: float | None = None,
    objects: bool = False,
) -> RatedAttempt:
    ratings = tuple(
        Rating.model_validate({"rater": f"r{n}", "item": item, "value": v, "wall_time": WHEN})
        for n, v in enumerate(humans)
    )
    why = (Objection(item=item, why="I did", wall_time=WHEN),) if objects else ()
    return RatedAttempt(f"a{number}", {item: RuleVerdict(machine, value=value)}, ratings, why)


def only(attempts: Sequence[RatedAttempt]) -> ItemAgreement:
    (found,) = agreement(attempts)
    return found


def outcome(number: int) -> ItemOutcome:
    return "met" if number % 2 else "not met"


def test_twenty_attempts_in_full_agreement_are_trusted() -> None:
    found = only([attempt(n, outcome(n), outcome(n)) for n in range(20)])
    assert (found.attempts, found.raters, found.agreed) == (20, 1, 1.0)
    assert found.kappa.value == found.ac1.value == found.icc.value == 1.0
    assert (found.trusted, found.why) == (True, "every part of the rule holds")


def test_nineteen_are_too_few() -> None:
    found = only([attempt(n, outcome(n), outcome(n)) for n in range(19)])
    assert (found.trust, found.why) == (
        "not yet known",
        "both judged it in 19 of the 20 attempts that are needed",
    )


def test_an_item_with_half_of_the_verdicts_equal_is_not_trusted() -> None:
    found = only([attempt(n, outcome(n), outcome(n // 2)) for n in range(24)])
    assert found.agreed == 0.5
    assert (found.trust, found.why) == ("do not trust", f"its AC1 is at most {found.ac1.high:.2f}")


def test_an_interval_below_the_threshold_is_not_trusted_and_one_across_it_not_known() -> None:
    opposite = only([attempt(n, outcome(n), outcome(n + (n > 1))) for n in range(24)])
    assert opposite.ac1.high is not None
    assert opposite.ac1.high < 0.6
    assert (opposite.trust, opposite.why[:15]) == ("do not trust", "its AC1 is at m")
    between = only([attempt(n, outcome(n), outcome(n + (n < 5))) for n in range(24)])
    assert between.ac1.low is not None
    assert between.ac1.high is not None
    assert between.ac1.low < 0.6 < between.ac1.high
    assert between.trust == "not yet known"
    few = only([attempt(n, outcome(n), outcome(n + 1)) for n in range(5)])
    assert few.trust == "not yet known"


def test_ratings_are_counted_and_blind_ones_separately() -> None:
    made = attempt(0, "met", "met", "not judged", "not met")
    blind = tuple(r.model_copy(update={"blind": r.rater == "r0"}) for r in made.ratings)
    found = only([replace(made, ratings=blind)])
    assert (found.attempts, found.raters, found.ratings, found.blind) == (1, 2, 2, 1)


def test_kappa_and_ac1_between_humans_follow_from_their_table() -> None:
    pairs = [("met", "met")] * 10 + [("not met", "not met")] * 5 + [("met", "not met")] * 5
    found = only([attempt(n, "met", *pair) for n, pair in enumerate(pairs)])
    assert found.humans_kappa.value == pytest.approx((0.75 - 0.5) / 0.5)
    mean = (0.75 + 0.5) / 2
    chance = 2 * mean * (1 - mean)
    assert found.humans.value == pytest.approx((0.75 - chance) / (1 - chance), abs=1e-4)


def test_each_threshold_has_a_meaning_and_an_origin() -> None:
    for name, threshold in thresholds():
        assert threshold.what, name
        assert len(threshold.source) > 20, name


def test_an_item_on_which_humans_agree_better_with_each_other_is_not_trusted() -> None:
    def machine(n: int) -> ItemOutcome:
        return outcome(n + 1) if n < 9 else outcome(n)

    found = only([attempt(n, machine(n), outcome(n), outcome(n)) for n in range(90)])
    assert found.humans.value == 1.0
    assert found.ac1.low is not None
    assert found.ac1.low >= 0.6
    assert (found.trust, found.why) == (
        "not yet known",
        "humans agree better with each other (AC1 1.00)",
    )


def test_an_item_with_many_objections_is_not_trusted() -> None:
    made = [attempt(n, outcome(n), outcome(n), objects=n < 3) for n in range(20)]
    found = only(made)
    assert (found.objections, found.trusted) == (3, False)
    assert found.why == "learners objected in 3 of 20 attempts"
    fewer = only([attempt(n, outcome(n), outcome(n), objects=n < 2) for n in range(20)])
    assert fewer.trusted


def test_items_not_judged_are_no_disagreement() -> None:
    made = [attempt(0, "not judged", "met"), attempt(1, "met", "not judged")]
    found = only(made)
    assert (found.attempts, found.agreed) == (0, None)


def test_counts_are_compared_by_icc() -> None:
    made = [
        attempt(n, "counted", float(n + n % 2), item="nurse-name", value=float(n))
        for n in range(20)
    ]
    found = only(made)
    assert found.agreed is None
    assert found.icc.value == pytest.approx(0.99, abs=0.01)
    assert found.trusted
    far = [
        attempt(n, "counted", 10.0 + n % 4, item="nurse-name", value=float(5 * (n % 3)))
        for n in range(40)
    ]
    assert (only(far).trust, only(far).why) == (
        "do not trust",
        f"its ICC is at most {only(far).icc.high:.2f}",
    )


def test_counts_that_hardly_vary_are_not_trusted_however_often_they_agree() -> None:
    """23 attempts with a count of 0, and one in which only the rater counted 1: ICC is 0."""
    made = [attempt(n, "counted", float(n == 3), item="nurse-name", value=0.0) for n in range(24)]
    found = only(made)
    assert found.icc.value == 0.0
    assert (found.varied, found.trust) == (1, "not yet known")
    assert found.why == "raters counted nearly the same in every attempt"


def test_an_item_that_raters_always_call_met_says_so() -> None:
    found = only([attempt(n, "met", "met") for n in range(24)])
    assert (found.trust, found.never) == ("may be trusted", "not met")
    assert found.why == "every part of the rule holds, though raters never said not met"


def test_an_item_left_to_humans_shows_their_agreement_and_trusts_no_machine() -> None:
    item = "os12-4-non-verbal"
    found = only([attempt(n, "not judged", outcome(n), outcome(n), item=item) for n in range(20)])
    assert (found.humans.value, found.humans_attempts) == (1.0, 20)
    assert (found.trust, found.why) == ("left to humans", "it is left to humans")


def test_points_on_a_scale_are_compared_between_humans() -> None:
    points = [(9.0, 2.0, 5.0, 8.0), (6.0, 1.0, 3.0, 2.0), (8.0, 4.0, 6.0, 8.0)]
    points += [(7.0, 1.0, 2.0, 6.0), (10.0, 5.0, 6.0, 9.0), (6.0, 2.0, 4.0, 7.0)]
    made = [attempt(n, "not judged", *row, item="bas-points") for n, row in enumerate(points)]
    found = only(made)
    assert found.humans_icc.value == pytest.approx(0.29, abs=0.005)
    assert (found.raters, found.attempts, found.icc.value) == (4, 0, None)


def test_raters_who_skipped_attempts_are_left_out_only_of_the_icc() -> None:
    made = [attempt(n, outcome(n), outcome(n), *([outcome(n + 1)] * (n < 5))) for n in range(20)]
    found = only(made)
    assert found.icc.value == 1.0
    assert found.agreed == pytest.approx(0.8)


def test_an_item_with_only_an_objection_is_shown() -> None:
    found = only([attempt(0, "not met", objects=True)])
    assert (found.attempts, found.objections, found.trusted) == (0, 1, False)


def test_the_rule_is_stated_with_its_numbers() -> None:
    for number in ("20 attempts", "0.60", "0.50", "0.10", "10 attempts", "10 %"):
        assert number in RULE
    assert agreement([]) == ()
