"""How sure a number is: the conditions of a recording, and the error calibration found there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.scoring.metrics.definitions import Definition, definitions
from simvoice.timing.measure_sound import SoundMeasurement

# -- interval ---------------------------------------------------------------------------------


COVERAGE = 0.9
"""Share of conversations whose truth lies within an interval."""

CLEAN_SNR_DB = 45.0
"""A room as quiet disturbs nothing; quieter ones count as this."""
NO_LEAK_DB = -60.0
_WORST_SNR_DB = 8.0
_WORST_LEAK_DB = -20.0
_WORST_CLIPPED = 0.1
_WORST_LOST = 0.04
"""What lies beyond what was calibrated, by a margin within which errors grow evenly."""
_WORST_FADE_S = 0.085
"""A decay of 0.4 s, the longest that was calibrated, makes the median fade 0.07 to 0.08 s, one of
0.5 s 0.07 to 0.09, one of 0.6 s 0.10; a voice without echo 0.02 to 0.03."""
_HOPELESS_FADE_S = 0.2
"""A decay of 1 s makes it 0.14 to 0.19 s; what holds in more echo was not tried."""
_STRETCHES = 10
"""Stretches of speech of one speaker from which a median fade tells the room's echo."""

Scale = Literal["absolute", "relative", "root"]
"""What a metric's error grows with: nothing, the value, or the root of the value."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a recording was made, by its own sound: the worse of its two channels."""

    snr_db: float
    leak_db: float
    clipped: float
    """0..1: share of the speech's samples at full scale."""
    lost: float
    """0..1: share of the time in which sound is missing."""
    fade_s: float
    """Median seconds in which a stretch of speech fades: an echo makes it long. In the worse
    channel, too: a simulated patient has no room around her."""


def conditions(heard: SoundMeasurement) -> Conditions:
    """Of a recording; one in which nobody spoke has no noise to speak of."""
    lanes = (heard.learner, heard.patient)
    spoke = [lane for lane in lanes if len(lane.speech)]
    return Conditions(
        snr_db=min((lane.quality.snr_db for lane in spoke), default=CLEAN_SNR_DB),
        leak_db=max(lane.quality.leak_db for lane in lanes),
        clipped=max(lane.quality.clipped for lane in lanes),
        lost=max(lane.quality.lost for lane in lanes),
        fade_s=_fade_s([lane.voice.fades_s for lane in lanes]),
    )


def _fade_s(fades: Sequence[NDArray[np.float64]]) -> float:
    told = [float(np.median(lane)) for lane in fades if lane.size >= _STRETCHES]
    if told:
        return max(told)
    # A few stretches may trail off in a room without an echo: that refuses nothing.
    few = np.concatenate(fades)
    return min(float(np.median(few)), _WORST_FADE_S) if few.size else 0.0


HOLDS_IN_ECHO = frozenset(
    {"silences", "silence_time", "longest_silence", "silences_broken", "silences_mid_turn"}
    | {"silences_after_question", "silences_after_cue", "silences_after_news"}
    | {"floor_share", "learner_turns", "patient_turn_length", "longest_monologue"}
    | {"first_interruption", "pitch_median", "patient_pitch_median"}
)
"""Metrics whose intervals held the truth in 21 of 24 conversations and more with a decay of 0.6 to
1 s, with and without words; silences by kind are the same silences. An echo lengthens what ends and
fills short pauses: of the shares, pauses, overlaps and rates hardly any held."""


def refusal(found: Conditions, key: str = "") -> str:
    """Why what comes from the sound is not measurable under these conditions; else empty.

    key: of one metric, since some stand an echo that others do not; without it, whether nothing
    at all is measurable.
    """
    if found.snr_db < _WORST_SNR_DB:
        return f"noise {found.snr_db:.0f} dB"
    if found.leak_db > _WORST_LEAK_DB:
        return f"the other's voice at {found.leak_db:.0f} dB in a channel"
    if found.clipped > _WORST_CLIPPED:
        return f"{found.clipped:.0%} of the speech clipped"
    if found.lost > _WORST_LOST:
        return f"{found.lost:.1%} of the sound lost"
    stands = not key or key in HOLDS_IN_ECHO
    if found.fade_s > (_HOPELESS_FADE_S if stands else _WORST_FADE_S):
        return f"the room echoes (speech takes {found.fade_s:.2f} s to fade)"
    return ""


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """What calibration found under one condition."""

    name: str
    conditions: Conditions
    """Means of what was measured there."""
    bounds: Mapping[str, tuple[float, float]]
    """Metric to where the truth lies, (low, high), relative to the measured value and in the
    metric's scale."""


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """All of it."""

    provenance: Mapping[str, Any]
    axes: Mapping[str, tuple[ErrorCell, ...]]
    """Condition ("snr_db", "leak_db", "clipped", "lost", "fade_s") to its cells from undisturbed
    to worst; the first one is the same in all."""
    sem: Mapping[str, float]
    """Metric to the standard error of measurement between two planted encounters of one behaviour.
    """
    repeats: Mapping[str, float] = field(default_factory=dict)
    """The same from repeated simulated encounters (`retest`)."""

    def bounds(self, key: str, found: Conditions) -> tuple[float, float] | None:
        """(low, high) of truth minus value, in the metric's scale; None when not calibrated."""
        base = next(iter(self.axes.values()))[0].bounds.get(key)
        if base is None:
            return None
        low, high = base
        for axis, cells in self.axes.items():
            known = [cell for cell in cells if key in cell.bounds]
            places = [_place(axis, cell.conditions) for cell in known]
            here = _place(axis, found)
            low += float(np.interp(here, places, [c.bounds[key][0] for c in known])) - base[0]
            high += float(np.interp(here, places, [c.bounds[key][1] for c in known])) - base[1]
        return min(low, high), max(low, high)


def _place(axis: str, found: Conditions) -> float:
    """Where conditions lie on an axis; larger is worse."""
    if axis == "snr_db":
        return -min(found.snr_db, CLEAN_SNR_DB)
    if axis == "leak_db":
        return max(found.leak_db, NO_LEAK_DB)
    value: float = getattr(found, axis)
    return value


def scale_of(metric: Definition) -> Scale:
    """What its error grows with."""
    if metric.unit in ("count", "words"):
        return "root"
    if metric.key in _SUMS:
        return "relative"
    return "absolute"


_SUMS = frozenset({"learner_speech", "patient_speech", "overlap_time"})


def unit_of_error(scale: Scale, value: float) -> float:
    """What an error in a metric's scale is multiplied with to be in its unit."""
    if scale == "root":
        return float(np.sqrt(max(1.0, abs(value))))
    return max(1.0, abs(value)) if scale == "relative" else 1.0


def interval(
    key: str, value: float, found: Conditions, table: ErrorTable, *, words: bool = False
) -> tuple[float, float] | None:
    """(low, high) within which the truth lies in 90 of 100 such recordings; None where that is
    not known. words: whether the words were known too."""
    name = f"{key}+words" if words and key in WORDED else key
    bounds = table.bounds(name, found)
    if bounds is None:
        return None
    metric = next(entry for entry in definitions() if entry.key == key)
    unit = unit_of_error(scale_of(metric), value)
    low, high = value + bounds[0] * unit, value + bounds[1] * unit
    if metric.unit in ("count", "words"):
        # A count is whole: its interval reaches to the last whole number in it.
        low, high = np.ceil(round(low, 6)), np.floor(round(high, 6))
        low, high = min(low, value), max(high, value)
    if key not in _SIGNED:
        low = max(0.0, low)
    if metric.unit == "percent":
        high = min(100.0, high)
    return float(low), float(max(low, high))


_SIGNED = frozenset(
    {"response_latency", "patient_latency", "pitch_median", "patient_pitch_median"}
    | {"pitch_in_distress", "loudness_in_distress", "rate_in_distress"}
    | {"pitch_course", "loudness_course", "rate_course"}
)
"""All others are never below zero."""

WORDED = frozenset(entry.key for entry in definitions() if entry.needs == ("speech",))
"""Metrics that have another error where the words are known, because these tell who took the
floor."""


# -- the table as a file --------------------------------------------------------------------


@cache
def shipped() -> ErrorTable | None:
    """The table that comes with this version, with what repeated encounters showed; None where
    none was made yet."""
    path = files("simvoice.scoring") / "data" / "errors.json"
    if not path.is_file():
        return None
    table = from_json(json.loads(path.read_text(encoding="utf-8")))
    repeats = shipped_repeats()
    return table if repeats is None else replace(table, repeats=repeats.sem)


def from_json(data: Mapping[str, Any]) -> ErrorTable:
    """What `to_json` wrote."""
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


def to_json(table: ErrorTable) -> dict[str, Any]:
    """For the file in the package."""
    return {
        "provenance": dict(table.provenance),
        "sem": {key: round(value, 6) for key, value in sorted(table.sem.items())},
        "axes": {
            axis: [_cell(cell) for cell in cells] for axis, cells in sorted(table.axes.items())
        },
    }


def _cell(cell: ErrorCell) -> dict[str, Any]:
    return {
        "name": cell.name,
        "conditions": {name: round(value, 4) for name, value in asdict(cell.conditions).items()},
        "bounds": {
            key: [round(low, 6), round(high, 6)] for key, (low, high) in sorted(cell.bounds.items())
        },
    }


def bounds_of(errors: Sequence[float]) -> tuple[float, float]:
    """(low, high) between which the next error of the same kind lies with `COVERAGE`: the
    quantiles of a sample with its own uncertainty (Vovk et al. 2005: rank of n + 1)."""
    ordered = np.sort(np.asarray(errors, dtype=np.float64))
    n = ordered.size
    tail = (1.0 - COVERAGE) / 2.0
    places = np.arange(1, n + 1) / (n + 1.0)
    return float(np.interp(tail, places, ordered)), float(np.interp(1.0 - tail, places, ordered))


# -- retest -----------------------------------------------------------------------------------
# What the same number differs by between two encounters of the same behaviour: from repeats.
#
# `data/repeats.json` is what `simvoice calibrate --repeats` measured: simulated learners met the
# same patient again and again, with other pauses, another pitch and pace, another room and
# another choice of hers among equal lines; each encounter was recorded and measured from its
# sound. The spread within a behaviour is the standard error of measurement (Weir 2005, doi
# 10.1519/15184.1).


@dataclass(frozen=True, slots=True)
class Repeats:
    """The table."""

    provenance: Mapping[str, Any]
    sem: Mapping[str, float]
    """Metric to its standard error of measurement, in its unit."""
    freedom: Mapping[str, int]
    """Metric to the degrees of freedom that it rests on."""


def repeats_from_json(data: Mapping[str, Any]) -> Repeats:
    """What `to_json` wrote."""
    metrics = data["metrics"]
    return Repeats(
        data["provenance"],
        {key: float(entry["sem"]) for key, entry in metrics.items()},
        {key: int(entry["freedom"]) for key, entry in metrics.items()},
    )


def repeats_to_json(table: Repeats) -> dict[str, Any]:
    """For the file in the package."""
    return {
        "provenance": dict(table.provenance),
        "metrics": {
            key: {"sem": round(sem, 6), "freedom": table.freedom[key]}
            for key, sem in sorted(table.sem.items())
        },
    }


@cache
def shipped_repeats() -> Repeats | None:
    """The table that comes with this version; None where none was made yet."""
    path = files("simvoice.scoring") / "data" / "repeats.json"
    return (
        repeats_from_json(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
    )
