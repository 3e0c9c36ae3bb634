"""`simvoice calibrate`: plant, disturb, measure, and say how far off the measurement is."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from simvoice import __version__
from simvoice.ports import Voice
from simvoice.research.calibrate.clips import VOICES, Bank, record_bank
from simvoice.research.calibrate.compare import HitCounts, Trial, true_values, try_out
from simvoice.research.calibrate.conditions import HELD_OUT, STANDARD, Condition
from simvoice.research.calibrate.fit import covered, fit, retest
from simvoice.research.calibrate.plant import Planted, plant
from simvoice.research.calibrate.skeleton import SkeletonUtterance, drawn, find
from simvoice.scoring.metrics.interval import ErrorTable, shipped_errors

FITTED_VOICES = 4
"""Of `VOICES`; the others speak only where the table is tried out."""


@dataclass(frozen=True, slots=True)
class CalibrationSize:
    """How much is planted."""

    fitted: int
    """Conversations under each of the conditions that the table is fitted on."""
    tried: int
    """Conversations, other ones and by other voices, under each of all conditions."""
    length_s: float
    """Of each."""
    pairs: int
    """Pairs of encounters of the same behaviour."""
    pair_s: float
    """Length of each encounter of a pair."""


QUICK = CalibrationSize(fitted=0, tried=5, length_s=150.0, pairs=0, pair_s=0.0)
FULL = CalibrationSize(fitted=48, tried=16, length_s=150.0, pairs=24, pair_s=300.0)

Done = Callable[[int, int], None]
"""Called with what is done and how much there is."""


@dataclass(frozen=True, slots=True)
class _CalibrationJob:
    """What one process does at a time: one conversation under some conditions."""

    number: int
    skeleton: Sequence[SkeletonUtterance]
    voices: tuple[int, int]
    seed: int
    length_s: float
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class CalibrationOutcome:
    """Everything that was found out."""

    trials: tuple[Trial, ...]
    """Of the conversations on which nothing was fitted."""
    table: ErrorTable | None
    """Against which their coverage is counted: the one fitted now, else the shipped one."""
    is_fitted: bool


def banks(voice: Voice, done: Done = lambda _, __: None) -> list[Bank]:
    """Everything that is said, by every voice; quick once the voice has it in its cache."""
    made = []
    for number, style in enumerate(VOICES):
        done(number, len(VOICES))
        made.append(record_bank(voice, style))
    return made


def calibrate(
    spoken: Sequence[Bank],
    size: CalibrationSize,
    *,
    textgrids: Path | None = None,
    workers: int | None = None,
    done: Done = lambda _, __: None,
) -> CalibrationOutcome:
    """Plant and measure; fit a table when the size says so. Raises UsageError for a folder
    without TextGrids."""
    known = _shared_out(find(textgrids), size, tries_all=textgrids is not None)
    jobs = _fitted(known, size) + _tried(known, size) + _pairs(known, size)
    trials = list(_work(jobs, spoken, workers, done))
    fitted, tried, paired = (
        [t for t in trials if t.conversation // _BLOCK == part] for part in range(3)
    )
    table = shipped_errors()
    if size.fitted:
        table = fit(fitted, STANDARD, retest(paired), _provenance(known, size, textgrids))
    return CalibrationOutcome(tuple(tried), table, bool(size.fitted))


_BLOCK = 100_000
"""Conversations are numbered in three blocks: fitted, tried, pairs."""


@dataclass(frozen=True, slots=True)
class _Skeletons:
    """Which times are for what: none that the table is fitted on is tried."""

    fitted: Sequence[list[SkeletonUtterance]]
    tried: Sequence[list[SkeletonUtterance]]
    real: int
    """How many of those that are fitted are of real talk."""


def _shared_out(
    real: list[list[SkeletonUtterance]], size: CalibrationSize, *, tries_all: bool
) -> _Skeletons:
    """The last third of the real ones is tried, the others are fitted; drawn ones fill up.

    tries_all: where nothing is fitted, try all of them: the shipped table has not seen them.
    """
    third = max(1, len(real) // 3) if real else 0
    held = real if tries_all and not size.fitted else real[len(real) - third :]
    kept = real[: len(real) - third]
    count = max(size.fitted, size.pairs)
    longest_s = max(size.length_s, size.pair_s)
    return _Skeletons(
        [*kept[:count], *(drawn(7000 + k, longest_s) for k in range(count - len(kept)))],
        [*held[: size.tried], *(drawn(9000 + k, longest_s) for k in range(size.tried - len(held)))],
        min(len(kept), count),
    )


def _fitted(known: _Skeletons, size: CalibrationSize) -> list[_CalibrationJob]:
    return [
        _CalibrationJob(
            k, known.fitted[k], (k % 4, (k + 1 + k // 4 % 3) % 4), 1000 + k, size.length_s, STANDARD
        )
        for k in range(size.fitted)
    ]


def _tried(known: _Skeletons, size: CalibrationSize) -> list[_CalibrationJob]:
    new = (4, 5)
    return [
        _CalibrationJob(
            _BLOCK + k,
            known.tried[k],
            (new[k % 2], new[(k + 1) % 2]) if k % 3 else (new[k % 2], k % FITTED_VOICES),
            50_000 + k,
            size.length_s,
            STANDARD + HELD_OUT,
        )
        for k in range(size.tried)
    ]


def _pairs(known: _Skeletons, size: CalibrationSize) -> list[_CalibrationJob]:
    quiet = (STANDARD[1],)
    return [
        _CalibrationJob(
            2 * _BLOCK + 2 * k + n,
            known.fitted[k],
            (k % 4, (k + 1) % 4),
            90_000 + 2 * k + n,
            size.pair_s,
            quiet,
        )
        for k in range(size.pairs)
        for n in (0, 1)
    ]


# -- in several processes -------------------------------------------------------------------

_SPOKEN: list[Bank] = []


def _begin(spoken: list[Bank]) -> None:
    _SPOKEN[:] = spoken


def _do(job: _CalibrationJob) -> list[Trial]:
    planted = grow(job.skeleton, _SPOKEN, job.voices, job.seed, job.length_s)
    true = true_values(planted)
    return [
        try_out(planted, condition, job.number, job.seed * 31 + n, true)
        for n, condition in enumerate(job.conditions)
    ]


def grow(
    skeleton: Sequence[SkeletonUtterance],
    spoken: Sequence[Bank],
    voices: tuple[int, int],
    seed: int,
    length_s: float,
) -> Planted:
    """One planted conversation between two of the voices."""
    learner, patient = voices
    return plant(skeleton, {"learner": spoken[learner], "patient": spoken[patient]}, seed, length_s)


def _work(
    jobs: Sequence[_CalibrationJob], spoken: Sequence[Bank], workers: int | None, done: Done
) -> Iterable[Trial]:
    count = workers or os.cpu_count() or 1
    # Spawned: the parent may hold engines whose threads do not survive a fork.
    with ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=_begin, initargs=(list(spoken),)
    ) as pool:
        for finished, trials in enumerate(pool.map(_do, jobs), 1):
            done(finished, len(jobs))
            yield from trials


# -- the report -----------------------------------------------------------------------------


def report(outcome: CalibrationOutcome) -> dict[str, Any]:
    """For people and for JSON: each figure by condition."""
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
            "all": covered([t for t in outcome.trials if t.condition in held_out], outcome.table),
            **{name: covered(by_name[name], outcome.table) for name in names},
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
    """Metric to bias and spread (standard deviation) of measured less true values."""
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


def _provenance(known: _Skeletons, size: CalibrationSize, textgrids: Path | None) -> dict[str, Any]:
    source = "real consultations (PriMock57, CC BY 4.0)" if textgrids is None else "TextGrids"
    drawn_ones = size.fitted - min(known.real, size.fitted)
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
