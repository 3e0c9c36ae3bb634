"""Intervals of a share of items met, and of the difference of two such shares.

The share of a heading is weighted. Its interval is that of Wilson (1927, doi
10.1080/01621459.1927.10502953) with the effective number of items after Kish (1965, Survey
Sampling, 11.7): the number of items of equal weight with the same information. The difference of
two shares has the interval of Agresti and Caffo (2000, doi 10.1080/00031305.2000.10474560), with
the same number. Both treat the items as a sample of what a learner may do: the intervals show how
far a share of few items moves by chance. They do not include the machine's own errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

Z95 = 1.959963984540054
"""Standard normal quantile of 97.5 %: all intervals in this module are 95 % intervals."""


@dataclass(frozen=True, slots=True)
class ItemShare:
    """A weighted share of items met, with its interval."""

    value: float
    """0..1."""
    n: float
    """Effective number of items, at least 1."""
    low: float
    """Lower end of the 95 % interval, 0..1."""
    high: float
    """Upper end of the 95 % interval, 0..1."""


@dataclass(frozen=True, slots=True)
class ShareDifference:
    """A later share minus an earlier one, with its interval."""

    value: float
    """-1..1."""
    low: float
    """Lower end of the 95 % interval, -1..1."""
    high: float
    """Upper end of the 95 % interval, -1..1."""

    @property
    def is_beyond_chance(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0.0 or self.high < 0.0


def effective_number(weights: Iterable[float]) -> float:
    """Kish's effective number: the squared sum over the sum of squares; 0 without weights.

    weights: each above 0. Equal weights give their number; unequal weights give less.
    """
    values = [float(weight) for weight in weights]
    squares = sum(weight * weight for weight in values)
    return sum(values) ** 2 / squares if squares > 0.0 else 0.0


def share(met: Iterable[float], not_met: Iterable[float]) -> ItemShare | None:
    """The weighted share of items met; None when no item was judged.

    met, not_met: weights of the items that were met and of those that were not.
    """
    yes, no = list(met), list(not_met)
    n = effective_number([*yes, *no])
    if n <= 0.0:
        return None
    value = sum(yes) / (sum(yes) + sum(no))
    low, high = wilson(value, n)
    return ItemShare(value, n, low, high)


def wilson(value: float, n: float) -> tuple[float, float]:
    """(low, high) of the 95 % interval of a share, after Wilson 1927; it contains the share.

    value: 0..1. n: effective number of items, above 0.
    """
    z2 = Z95 * Z95
    centre = (value + z2 / (2.0 * n)) / (1.0 + z2 / n)
    half = Z95 * sqrt(value * (1.0 - value) / n + z2 / (4.0 * n * n)) / (1.0 + z2 / n)
    return max(0.0, min(value, centre - half)), min(1.0, max(value, centre + half))


def difference(before: ItemShare, after: ItemShare) -> ShareDifference:
    """After minus before with its 95 % interval, after Agresti and Caffo 2000.

    One item met and one not met are added to each share. Two attempts have the same items, so their
    shares are correlated; treating them as independent makes the interval too wide rather than too
    narrow.
    """
    centre = 0.0
    variance = 0.0
    for each, sign in ((before, -1.0), (after, 1.0)):
        n = each.n + 2.0
        value = (each.value * each.n + 1.0) / n
        centre += sign * value
        variance += value * (1.0 - value) / n
    half = Z95 * sqrt(variance)
    moved = after.value - before.value
    low = max(-1.0, min(moved, centre - half))
    return ShareDifference(moved, low, min(1.0, max(moved, centre + half)))
