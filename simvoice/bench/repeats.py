"""Repeat encounters of the same simulated learner with the same patient, in virtual time.

The engines are real: the learner's speech is recognised, the patient chooses and speaks lines, and
both channels are recorded and measured from that sound. The clock stops while an engine works, so
the patient is never late; all metrics exclude the machine's delay anyway. `simulate.varied` defines
what differs between encounters.
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
from simvoice.reading.reading import read
from simvoice.record.store import Store
from simvoice.research.calibrate.fit import RepeatError, Values, repeat_errors
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.scoring.metrics.change import detectable
from simvoice.scoring.metrics.definitions import definition_of
from simvoice.scoring.metrics.interval import Repeats
from simvoice.scoring.metrics.registry import measure_reading
from simvoice.simulate.demo import DEMO_FILES, build_script, load_demo
from simvoice.simulate.varied import amplify_script, vary_demo

Done = Callable[[int, int], None]
"""Called with the number of finished encounters and the total."""

_TAIL_S = 8.0
"""Seconds of silence that end an encounter, as in a demo: longer than the patient's silences."""
_FIRST_SEED = 20_000

Manner = Literal["skilled", "poor"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A learner's manner with a case."""

    case: str
    manner: Manner


@dataclass(frozen=True, slots=True)
class RepeatsOutcome:
    """The result of all encounters."""

    repeats: int
    """Encounters of each behaviour."""
    behaviours: tuple[Behaviour, ...]
    total_s: float
    """Length of all encounters together, seconds."""
    metrics: dict[str, RepeatError]

    @property
    def table(self) -> Repeats:
        """The table that ships with the package.

        A metric that never varied is left out: then the simulated learners say nothing about how
        much it varies in people.
        """
        varied = {key: found for key, found in self.metrics.items() if found.sem > 0.0}
        return Repeats(
            _provenance(self),
            {key: found.sem for key, found in varied.items()},
            {key: found.freedom for key, found in varied.items()},
        )


@dataclass(frozen=True, slots=True)
class _RepeatsJob:
    behaviour: Behaviour
    seed: int


@dataclass(frozen=True, slots=True)
class RepeatedEncounter:
    """Length and measured values of one encounter."""

    length_s: float
    values: Values


def behaviours() -> tuple[Behaviour, ...]:
    """Return every shipped case with every learner that is written for it."""
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
    """Run `repeats` encounters of every behaviour. Raises SimvoiceError when one breaks off."""
    each = tuple(among or behaviours())
    jobs = [
        _RepeatsJob(behaviour, _FIRST_SEED + 1000 * number + k)
        for number, behaviour in enumerate(each)
        for k in range(repeats)
    ]
    encounters = []
    for finished, encounter in enumerate(_run_jobs(jobs, workers), 1):
        encounters.append(encounter)
        done(finished, len(jobs))
    groups = [
        [encounter.values for encounter in encounters[k : k + repeats]]
        for k in range(0, len(encounters), repeats)
    ]
    total_s = sum(encounter.length_s for encounter in encounters)
    return RepeatsOutcome(repeats, each, total_s, repeat_errors(groups))


def _run_jobs(jobs: Sequence[_RepeatsJob], workers: int) -> Iterator[RepeatedEncounter]:
    # Spawn: engines have threads, which do not survive a fork.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_run_job, jobs)


_SIMULATORS: list[Simulator] = []
"""The simulator of this process, made when it is first needed."""


def _run_job(job: _RepeatsJob) -> RepeatedEncounter:
    if not _SIMULATORS:
        _SIMULATORS.append(Simulator(every_case=True))
    with tempfile.TemporaryDirectory(prefix="simvoice-repeats-") as folder:
        return run_encounter(_SIMULATORS[0], job.behaviour, job.seed, Path(folder))


def run_encounter(
    simulator: Simulator, behaviour: Behaviour, seed: int, attempts: Path
) -> RepeatedEncounter:
    """Run, record under `attempts` and measure one encounter, varied by the seed.

    Raises SimvoiceError when it breaks off.
    """
    plan = load_demo(locate_case(behaviour.case, *paths.case_dirs()), behaviour.manner)
    varied = vary_demo(plan, seed)
    voice_id = manifest.digests([simulator.profile["voice"]])["voice"]
    with tempfile.TemporaryDirectory(prefix="simvoice-clips-") as clips:
        script = build_script(varied.demo, simulator.unprepared_voice(), voice_id, Path(clips))
    line = SimulatedLine(
        amplify_script(script, varied.gain_db),
        paced=False,
        noise_dbfs=varied.noise_dbfs,
        seed=varied.seed,
        tail_s=_TAIL_S,
    )
    simulator.store = Store(attempts)
    options = EncounterOptions(seed=varied.seed)
    session = simulator.encounter(behaviour.case, line, learner=behaviour.manner, options=options)
    line.before_frame = session.wait_until_idle
    finished = session.run()
    if finished.reason in ("device", "fault"):
        raise SimvoiceError(
            f"{behaviour.case} with the {behaviour.manner} learner broke off: {finished.message}"
        )
    attempt = simulator.store.open(finished.attempt)
    measured = measure_reading(read(attempt))
    values = {
        one.key: one.value
        for one in measured
        if one.value is not None and definition_of()[one.key].in_virtual_time
    }
    return RepeatedEncounter(attempt.duration_s, values)


def report(outcome: RepeatsOutcome) -> dict[str, Any]:
    """Return the figures as JSON data."""
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
        "mean_length_s": round(outcome.total_s / encounters, 1),
        "same": "case, words, order, silences kept on purpose, interruptions",
        "differs": "gaps and pauses, pitch, pace, level, room noise, "
        "the patient's choice among equal lines",
    }
