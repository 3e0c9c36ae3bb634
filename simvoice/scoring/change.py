"""Whether a number changed between two attempts, or only seems to have.

A difference counts from the minimal detectable change on: 1.96 · √2 · the standard error of
measurement (Weir 2005, doi 10.1519/15184.1), which is what two encounters differ by in which the
same person does the same. Below it nothing is said of better or worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simvoice.scoring.certificate import Table, shipped
from simvoice.scoring.metrics import Measured

Verdict = Literal[
    "improved",
    "worse",
    "higher",
    "lower",
    "no change beyond the error",
    "not comparable",
]
"""higher and lower are for metrics of which neither is better in itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """One metric in two attempts."""

    key: str
    before: float | None
    after: float | None
    difference: float | None
    """After less before, in the metric's unit."""
    detectable: float | None
    """The minimal detectable change, in the metric's unit; None where it is not known."""
    verdict: Verdict
    reason: str = ""
    """Why they cannot be compared."""


def minimal_detectable_change(key: str, table: Table) -> float | None:
    """MDC95 in the metric's unit; None where no test-retest error is known."""
    sem = table.sem.get(key)
    return None if sem is None else 1.96 * float(np.sqrt(2.0)) * sem


def change(before: Measured, after: Measured, table: Table | None = None) -> Change:
    """before, after: the same metric of two attempts. table: None takes the shipped one."""
    assert before.key == after.key
    table = table or shipped()
    detectable = minimal_detectable_change(before.key, table) if table else None
    if before.value is None or after.value is None:
        missing = before if before.value is None else after
        return _incomparable(before, after, detectable, missing.reason)
    difference = after.value - before.value
    if detectable is None:
        reason = "how much it differs between two attempts alike is not known"
        return _incomparable(before, after, None, reason, difference)
    verdict: Verdict = "no change beyond the error"
    if abs(difference) > detectable:
        verdict = _verdict(before, difference)
    return Change(before.key, before.value, after.value, difference, detectable, verdict)


def _verdict(metric: Measured, difference: float) -> Verdict:
    way: Literal["higher", "lower"] = "higher" if difference > 0.0 else "lower"
    if metric.direction == "none":
        return way
    return "improved" if way == metric.direction else "worse"


def _incomparable(
    before: Measured,
    after: Measured,
    detectable: float | None,
    reason: str,
    difference: float | None = None,
) -> Change:
    return Change(
        before.key, before.value, after.value, difference, detectable, "not comparable", reason
    )


def changes(
    before: list[Measured], after: list[Measured], table: Table | None = None
) -> list[Change]:
    """Every metric that both attempts have, in the order of the registry."""
    later = {measured.key: measured for measured in after}
    return [change(m, later[m.key], table) for m in before if m.key in later]
