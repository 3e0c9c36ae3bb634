"""How far a number moves from one encounter to the next when the learner does the same again.

The standard error of measurement is the standard deviation within one behaviour (one learner with
one case), over several encounters and pooled over behaviours: the root of the mean square within
of a one-way analysis of variance (Weir 2005, doi 10.1519/15184.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simvoice.research.calibrate.fit import LEAST
from simvoice.scoring.metrics.definitions import definitions

Values = Mapping[str, float]
"""Metric to value in one encounter, of those that were measurable."""


@dataclass(frozen=True, slots=True)
class Within:
    """One metric over repeated encounters."""

    sem: float
    """Standard error of measurement, in the metric's unit."""
    freedom: int
    """Degrees of freedom: encounters less behaviours."""
    encounters: int
    behaviours: int
    """Learners with a case of whom it was measured at least twice."""
    mean: float


def within(groups: Sequence[Sequence[Values]]) -> dict[str, Within]:
    """Metric to its error; groups: a list a behaviour, of its encounters. A metric that was
    measured too seldom for its error to be told (fewer degrees of freedom than `fit.LEAST`) is
    left out."""
    found = {}
    for entry in definitions():
        rows = [[v[entry.key] for v in group if entry.key in v] for group in groups]
        rows = [row for row in rows if len(row) > 1]
        count = sum(len(row) for row in rows)
        freedom = count - len(rows)
        if freedom < LEAST:
            continue
        squares = sum(float(np.sum(np.square(np.array(row) - np.mean(row)))) for row in rows)
        found[entry.key] = Within(
            sem=float(np.sqrt(squares / freedom)),
            freedom=freedom,
            encounters=count,
            behaviours=len(rows),
            mean=float(np.mean([value for row in rows for value in row])),
        )
    return found
