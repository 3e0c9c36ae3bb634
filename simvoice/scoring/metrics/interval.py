"""Intervals of metrics, from the conditions of a recording and the errors that calibration found.

Two tables ship with simvoice. `data/errors.json` has the error of each metric under each condition,
from planted conversations (`simvoice calibrate`). `data/repeats.json` has the spread of each metric
between repeated encounters (`simvoice calibrate --repeats`): simulated learners met the same
patient several times, with other pauses, pitch, pace, room and choices among equal lines, and each
encounter was recorded and measured from its sound. The spread within a behaviour is the standard
error of measurement (Weir 2005, doi 10.1519/15184.1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.display import percent
from simvoice.rounding import round_precise
from simvoice.scoring.metrics.definitions import Definition, definition_of, definitions
from simvoice.timing.measure_sound import SoundMeasurement

# -- conditions -----------------------------------------------------------------------------

COVERAGE = 0.9
"""Share of conversations whose true value is within the interval."""

CLEAN_SNR_DB = 45.0
"""A room this quiet has no effect; quieter rooms count as this."""
NO_LEAK_DB = -60.0
_WORST_SNR_DB = 8.0
_WORST_LEAK_DB = -20.0
_WORST_CLIPPED = 0.1
_WORST_LOST = 0.04
"""The worst conditions that are accepted: those calibrated plus a margin in which errors grow
evenly."""
_WORST_FADE_S = 0.085
"""A decay of 0.4 s, the longest that was calibrated, gives a median fade of 0.07 to 0.08 s; a decay
of 0.5 s gives 0.07 to 0.09, one of 0.6 s 0.10; a voice without echo has 0.02 to 0.03."""
_HOPELESS_FADE_S = 0.2
"""A decay of 1 s gives 0.14 to 0.19 s; no metric was tested in more echo."""
_STRETCHES = 10
"""Least stretches of speech of one speaker whose median fade shows the room's echo."""

Scale = Literal["absolute", "relative", "root"]
"""How a metric's error grows: not at all, with the value, or with the root of the value."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions of a recording, measured from its sound: the worse of its two channels."""

    snr_db: float
    leak_db: float
    clipped: float
    """Share of the speech's samples at full scale, 0..1."""
    lost: float
    """Share of the time in which sound is missing, 0..1."""
    fade_s: float
    """Median time in which a stretch of speech fades, seconds; long in a room with echo. Of the
    worse channel, because a simulated patient's voice has no room around it."""


def conditions(sound: SoundMeasurement) -> Conditions:
    """Conditions of a recording. Without speech, the signal-to-noise ratio counts as clean."""
    lanes = (sound.learner, sound.patient)
    spoke = [lane for lane in lanes if len(lane.speech)]
    return Conditions(
        snr_db=min((lane.quality.snr_db for lane in spoke), default=CLEAN_SNR_DB),
        leak_db=max(lane.quality.leak_db for lane in lanes),
        clipped=max(lane.quality.clipped for lane in lanes),
        lost=max(lane.quality.lost for lane in lanes),
        fade_s=_fade_s([lane.voice.fades_s for lane in lanes]),
    )


def _fade_s(fades: Sequence[NDArray[np.float64]]) -> float:
    medians = [float(np.median(lane)) for lane in fades if lane.size >= _STRETCHES]
    if medians:
        return max(medians)
    # A few stretches may fade slowly in a room without echo, so they never refuse a metric.
    few = np.concatenate(fades)
    return min(float(np.median(few)), _WORST_FADE_S) if few.size else 0.0


def refusal(found: Conditions, key: str = "") -> str:
    """Why metrics from sound are not measurable under these conditions; empty when they are.

    key: of one metric, because some tolerate an echo that others do not. Without it, the reason why
    no metric at all is measurable.
    """
    if found.snr_db < _WORST_SNR_DB:
        return f"noise {found.snr_db:.0f} dB"
    if found.leak_db > _WORST_LEAK_DB:
        return f"the other's voice at {found.leak_db:.0f} dB in a channel"
    if found.clipped > _WORST_CLIPPED:
        return f"{percent(found.clipped)} of the speech clipped"
    if found.lost > _WORST_LOST:
        return f"{percent(found.lost, 1)} of the sound lost"
    tolerates_echo = not key or definition_of()[key].tolerates_echo
    if found.fade_s > (_HOPELESS_FADE_S if tolerates_echo else _WORST_FADE_S):
        return f"the room echoes (speech takes {found.fade_s:.2f} s to fade)"
    return ""


# -- errors and intervals ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """Errors that calibration found under one condition."""

    name: str
    conditions: Conditions
    """Means of the measured conditions."""
    bounds: Mapping[str, tuple[float, float]]
    """Metric to (low, high): true value minus measured value, in the metric's scale."""


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """Errors of all metrics under all conditions."""

    provenance: Mapping[str, Any]
    axes: Mapping[str, tuple[ErrorCell, ...]]
    """Condition ("snr_db", "leak_db", "clipped", "lost", "fade_s") to its cells, from undisturbed
    to worst. The first cell is the same on all axes."""
    sem: Mapping[str, float]
    """Metric to the standard error of measurement between two planted encounters of one behaviour.
    """
    repeats: Mapping[str, float] = field(default_factory=dict)
    """The same from repeated simulated encounters (`Repeats`)."""

    def bounds(self, key: str, found: Conditions) -> tuple[float, float] | None:
        """(low, high) of true minus measured value, in the metric's scale; None if not
        calibrated."""
        base = next(iter(self.axes.values()))[0].bounds.get(key)
        if base is None:
            return None
        low, high = base
        for axis, cells in self.axes.items():
            known = [cell for cell in cells if key in cell.bounds]
            positions = [_axis_value(axis, cell.conditions) for cell in known]
            here = _axis_value(axis, found)
            low += float(np.interp(here, positions, [c.bounds[key][0] for c in known])) - base[0]
            high += float(np.interp(here, positions, [c.bounds[key][1] for c in known])) - base[1]
        return min(low, high), max(low, high)


def _axis_value(axis: str, found: Conditions) -> float:
    """Position of conditions on an axis; larger is worse."""
    if axis == "snr_db":
        return -min(found.snr_db, CLEAN_SNR_DB)
    if axis == "leak_db":
        return max(found.leak_db, NO_LEAK_DB)
    value: float = getattr(found, axis)
    return value


def error_scale(metric: Definition) -> Scale:
    """The scale of a metric's error."""
    if metric.unit in ("count", "words"):
        return "root"
    return "relative" if metric.relative_error else "absolute"


def error_unit(scale: Scale, value: float) -> float:
    """The factor that converts an error from a metric's scale to its unit."""
    if scale == "root":
        return float(np.sqrt(max(1.0, abs(value))))
    return max(1.0, abs(value)) if scale == "relative" else 1.0


def interval(
    key: str, value: float, found: Conditions, table: ErrorTable, *, words: bool = False
) -> tuple[float, float] | None:
    """(low, high) that contains the true value in 90 of 100 such recordings; None where not known.

    words: whether the words were known.
    """
    name = f"{key}+words" if words and key in ERROR_DEPENDS_ON_WORDS else key
    bounds = table.bounds(name, found)
    if bounds is None:
        return None
    metric = definition_of()[key]
    unit = error_unit(error_scale(metric), value)
    low, high = value + bounds[0] * unit, value + bounds[1] * unit
    if metric.unit in ("count", "words"):
        # The ends of the interval of a count are whole numbers.
        low, high = np.ceil(round_precise(low)), np.floor(round_precise(high))
        low, high = min(low, value), max(high, value)
    if not metric.signed:
        low = max(0.0, low)
    if metric.unit == "percent":
        high = min(100.0, high)
    return float(low), float(max(low, high))


ERROR_DEPENDS_ON_WORDS = frozenset(
    entry.key for entry in definitions() if entry.needs == ("speech",)
)
"""Metrics whose error is different where the words are known, because words show who took the
turn."""


# -- the table of errors as a file ----------------------------------------------------------


@cache
def shipped_errors() -> ErrorTable | None:
    """The table that ships with simvoice, errors from repeats included; None where there is no
    file."""
    path = files("simvoice.scoring") / "data" / "errors.json"
    if not path.is_file():
        return None
    table = errors_from_json(json.loads(path.read_text(encoding="utf-8")))
    repeats = shipped_repeats()
    return table if repeats is None else replace(table, repeats=repeats.sem)


def errors_from_json(data: Mapping[str, Any]) -> ErrorTable:
    """The table that `errors_to_json` wrote."""
    axes = {
        axis: tuple(
            ErrorCell(
                cell["name"],
                Conditions(**cell["conditions"]),
                {key: (low, high) for key, (low, high) in cell["bounds"].items()},
            )
            for cell in cells
        )
        for axis, cells in data["axes"].items()
    }
    return ErrorTable(data["provenance"], axes, data["sem"])


def errors_to_json(table: ErrorTable) -> dict[str, Any]:
    """The table as JSON, for `data/errors.json`."""
    return {
        "provenance": dict(table.provenance),
        "sem": {key: round_precise(value) for key, value in sorted(table.sem.items())},
        "axes": {
            axis: [_cell(cell) for cell in cells] for axis, cells in sorted(table.axes.items())
        },
    }


def _cell(cell: ErrorCell) -> dict[str, Any]:
    return {
        "name": cell.name,
        "conditions": {name: round(value, 4) for name, value in asdict(cell.conditions).items()},
        "bounds": {
            key: [round_precise(low), round_precise(high)]
            for key, (low, high) in sorted(cell.bounds.items())
        },
    }


def error_bounds(errors: Sequence[float]) -> tuple[float, float]:
    """(low, high) that contains the next error of the same kind with probability `COVERAGE`.

    These are quantiles of the sample with its own uncertainty (Vovk et al. 2005: rank of n + 1).
    """
    ordered = np.sort(np.asarray(errors, dtype=np.float64))
    n = ordered.size
    tail = (1.0 - COVERAGE) / 2.0
    ranks = np.arange(1, n + 1) / (n + 1.0)
    return float(np.interp(tail, ranks, ordered)), float(np.interp(1.0 - tail, ranks, ordered))


# -- the spread between repeated encounters -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Repeats:
    """Spread of metrics between repeated encounters of one behaviour."""

    provenance: Mapping[str, Any]
    sem: Mapping[str, float]
    """Metric to its standard error of measurement, in its unit."""
    freedom: Mapping[str, int]
    """Metric to the degrees of freedom of its standard error."""


def repeats_from_json(data: Mapping[str, Any]) -> Repeats:
    """The table that `repeats_to_json` wrote."""
    metrics = data["metrics"]
    return Repeats(
        data["provenance"],
        {key: float(entry["sem"]) for key, entry in metrics.items()},
        {key: int(entry["freedom"]) for key, entry in metrics.items()},
    )


def repeats_to_json(table: Repeats) -> dict[str, Any]:
    """The table as JSON, for `data/repeats.json`."""
    return {
        "provenance": dict(table.provenance),
        "metrics": {
            key: {"sem": round_precise(sem), "freedom": table.freedom[key]}
            for key, sem in sorted(table.sem.items())
        },
    }


@cache
def shipped_repeats() -> Repeats | None:
    """The table that ships with simvoice; None where there is no file."""
    path = files("simvoice.scoring") / "data" / "repeats.json"
    return (
        repeats_from_json(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
    )
