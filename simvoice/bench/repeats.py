"""The same simulated learner meets the same patient again and again, in virtual time.

The engines are the real ones: the recogniser hears the learner, the patient chooses and says her
lines, both channels are recorded and measured from that sound. The clock stands still while an
engine works, so the patient is never late; the machine's own delay is subtracted from every metric
anyway. What differs from one encounter to the next is said in `simulate.varied`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from simvoice import __version__, paths
from simvoice.app.simulator import Simulator
from simvoice.devices.simulated import SimulatedLine
from simvoice.errors import SimvoiceError
from simvoice.models import manifest
from simvoice.patient.case.load import locate_case
from simvoice.record.store import Store
from simvoice.research.calibrate.fit import RepeatError, Values, repeat_errors
from simvoice.scoring.metrics.change import detectable
from simvoice.scoring.metrics.interval import Repeats
from simvoice.scoring.metrics.reading import read_sound
from simvoice.scoring.metrics.registry import measure_reading
from simvoice.simulate.demo import DEMO_FILES, build_script, load_demo
from simvoice.simulate.varied import amplify_script, vary_demo

Done = Callable[[int, int], None]
"""Called with what is done and how much there is."""

_TAIL_S = 8.0
"""As in a demo: longer than she is silent before she goes on."""
_FIRST_SEED = 20_000

_NOT_THERE = frozenset({"machine_delay"})
"""In virtual time the machine is never late: how its delay varies is not to be learned here."""

Manner = Literal["skilled", "poor"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One learner with one patient."""

    case: str
    manner: Manner


@dataclass(frozen=True, slots=True)
class RepeatsOutcome:
    """What the encounters showed."""

    repeats: int
    """Encounters of each behaviour."""
    behaviours: tuple[Behaviour, ...]
    talked_s: float
    """Seconds of all encounters together."""
    metrics: dict[str, RepeatError]

    @property
    def table(self) -> Repeats:
        """For the file in the package."""
        return Repeats(
            _provenance(self),
            {key: found.sem for key, found in self.metrics.items()},
            {key: found.freedom for key, found in self.metrics.items()},
        )


@dataclass(frozen=True, slots=True)
class _RepeatsJob:
    behaviour: Behaviour
    seed: int


@dataclass(frozen=True, slots=True)
class _Met:
    """One encounter."""

    length_s: float
    values: Values


def behaviours() -> tuple[Behaviour, ...]:
    """Every case that ships, with every learner who is written for it."""
    manners: tuple[Manner, ...] = ("skilled", "poor")
    folders = sorted(path.parent for path in paths.scenarios_dir().glob("*/case.yaml"))
    return tuple(
        Behaviour(folder.name, manner)
        for folder in folders
        for manner in manners
        if (folder / DEMO_FILES[manner]).is_file()
    )


def run(
    repeats: int,
    *,
    among: Sequence[Behaviour] | None = None,
    workers: int = 1,
    done: Done = lambda _, __: None,
) -> RepeatsOutcome:
    """Let every behaviour happen `repeats` times. Raises SimvoiceError when an encounter breaks."""
    each = tuple(among or behaviours())
    jobs = [
        _RepeatsJob(behaviour, _FIRST_SEED + 1000 * number + k)
        for number, behaviour in enumerate(each)
        for k in range(repeats)
    ]
    met = []
    for finished, one in enumerate(_work(jobs, workers), 1):
        met.append(one)
        done(finished, len(jobs))
    groups = [[one.values for one in met[k : k + repeats]] for k in range(0, len(met), repeats)]
    return RepeatsOutcome(repeats, each, sum(one.length_s for one in met), repeat_errors(groups))


def _work(jobs: Sequence[_RepeatsJob], workers: int) -> Iterator[_Met]:
    # Spawned: engines hold threads, which do not survive a fork.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_meet, jobs)


_SIMULATORS: list[Simulator] = []
"""One a process, made when it is first needed."""


def _meet(job: _RepeatsJob) -> _Met:
    if not _SIMULATORS:
        _SIMULATORS.append(Simulator(every_case=True))
    with tempfile.TemporaryDirectory(prefix="simvoice-repeats-") as folder:
        return meet(_SIMULATORS[0], job.behaviour, job.seed, Path(folder))


def meet(simulator: Simulator, behaviour: Behaviour, seed: int, attempts: Path) -> _Met:
    """One encounter on one day of the learner's, recorded under `attempts` and measured.

    Raises SimvoiceError when it does not come to its end.
    """
    plan = load_demo(locate_case(behaviour.case, *paths.case_dirs()), behaviour.manner)
    today = vary_demo(plan, seed)
    voice_id = manifest.digests([simulator.profile["voice"]])["voice"]
    with tempfile.TemporaryDirectory(prefix="simvoice-clips-") as clips:
        script = build_script(today.demo, simulator.unprepared_voice(), voice_id, Path(clips))
    line = SimulatedLine(
        amplify_script(script, today.gain_db),
        paced=False,
        noise_dbfs=today.noise_dbfs,
        seed=today.seed,
        tail_s=_TAIL_S,
    )
    simulator.store = Store(attempts)
    session = simulator.encounter(behaviour.case, line, learner=behaviour.manner, seed=today.seed)
    line.hold = session.settle
    finished = session.run()
    if finished.reason in ("device", "fault"):
        raise SimvoiceError(
            f"{behaviour.case} with the {behaviour.manner} learner broke off: {finished.message}"
        )
    attempt = simulator.store.open(finished.attempt)
    measured = measure_reading(read_sound(attempt))
    values = {
        one.key: one.value
        for one in measured
        if one.value is not None and one.key not in _NOT_THERE
    }
    return _Met(attempt.duration_s, values)


def report(outcome: RepeatsOutcome) -> dict[str, Any]:
    """For people and for JSON."""
    return {
        **_provenance(outcome),
        "metrics": {
            key: {
                **{name: round(value, 4) for name, value in asdict(found).items()},
                "mdc95": round(detectable(found.sem), 4),
            }
            for key, found in outcome.metrics.items()
        },
    }


def _provenance(outcome: RepeatsOutcome) -> dict[str, Any]:
    encounters = outcome.repeats * len(outcome.behaviours)
    return {
        "made_by": f"simvoice calibrate --repeats {outcome.repeats} --write",
        "simvoice": __version__,
        "encounters": encounters,
        "cases": sorted({one.case for one in outcome.behaviours}),
        "behaviours": len(outcome.behaviours),
        "mean_length_s": round(outcome.talked_s / encounters, 1),
        "same": "case, words, order, silences kept on purpose, interruptions",
        "differs": "gaps and pauses, pitch, pace, level, room noise, her choice among equal lines",
    }
