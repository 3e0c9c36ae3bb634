"""Agreement of raters: Cohen's kappa, Gwet's AC1 and the intraclass correlation, with intervals.

The intervals come from resampling whole attempts; in full agreement, from the exact binomial.

Sources: Cohen 1960, doi 10.1177/001316446002000104; Gwet 2008, doi 10.1348/000711006X126600;
Shrout & Fleiss 1979, doi 10.1037/0033-2909.86.2.420, ICC(2,1): two-way random, absolute agreement,
single rating. Resampling: Efron's percentile bootstrap, over attempts, because the ratings of one
attempt belong together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95
_SEED = 20_260_101
"""Fixed, so that the same ratings give the same interval."""
_DEFINED_SHARE = 0.5
"""Least share of resamples with a value; with fewer, there is no interval."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A coefficient with its interval."""

    value: float | None
    """None when the coefficient is not defined: nothing varied, or too little was rated."""
    low: float | None = None
    high: float | None = None
    """Ends of the 95 % interval; None when too few attempts were rated for one."""


@dataclass(frozen=True, slots=True)
class RatingPair:
    """Yes or no of two raters on one item of one attempt."""

    attempt: str
    first: bool
    second: bool


def kappa(pairs: Sequence[RatingPair]) -> Estimate:
    """Cohen's kappa of two raters' yes and no, -1..1."""
    return _estimate(pairs, _kappa)


def label_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Cohen's kappa of two codings with any number of labels, -1..1, without an interval.

    None without pairs, or where chance alone agrees on everything.
    """
    counts = Counter(pairs)
    labels = dict.fromkeys(label for pair in counts for label in pair)
    number = {label: n for n, label in enumerate(labels)}
    if not counts:
        return None
    table = np.zeros((len(number), len(number)))
    for (first, second), count in counts.items():
        table[number[first], number[second]] = count
    value = float(_kappa(table[None])[0])
    return value if np.isfinite(value) else None


def ac1(pairs: Sequence[RatingPair]) -> Estimate:
    """Gwet's AC1 of two raters' yes and no, -1..1."""
    return _estimate(pairs, _ac1)


def observed_agreement(pairs: Sequence[RatingPair]) -> float | None:
    """Share of pairs in which both raters gave the same answer, 0..1; None without pairs."""
    return sum(p.first == p.second for p in pairs) / len(pairs) if pairs else None


def icc(table: Sequence[Sequence[float]]) -> Estimate:
    """ICC(2,1). table: [n attempts][k raters]; every rater rated every attempt."""
    if len(table) < 2 or len(table[0]) < 2:
        return Estimate(None)
    values = np.asarray(table, dtype=np.float64)
    value = float(_icc(values[None])[0])
    drawn = np.random.default_rng(_SEED).integers(len(values), size=(RESAMPLES, len(values)))
    return _with_interval(value, _icc(values[drawn]))


def _estimate(pairs: Sequence[RatingPair], coefficient: Callable[[Floats], Floats]) -> Estimate:
    """A coefficient with its interval.

    coefficient: from [m, 2, 2] weights of first x second to [m] values.
    """
    if not pairs:
        return Estimate(None)
    names = sorted({pair.attempt for pair in pairs})
    tables = np.zeros((len(names), 2, 2))
    for pair in pairs:
        tables[names.index(pair.attempt), int(pair.first), int(pair.second)] += 1.0
    value = float(coefficient(tables.sum(axis=0)[None])[0])
    if len(names) < 2:
        return Estimate(value if np.isfinite(value) else None)
    if all(pair.first == pair.second for pair in pairs):
        return _in_full_agreement(value, tables.sum(axis=0), len(names), coefficient)
    random = np.random.default_rng(_SEED)
    weights = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    resampled = np.einsum("mn,nij->mij", weights.astype(np.float64), tables)
    return _with_interval(value, coefficient(resampled))


def _in_full_agreement(
    value: float, table: Floats, attempts: int, coefficient: Callable[[Floats], Floats]
) -> Estimate:
    """A coefficient with its interval where every pair agrees.

    Resampling would give an interval of zero width. The lower end is therefore the coefficient with
    the largest share of disagreement that is possible with this number of attempts (Clopper &
    Pearson 1934, doi 10.1093/biomet/26.4.404).
    """
    if not np.isfinite(value):
        return Estimate(None)
    most = 1.0 - ((1.0 - LEVEL) / 2.0) ** (1.0 / attempts)
    disagree = np.array([[0.0, 0.5], [0.5, 0.0]])
    possible = (1.0 - most) * table / table.sum() + most * disagree
    return Estimate(value, round(float(coefficient(possible[None])[0]), 4), value)


def _with_interval(value: float, resampled: Floats) -> Estimate:
    if not np.isfinite(value):
        return Estimate(None)
    defined = resampled[np.isfinite(resampled)]
    if defined.size < _DEFINED_SHARE * resampled.size:
        return Estimate(round(value, 4))
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return Estimate(round(value, 4), round(float(low), 4), round(float(high), 4))


def _observed(tables: Floats) -> tuple[Floats, Floats, Floats]:
    """(share agreed, [m]; shares of the first rater's answers and of the second's, [m, k])."""
    shares = tables / tables.sum(axis=(1, 2), keepdims=True)
    same = np.trace(shares, axis1=1, axis2=2)
    return same, shares.sum(axis=2), shares.sum(axis=1)


def _kappa(tables: Floats) -> Floats:
    """Cohen's kappa, [m]. tables: [m, k, k] weights of first x second."""
    same, first, second = _observed(tables)
    return _beyond_chance(same, (first * second).sum(axis=1))


def _ac1(tables: Floats) -> Floats:
    same, first, second = _observed(tables)
    yes = (first[:, 1] + second[:, 1]) / 2.0
    return _beyond_chance(same, 2.0 * yes * (1.0 - yes))


def _beyond_chance(same: Floats, chance: Floats) -> Floats:
    """(observed - chance) / (1 - chance), [m]; nan where chance agreement is 1."""
    largest = 1.0 - chance
    made: Floats = np.full_like(same, np.nan)
    np.divide(same - chance, largest, out=made, where=largest > 1e-12)
    return made


def _icc(values: Floats) -> Floats:
    """ICC(2,1), [m]; nan where nothing varies. values: [m, n attempts, k raters]."""
    _, n, k = values.shape
    mean = values.mean(axis=(1, 2), keepdims=True)
    rows = values.mean(axis=2, keepdims=True)
    columns = values.mean(axis=1, keepdims=True)
    between = k * ((rows - mean) ** 2).sum(axis=(1, 2)) / (n - 1)
    raters = n * ((columns - mean) ** 2).sum(axis=(1, 2)) / (k - 1)
    residual = ((values - rows - columns + mean) ** 2).sum(axis=(1, 2)) / ((n - 1) * (k - 1))
    total = between + (k - 1) * residual + k * (raters - residual) / n
    made: Floats = np.full_like(total, np.nan)
    np.divide(between - residual, total, out=made, where=np.abs(total) > 1e-12)
    return made
