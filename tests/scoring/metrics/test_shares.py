"""The interval of a share of items, and of the difference of two shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.scoring.instruments.instrument import headings
from simvoice.scoring.metrics.shares import ItemShare, difference, effective_number, share, wilson

weights = st.lists(st.floats(0.1, 10.0), min_size=1, max_size=12)
shares = st.tuples(
    st.lists(st.floats(0.1, 10.0), max_size=12), st.lists(st.floats(0.1, 10.0), max_size=12)
).filter(lambda both: bool(both[0] or both[1]))


def made(both: tuple[list[float], list[float]]) -> ItemShare:
    found = share(*both)
    assert found is not None
    return found


def test_wilson_equals_published_examples() -> None:
    # Newcombe 1998, table I, method 3: 81 of 263, and 15 of 148
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_the_difference_equals_a_worked_example() -> None:
    # 2 of 10, then 8 of 10: 9/12 - 3/12, and 1.96 times the root of twice .25 * .75 / 12
    found = difference(made(([1.0] * 2, [1.0] * 8)), made(([1.0] * 8, [1.0] * 2)))
    half = 1.959964 * (2 * 0.25 * 0.75 / 12) ** 0.5
    assert (found.value, found.low, found.high) == pytest.approx((0.6, 0.5 - half, 0.5 + half))
    assert found.is_beyond_chance


def test_nothing_judged_is_no_share() -> None:
    assert share([], []) is None
    assert effective_number([]) == 0.0


def test_a_heading_of_six_items_changes_only_by_a_large_difference() -> None:
    """The six items of active listening: weights 3, 3, 3, 2, 2, 2."""
    none, half, most = (
        made(([], [3, 3, 3, 2, 2, 2])),
        made(([3, 3, 2], [3, 2, 2])),
        made(([3, 3, 3, 2, 2], [2])),
    )
    assert not difference(half, most).is_beyond_chance
    assert difference(none, most).is_beyond_chance


@given(weights)
def test_unequal_weights_never_count_as_more_items(given_weights: list[float]) -> None:
    n = effective_number(given_weights)
    assert 1.0 - 1e-9 <= n <= len(given_weights) + 1e-9
    assert effective_number([1.0] * len(given_weights)) == pytest.approx(len(given_weights))


@pytest.mark.slow
@given(shares)
def test_an_interval_is_within_0_to_1_and_contains_its_share(both: tuple[list[float], ...]) -> None:
    found = made((both[0], both[1]))
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0


@given(st.floats(0.0, 1.0), st.floats(1.0, 50.0), st.floats(0.0, 50.0))
def test_more_items_never_widen_an_interval(value: float, n: float, more: float) -> None:
    few, many = wilson(value, n), wilson(value, n + more)
    assert many[1] - many[0] <= few[1] - few[0] + 1e-12


@pytest.mark.slow
@given(shares, shares, st.floats(1.0, 40.0))
def test_more_items_never_widen_the_interval_of_a_difference(
    one: tuple[list[float], list[float]], other: tuple[list[float], list[float]], times: float
) -> None:
    def with_items(found: ItemShare, n: float) -> ItemShare:
        return ItemShare(found.value, n, *wilson(found.value, n))

    before, after = made(one), made(other)
    few = difference(before, after)
    many = difference(with_items(before, before.n * times), with_items(after, after.n * times))
    # the ends are cut at -1 and 1, so only intervals within these limits are compared
    if few.low > -1.0 and few.high < 1.0:
        assert many.high - many.low <= few.high - few.low + 1e-12


@pytest.mark.slow
@given(shares, shares)
def test_the_reverse_difference_has_the_opposite_sign(
    one: tuple[list[float], list[float]], other: tuple[list[float], list[float]]
) -> None:
    there, back = difference(made(one), made(other)), difference(made(other), made(one))
    assert (back.value, back.low, back.high) == pytest.approx(
        (-there.value, -there.high, -there.low), abs=1e-12
    )
    assert there.is_beyond_chance == back.is_beyond_chance
    assert -1.0 <= there.low <= there.value <= there.high <= 1.0


@pytest.mark.slow
@given(shares)
def test_equal_shares_are_no_change(both: tuple[list[float], list[float]]) -> None:
    assert not difference(made(both), made(both)).is_beyond_chance


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "least", "most"),
    [
        (0.2, 0.2, 0.0, 0.06),
        (0.5, 0.5, 0.0, 0.06),
        (0.8, 0.8, 0.0, 0.06),
        (0.3, 0.6, 0.12, 0.2),
        (0.3, 0.9, 0.52, 0.66),
        (0.1, 0.9, 0.86, 0.95),
    ],
)
def test_how_often_the_shipped_headings_count_as_changed(
    before: float, after: float, least: float, most: float
) -> None:
    random = np.random.default_rng(3)
    for heading in headings():
        weights = np.array([item.weight for item in heading.items])
        changed = 0
        for _ in range(2500):
            pair = [random.random(weights.size) < chance for chance in (before, after)]
            one, other = (made((list(weights[m]), list(weights[~m]))) for m in pair)
            changed += difference(one, other).is_beyond_chance
        assert least <= changed / 2500 <= most, heading.id
