"""A simulated cohort: learners of eight kinds meet a patient in virtual time, several times each.

Each kind of script is played once with each seed, and its figures stand for all learners who play
it. `python -m tests.hub.simulated_cohort` fills a hub with 90 learners x 6 attempts and measures
how long the page of the cohort takes.
"""

from __future__ import annotations

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
from sqlalchemy.orm import Session

from simvoice import paths
from simvoice.bench.discrimination import embedder, patient_of
from simvoice.bench.scripted_learners import KINDS, LearnerKind, load_learners
from simvoice.bench.virtual_encounter import play
from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief
from simvoice.hub import briefs, courses, people
from simvoice.hub.app import create_app
from simvoice.hub.briefs import MadeBrief
from simvoice.hub.doors import sessions
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.roles import Role
from simvoice.hub.settings import load_settings
from simvoice.hub.storage.tables import Account, Membership, Release, StoredAttempt
from simvoice.reading.reading import read
from simvoice.release.contents import Contents

BEGAN = datetime(2026, 11, 2, 9, tzinfo=UTC)
FIRST_SEED = 300


@dataclass(frozen=True)
class Played:
    """One encounter in virtual time, and what two independent ways say of it."""

    debrief: Debrief
    made: MadeBrief


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
                debrief = build_debrief(attempt, read(attempt), with_peaks=False)
                found.setdefault(kind, []).append(
                    Played(debrief, briefs.make(attempt, Contents.SOUND))
                )
    return found


def fill(
    session: Session,
    course_id: UUID,
    played: Mapping[LearnerKind, Sequence[Played]],
    plan: Sequence[Sequence[LearnerKind]],
) -> dict[UUID, Played]:
    """Put learners with released attempts into a course. Returns what each played last.

    plan: the kind of each attempt of each learner, in order of time.
    """
    last: dict[UUID, Played] = {}
    for learner, kinds in enumerate(plan):
        person = Account(login=f"simulated-{learner}", name=f"Learner {learner}")
        session.add(person)
        session.flush()
        session.add(Membership(course_id=course_id, person_id=person.id))
        for number, kind in enumerate(kinds):
            of_kind = played[kind]
            this = of_kind[(learner + number) % len(of_kind)]
            made = StoredAttempt(
                **{"id": uuid4(), "record_id": f"20261102-{learner}-{number}"},
                **{"owner_id": person.id, "origin": "hub", "case_id": this.debrief.case_id},
                **{"case_title": this.debrief.title, "patient_name": this.debrief.patient_name},
                **{"started_at": BEGAN + timedelta(days=number, minutes=learner)},
                **{"duration_s": this.debrief.duration_s, "reason": "learner"},
            )
            session.add(made)
            session.flush()
            session.add(Release(attempt_id=made.id, course_id=course_id, contents="words"))
            briefs.store(session, made.id, Contents.SOUND, this.made)
            last[person.id] = this
    return last


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
        with hub.database.begin() as session:
            fill(session, course.id, played, mixed(90, 6))
        times, cpu_ms = _measure(hub, "edo", course.id)
        sys.stdout.write(
            f"90 learners x 6 attempts: first {times[0]:.0f} ms, then median "
            f"{statistics.median(times[1:]):.0f} ms, slowest {max(times[1:]):.0f} ms; "
            f"{cpu_ms:.0f} ms of the processor\n"
        )
        hub.database.close()


if __name__ == "__main__":
    main()
