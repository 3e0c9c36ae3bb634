"""Courses: members, assignments, and what a learner is to do next."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from simvoice.errors import SettingError, UsageError
from simvoice.hub import assignments, courses
from simvoice.hub.assignments import Mode, Stage
from tests.hub.course_world import HOUR, NOW, CourseWorld, course_world, draft


@pytest.fixture
def world() -> Iterator[CourseWorld]:
    with course_world() as made:
        yield made


# -- courses and members


def test_who_makes_a_course_is_its_educator(world: CourseWorld) -> None:
    assert courses.courses_taught(world.session, world.educator.id) == [world.course]
    assert courses.courses_taken(world.session, world.learner.id) == [world.course]
    assert courses.is_educator_of(world.session, world.educator.id, world.course.id)
    assert not courses.is_educator_of(world.session, world.learner.id, world.course.id)
    assert courses.is_learner_of(world.session, world.learner.id, world.course.id)
    assert not courses.is_learner_of(world.session, world.educator.id, world.course.id)


@pytest.mark.parametrize("title", ["", "  \n ", "x" * 201])
def test_a_course_needs_a_title_of_at_most_200_characters(world: CourseWorld, title: str) -> None:
    with pytest.raises(SettingError, match="title"):
        courses.create_course(world.session, title, "", world.educator.id)


def test_members_are_added_by_login_once_and_named_when_unknown(world: CourseWorld) -> None:
    world.person("ayo")
    added = courses.add_members(world.session, world.course.id, [" Ayo ", "lena", "ayo", ""])
    assert [each.login for each in added] == ["ayo"]
    with pytest.raises(UsageError, match="nobody-here"):
        courses.add_members(world.session, world.course.id, ["nobody-here"])
    with pytest.raises(SettingError, match="at least one"):
        courses.add_members(world.session, world.course.id, [" "])
    names = [
        (each.person.login, each.is_educator)
        for each in courses.members(world.session, world.course.id)
    ]
    assert names == [("edo", True), ("ayo", False), ("lena", False)]


def test_the_last_educator_stays(world: CourseWorld) -> None:
    with pytest.raises(UsageError, match="needs an educator"):
        courses.remove_member(world.session, world.course.id, world.educator.id)
    second = world.person("mei")
    courses.add_members(world.session, world.course.id, ["mei"], is_educator=True)
    courses.remove_member(world.session, world.course.id, world.educator.id)
    assert courses.educators(world.session, world.course.id) == [second]


def test_nothing_is_assigned_in_a_closed_course(world: CourseWorld) -> None:
    world.assign()
    courses.archive_course(world.session, world.course.id)
    with pytest.raises(SettingError, match="closed"):
        world.assign()
    assert assignments.assigned_to(world.session, world.learner.id, NOW) == []
    assert courses.courses_taken(world.session, world.learner.id) == []


def test_what_is_not_there_is_said(world: CourseWorld) -> None:
    with pytest.raises(UsageError, match="no such course"):
        courses.course(world.session, uuid4())
    with pytest.raises(UsageError, match="no such assignment"):
        assignments.assignment(world.session, uuid4())


# -- assignments


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"title": ""}, "title"),
        ({"case_id": ""}, "case"),
        ({"attempts_allowed": 0}, "1 to 99"),
        ({"attempts_allowed": 100}, "1 to 99"),
        ({"opens_at": NOW, "closes_at": NOW}, "after it opens"),
    ],
)
def test_an_assignment_that_is_not_valid_is_refused(
    world: CourseWorld, fields: dict[str, object], why: str
) -> None:
    with pytest.raises(SettingError, match=why):
        world.assign(**fields)


def test_a_learner_sees_what_can_be_begun_first_and_by_its_closing_date(world: CourseWorld) -> None:
    for title, opens, closes in (
        ("closed", None, NOW - HOUR),
        ("later", NOW + HOUR, None),
        ("any time", None, None),
        ("this week", None, NOW + 5 * HOUR),
        ("today", NOW - HOUR, NOW + HOUR),
    ):
        assignments.assign(
            world.session,
            world.course.id,
            draft(title=title, opens_at=opens, closes_at=closes),
            world.educator.id,
        )
    found = assignments.assigned_to(world.session, world.learner.id, NOW)
    titles = [each.assignment.title for each in found]
    assert titles == ["today", "this week", "any time", "later", "closed"]
    assert [each.stage for each in found[3:]] == [Stage.NOT_YET, Stage.CLOSED]
    assert assignments.assigned_to(world.session, world.educator.id, NOW) == []


def test_attempts_are_counted_for_each_learner(world: CourseWorld) -> None:
    task = world.assign(attempts_allowed=2)
    other = world.person("ayo")
    courses.add_members(world.session, world.course.id, ["ayo"])
    for _ in range(2):
        world.attempt(world.learner, assignment_id=task.id)
    (mine,) = assignments.assigned_to(world.session, world.learner.id, NOW)
    (theirs,) = assignments.assigned_to(world.session, other.id, NOW)
    assert (mine.stage, mine.made, mine.left) == (Stage.USED_UP, 2, 0)
    assert (theirs.stage, theirs.made, theirs.left) == (Stage.OPEN, 0, 2)
    with pytest.raises(UsageError, match="made the 2 attempts"):
        assignments.check_may_begin(world.session, task.id, NOW, person_id=world.learner.id)
    found = assignments.check_may_begin(world.session, task.id, NOW, person_id=other.id)
    assert found.assignment is task


def test_an_exam_code_counts_its_own_attempts(world: CourseWorld) -> None:
    exam = draft(mode=Mode.EXAM, attempts_allowed=1)
    task = assignments.assign(world.session, world.course.id, exam, world.educator.id)
    first, second = world.exam_code(task), world.exam_code(task)
    world.attempt(None, assignment_id=task.id, code_id=first)
    with pytest.raises(UsageError, match="made the 1 attempt"):
        assignments.check_may_begin(world.session, task.id, NOW, code_id=first)
    assert (
        assignments.check_may_begin(world.session, task.id, NOW, code_id=second).assignment is task
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"opens_at": NOW + HOUR}, "not open yet"),
        ({"closes_at": NOW}, "is closed"),
    ],
)
def test_nothing_begins_outside_its_time(
    world: CourseWorld, fields: dict[str, object], why: str
) -> None:
    task = world.assign(**fields)
    with pytest.raises(UsageError, match=why):
        assignments.check_may_begin(world.session, task.id, NOW, person_id=world.learner.id)


def test_nothing_begins_for_others_or_when_withdrawn(world: CourseWorld) -> None:
    task = world.assign()
    for who in (world.person("ayo").id, world.educator.id, None):
        with pytest.raises(UsageError, match="not in"):
            assignments.check_may_begin(world.session, task.id, NOW, person_id=who)
    assignments.withdraw(world.session, task.id)
    with pytest.raises(UsageError, match="withdrawn"):
        assignments.check_may_begin(world.session, task.id, NOW, person_id=world.learner.id)
    assert assignments.assignments(world.session, world.course.id) == []


@pytest.mark.parametrize("mode", Mode)
def test_each_mode_is_explained_to_the_learner(mode: Mode) -> None:
    assert mode.words.endswith(".")
