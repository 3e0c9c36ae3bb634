"""`simvoice calibrate`: plant conversations, disturb and measure them, and report the errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from simvoice import __version__
from simvoice.machine import usable_cores
from simvoice.ports import Voice
from simvoice.research.calibrate.clips import VOICES, Bank, record_bank
from simvoice.research.calibrate.compare import HitCounts, Trial, run_trial, true_values
from simvoice.research.calibrate.conditions import HELD_OUT, STANDARD, RecordingCondition
from simvoice.research.calibrate.fit import coverage, fit, sem_of_pairs
from simvoice.research.calibrate.plant import Planted, plant
from simvoice.research.calibrate.skeleton import SkeletonUtterance, draw_skeleton, find_skeletons
from simvoice.scoring.metrics.interval import ErrorTable, shipped_errors

FITTED_VOICES = 4
"""The first of `VOICES`; the others speak only in the test conversations."""


@dataclass(frozen=True, slots=True)
class CalibrationSize:
    """The number and length of the planted conversations."""

    fitted: int
    """Conversations under each standard condition, to which the table is fitted."""
    tried: int
    """Other conversations, with other voices, under all conditions, on which it is tested."""
    length_s: float
    """Length of each of these, seconds."""
    pairs: int
    """Pairs of encounters of the same behaviour."""
    pair_s: float
    """Length of each encounter of a pair."""


QUICK = CalibrationSize(fitted=0, tried=5, length_s=150.0, pairs=0, pair_s=0.0)
FULL = CalibrationSize(fitted=48, tried=16, length_s=150.0, pairs=24, pair_s=300.0)

Done = Callable[[int, int], None]
"""Called with the number of finished items and the total."""


@dataclass(frozen=True, slots=True)
class _CalibrationJob:
    """A unit of work for one process: a conversation under some conditions."""

    number: int
    skeleton: Sequence[SkeletonUtterance]
    voices: tuple[int, int]
    seed: int
    length_s: float
    conditions: tuple[RecordingCondition, ...]


@dataclass(frozen=True, slots=True)
class CalibrationOutcome:
    """The result of a calibration."""

    trials: tuple[Trial, ...]
    """Trials of the test conversations, on which nothing was fitted."""
    table: ErrorTable | None
    """The table whose coverage is tested: the one fitted now, else the shipped one."""
    is_fitted: bool


def record_banks(voice: Voice, done: Done = lambda _, __: None) -> list[Bank]:
    """Record all sentences with every voice; fast when the voice has them in its cache."""
    made = []
    for number, style in enumerate(VOICES):
        done(number, len(VOICES))
        made.append(record_bank(voice, style))
    return made


def calibrate(
    banks: Sequence[Bank],
    size: CalibrationSize,
    *,
    textgrids: Path | None = None,
    workers: int | None = None,
    done: Done = lambda _, __: None,
) -> CalibrationOutcome:
    """Plant and measure conversations; fit a table when `size.fitted` is positive.

    Raises UsageError for a folder without TextGrids.
    """
    skeletons = _split_skeletons(find_skeletons(textgrids), size, tries_all=textgrids is not None)
    jobs = _fitted(skeletons, size) + _tried(skeletons, size) + _pairs(skeletons, size)
    trials = list(_run_jobs(jobs, banks, workers, done))
    fitted, tried, paired = (
        [t for t in trials if t.conversation // _BLOCK == part] for part in range(3)
    )
    table = shipped_errors()
    if size.fitted:
        table = fit(fitted, STANDARD, sem_of_pairs(paired), _provenance(skeletons, size, textgrids))
    return CalibrationOutcome(tuple(tried), table, bool(size.fitted))


_BLOCK = 100_000
"""Size of a block of conversation numbers; the blocks are fitted, tried and pairs."""


@dataclass(frozen=True, slots=True)
class _Skeletons:
    """The skeletons to fit the table and those to test it; none is in both."""

    fitted: Sequence[list[SkeletonUtterance]]
    tried: Sequence[list[SkeletonUtterance]]
    real: int
    """The number of fitted skeletons that come from real conversations."""


def _split_skeletons(
    real: list[list[SkeletonUtterance]], size: CalibrationSize, *, tries_all: bool
) -> _Skeletons:
    """Split the real skeletons: the last third to test, the others to fit; add drawn ones.

    tries_all: when nothing is fitted, test on all of them, which the shipped table has not seen.
    """
    third = max(1, len(real) // 3) if real else 0
    held_out = real if tries_all and not size.fitted else real[len(real) - third :]
    to_fit = real[: len(real) - third]
    count = max(size.fitted, size.pairs)
    longest_s = max(size.length_s, size.pair_s)
    return _Skeletons(
        [
            *to_fit[:count],
            *(draw_skeleton(7000 + k, longest_s) for k in range(count - len(to_fit))),
        ],
        [
            *held_out[: size.tried],
            *(draw_skeleton(9000 + k, longest_s) for k in range(size.tried - len(held_out))),
        ],
        min(len(to_fit), count),
    )


def _fitted(skeletons: _Skeletons, size: CalibrationSize) -> list[_CalibrationJob]:
    return [
        _CalibrationJob(
            k,
            skeletons.fitted[k],
            (k % 4, (k + 1 + k // 4 % 3) % 4),
            1000 + k,
            size.length_s,
            STANDARD,
        )
        for k in range(size.fitted)
    ]


def _tried(skeletons: _Skeletons, size: CalibrationSize) -> list[_CalibrationJob]:
    new = (4, 5)
    return [
        _CalibrationJob(
            _BLOCK + k,
            skeletons.tried[k],
            (new[k % 2], new[(k + 1) % 2]) if k % 3 else (new[k % 2], k % FITTED_VOICES),
            50_000 + k,
            size.length_s,
            STANDARD + HELD_OUT,
        )
        for k in range(size.tried)
    ]


def _pairs(skeletons: _Skeletons, size: CalibrationSize) -> list[_CalibrationJob]:
    quiet = (STANDARD[1],)
    return [
        _CalibrationJob(
            2 * _BLOCK + 2 * k + n,
            skeletons.fitted[k],
            (k % 4, (k + 1) % 4),
            90_000 + 2 * k + n,
            size.pair_s,
            quiet,
        )
        for k in range(size.pairs)
        for n in (0, 1)
    ]


# -- in several processes -------------------------------------------------------------------

_BANKS: list[Bank] = []


def _set_banks(banks: list[Bank]) -> None:
    _BANKS[:] = banks


def _run_job(job: _CalibrationJob) -> list[Trial]:
    planted = plant_between(job.skeleton, _BANKS, job.voices, job.seed, job.length_s)
    true = true_values(planted)
    return [
        run_trial(planted, condition, job.number, job.seed * 31 + n, true)
        for n, condition in enumerate(job.conditions)
    ]


def plant_between(
    skeleton: Sequence[SkeletonUtterance],
    banks: Sequence[Bank],
    voices: tuple[int, int],
    seed: int,
    length_s: float,
) -> Planted:
    """Plant a conversation between two of the voices."""
    learner, patient = voices
    return plant(skeleton, {"learner": banks[learner], "patient": banks[patient]}, seed, length_s)


def _run_jobs(
    jobs: Sequence[_CalibrationJob], banks: Sequence[Bank], workers: int | None, done: Done
) -> Iterable[Trial]:
    count = workers or usable_cores()
    # Spawn: the parent may run engines whose threads do not survive a fork.
    with ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=_set_banks, initargs=(list(banks),)
    ) as pool:
        for finished, trials in enumerate(pool.map(_run_job, jobs), 1):
            done(finished, len(jobs))
            yield from trials


# -- the report -----------------------------------------------------------------------------


def report(outcome: CalibrationOutcome) -> dict[str, Any]:
    """Return the figures by condition, as JSON data."""
    by_name: dict[str, list[Trial]] = defaultdict(list)
    for trial in outcome.trials:
        by_name[trial.condition].append(trial)
    names = [c.name for c in STANDARD + HELD_OUT if c.name in by_name]
    figures: dict[str, Any] = {
        "conversations": len({trial.conversation for trial in outcome.trials}),
        "onset_error_ms": {name: _edge_errors(by_name[name]) for name in names},
        "pause_f1": {name: _f1(t.pauses for t in by_name[name]) for name in names},
        "overlap_f1": {name: _f1(t.overlaps for t in by_name[name]) for name in names},
        "talk_ratio_error": {
            name: round(max(abs(t.talk_error) for t in by_name[name]), 2) for name in names
        },
        "interruption_f1": {name: _f1(t.interruptions for t in by_name[name]) for name in names},
        "interruption_f1_by_sound": {
            name: _f1(t.interruptions_by_sound for t in by_name[name]) for name in names
        },
    }
    if outcome.table is not None:
        held_out = [c.name for c in HELD_OUT]
        figures["coverage"] = {
            "all": coverage([t for t in outcome.trials if t.condition in held_out], outcome.table),
            **{name: coverage(by_name[name], outcome.table) for name in names},
        }
    figures["metrics"] = {name: _errors(by_name[name]) for name in names}
    return figures


def _edge_errors(trials: Iterable[Trial]) -> dict[str, float]:
    errors = 1000.0 * np.concatenate([trial.edges_s for trial in trials])
    return {
        "p50": round(float(np.percentile(np.abs(errors), 50)), 1),
        "p95": round(float(np.percentile(np.abs(errors), 95)), 1),
        "bias": round(float(np.median(errors)), 1),
    }


def _f1(counts: Iterable[HitCounts]) -> float:
    return round(sum(counts, HitCounts()).f1, 4)


def _errors(trials: Sequence[Trial]) -> dict[str, dict[str, float]]:
    """Return bias and spread (standard deviation) of measured minus true values, by metric."""
    keys = sorted({key for trial in trials for key in trial.metrics})
    found = {}
    for key in keys:
        pairs = np.array([trial.metrics[key] for trial in trials if key in trial.metrics])
        off = pairs[:, 1] - pairs[:, 0]
        found[key] = {
            "bias": round(float(off.mean()), 4),
            "spread": round(float(off.std()), 4),
            "n": int(off.size),
        }
    return found


def _provenance(
    skeletons: _Skeletons, size: CalibrationSize, textgrids: Path | None
) -> dict[str, Any]:
    source = "real consultations (PriMock57, CC BY 4.0)" if textgrids is None else "TextGrids"
    drawn_ones = size.fitted - min(skeletons.real, size.fitted)
    return {
        "made_by": "simvoice calibrate --write",
        "simvoice": __version__,
        "conversations": size.fitted,
        "length_s": size.length_s,
        "skeletons": f"{size.fitted - drawn_ones} {source}, {drawn_ones} drawn from the "
        "distributions of PriMock57; others are tried",
        "voices": "one Piper voice shaped to six persons by Praat; two only try the table out",
        "pairs": size.pairs,
        "pair_s": size.pair_s,
    }
