"""Sets of time as sorted, disjoint intervals, and the set operations on them.

`Intervals` is float64 [n, 2], seconds. Each row is (start, end) with start < end, and each end is
before the next start: two intervals that touch are one.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Intervals = NDArray[np.float64]
"""float64 [n, 2], seconds, sorted and disjoint."""

TICKS = 1e-9
"""Seconds: times closer than this are the same moment (far below one sample, 62.5 µs)."""


def empty() -> Intervals:
    """The empty set."""
    return np.empty((0, 2), dtype=np.float64)


def intervals(pairs: Iterable[tuple[float, float]] | Intervals) -> Intervals:
    """Make `Intervals` of (start, end) pairs in seconds, in any order; drop empty pairs."""
    raw = np.asarray(pairs if isinstance(pairs, np.ndarray) else list(pairs), dtype=np.float64)
    if raw.size == 0:
        return empty()
    raw = raw.reshape(-1, 2)
    raw = raw[raw[:, 1] - raw[:, 0] > TICKS]
    return bridge(raw[np.argsort(raw[:, 0], kind="stable")], 0.0)


def bridge(sorted_pairs: Intervals, longest_s: float) -> Intervals:
    """Join neighbours with at most `longest_s` seconds between them.

    sorted_pairs: sorted by start; may overlap.
    """
    if len(sorted_pairs) == 0:
        return empty()
    reach = np.maximum.accumulate(sorted_pairs[:, 1])
    is_first = np.concatenate(
        ([True], sorted_pairs[1:, 0] - reach[:-1] > max(longest_s, 0.0) + TICKS)
    )
    is_last = np.concatenate((is_first[1:], [True]))
    return np.column_stack((sorted_pairs[is_first, 0], reach[is_last]))


def total_s(of: Intervals) -> float:
    """Total length, seconds."""
    return float(np.sum(of[:, 1] - of[:, 0]))


def union(a: Intervals, b: Intervals) -> Intervals:
    """Time in either."""
    return intervals(np.concatenate((a, b)))


def intersect(a: Intervals, b: Intervals) -> Intervals:
    """Time in both."""
    edges = np.unique(np.concatenate((a.ravel(), b.ravel())))
    if edges.size < 2:
        return empty()
    middles = (edges[:-1] + edges[1:]) / 2.0
    cells = np.column_stack((edges[:-1], edges[1:]))
    return intervals(cells[covers(a, middles) & covers(b, middles)])


def complement(of: Intervals, start_s: float, end_s: float) -> Intervals:
    """Time between `start_s` and `end_s` that is not in `of`."""
    inside = intersect(of, intervals([(start_s, end_s)]))
    edges = np.concatenate(([start_s], inside.ravel(), [max(start_s, end_s)]))
    return intervals(edges.reshape(-1, 2))


def subtract(a: Intervals, b: Intervals) -> Intervals:
    """Time in `a` and not in `b`."""
    if len(a) == 0:
        return empty()
    return intersect(a, complement(b, float(a[0, 0]), float(a[-1, 1])))


def covers(of: Intervals, moments_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool [m]: whether each moment is inside an interval (start included, end excluded)."""
    if len(of) == 0:
        return np.zeros(len(moments_s), dtype=np.bool_)
    index = np.searchsorted(of[:, 0], moments_s, side="right") - 1
    inside = (index >= 0) & (moments_s < of[np.maximum(index, 0), 1])
    return np.asarray(inside, dtype=np.bool_)


def at_least(of: Intervals, shortest_s: float) -> Intervals:
    """The intervals that last `shortest_s` seconds or more."""
    return of[of[:, 1] - of[:, 0] >= shortest_s - TICKS]


def shift(of: Intervals, by_s: float) -> Intervals:
    """All intervals `by_s` seconds later."""
    return of + by_s
