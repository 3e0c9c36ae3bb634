"""Whether a number changed between two attempts, or only seems to have.

A difference counts from the minimal detectable change on: 1.96 · √2 · the standard error of
measurement (Weir 2005, doi 10.1519/15184.1), which is what two encounters differ by in which the
same person does the same. Below it nothing is said of better or worse.

That error is known from two sides: planted pairs of conversations (calibration), and simulated
learners who met the same patient again and again (repeats). Both hold the error of measuring, so
they are not added up: the larger one counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simvoice.scoring.metrics.interval import ErrorTable, shipped
from simvoice.scoring.metrics.registry import Measured

ChangeVerdict = Literal[
    "improved",
    "worse",
    "higher",
    "lower",
    "no change beyond the error",
    "not comparable",
]
"""higher and lower are for metrics of which neither is better in itself."""


@dataclass(frozen=True, slots=True)
class MetricChange:
    """One metric in two attempts."""

    key: str
    before: float | None
    after: float | None
    difference: float | None
    """After less before, in the metric's unit."""
    detectable: float | None
    """The minimal detectable change, in the metric's unit; None where it is not known."""
    verdict: ChangeVerdict
    reason: str = ""
    """Why they cannot be compared."""


@dataclass(frozen=True, slots=True)
class Retest:
    """What is known of how a metric differs between two encounters alike."""

    calibration: float | None
    """Standard error of measurement from planted pairs, in the metric's unit."""
    repeats: float | None
    """The same from repeated simulated encounters."""

    @property
    def sem(self) -> float | None:
        """The larger of the two; None where neither is known."""
        return max((e for e in (self.calibration, self.repeats) if e is not None), default=None)


def retest(key: str, table: ErrorTable) -> Retest:
    """Both errors of a metric."""
    return Retest(table.sem.get(key), table.repeats.get(key))


def detectable(sem: float) -> float:
    """MDC95 that follows from a standard error of measurement, in its unit."""
    return 1.96 * float(np.sqrt(2.0)) * sem


def minimal_detectable_change(key: str, table: ErrorTable) -> float | None:
    """MDC95 in the metric's unit; None where no test-retest error is known."""
    sem = retest(key, table).sem
    return None if sem is None else detectable(sem)


def change(before: Measured, after: Measured, table: ErrorTable | None = None) -> MetricChange:
    """before, after: the same metric of two attempts. table: None takes the shipped one."""
    assert before.key == after.key
    table = table or shipped()
    least = minimal_detectable_change(before.key, table) if table else None
    if before.value is None or after.value is None:
        missing = before if before.value is None else after
        return _incomparable(before, after, least, missing.reason)
    difference = after.value - before.value
    if least is None:
        reason = "how much it differs between two attempts alike is not known"
        return _incomparable(before, after, None, reason, difference)
    verdict: ChangeVerdict = "no change beyond the error"
    if abs(difference) > least:
        verdict = _verdict(before, difference)
    return MetricChange(before.key, before.value, after.value, difference, least, verdict)


def _verdict(metric: Measured, difference: float) -> ChangeVerdict:
    way: Literal["higher", "lower"] = "higher" if difference > 0.0 else "lower"
    if metric.direction == "none":
        return way
    return "improved" if way == metric.direction else "worse"


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
    """Every metric that both attempts have, in the order of the registry."""
    later = {measured.key: measured for measured in after}
    return [change(m, later[m.key], table) for m in before if m.key in later]
