"""Agreement, compared with a published example and with tables computed by hand."""

from __future__ import annotations

import pytest

from simvoice.scoring.raters.agreement import (
    Estimate,
    RatingPair,
    ac1,
    icc,
    kappa,
    label_kappa,
    observed_agreement,
)

SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]
"""Table 2 of Shrout & Fleiss 1979: six targets, four judges."""


def pairs(both: int, only_first: int, only_second: int, neither: int) -> list[RatingPair]:
    answers = [(True, True)] * both + [(True, False)] * only_first
    answers += [(False, True)] * only_second + [(False, False)] * neither
    return [RatingPair(f"a{n}", *each) for n, each in enumerate(answers)]


def test_kappa_of_the_textbook_table() -> None:
    """20 and 15 agreed, 5 and 10 not: observed .70, by chance .50, so kappa .40."""
    assert kappa(pairs(20, 5, 10, 15)).value == pytest.approx(0.4)


def test_the_paradox_of_kappa_and_its_remedy() -> None:
    """118, 5, 2 and 0 of 125: agreed .944; by chance .9453 for kappa, .0544 for AC1."""
    table = pairs(118, 5, 2, 0)
    assert observed_agreement(table) == pytest.approx(0.944)
    assert kappa(table).value == pytest.approx(-0.0234, abs=5e-5)
    assert ac1(table).value == pytest.approx(0.9408, abs=5e-5)


def test_icc_of_shrout_and_fleiss() -> None:
    assert icc(SHROUT_FLEISS).value == pytest.approx(0.29, abs=0.005)


def test_full_agreement_has_the_value_one_and_an_interval_with_width() -> None:
    """Of 20 attempts without a disagreement up to 1 - .025^(1/20) = .168 may disagree; with half
    of the rest met that is a kappa and an AC1 of 1 - .168 / .5 = .663."""
    table = pairs(10, 0, 0, 10)
    for found in (kappa(table), ac1(table)):
        assert (found.value, found.high) == (1.0, 1.0)
        assert found.low == pytest.approx(1 - (1 - 0.025 ** (1 / 20)) / 0.5, abs=1e-3)
    assert ac1(pairs(3, 0, 0, 3)).low == pytest.approx(0.08, abs=0.01)
    assert icc([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]]).value == 1.0


def test_kappa_and_icc_are_not_defined_where_nothing_varies_and_ac1_is() -> None:
    table = pairs(12, 0, 0, 0)
    assert kappa(table) == Estimate(None)
    assert ac1(table).value == 1.0
    assert icc([[1.0, 1.0], [1.0, 1.0]]) == Estimate(None)


def test_the_interval_contains_the_value_and_narrows_with_more_attempts() -> None:
    few, many = ac1(pairs(8, 2, 1, 9)), ac1(pairs(80, 20, 10, 90))
    for each in (few, many):
        assert each.low is not None
        assert each.high is not None
        assert each.value is not None
        assert each.low < each.value < each.high
    assert many.high - many.low < 0.5 * (few.high - few.low)  # type: ignore[operator]


def test_the_interval_of_kappa_is_as_wide_as_its_standard_error_says() -> None:
    """po .70, pe .50, n 50: se = sqrt(po (1 - po) / (n (1 - pe)^2)) = .130, so +- .254."""
    found = kappa(pairs(20, 5, 10, 15))
    assert found.low == pytest.approx(0.40 - 0.254, abs=0.06)
    assert found.high == pytest.approx(0.40 + 0.254, abs=0.06)


def test_several_raters_of_one_attempt_do_not_count_as_several_attempts() -> None:
    once = pairs(8, 2, 1, 9)
    assert ac1(once * 5).value == ac1(once).value
    narrow, wide = ac1(once * 5), ac1(once)
    assert narrow.low == pytest.approx(wide.low, abs=1e-9)


def test_one_attempt_gives_no_interval_and_none_no_value() -> None:
    assert ac1([RatingPair("a", True, True)]) == Estimate(1.0)
    assert ac1([]) == kappa([]) == icc([]) == icc([[1.0, 2.0]]) == Estimate(None)
    assert observed_agreement([]) is None


def test_the_same_ratings_give_the_same_interval() -> None:
    assert icc(SHROUT_FLEISS) == icc(SHROUT_FLEISS)
    assert kappa(pairs(5, 2, 2, 5)) == kappa(pairs(5, 2, 2, 5))


def test_kappa_of_labels_is_agreement_beyond_chance() -> None:
    both = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    assert label_kappa(both) == pytest.approx(0.4)
    assert label_kappa(both) == pytest.approx(kappa(pairs(20, 5, 10, 15)).value)
    assert label_kappa([("a", "b"), ("b", "a")]) == pytest.approx(-1.0)


def test_kappa_of_three_labels_counts_each() -> None:
    """Cohen 1960, table 1 (proportions of 200 judgements): kappa .492."""
    table = {("a", "a"): 88, ("a", "b"): 14, ("a", "c"): 18}
    table |= {("b", "a"): 10, ("b", "b"): 40, ("b", "c"): 10}
    table |= {("c", "a"): 2, ("c", "b"): 6, ("c", "c"): 12}
    found = label_kappa([pair for pair, count in table.items() for _ in range(count)])
    assert found == pytest.approx(0.492, abs=5e-4)


def test_kappa_of_labels_is_undefined_without_pairs_or_with_one_label() -> None:
    assert label_kappa([]) is None
    assert label_kappa([("a", "a")]) is None
