"""A simulated cohort: learners of eight kinds meet a patient in virtual time, several times each.

Each kind of script is played once with each seed. Every learner who plays it releases a copy of
that record with its words, as a laptop sends it. `python -m tests.hub.simulated_cohort` fills a hub
with 90 learners x 6 attempts and measures how long the page of the cohort takes.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

from fastapi.testclient import TestClient

from simvoice import paths
from simvoice.bench.discrimination import embedder, patient_of
from simvoice.bench.scripted_learners import KINDS, LearnerKind, load_learners
from simvoice.bench.virtual_encounter import play
from simvoice.debrief.build import build_debrief
from simvoice.hub import attempts, briefs, courses, people
from simvoice.hub.app import create_app
from simvoice.hub.briefs import MadeBrief
from simvoice.hub.doors import sessions
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.roles import Role
from simvoice.hub.settings import load_settings
from simvoice.hub.storage.tables import Account, Membership, Release, StoredAttempt
from simvoice.reading.reading import read
from simvoice.record.files import HEADER
from simvoice.record.store import Attempt, Store
from simvoice.release.contents import Contents
from simvoice.release.prepare import prepare_release

BEGAN = datetime(2026, 11, 2, 9, tzinfo=UTC)
FIRST_SEED = 300


def _name(begun_at: datetime) -> str:
    return f"{begun_at:%Y%m%d-%H%M%S}-breast-biopsy-k3f9"


@dataclass(frozen=True)
class Played:
    """One encounter in virtual time: its release with words, and the brief that a hub makes."""

    files: Mapping[str, bytes]
    """By name."""
    made: MadeBrief


def _played(attempt: Attempt, folder: Path) -> Played:
    """Return an attempt as a laptop releases it. folder: to work in."""
    debrief = build_debrief(attempt, read(attempt), with_peaks=False)
    prepared = prepare_release(attempt, debrief, Contents.WORDS)
    files = {name: path.read_bytes() for name, path in prepared.paths.items()}
    released = _write(folder / _name(BEGAN), files)
    return Played(files, briefs.make(Store(folder).open(released.name), Contents.WORDS))


def _write(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def _as_another(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of an attempt as those of another one."""
    header = {**json.loads(files[HEADER]), "uuid": str(uuid4())}
    return {**files, HEADER: json.dumps(header).encode()}


def play_kinds(case_id: str, seeds: int = 1) -> Mapping[LearnerKind, Sequence[Played]]:
    """Play each kind of learner with so many seeds."""
    file = paths.scenarios_dir() / case_id / "learners.yaml"
    learners, patient = load_learners(file), patient_of(file.with_name("case.yaml"))
    found: dict[LearnerKind, list[Played]] = {}
    for kind in KINDS:
        for number in range(seeds):
            script = learners.learners[kind][number % len(learners.learners[kind])]
            with TemporaryDirectory(prefix="simvoice-cohort-") as folder:
                seed = FIRST_SEED + number
                attempt = play(patient, embedder(), script, kind, seed, Path(folder))
                found.setdefault(kind, []).append(_played(attempt, Path(folder)))
    return found


def fill(
    hub: Hub,
    course_id: UUID,
    played: Mapping[LearnerKind, Sequence[Played]],
    plan: Sequence[Sequence[LearnerKind]],
) -> None:
    """Put learners with released attempts into a course: `simulated-0` and so on.

    plan: the kind of each attempt of each learner, in order of time.
    """
    with TemporaryDirectory(prefix="simvoice-cohort-") as folder:
        for learner, kinds in enumerate(plan):
            with hub.database.begin() as session:
                person = Account(login=f"simulated-{learner}", name=f"Learner {learner}")
                person.introduced_at = BEGAN
                session.add(person)
                session.flush()
                session.add(Membership(course_id=course_id, person_id=person.id))
                person_id = person.id
            for number, kind in enumerate(kinds):
                this = played[kind][(learner + number) % len(played[kind])]
                begun_at = BEGAN + timedelta(days=number, seconds=learner)
                record = _write(Path(folder) / _name(begun_at), _as_another(this.files))
                kept = attempts.keep(
                    hub, record, origin="laptop", owner_id=person_id, contents=Contents.WORDS
                )
                with hub.database.begin() as session:
                    session.get_one(StoredAttempt, kept).started_at = begun_at
                    session.add(Release(attempt_id=kept, course_id=course_id, contents="words"))
                    briefs.store(session, kept, Contents.WORDS, this.made)


def mixed(learners: int, attempts: int) -> list[list[LearnerKind]]:
    """Return a plan in which each learner comes nearer to the skilled from attempt to attempt."""
    ladder: list[LearnerKind] = ["monologue", "ticks_boxes", "walks_out", "jargon", "cold"]
    ladder += ["clumsy", "average", "skilled"]
    return [
        [
            ladder[min(len(ladder) - 1, learner % len(ladder) + number // 2)]
            for number in range(attempts)
        ]
        for learner in range(learners)
    ]


def _measure(hub: Hub, login: str, course_id: UUID) -> tuple[list[float], float]:
    """Return the times of twelve pages in ms, and the processor's time of one."""
    with hub.database.begin() as session:
        person = session.query(Account).filter_by(login=login).one()
        secret = sessions.begin_sign_in(session, hub, person_id=person.id, code_id=None)
    times: list[float] = []
    cpu_s = 0.0
    with TestClient(create_app(hub), base_url="http://127.0.0.1:8766") as browser:
        browser.cookies.set(sessions.cookie_name(hub, "session"), secret)
        for _ in range(12):
            began, cpu = time.perf_counter(), time.process_time()
            answer = browser.get(f"/courses/{course_id}/cohort")
            times.append(1000.0 * (time.perf_counter() - began))
            cpu_s += time.process_time() - cpu
            assert answer.status_code == 200, answer.text
    return times, 1000.0 * cpu_s / len(times)


def main() -> None:
    """Fill a hub and print how long its page takes."""
    with TemporaryDirectory(prefix="simvoice-cohort-") as folder:
        hub = open_hub(load_settings(Path(folder), {}, environment={}))
        with hub.database.begin() as session:
            roles = [Role.EDUCATOR]
            edo = people.add(session, hub, login="edo", name="Edo Haddad", roles=roles)
            edo.introduced_at = hub.now()
            course = courses.create_course(session, "Year 3", "", edo.id)
        played = play_kinds("breast-biopsy", 2)
        fill(hub, course.id, played, mixed(90, 6))
        times, cpu_ms = _measure(hub, "edo", course.id)
        sys.stdout.write(
            f"90 learners x 6 attempts: first {times[0]:.0f} ms, then median "
            f"{statistics.median(times[1:]):.0f} ms, slowest {max(times[1:]):.0f} ms; "
            f"{cpu_ms:.0f} ms of the processor\n"
        )
        hub.database.close()


if __name__ == "__main__":
    main()
