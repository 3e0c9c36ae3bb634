"""Decide whether a metric changed between two attempts.

A difference is a change when it exceeds the minimal detectable change: 1.96 · √2 · the standard
error of measurement (Weir 2005, doi 10.1519/15184.1), which is the spread between encounters in
which the same person does the same. A smaller difference is neither better nor worse.

The standard error has two sources: planted pairs of conversations (calibration), and simulated
learners who met the same patient several times (repeats). Both include the error of measurement, so
they are not added: the larger one counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simvoice.scoring.metrics.interval import ErrorTable, shipped_errors
from simvoice.scoring.metrics.registry import Measured

ChangeVerdict = Literal[
    "improved",
    "worse",
    "higher",
    "lower",
    "no change beyond the error",
    "not comparable",
]
"""higher, lower: for metrics where neither direction is better."""


@dataclass(frozen=True, slots=True)
class MetricChange:
    """One metric in two attempts."""

    key: str
    before: float | None
    after: float | None
    difference: float | None
    """After minus before, in the metric's unit."""
    detectable: float | None
    """The minimal detectable change, in the metric's unit; None where it is not known."""
    verdict: ChangeVerdict
    reason: str = ""
    """Why the values cannot be compared."""


@dataclass(frozen=True, slots=True)
class Retest:
    """Standard errors of a metric between two encounters of the same behaviour."""

    calibration: float | None
    """Standard error of measurement from planted pairs, in the metric's unit."""
    repeats: float | None
    """The same from repeated simulated encounters."""

    @property
    def sem(self) -> float | None:
        """The larger of the two; None where neither is known."""
        return max((e for e in (self.calibration, self.repeats) if e is not None), default=None)


def retest(key: str, table: ErrorTable) -> Retest:
    """Both standard errors of a metric."""
    return Retest(table.sem.get(key), table.repeats.get(key))


def detectable(sem: float) -> float:
    """Minimal detectable change (MDC95) for a standard error of measurement, in its unit."""
    return 1.96 * float(np.sqrt(2.0)) * sem


def minimal_detectable_change(key: str, table: ErrorTable) -> float | None:
    """Minimal detectable change (MDC95) of a metric, in its unit; None where no error is known."""
    sem = retest(key, table).sem
    return None if sem is None else detectable(sem)


def change(before: Measured, after: Measured, table: ErrorTable | None = None) -> MetricChange:
    """Compare one metric of two attempts. table: of errors; None takes the table that ships."""
    assert before.key == after.key
    table = table or shipped_errors()
    least = minimal_detectable_change(before.key, table) if table else None
    if before.value is None or after.value is None:
        missing = before if before.value is None else after
        return _incomparable(before, after, least, missing.reason)
    difference = after.value - before.value
    if least is None:
        reason = "the spread between attempts of the same behaviour is not known"
        return _incomparable(before, after, None, reason, difference)
    verdict: ChangeVerdict = "no change beyond the error"
    if abs(difference) > least:
        verdict = _verdict(before, difference)
    return MetricChange(before.key, before.value, after.value, difference, least, verdict)


def _verdict(metric: Measured, difference: float) -> ChangeVerdict:
    direction: Literal["higher", "lower"] = "higher" if difference > 0.0 else "lower"
    if metric.direction == "none":
        return direction
    return "improved" if direction == metric.direction else "worse"


def _incomparable(
    before: Measured,
    after: Measured,
    least: float | None,
    reason: str,
    difference: float | None = None,
) -> MetricChange:
    return MetricChange(
        before.key, before.value, after.value, difference, least, "not comparable", reason
    )


def changes(
    before: list[Measured], after: list[Measured], table: ErrorTable | None = None
) -> list[MetricChange]:
    """Compare every metric that both attempts have, in the order of the registry."""
    later = {measured.key: measured for measured in after}
    return [change(m, later[m.key], table) for m in before if m.key in later]
