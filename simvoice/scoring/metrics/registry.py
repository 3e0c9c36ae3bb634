"""The metric registry: each metric once, with what it is and when it cannot be told.

What a metric is stands as data in `data/metrics.toml` (see `codebook`), what computes it in
`measures`; they are joined here by key. A number that was measured from sound comes with the
interval that calibration found under such conditions (see `certificate`), or is refused under them;
one that was not says where it comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from simvoice.scoring.metrics.definitions import (
    BetterDirection,
    Definition,
    Need,
    Unit,
    definitions,
)
from simvoice.scoring.metrics.interval import (
    Conditions,
    ErrorTable,
    conditions,
    interval,
    refusal,
    shipped,
)
from simvoice.scoring.metrics.measures import MEASURES
from simvoice.scoring.metrics.quantities import NotMeasurable, reason_of
from simvoice.scoring.metrics.reading import Reading, Recorded, read

NOT_CALIBRATED = "error not yet calibrated"
FROM_JOURNAL = "from the journal's own times; an error is known for sound only"
DECIDED = "decided and written down as it happened"

_DECIDED = frozenset(
    {"interruptions", "interruption_depth", "first_interruption", "opening_interrupted"}
    | {"backchannels", "words_lost", "seconds_lost"}
)
"""Metrics that an attempt's journal knows and no sound has to tell."""

_TOLD_APART = frozenset(
    {"interruptions", "interruption_depth", "interruption_attempts", "early_starts"}
    | {"patient_interruptions", "first_interruption", "opening_interrupted", "backchannels"}
)
"""Metrics for which interruptions, early starts and acknowledgements have to be told apart: surely
with the words, less so by the sound (`calibrate` gives both)."""

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
    direction: BetterDirection
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
    direction: BetterDirection = "none"
    low: float | None = None
    """Lower end of the 90 % interval, in `unit`; None while it is not known."""
    high: float | None = None
    """Upper end of it."""


def measure(attempt: Recorded) -> list[Measured]:
    """Every metric of the registry, in its order."""
    return measure_reading(read(attempt))


def measure_reading(reading: Reading, table: ErrorTable | None = None) -> list[Measured]:
    """The same for a reading that was made already (or made from the sound).

    table: of errors; None takes the one that comes with simvoice.
    """
    certificate = _Certificate(reading, table or shipped())
    return [_measured(metric, reading, certificate) for metric in METRICS]


def _conditions(reading: Reading) -> Conditions | None:
    """Of its sound, and what its devices counted as lost; None when the sound was not read."""
    if reading.heard is None:
        return None
    found = conditions(reading.heard)
    return replace(found, lost=max(found.lost, reading.lost_share))


class _Certificate:
    """What is known of the errors of one reading's numbers."""

    def __init__(self, reading: Reading, table: ErrorTable | None) -> None:
        self._reading = reading
        self._table = table
        self._conditions = _conditions(reading)

    def refuse(self, metric: Metric) -> None:
        """Raise NotMeasurable when the sound is too bad for it."""
        if self._conditions is None or self._is_written_down(metric):
            return
        if why := refusal(self._conditions, metric.key):
            raise NotMeasurable(why)

    def interval(self, metric: Metric, value: float) -> tuple[float, float] | None:
        """(low, high) with 90 %; None where it is not known."""
        if self._conditions is None or self._table is None or self._is_written_down(metric):
            return None
        words = "words" in self._reading.given
        return interval(metric.key, value, self._conditions, self._table, words=words)

    def error(self, metric: Metric, found: tuple[float, float] | None) -> str:
        """The interval in words, or why there is none."""
        if found is not None:
            low, high = (_shown(end, metric.unit) for end in found)
            width = low if low == high else f"{low} to {high}"
            return f"90 % interval {width}{self._by(metric)}"
        if self._is_written_down(metric):
            return DECIDED
        return FROM_JOURNAL if self._conditions is None else NOT_CALIBRATED

    def _by(self, metric: Metric) -> str:
        if metric.key not in _TOLD_APART:
            return ""
        words = "words" in self._reading.given
        return ", told apart by the words" if words else ", told apart by sound alone"

    def _is_written_down(self, metric: Metric) -> bool:
        journal = "journal" in self._reading.given
        only = set(metric.needs) <= {"journal"}
        return journal and (only or metric.key in _DECIDED)


def _shown(value: float, unit: Unit) -> str:
    digits = 0 if unit in ("count", "words") else 2 if unit == "seconds" else 1
    return f"{value:.{digits}f}"


def _measured(metric: Metric, reading: Reading, certificate: _Certificate) -> Measured:
    value: float | None = None
    found: tuple[float, float] | None = None
    reason = ""
    try:
        for need in metric.needs:
            if need not in reading.given:
                raise NotMeasurable(_MISSING[need])
        certificate.refuse(metric)
        value = round(metric.measure(reading), 6)
        found = certificate.interval(metric, value)
    except NotMeasurable as why:
        reason = reason_of(why)
    return Measured(
        key=metric.key,
        name=metric.name,
        unit=metric.unit,
        value=value,
        reason=reason,
        error=certificate.error(metric, found),
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
"""In the order in which a debrief shows them."""
