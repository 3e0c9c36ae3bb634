"""Begun encounters count, whatever becomes of them; tries of a drill count together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from simvoice.debrief.retry import CheckpointRef
from simvoice.errors import AttemptError, UsageError
from simvoice.hub import assignments, begun, courses, releases
from simvoice.hub.assignments import AssignmentDraft, Mode, Stage
from simvoice.hub.begun import DrillRound
from simvoice.hub.encounters.admission import Admission, CourseAdmissions, EncounterWish
from simvoice.hub.encounters.keeping import RecordOwner
from simvoice.hub.hub import Hub
from simvoice.hub.storage.tables import (
    BegunEncounter,
    OneTimeCode,
    StationVisit,
    StoredAttempt,
)
from simvoice.hub_client.station_messages import (
    Accommodations,
    AssignmentOptions,
    Drill,
    Timer,
)
from simvoice.runtime.encounter_options import PRACTICE, EncounterOptions
from tests.hub.conftest import MachineClock
from tests.hub.course_world import add_person

DRILL = Drill(skill="Let the silence stand.", moment="the-news", tries=3, minutes=10.0)
START = datetime.fromisoformat("2026-11-30T10:00:00+00:00")


def after(*minutes: float) -> list[datetime]:
    return [START + timedelta(minutes=each) for each in minutes]


# -- the rounds of a drill


@pytest.mark.parametrize(
    ("times", "now", "counted", "present"),
    [
        ((), 0, 0, None),
        ((0,), 1, 0, (1, 10)),
        ((0, 2), 3, 0, (2, 10)),
        ((0, 2, 4), 5, 1, None),  # all tries are made
        ((0,), 9.6, 0, (1, 10)),
        ((0,), 9.8, 1, None),  # 12 s are too short for a try
        ((0,), 30, 1, None),
        ((0, 11), 12, 1, (1, 21)),  # the second one began a new round
        ((0, 1, 2, 3), 4, 1, (1, 13)),
    ],
)
def test_the_tries_of_a_drill_count_together(
    times: Sequence[float], now: float, counted: int, present: tuple[int, float] | None
) -> None:
    at = after(now)[0]
    assert begun.counted(after(*times), DRILL, 1.0, at) == counted
    expected = None if present is None else DrillRound(present[0], after(present[1])[0])
    assert begun.present_round(after(*times), DRILL, 1.0, at) == expected


def test_more_time_lengthens_a_drill() -> None:
    found = begun.present_round(after(0), DRILL, 2.0, after(15)[0])
    assert found is not None
    assert found.left_s(after(15)[0]) == 300.0


# -- what counts


@dataclass
class World:
    """A course on a hub, with a learner and a task."""

    hub: Hub
    learner: UUID
    course: UUID
    educator: UUID

    def assign(self, **fields: Any) -> UUID:
        draft = AssignmentDraft(**{"title": "Exam", "case_id": "breast-biopsy", **fields})
        with self.hub.database.begin() as session:
            return assignments.assign(session, self.course, draft, self.educator).id

    def code(self, task: UUID, **fields: Any) -> UUID:
        with self.hub.database.begin() as session:
            made = OneTimeCode(
                **{"code_hash": uuid4().hex, "kind": "exam", "assignment_id": task},
                **{"expires_at": self.hub.now() + timedelta(days=1), **fields},
            )
            session.add(made)
            session.flush()
            return made.id

    def attempt(self, **fields: Any) -> UUID:
        given: dict[str, Any] = {
            **{"id": uuid4(), "record_id": f"r-{uuid4().hex}", "origin": "hub", "duration_s": 1.0},
            **{"case_id": "breast-biopsy", "case_title": "A biopsy", "patient_name": "Ruth"},
            **{"started_at": self.hub.now(), "reason": "learner", **fields},
        }
        with self.hub.database.begin() as session:
            session.add(StoredAttempt(**given))
        return UUID(str(given["id"]))

    def admit(self, task: UUID, code: UUID | None = None) -> Admission:
        owner = RecordOwner(
            owner_id=None if code else self.learner, code_id=code, assignment_id=task
        )
        return CourseAdmissions(self.hub).admit(owner, None)

    def session(self) -> Any:
        return self.hub.database.begin()


@pytest.fixture
def world(hub: Hub) -> World:
    with hub.database.begin() as session:
        educator, learner = add_person(session, "edo", "Edo"), add_person(session, "lena", "Lena")
        course = courses.create_course(session, "Year 3", "", educator.id)
        courses.add_members(session, course.id, ["lena"])
        return World(hub, learner.id, course.id, educator.id)


def forgive_last(session: Session, task: UUID) -> OneTimeCode | None:
    return begun.forgive(session, task, begun.listed(session, task)[0].key)


def test_what_has_begun_counts_although_its_record_is_lost(world: World) -> None:
    task = world.assign(mode=Mode.EXAM, attempts_allowed=1)
    world.admit(task)
    with pytest.raises(UsageError, match="made the 1 attempt"):
        world.admit(task)
    with world.session() as session:
        (found,) = assignments.assigned_to(session, world.learner, world.hub.now())
        assert (found.stage, found.made, found.left) == (Stage.USED_UP, 1, 0)


def test_an_encounter_and_its_attempt_count_once(world: World) -> None:
    task = world.assign(attempts_allowed=2)
    admitted = world.admit(task)
    kept = world.attempt(owner_id=world.learner, assignment_id=task)
    with world.session() as session:
        assert admitted.owner.begun_id is not None
        begun.note_attempt(session, admitted.owner.begun_id, kept)
        assert begun.count(session, task) == 1
    world.admit(task)
    with world.session() as session:
        session.delete(session.get(StoredAttempt, kept))  # erased, and made all the same
    with pytest.raises(UsageError, match="made the 2 attempts"):
        world.admit(task)


def test_an_attempt_from_elsewhere_counts(world: World) -> None:
    task = world.assign(attempts_allowed=1)
    world.attempt(owner_id=world.learner, assignment_id=task, origin="station")
    with pytest.raises(UsageError, match="made the 1 attempt"):
        world.admit(task)


def test_what_could_not_begin_does_not_count(world: World) -> None:
    task = world.assign(attempts_allowed=1)
    CourseAdmissions(world.hub).take_back(world.admit(task))
    assert world.admit(task).owner.begun_id is not None


def test_an_encounter_that_is_forgiven_does_not_count(world: World, clock: MachineClock) -> None:
    task = world.assign(mode=Mode.EXAM, attempts_allowed=1)
    other = world.assign()
    code = world.code(task, used_at=world.hub.now())
    world.admit(task, code)
    with world.session() as session:
        forgive_last(session, task)
        row = session.get(OneTimeCode, code)
        assert row is not None
        assert row.used_at is None
    clock.go_on(minutes=1)
    world.admit(task, code)
    with world.session() as session:
        row = session.get(OneTimeCode, code)
        assert row is not None
        assert row.used_at is not None  # as by whoever types it
        shown = begun.listed(session, task)
        assert [each.forgiven_at is None for each in shown] == [True, False]
        for key in (f"begun:{uuid4()}", "", "begun", "visit:1:2", f"visit:{uuid4()}"):
            with pytest.raises(UsageError, match="no such encounter"):
                begun.forgive(session, task, key)
        with pytest.raises(UsageError, match="no such encounter"):
            begun.forgive(session, other, shown[0].key)


def test_what_came_from_elsewhere_is_listed_and_forgiven_too(world: World) -> None:
    task = world.assign(mode=Mode.EXAM, attempts_allowed=1)
    kept = world.attempt(owner_id=world.learner, assignment_id=task, origin="station")
    world.attempt(owner_id=world.learner, assignment_id=task, continues=kept)
    with world.session() as session:
        (shown,) = begun.listed(session, task)
        assert (shown.learner, shown.where, shown.record) == ("Lena", "a station", "kept")
        assert forgive_last(session, task) is None
    world.admit(task)


def test_a_code_that_was_used_at_a_station_begins_nothing_here(world: World) -> None:
    """Its record may wait at the station for hours."""
    task = world.assign(mode=Mode.EXAM, attempts_allowed=1)
    code, other = world.code(task), world.code(task)
    with world.session() as session:
        session.add(
            StationVisit(code_id=code, session_id=uuid4(), took_code=True, begun_at=world.hub.now())
        )
    with pytest.raises(UsageError, match="made the 1 attempt"):
        world.admit(task, code)
    world.admit(task, other)


def test_an_exam_whose_debriefs_are_released_is_over(world: World) -> None:
    task = world.assign(mode=Mode.EXAM)
    with world.session() as session:
        assignments.release_debriefs(session, task, world.hub.now())
    with pytest.raises(UsageError, match="no one begins it now"):
        world.admit(task)
    with world.session() as session:
        assignments.hold_debriefs_back(session, task)
    world.admit(task)


def test_erasing_an_assignment_removes_what_was_counted_for_it(world: World) -> None:
    task = world.assign()
    world.admit(task)
    with world.session() as session:
        session.delete(assignments.assignment(session, task))
        session.flush()
        assert session.query(BegunEncounter).count() == 0


# -- how an encounter differs from its case


def test_practice_is_as_the_case_is_written(world: World) -> None:
    admitted = CourseAdmissions(world.hub).admit(RecordOwner(owner_id=world.learner), None)
    assert admitted.options == PRACTICE
    assert admitted.owner.begun_id is None


def test_only_practice_reflects_first_unless_its_assignment_says_no(world: World) -> None:
    kinds = [
        (Mode.PRACTICE, AssignmentOptions(), True),
        (Mode.PRACTICE, AssignmentOptions(reflects=False), False),
        (Mode.EXAM, AssignmentOptions(), False),
        (Mode.DRILL, AssignmentOptions(drill=DRILL), False),
    ]
    for mode, options, wanted in kinds:
        assert world.admit(world.assign(mode=mode, options=options)).options.reflects is wanted


def test_an_exam_has_one_patient_for_all_and_its_own_time(world: World) -> None:
    options = AssignmentOptions(limit_s=480.0, timer=Timer.HARD)
    task = world.assign(mode=Mode.EXAM, options=options)
    first, second = world.admit(task, world.code(task)), world.admit(task, world.code(task))
    assert first.options == second.options
    assert first.options.seed is not None
    assert (first.options.limit_s, first.options.timer) == (480.0, "hard")


def test_a_code_adds_its_accommodations_to_those_of_the_assignment(world: World) -> None:
    options = AssignmentOptions(
        limit_s=480.0, accommodations=Accommodations(time_factor=1.25, captions=True)
    )
    task = world.assign(mode=Mode.EXAM, options=options)
    changed = Accommodations(time_factor=2.0, patience_factor=1.5, typed=True)
    code = world.code(task, accommodations=changed.model_dump(mode="json"))
    found = world.admit(task, code).options
    assert (found.time_factor, found.patience_factor, found.typed) == (2.0, 1.5, True)
    assert found.limit_s == 480.0  # times the factor, by the encounter
    assert world.admit(task).options.time_factor == 1.25


def test_the_tries_of_a_drill_share_its_minutes(world: World, clock: MachineClock) -> None:
    task = world.assign(mode=Mode.DRILL, attempts_allowed=1, options=AssignmentOptions(drill=DRILL))
    first = world.admit(task).options
    assert first == EncounterOptions(moment="the-news", limit_s=600.0, timer="hard")
    clock.go_on(minutes=4)
    assert world.admit(task).options.limit_s == pytest.approx(360.0, abs=1.0)
    clock.go_on(minutes=1)
    world.admit(task)
    with pytest.raises(UsageError, match="made the 1 attempt"):
        world.admit(task)


def test_a_drill_needs_its_moment(world: World) -> None:
    with pytest.raises(UsageError, match="needs the moment"):
        world.assign(mode=Mode.DRILL)


# -- retries


def test_a_retry_is_of_an_own_attempt_that_may_be_read(world: World) -> None:
    exam = world.assign(mode=Mode.EXAM)
    options = AssignmentOptions(accommodations=Accommodations(patience_factor=2.0))
    task = world.assign(options=options)
    for name, assignment in (("of-exam", exam), ("of-task", task), ("alone", None)):
        world.attempt(record_id=name, owner_id=world.learner, assignment_id=assignment)
    with world.session() as session:
        other = add_person(session, "ayo", "Ayo").id
    admissions = CourseAdmissions(world.hub)

    def retry(name: str, owner: UUID) -> EncounterOptions:
        return admissions.admit(RecordOwner(owner_id=owner), CheckpointRef(name, 3)).options

    assert retry("of-task", world.learner) == EncounterOptions(patience_factor=2.0, reflects=True)
    assert retry("alone", world.learner) == PRACTICE
    with pytest.raises(AttemptError, match="no such attempt"):
        retry("alone", other)
    with pytest.raises(UsageError, match=r"when the educators of the course release it"):
        retry("of-exam", world.learner)
    with world.session() as session:
        assignments.release_debriefs(session, exam, world.hub.now())
    assert retry("of-exam", world.learner).seed is None
    with world.session() as session:
        assert begun.count(session, task) == 1  # a retry is practice and counts nowhere


def test_the_pages_of_wishes_are_told_apart() -> None:
    task = uuid4()
    assert EncounterWish().key == ""
    assert EncounterWish(task).key == f"assignment {task}"
    assert EncounterWish(retry=CheckpointRef("a", 3)).key == "retry a@3"


# -- codes that were used twice


def test_a_code_used_at_two_stations_is_found_with_its_attempts(world: World) -> None:
    task = world.assign(mode=Mode.EXAM)
    once, twice = world.code(task, label="1"), world.code(task, label="2")
    for code, visits in ((once, 1), (twice, 2)):
        for _ in range(visits):
            with world.session() as session:
                visit = StationVisit(
                    code_id=code, session_id=uuid4(), took_code=False, begun_at=world.hub.now()
                )
                session.add(visit)
    made = world.attempt(code_id=twice, assignment_id=task, origin="station")
    with world.session() as session:
        session.add(StationVisit(code_id=once, session_id=uuid4(), took_code=False))  # not begun
    with world.session() as session:
        (found,) = releases.codes_used_twice(session, task)
        assert (found.label, found.times) == ("2", 2)
        assert [each.id for each in found.attempts] == [made]
