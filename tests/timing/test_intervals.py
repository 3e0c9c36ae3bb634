"""Set operations on intervals, compared with a simple model: an array of ticks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simvoice.timing.intervals import (
    Intervals,
    at_least,
    bridge,
    complement,
    covers,
    empty,
    intersect,
    intervals,
    shift,
    subtract,
    total_s,
    union,
)

LENGTH = 60
TICK_S = 0.25
Ticks = NDArray[np.bool_]

pairs = st.lists(
    st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)).map(
        lambda pair: (pair[0] * TICK_S, pair[1] * TICK_S)
    ),
    max_size=12,
)
many = settings(max_examples=300, deadline=None)


def ticks(of: Intervals) -> Ticks:
    """bool [LENGTH]: the same set of time, tick by tick."""
    return covers(of, (np.arange(LENGTH) + 0.5) * TICK_S)


def model(of: list[tuple[float, float]]) -> Ticks:
    middles = (np.arange(LENGTH) + 0.5) * TICK_S
    inside = [(start < middles) & (middles < end) for start, end in of]
    return np.any(inside, axis=0) if inside else np.zeros(LENGTH, dtype=np.bool_)


def is_proper(of: Intervals) -> bool:
    """Sorted, disjoint, none empty, none touching."""
    return bool(np.all(np.diff(of.ravel()) > 0)) and of.shape[1] == 2


@pytest.mark.slow
@many
@given(pairs)
def test_any_pairs_become_the_same_time_in_order(given_pairs: list[tuple[float, float]]) -> None:
    made = intervals(given_pairs)
    assert is_proper(made)
    assert np.array_equal(ticks(made), model(given_pairs))
    assert np.array_equal(intervals(made), made)


@pytest.mark.slow
@many
@given(pairs, pairs)
def test_union_intersection_and_difference_are_those_of_sets(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    a, b = intervals(first), intervals(second)
    for made, expected in (
        (union(a, b), model(first) | model(second)),
        (intersect(a, b), model(first) & model(second)),
        (subtract(a, b), model(first) & ~model(second)),
        (complement(a, 0.0, LENGTH * TICK_S), ~model(first)),
    ):
        assert is_proper(made)
        assert np.array_equal(ticks(made), expected)
        assert total_s(made) == np.count_nonzero(expected) * TICK_S


@pytest.mark.slow
@many
@given(pairs, pairs)
def test_the_sum_of_the_parts_is_the_whole(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    a, b = intervals(first), intervals(second)
    assert total_s(intersect(a, b)) + total_s(subtract(a, b)) == total_s(a)
    assert total_s(union(a, b)) + total_s(intersect(a, b)) == total_s(a) + total_s(b)


@pytest.mark.slow
@many
@given(pairs, pairs, st.integers(-400, 4000))
def test_shifting_time_shifts_the_result_and_nothing_else(
    first: list[tuple[float, float]], second: list[tuple[float, float]], by: int
) -> None:
    a, b, by_s = intervals(first), intervals(second), by * TICK_S
    for combine in (union, intersect, subtract):
        assert np.array_equal(combine(shift(a, by_s), shift(b, by_s)), shift(combine(a, b), by_s))


@pytest.mark.slow
@many
@given(pairs, st.integers(0, 20))
def test_bridging_fills_gaps_up_to_the_given_length_and_no_longer_ones(
    given_pairs: list[tuple[float, float]], longest: int
) -> None:
    longest_s = longest * TICK_S
    before = intervals(given_pairs)
    after = bridge(before, longest_s)
    assert is_proper(after)
    gaps = [b - a for a, b in zip(before[:-1, 1], before[1:, 0], strict=True)]
    filled = [gap for gap in gaps if gap <= longest_s]
    assert total_s(after) == total_s(before) + sum(filled)
    assert len(after) == len(before) - len(filled)


def test_two_intervals_that_touch_are_one() -> None:
    assert intervals([(1.0, 2.0), (0.0, 1.0)]).tolist() == [[0.0, 2.0]]


def test_an_interval_includes_its_start_and_excludes_its_end() -> None:
    inside = covers(intervals([(1.0, 2.0)]), np.array([0.999, 1.0, 1.999, 2.0]))
    assert inside.tolist() == [False, True, True, False]


def test_shorter_intervals_are_left_out() -> None:
    assert at_least(intervals([(0.0, 0.1), (1.0, 1.2)]), 0.2).tolist() == [[1.0, 1.2]]


def test_every_operation_accepts_the_empty_set() -> None:
    none = empty()
    some = intervals([(0.0, 1.0)])
    assert total_s(none) == 0.0
    assert union(none, some).tolist() == some.tolist()
    assert intersect(none, some).tolist() == []
    assert subtract(none, some).tolist() == []
    assert complement(none, 0.0, 1.0).tolist() == [[0.0, 1.0]]
    assert bridge(none, 1.0).tolist() == []
