"""Releases: who may open what of an attempt."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from simvoice.errors import UsageError
from simvoice.hub import assignments, courses, releases
from simvoice.hub.assignments import Mode
from simvoice.hub.releases import Contents, Opening
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Account, Release, StoredAttempt
from tests.hub.course_world import NOW, CourseWorld, course_world

EDUCATOR = {Role.EDUCATOR}


@pytest.fixture
def world() -> Iterator[CourseWorld]:
    with course_world() as made:
        yield made


@pytest.fixture
def made(world: CourseWorld) -> StoredAttempt:
    """An attempt of the learner."""
    return world.attempt(world.learner)


def test_the_owner_opens_everything_and_nobody_else_anything(
    world: CourseWorld, made: StoredAttempt
) -> None:
    own = releases.opening(world.session, made.id, person_id=world.learner.id, roles={Role.LEARNER})
    assert own == Opening(Contents.SOUND, is_owner=True)
    for roles in ([], [Role.TECHNICIAN], [Role.RESEARCHER], list(Role)):
        assert (
            releases.opening(world.session, made.id, person_id=world.educator.id, roles=roles)
            is None
        )
    assert releases.opening(world.session, uuid4(), person_id=world.learner.id) is None
    assert releases.opening(world.session, made.id, person_id=None) is None


@pytest.mark.parametrize("contents", Contents)
def test_an_educator_of_the_course_opens_what_is_released(
    world: CourseWorld, made: StoredAttempt, contents: Contents
) -> None:
    given = releases.release(
        world.session, made.id, world.course.id, contents, owner_id=world.learner.id
    )
    found = releases.opening(world.session, made.id, person_id=world.educator.id, roles=EDUCATOR)
    assert found == Opening(contents, is_owner=False, course_id=world.course.id)
    # not the same person without the role, nor an educator of another course, nor a fellow learner
    assert (
        releases.opening(world.session, made.id, person_id=world.educator.id, roles={Role.LEARNER})
        is None
    )
    for login in ("mei", "ayo"):
        world.person(login)
    courses.add_members(world.session, world.course.id, ["ayo"])
    courses.create_course(world.session, "Year 4", "", world.person("kim").id)
    for each in world.session.query(Account).filter(Account.login.in_(["mei", "ayo", "kim"])):
        assert releases.opening(world.session, made.id, person_id=each.id, roles=EDUCATOR) is None
    releases.revoke(world.session, given.id, owner_id=world.learner.id)
    assert (
        releases.opening(world.session, made.id, person_id=world.educator.id, roles=EDUCATOR)
        is None
    )
    assert releases.released_to(world.session, world.course.id) == []


def test_of_two_releases_the_one_that_holds_most_is_opened(
    world: CourseWorld, made: StoredAttempt
) -> None:
    second = courses.create_course(world.session, "Year 4", "", world.educator.id)
    courses.add_members(world.session, second.id, ["lena"])
    releases.release(
        world.session, made.id, world.course.id, Contents.NUMBERS, owner_id=world.learner.id
    )
    releases.release(world.session, made.id, second.id, Contents.WORDS, owner_id=world.learner.id)
    found = releases.opening(world.session, made.id, person_id=world.educator.id, roles=EDUCATOR)
    assert found == Opening(Contents.WORDS, is_owner=False, course_id=second.id)
    assert len(releases.present_releases(world.session, made.id)) == 2
    assert releases.released_anywhere(world.session) == [made]


def test_a_second_release_to_a_course_replaces_the_first(
    world: CourseWorld, made: StoredAttempt
) -> None:
    releases.release(
        world.session, made.id, world.course.id, Contents.SOUND, owner_id=world.learner.id
    )
    releases.release(
        world.session, made.id, world.course.id, Contents.NUMBERS, owner_id=world.learner.id
    )
    (now,) = releases.present_releases(world.session, made.id)
    assert (now.contents, now.educators) == (Contents.NUMBERS, ("Edo Haddad",))
    found = releases.opening(world.session, made.id, person_id=world.educator.id, roles=EDUCATOR)
    assert found is not None
    assert found.contents is Contents.NUMBERS
    assert world.session.query(Release).count() == 2  # the first is kept as ended


def test_one_releases_only_ones_own_attempts_to_ones_own_courses(
    world: CourseWorld, made: StoredAttempt
) -> None:
    with pytest.raises(UsageError, match="no such attempt"):
        releases.release(
            world.session, made.id, world.course.id, Contents.SOUND, owner_id=world.educator.id
        )
    other = courses.create_course(world.session, "Year 4", "", world.educator.id)
    with pytest.raises(UsageError, match="learn in"):
        releases.release(
            world.session, made.id, other.id, Contents.SOUND, owner_id=world.learner.id
        )
    given = releases.release(
        world.session, made.id, world.course.id, Contents.SOUND, owner_id=world.learner.id
    )
    with pytest.raises(UsageError, match="no such attempt"):
        releases.revoke(world.session, given.id, owner_id=world.educator.id)
    with pytest.raises(UsageError, match="no such release"):
        releases.revoke(world.session, uuid4(), owner_id=world.learner.id)
    courses.archive_course(world.session, world.course.id)
    with pytest.raises(UsageError, match="open course"):
        releases.release(
            world.session, made.id, world.course.id, Contents.SOUND, owner_id=world.learner.id
        )


def test_an_exam_is_released_when_it_ends_and_stays_so(world: CourseWorld) -> None:
    exam = world.assign(mode=Mode.EXAM)
    practice = world.assign()
    made = world.attempt(world.learner, assignment_id=exam.id)
    given = releases.release_exam(world.session, made.id, exam.id)
    assert given is not None
    with pytest.raises(UsageError, match="stays with its course"):
        releases.revoke(world.session, given.id, owner_id=world.learner.id)
    private = world.attempt(world.learner, assignment_id=practice.id)
    assert releases.release_exam(world.session, private.id, practice.id) is None
    assert [each.attempt for each in releases.released_to(world.session, world.course.id)] == [made]


def test_a_candidate_opens_the_attempt_of_their_code_and_is_named_by_it(world: CourseWorld) -> None:
    exam = world.assign(mode=Mode.EXAM)
    code = world.exam_code(exam)
    made = world.attempt(None, assignment_id=exam.id, code_id=code)
    found = releases.opening(world.session, made.id, person_id=None, code_id=code)
    assert found == Opening(Contents.SOUND, is_owner=True, is_held_back=True)
    assert releases.opening(world.session, made.id, person_id=None, code_id=uuid4()) is None
    assignments.release_debriefs(world.session, exam.id, NOW)
    found = releases.opening(world.session, made.id, person_id=None, code_id=code)
    assert found == Opening(Contents.SOUND, is_owner=True)
    releases.release_exam(world.session, made.id, exam.id)
    assert [each.learner for each in releases.released_to(world.session, world.course.id)] == [
        "A candidate"
    ]


def test_each_contents_says_what_it_holds_and_what_not() -> None:
    sound, words, numbers = Contents
    assert sound.withheld == ()
    assert any("recording" in part for part in words.withheld)
    assert not any("recording" in part for part in words.shown)
    assert any("in writing" in part for part in numbers.withheld)
    assert (numbers.holds_words, words.holds_words, words.holds_sound) == (False, True, False)
    assert set(numbers.shown) < set(words.shown) < set(sound.shown)
