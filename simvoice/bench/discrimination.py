"""`simvoice bench debrief --discriminate`: does the debrief tell skilled learners from poor ones?

Scripted learners of eight kinds (`scripted_learners`) meet the patients of the cases in virtual
time (`virtual_encounter`). Each encounter gets its debrief. For each heading and instrument, AUC is
the probability that a skilled learner meets more of its items than a learner of a poor kind: 1
separates them without exception, 0.5 not at all. Learners are compared within a case, and ties
count half. An item that could not be judged is not met.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from simvoice import paths
from simvoice.bench.scripted_learners import KINDS, LearnerKind, load_learners
from simvoice.bench.virtual_encounter import play
from simvoice.debrief.build import build_debrief
from simvoice.engines import threads
from simvoice.models import manifest
from simvoice.patient.case.load import load_case
from simvoice.patient.mind import Patient
from simvoice.patient.retrieval import CaseIndex
from simvoice.ports import Embedder
from simvoice.reading.reading import read
from simvoice.scoring.instruments.instrument import CRITICAL

A_KIND: Final = 12
"""Encounters of each kind in each case."""
A_KIND_QUICK: Final = 2
FIRST_SEED: Final = 100
"""Seed of the first encounter of each kind; the others follow it."""
DRAWS: Final = 1000
"""Draws of encounters behind each interval."""

LISTED: Final[Mapping[LearnerKind, tuple[str, ...]]] = {
    "cold": ("listening", "empathy"),
    "jargon": ("listening", "clarity"),
    "monologue": ("listening", "empathy"),
    "walks_out": ("clarity", "empathy", CRITICAL),
    "ticks_boxes": ("listening", "empathy", CRITICAL),
}
"""Kind to the headings and instruments that must tell it from skilled. Chosen beforehand, with the
reasons in docs/benchmarks.md."""

POOR_KINDS: Final = tuple(kind for kind in KINDS if kind != "skilled")
"""Every kind but the skilled."""

UNTOUCHED: Final[Mapping[LearnerKind, tuple[str, ...]]] = {"cold": ("clarity",)}
"""Kind to the headings that it leaves as they are."""

SEPARATES: Final = 0.05
"""Least difference in the share of encounters in which an item is met, between skilled and any
poor kind, for the item to separate anything."""


REVERSED: Final = 0.1
"""Least difference by which a poor kind must meet an item more often to be named."""


@dataclass(frozen=True, slots=True)
class PlayedEncounter:
    """One encounter and what its debrief says."""

    case: str
    kind: LearnerKind
    judging: bool
    shares: Mapping[str, float | None]
    """Heading or instrument to the share of its items that were met, 0..1; None where a human
    judges all of them."""
    outcomes: Mapping[str, str]
    """Item to its outcome."""
    counts: Mapping[str, tuple[int, int]]
    """Heading or instrument to (items met, items for the machine)."""
    length_s: float


def run(quick: bool, cases: Sequence[str] = ()) -> dict[str, Any]:
    """Play all encounters and return the figures. cases: ids; all with learners when empty."""
    played = play_all(A_KIND_QUICK if quick else A_KIND, cases)
    return figures(played)


def play_all(a_kind: int, cases: Sequence[str] = ()) -> list[PlayedEncounter]:
    """Play `a_kind` encounters of each kind in each case, on all cores."""
    files = {
        file.parent.name: file
        for folder in paths.case_dirs()
        for file in sorted(folder.glob("*/learners.yaml"))
    }
    wanted = {name: file for name, file in files.items() if not cases or name in cases}
    jobs = [(file, kind, a_kind) for file in wanted.values() for kind in KINDS]
    workers = max(1, min(len(jobs), len(os.sched_getaffinity(0))))
    with ProcessPoolExecutor(workers) as pool:
        return [each for found in pool.map(_play_kind, jobs) for each in found]


@cache
def embedder() -> Embedder:
    """The embedder of this process."""
    threads.set_environment()
    # Imported here, because the heavy library reads the environment that was set above.
    from simvoice.engines.embed.minilm import MiniLM

    return MiniLM(manifest.locate(manifest.profile()["embedding"]))


@cache
def patient_of(case_file: Path) -> Patient:
    case = load_case(case_file)
    sha256 = next(iter(manifest.digests([manifest.profile()["embedding"]]).values()))
    return Patient(case, CaseIndex.cached(paths.cache_dir() / "cases", case, embedder(), sha256))


def _play_kind(job: tuple[Path, LearnerKind, int]) -> list[PlayedEncounter]:
    file, kind, count = job
    learners = load_learners(file)
    scripts = learners.learners[kind]
    patient = patient_of(file.with_name("case.yaml"))
    found = []
    for number in range(count):
        script = scripts[number % len(scripts)]
        with TemporaryDirectory(prefix="simvoice-bench-") as folder:
            attempt = play(patient, embedder(), script, kind, FIRST_SEED + number, Path(folder))
            debrief = build_debrief(attempt, read(attempt), with_peaks=False)
        every = (*debrief.headings, *debrief.instruments)
        found.append(
            PlayedEncounter(
                case=learners.case,
                kind=kind,
                judging=learners.judging,
                shares={each.id: _share(each.items) for each in every},
                outcomes={item.id: item.outcome for each in every for item in each.items},
                counts={
                    each.id: (
                        sum(item.outcome == "met" for item in each.items),
                        sum(not item.human for item in each.items),
                    )
                    for each in every
                },
                length_s=debrief.duration_s,
            )
        )
    return found


def _share(items: Sequence[Any]) -> float | None:
    own = [item.outcome for item in items if not item.human and item.outcome != "counted"]
    return own.count("met") / len(own) if own else None


# -- figures ----------------------------------------------------------------------------------


def figures(played: Sequence[PlayedEncounter]) -> dict[str, Any]:
    """All figures of a run."""
    judging = [each for each in played if each.judging]
    listed = sorted({name for names in LISTED.values() for name in names})
    every = sorted(
        {name for each in played for name, share in each.shares.items() if share is not None}
    )
    return {
        "auc": {
            name: {kind: auc(played, name, kind) for kind, names in LISTED.items() if name in names}
            for name in listed
        },
        "auc_interval": {
            name: {
                kind: auc_interval(played, name, kind)
                for kind, names in LISTED.items()
                if name in names
            }
            for name in listed
        },
        "auc_judging": {
            name: {
                kind: auc(judging, name, kind) for kind, names in LISTED.items() if name in names
            }
            for name in listed
        },
        "auc_of_all": {
            name: {kind: auc(played, name, kind) for kind in POOR_KINDS} for name in every
        },
        "auc_judging_of_all": {
            name: {kind: auc(judging, name, kind) for kind in POOR_KINDS} for name in every
        },
        "untouched": {
            name: {kind: _difference(played, name, kind)}
            for kind, names in UNTOUCHED.items()
            for name in names
        },
        "critical_met": {kind: critical_met(played, kind) for kind in KINDS},
        "critical_met_judging": {kind: critical_met(judging, kind) for kind in KINDS},
        "separates_nothing": separates_nothing(played),
        "reversed": reversed_items(played),
        "encounters": len(played),
        "minutes_a_kind": {
            kind: round(fmean(each.length_s for each in played if each.kind == kind) / 60.0, 1)
            for kind in KINDS
            if any(each.kind == kind for each in played)
        },
    }


def _pairs(
    played: Sequence[PlayedEncounter], name: str, kind: str
) -> list[tuple[list[float | None], list[float | None]]]:
    """(shares of skilled, shares of the kind) in each case that has the heading or instrument."""
    by_case: dict[str, tuple[list[float | None], list[float | None]]] = defaultdict(
        lambda: ([], [])
    )
    for each in played:
        if name in each.shares and each.kind in ("skilled", kind):
            by_case[each.case][each.kind != "skilled"].append(each.shares[name])
    return [pair for pair in by_case.values() if pair[0] and pair[1]]


def auc(played: Sequence[PlayedEncounter], name: str, kind: str) -> float | None:
    """Area under the curve, skilled against a kind, over all pairs within a case; None without
    any."""
    found = [(_wins(*pair), len(pair[0]) * len(pair[1])) for pair in _pairs(played, name, kind)]
    total = sum(count for _, count in found)
    return round(sum(wins for wins, _ in found) / total, 3) if total else None


def _wins(skilled: Sequence[float | None], poor: Sequence[float | None]) -> float:
    return sum(
        0.5 if one is None or other is None or one == other else float(one > other)
        for one in skilled
        for other in poor
    )


def auc_interval(
    played: Sequence[PlayedEncounter], name: str, kind: str
) -> tuple[float, float] | None:
    """The 95 % interval of the AUC, from encounters drawn with replacement within each case."""
    pairs = _pairs(played, name, kind)
    if not pairs:
        return None
    random = np.random.default_rng(5)
    wins = []
    for skilled, poor in pairs:
        table = np.array([[_wins([one], [other]) for other in poor] for one in skilled])
        rows = random.integers(0, len(skilled), (DRAWS, len(skilled)))
        columns = random.integers(0, len(poor), (DRAWS, len(poor)))
        drawn = [table[np.ix_(r, c)].sum() for r, c in zip(rows, columns, strict=True)]
        wins.append(np.array(drawn))
    total = sum(len(skilled) * len(poor) for skilled, poor in pairs)
    low, high = np.quantile(np.sum(wins, axis=0) / total, (0.025, 0.975))
    return round(float(low), 3), round(float(high), 3)


def critical_met(played: Sequence[PlayedEncounter], kind: str) -> float | None:
    """Share of the critical items that learners of a kind met, 0..1. An item that could not be
    judged is not met."""
    found = [each.counts[CRITICAL] for each in played if each.kind == kind]
    of = sum(count for _, count in found)
    return round(sum(met for met, _ in found) / of, 3) if of else None


def _difference(played: Sequence[PlayedEncounter], name: str, kind: str) -> float | None:
    """Mean share of skilled learners minus that of a kind."""
    means = []
    for wanted in ("skilled", kind):
        known = [each.shares.get(name) for each in played if each.kind == wanted]
        shares = [share for share in known if share is not None]
        if not shares:
            return None
        means.append(fmean(shares))
    return round(means[0] - means[1], 3)


def separates_nothing(played: Sequence[PlayedEncounter]) -> list[str]:
    """Items that skilled learners meet no more often than any poor kind, and no less."""
    poor = list(LISTED)
    found = []
    for item in sorted({name for each in played for name in each.outcomes}):
        rates = {kind: _rate(played, item, kind) for kind in ("skilled", *poor)}
        skilled = rates.pop("skilled")
        if skilled is None or rates == dict.fromkeys(rates):
            continue
        gaps = [abs(skilled - rate) for rate in rates.values() if rate is not None]
        if gaps and max(gaps) < SEPARATES:
            found.append(item)
    return found


def reversed_items(played: Sequence[PlayedEncounter]) -> dict[str, list[LearnerKind]]:
    """Items that a poor kind meets more often than skilled learners, by more than `REVERSED`: item
    to these kinds."""
    found = {}
    for item in sorted({name for each in played for name in each.outcomes}):
        skilled = _rate(played, item, "skilled")
        rates = {kind: _rate(played, item, kind) for kind in LISTED}
        kinds = [
            kind
            for kind, rate in rates.items()
            if skilled is not None and rate is not None and rate > skilled + REVERSED
        ]
        if kinds:
            found[item] = kinds
    return found


def _rate(played: Sequence[PlayedEncounter], item: str, kind: str) -> float | None:
    """Share of the encounters of a kind in which an item was met, of those where it was judged."""
    outcomes = [
        each.outcomes[item] for each in played if each.kind == kind and item in each.outcomes
    ]
    judged = [outcome == "met" for outcome in outcomes if outcome in ("met", "not met")]
    return fmean(judged) if judged else None
