"""Fit the error table to trials, and the standard error of measurement to repeated encounters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simvoice.research.calibrate.compare import Trial
from simvoice.research.calibrate.conditions import RecordingCondition
from simvoice.scoring.metrics.definitions import definitions
from simvoice.scoring.metrics.interval import (
    ERROR_DEPENDS_ON_WORDS,
    Conditions,
    ErrorCell,
    ErrorTable,
    error_bounds,
    error_scale,
    error_unit,
    interval,
    refusal,
)

# -- error table ----------------------------------------------------------------------------

LEAST_TRIALS = 15
"""The fewest trials that give the bounds of 90 of 100 errors."""

_AXES = {
    "noise": "snr_db",
    "bleed": "leak_db",
    "reverberation": "fade_s",
    "clipping": "clipped",
    "dropped": "lost",
}
"""First word of a condition's name to the quantity that is measured."""


def fit(
    trials: Sequence[Trial],
    standard: Sequence[RecordingCondition],
    sem: Mapping[str, float],
    provenance: Mapping[str, Any],
) -> ErrorTable:
    """Return the table with one cell for each condition; each axis starts with the clean one."""
    cells = {c.name: _cell(c.name, [t for t in trials if t.condition == c.name]) for c in standard}
    clean = cells[standard[0].name]
    axes: dict[str, list[ErrorCell]] = {axis: [clean] for axis in _AXES.values()}
    for condition in standard[1:]:
        axes[_AXES[condition.name.split()[0]]].append(cells[condition.name])
    return ErrorTable(provenance, {axis: tuple(row) for axis, row in axes.items()}, dict(sem))


def _cell(name: str, trials: Sequence[Trial]) -> ErrorCell:
    keys = {key for trial in trials for key in trial.metrics}
    errors = {
        key: [_error(key, *t.metrics[key]) for t in trials if key in t.metrics] for key in keys
    }
    means = {
        field: float(np.mean([getattr(trial.conditions, field) for trial in trials]))
        for field in Conditions.__slots__
    }
    return ErrorCell(
        name,
        Conditions(**means),
        {
            key: error_bounds(values)
            for key, values in errors.items()
            if len(values) >= LEAST_TRIALS
        },
    )


def _error(key: str, true: float, measured: float) -> float:
    """Return true minus measured, in the metric's scale."""
    plain = key.removesuffix("+words")
    metric = next(entry for entry in definitions() if entry.key == plain)
    return (true - measured) / error_unit(error_scale(metric), measured)


def coverage(trials: Sequence[Trial], table: ErrorTable) -> float:
    """Return the share of intervals that contain the true value, 0..1; NaN without intervals."""
    inside = [
        hit for trial in trials for hit in interval_hits(trial, table).values() if hit is not None
    ]
    return round(float(np.mean(inside)), 4) if inside else float("nan")


def interval_hits(trial: Trial, table: ErrorTable) -> dict[str, bool | None]:
    """Return for each metric whether its interval contains the true value; None without one."""
    if refusal(trial.conditions):
        return {}
    found: dict[str, bool | None] = {}
    for name, (true, measured) in trial.metrics.items():
        key = name.removesuffix("+words")
        words = name != key
        if refusal(trial.conditions, key) or (words and key not in ERROR_DEPENDS_ON_WORDS):
            continue
        bounds = interval(key, measured, trial.conditions, table, words=words)
        found[name] = None if bounds is None else bounds[0] - 1e-6 <= true <= bounds[1] + 1e-6
    return found


def sem_of_pairs(trials: Sequence[Trial]) -> dict[str, float]:
    """Return the standard error of measurement of each metric, from pairs of trials.

    Its square is half the mean squared difference between two encounters of the same behaviour.
    trials: the pairs, one after the other.
    """
    pairs = list(zip(trials[::2], trials[1::2], strict=True))
    found = {}
    for key in sorted({key for trial in trials for key in trial.metrics}):
        differences = [
            one.metrics[key][1] - two.metrics[key][1]
            for one, two in pairs
            if key in one.metrics and key in two.metrics
        ]
        if len(differences) >= LEAST_TRIALS:
            found[key] = float(np.sqrt(np.mean(np.square(differences)) / 2.0))
    return found


# -- repeated encounters --------------------------------------------------------------------

Values = Mapping[str, float]
"""Metric to value in one encounter, for measurable metrics."""


@dataclass(frozen=True, slots=True)
class RepeatError:
    """The error of one metric over repeated encounters."""

    sem: float
    """Standard error of measurement, in the metric's unit."""
    freedom: int
    """Degrees of freedom: encounters minus behaviours."""
    encounters: int
    behaviours: int
    """Pairs of learner and case with at least two measured encounters."""
    mean: float


def repeat_errors(groups: Sequence[Sequence[Values]]) -> dict[str, RepeatError]:
    """Return the error of each metric between encounters of the same behaviour.

    The standard error of measurement is the standard deviation within a behaviour (one learner with
    one case), pooled over behaviours: the root of the mean square within of a one-way analysis of
    variance (Weir 2005, doi 10.1519/15184.1). groups: the encounters of each behaviour. Metrics
    with fewer than `LEAST_TRIALS` degrees of freedom are left out.
    """
    found = {}
    for entry in definitions():
        rows = [[v[entry.key] for v in group if entry.key in v] for group in groups]
        rows = [row for row in rows if len(row) > 1]
        count = sum(len(row) for row in rows)
        freedom = count - len(rows)
        if freedom < LEAST_TRIALS:
            continue
        squares = sum(float(np.sum(np.square(np.array(row) - np.mean(row)))) for row in rows)
        found[entry.key] = RepeatError(
            sem=float(np.sqrt(squares / freedom)),
            freedom=freedom,
            encounters=count,
            behaviours=len(rows),
            mean=float(np.mean([value for row in rows for value in row])),
        )
    return found
