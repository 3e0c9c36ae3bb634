"""The metric registry: definition, measure and error of every metric, joined by key.

Definitions are data in `data/metrics.toml` (see `definitions`); `measures` computes the values. A
number measured from sound has the interval that calibration found under the same conditions (see
`interval`), or is refused under them. Other numbers say where they come from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from simvoice.reading.reading import Need, Reading
from simvoice.scoring.metrics.definitions import (
    BetterDirection,
    Definition,
    Unit,
    definitions,
)
from simvoice.scoring.metrics.interval import (
    Conditions,
    ErrorTable,
    conditions,
    interval,
    refusal,
    shipped_errors,
)
from simvoice.scoring.metrics.measures import MEASURES
from simvoice.scoring.metrics.quantities import NotMeasurable, reason_text

NOT_CALIBRATED = "error not yet calibrated"
FROM_JOURNAL = "from the journal's own times; the error is known only for sound"
DECIDED = "decided and recorded during the encounter"

_DECIDED = frozenset(
    {"interruptions", "interruption_depth", "first_interruption", "opening_interrupted"}
    | {"backchannels", "words_lost", "seconds_lost"}
)
"""Metrics that come from an attempt's journal and not from its sound."""

_NEED_OVERLAP_KINDS = frozenset(
    {"interruptions", "interruption_depth", "interruption_attempts", "early_starts"}
    | {"patient_interruptions", "first_interruption", "opening_interrupted", "backchannels"}
)
"""Metrics that depend on the kind of an overlap. The words give the kind reliably, the sound less
so; `calibrate` measures both errors."""

_MISSING: dict[Need, str] = {
    "speech": "it is not known who spoke when",
    "sound": "the sound was not stored or not read",
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
    direction: BetterDirection
    """Which direction is better; "none" where that depends on the visit."""
    source: str
    needs: tuple[Need, ...]
    """What the metric is computed from."""
    not_measurable_when: str
    measure: Callable[[Reading], float]


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's value in one attempt, or the reason why there is no value."""

    key: str
    name: str
    unit: Unit
    value: float | None
    reason: str
    """Why the metric is not measurable here; empty when it is."""
    error: str
    """The interval in words, or why there is none."""
    definition: str
    source: str
    direction: BetterDirection = "none"
    low: float | None = None
    """Lower end of the 90 % interval, in `unit`; None where it is not known."""
    high: float | None = None
    """Upper end of the 90 % interval."""


def measure_reading(reading: Reading, table: ErrorTable | None = None) -> list[Measured]:
    """Measure every metric of a reading, in the order of the registry.

    table: of errors; None takes the table that ships with simvoice.
    """
    errors = _ReadingErrors(reading, table or shipped_errors())
    return [_measured(metric, reading, errors) for metric in METRICS]


def _conditions(reading: Reading) -> Conditions | None:
    """Conditions of the sound, loss counted by the devices included; None without sound."""
    if reading.sound is None:
        return None
    found = conditions(reading.sound)
    return replace(found, lost=max(found.lost, reading.lost_share))


class _ReadingErrors:
    """The errors of one reading's metrics."""

    def __init__(self, reading: Reading, table: ErrorTable | None) -> None:
        self._reading = reading
        self._table = table
        self._conditions = _conditions(reading)

    def refuse(self, metric: Metric) -> None:
        """Raise NotMeasurable when the sound is too poor for the metric."""
        if self._conditions is None or self._is_recorded(metric):
            return
        if why := refusal(self._conditions, metric.key):
            raise NotMeasurable(why)

    def interval(self, metric: Metric, value: float) -> tuple[float, float] | None:
        """(low, high) of the 90 % interval; None where it is not known."""
        if self._conditions is None or self._table is None or self._is_recorded(metric):
            return None
        words = "words" in self._reading.available
        return interval(metric.key, value, self._conditions, self._table, words=words)

    def error(self, metric: Metric, found: tuple[float, float] | None) -> str:
        """The interval in words, or why there is none."""
        if found is not None:
            low, high = (_format_bound(end, metric.unit) for end in found)
            width = low if low == high else f"{low} to {high}"
            return f"90 % interval {width}{self._source_of_kinds(metric)}"
        if self._is_recorded(metric):
            return DECIDED
        return FROM_JOURNAL if self._conditions is None else NOT_CALIBRATED

    def _source_of_kinds(self, metric: Metric) -> str:
        if metric.key not in _NEED_OVERLAP_KINDS:
            return ""
        words = "words" in self._reading.available
        return ", classified by the words" if words else ", classified by sound alone"

    def _is_recorded(self, metric: Metric) -> bool:
        journal = "journal" in self._reading.available
        needs_only_journal = set(metric.needs) <= {"journal"}
        return journal and (needs_only_journal or metric.key in _DECIDED)


def _format_bound(value: float, unit: Unit) -> str:
    digits = 0 if unit in ("count", "words") else 2 if unit == "seconds" else 1
    return f"{value:.{digits}f}"


def _measured(metric: Metric, reading: Reading, errors: _ReadingErrors) -> Measured:
    value: float | None = None
    found: tuple[float, float] | None = None
    reason = ""
    try:
        for need in metric.needs:
            if need not in reading.available:
                raise NotMeasurable(_MISSING[need])
        errors.refuse(metric)
        value = round(metric.measure(reading), 6)
        found = errors.interval(metric, value)
    except NotMeasurable as why:
        reason = reason_text(why)
    return Measured(
        key=metric.key,
        name=metric.name,
        unit=metric.unit,
        value=value,
        reason=reason,
        error=errors.error(metric, found),
        definition=metric.definition,
        source=metric.source,
        direction=metric.direction,
        low=None if found is None else round(found[0], 6),
        high=None if found is None else round(found[1], 6),
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
"""All metrics, in the order in which a debrief shows them."""
