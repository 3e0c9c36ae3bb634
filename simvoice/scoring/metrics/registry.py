"""Measure every metric of a reading: value and error, joined by key.

A metric is one entry in `data/metrics.toml` (see `definitions`) and one function (see `functions`).
A number measured from sound has the interval that calibration found under the same conditions (see
`interval`), or is refused under them. Other numbers say where they come from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from simvoice.reading.reading import Need, Reading
from simvoice.rounding import round_precise
from simvoice.scoring.metrics import measures, voice_measures  # noqa: F401  they add functions
from simvoice.scoring.metrics.definitions import (
    BetterDirection,
    Definition,
    Unit,
    definitions,
)
from simvoice.scoring.metrics.functions import complete_measures
from simvoice.scoring.metrics.interval import (
    Conditions,
    ErrorTable,
    conditions,
    interval,
    refusal,
    shipped_errors,
)
from simvoice.scoring.metrics.quantities import NotMeasurable, reason_text

NOT_CALIBRATED = "error not yet calibrated"
FROM_JOURNAL = "from the journal's own times; the error is known only for sound"
DECIDED = "decided and recorded during the encounter"

_MISSING: dict[Need, str] = {
    "speech": "it is not known who spoke when",
    "sound": "the sound was not stored or not read",
    "words": "the words are not known",
    "journal": "only the sound is known; this needs the journal of an attempt",
}


MEASURES = complete_measures()
"""The function of every metric, by key."""


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

    table: of errors; None takes the table that ships with simvoice. With that table, a reading is
    measured once, however many readers ask.
    """
    if table is not None:
        return _measure(reading, table)
    if reading not in _known:
        _known[reading] = tuple(_measure(reading, shipped_errors()))
    return list(_known[reading])


_known: WeakKeyDictionary[Reading, tuple[Measured, ...]] = WeakKeyDictionary()


def _measure(reading: Reading, table: ErrorTable | None) -> list[Measured]:
    errors = _ReadingErrors(reading, table)
    return [_measured(metric, reading, errors) for metric in definitions()]


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

    def refuse(self, metric: Definition) -> None:
        """Raise NotMeasurable when the sound is too poor for the metric."""
        if self._conditions is None or self._is_recorded(metric):
            return
        if why := refusal(self._conditions, metric.key):
            raise NotMeasurable(why)

    def interval(self, metric: Definition, value: float) -> tuple[float, float] | None:
        """(low, high) of the 90 % interval; None where it is not known."""
        if self._conditions is None or self._table is None or self._is_recorded(metric):
            return None
        words = "words" in self._reading.available
        return interval(metric.key, value, self._conditions, self._table, words=words)

    def error(self, metric: Definition, found: tuple[float, float] | None) -> str:
        """The interval in words, or why there is none."""
        if found is not None:
            low, high = (_format_bound(end, metric.unit) for end in found)
            width = low if low == high else f"{low} to {high}"
            return f"90 % interval {width}{self._source_of_kinds(metric)}"
        if self._is_recorded(metric):
            return DECIDED
        return FROM_JOURNAL if self._conditions is None else NOT_CALIBRATED

    def _source_of_kinds(self, metric: Definition) -> str:
        if not metric.by_overlap_kind:
            return ""
        words = "words" in self._reading.available
        return ", classified by the words" if words else ", classified by sound alone"

    def _is_recorded(self, metric: Definition) -> bool:
        journal = "journal" in self._reading.available
        needs_only_journal = set(metric.needs) <= {"journal"}
        return journal and (needs_only_journal or metric.decided_live)


def _format_bound(value: float, unit: Unit) -> str:
    digits = 0 if unit in ("count", "words") else 2 if unit == "seconds" else 1
    return f"{value:.{digits}f}"


def _measured(metric: Definition, reading: Reading, errors: _ReadingErrors) -> Measured:
    value: float | None = None
    found: tuple[float, float] | None = None
    reason = ""
    try:
        for need in metric.needs:
            if need not in reading.available:
                raise NotMeasurable(_MISSING[need])
        errors.refuse(metric)
        value = round_precise(MEASURES[metric.key](reading))
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
        low=None if found is None else round_precise(found[0]),
        high=None if found is None else round_precise(found[1]),
    )
