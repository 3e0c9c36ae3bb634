"""The metric registry: each metric once, with what it is and when it cannot be told.

What a metric is stands as data in `data/metrics.toml` (see `codebook`), what computes it in
`measures`; they are joined here by key. No metric has been calibrated yet against planted truth,
and each says so: a number comes with its error or with the sentence that the error is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simvoice.scoring.codebook import Definition, Direction, Need, Unit, definitions
from simvoice.scoring.measures import MEASURES
from simvoice.scoring.reading import Reading, Recorded, read
from simvoice.scoring.unmeasurable import NotMeasurable

NOT_CALIBRATED = "error not yet calibrated"

_MISSING: dict[Need, str] = {
    "speech": "it is not known who spoke when",
    "sound": "the sound was not kept or not read",
    "words": "the words are not known",
    "journal": "only the sound is known; this needs the journal of an attempt",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `measure` gives the value in `unit`, or raises NotMeasurable."""

    key: str
    name: str
    unit: Unit
    definition: str
    direction: Direction
    """Which way is better; "none" where that depends on the visit."""
    source: str
    needs: tuple[Need, ...]
    """What it is computed from."""
    not_measurable_when: str
    measure: Callable[[Reading], float]


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's value in one attempt, or the reason why there is none."""

    key: str
    name: str
    unit: Unit
    value: float | None
    reason: str
    """Why it is not measurable here; empty when it is."""
    error: str
    """Its interval in words, or that there is none yet."""
    definition: str
    source: str
    direction: Direction = "none"
    low: float | None = None
    """Lower end of the 90 % interval, in `unit`; None while it is not known."""
    high: float | None = None
    """Upper end of it."""


def measure(attempt: Recorded) -> list[Measured]:
    """Every metric of the registry, in its order."""
    return measure_reading(read(attempt))


def measure_reading(reading: Reading) -> list[Measured]:
    """The same for a reading that was made already (or made from the sound)."""
    return [_measured(metric, reading) for metric in METRICS]


def _measured(metric: Metric, reading: Reading) -> Measured:
    value: float | None = None
    reason = ""
    try:
        for need in metric.needs:
            if need not in reading.given:
                raise NotMeasurable(_MISSING[need])
        value = round(metric.measure(reading), 6)
    except NotMeasurable as why:
        reason = f"not measurable here: {why}"
    return Measured(
        key=metric.key,
        name=metric.name,
        unit=metric.unit,
        value=value,
        reason=reason,
        error=NOT_CALIBRATED,
        definition=metric.definition,
        source=metric.source,
        direction=metric.direction,
    )


def _metric(entry: Definition) -> Metric:
    return Metric(
        key=entry.key,
        name=entry.name,
        unit=entry.unit,
        definition=entry.definition,
        direction=entry.direction,
        source=entry.source,
        needs=entry.needs,
        not_measurable_when=entry.unmeasurable,
        measure=MEASURES[entry.key],
    )


METRICS: tuple[Metric, ...] = tuple(_metric(entry) for entry in definitions())
"""In the order in which a debrief shows them."""
