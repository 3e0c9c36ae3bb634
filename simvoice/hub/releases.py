"""Releases: what of an attempt its learner lets the educators of a course open.

A release wins or ends at once. Each request asks `opening` again, and so does a recording that is
being sent (`hub.pages.sound`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, distinct, func, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from simvoice.errors import UsageError
from simvoice.hub import assignments, begun, courses
from simvoice.hub.attempt_parts import Part, begins_attempt, parts_of
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import (
    Account,
    Assignment,
    BegunEncounter,
    Course,
    Membership,
    OneTimeCode,
    Release,
    StationVisit,
    StoredAttempt,
    now,
)
from simvoice.release.contents import Contents

HELD_BACK = "The debrief of an exam is shown to you when the educators of the course release it."


@dataclass(frozen=True, slots=True)
class Opening:
    """How somebody may open an attempt."""

    contents: Contents
    is_owner: bool
    course_id: UUID | None = None
    """The course to which it is released; None for the owner."""
    is_held_back: bool = False
    """The learner does not open the own attempt yet: it is of an exam (`is_held_back`)."""


@dataclass(frozen=True, slots=True)
class PresentRelease:
    """A release that holds now, with the names of those who can open the attempt."""

    id: UUID
    course: Course
    contents: Contents
    educators: tuple[str, ...]
    released_at: datetime
    is_example: bool = False
    """Moments of it may be played to the course."""


@dataclass(frozen=True, slots=True)
class ReleasedAttempt:
    """An attempt in the list of a course's educator."""

    attempt: StoredAttempt
    learner: str
    """The learner's name, or the label of an exam code's attempt."""
    contents: Contents
    part: Part | None = None
    """Which part of an attempt that was cut off; None for a whole one."""


def opening(
    session: Session,
    attempt_id: UUID,
    *,
    person_id: UUID | None,
    code_id: UUID | None = None,
    roles: Collection[Role] = (),
) -> Opening | None:
    """Return how a visitor may open an attempt now; None when they may not.

    The owner opens everything, whatever their roles, but an exam only when its debriefs are
    released. An educator opens what is released to a course that they teach; of several releases,
    the one that holds most. Nobody else opens anything.
    """
    attempt = session.get(StoredAttempt, attempt_id)
    if attempt is None:
        return None
    is_owner = person_id is not None and attempt.owner_id == person_id
    if person_id is None:
        is_owner = code_id is not None and attempt.code_id == code_id
    if is_owner:
        held_back = is_held_back(session, attempt)
        return Opening(Contents.SOUND, is_owner=True, is_held_back=held_back)
    if person_id is None:
        return None
    if Role.EDUCATOR not in roles:
        return None
    rows = session.execute(
        select(Release.contents, Release.course_id)
        .join(Membership, Membership.course_id == Release.course_id)
        .where(
            Release.attempt_id == attempt_id,
            Release.revoked_at.is_(None),
            Membership.person_id == person_id,
            Membership.is_educator.is_(True),
        )
    )
    found = [Opening(Contents(contents), False, course_id) for contents, course_id in rows]
    return max(found, key=lambda each: each.contents.rank, default=None)


def release(
    session: Session, attempt_id: UUID, course_id: UUID, contents: Contents, *, owner_id: UUID
) -> Release:
    """Release an attempt to a course. It replaces an earlier release to the same course.

    Raises UsageError when the attempt is not the person's, or when they do not learn in the course.
    """
    own_attempt(session, attempt_id, owner_id)
    where = courses.course(session, course_id)
    if where.archived_at is not None or not courses.is_learner_of(session, owner_id, course_id):
        raise UsageError("You can release an attempt only to an open course that you learn in.")
    return _put(session, attempt_id, course_id, contents)


def release_exam(session: Session, attempt_id: UUID, assignment_id: UUID) -> Release | None:
    """Release an attempt at an exam to its course, in full; None when it is no exam.

    The note on the door says so before the learner goes in.
    """
    task = session.get(Assignment, assignment_id)
    if task is None or task.mode != assignments.Mode.EXAM:
        return None
    return _put(session, attempt_id, task.course_id, Contents.SOUND)


def _put(session: Session, attempt_id: UUID, course_id: UUID, contents: Contents) -> Release:
    for earlier in session.scalars(_present(attempt_id).where(Release.course_id == course_id)):
        earlier.revoked_at = now()
    made = Release(attempt_id=attempt_id, course_id=course_id, contents=contents.value)
    session.add(made)
    session.flush()
    return made


def revoke(session: Session, release_id: UUID, *, owner_id: UUID) -> StoredAttempt:
    """End a release and return its attempt; a second call changes nothing.

    Raises UsageError for a release of another person, and for one that is not there.
    """
    found = session.get(Release, release_id)
    if found is None:
        raise UsageError("There is no such release.")
    attempt = own_attempt(session, found.attempt_id, owner_id)
    if is_exam(session, attempt):
        raise UsageError("An exam stays with its course. Ask the course's educator about it.")
    found.revoked_at = found.revoked_at or now()
    session.flush()
    return attempt


def own_attempt(session: Session, attempt_id: UUID, owner_id: UUID) -> StoredAttempt:
    """Return an attempt of this person. Raises UsageError for another's, as for one not there."""
    found = session.get(StoredAttempt, attempt_id)
    if found is None or found.owner_id != owner_id:
        raise UsageError("You have no such attempt. It may have been erased.")
    return found


def is_exam(session: Session, attempt: StoredAttempt) -> bool:
    """Return True when an attempt was made in an exam."""
    if attempt.assignment_id is None:
        return False
    task = session.get(Assignment, attempt.assignment_id)
    return task is not None and task.mode == assignments.Mode.EXAM


def is_held_back(session: Session, attempt: StoredAttempt) -> bool:
    """Return True for an exam whose debriefs are not released to those who did it."""
    if not is_exam(session, attempt):
        return False
    task = session.get(Assignment, attempt.assignment_id)
    return task is not None and task.debriefs_released_at is None


def check_may_read(session: Session, attempt: StoredAttempt) -> None:
    """Raise UsageError when the learner may not read the debrief of the own attempt yet."""
    if is_held_back(session, attempt):
        raise UsageError(HELD_BACK)


def present_releases(session: Session, attempt_id: UUID) -> list[PresentRelease]:
    """Return to whom an attempt is released now, by course title."""
    found = []
    for each in session.scalars(_present(attempt_id)):
        where = courses.course(session, each.course_id)
        names = tuple(person.name for person in courses.educators(session, each.course_id))
        found.append(
            PresentRelease(
                each.id,
                where,
                Contents(each.contents),
                names,
                each.released_at,
                each.example_since is not None,
            )
        )
    return sorted(found, key=lambda each: each.course.title.casefold())


def learner_of(session: Session, attempt: StoredAttempt) -> str:
    """Return whose attempt it is, for those to whom it is released."""
    owner = session.get(Account, attempt.owner_id) if attempt.owner_id is not None else None
    return owner.name if owner is not None else _code_label(session, attempt)


def end_for_member(session: Session, course_id: UUID, person_id: UUID) -> None:
    """End what a person has released to a course that they leave. Exams stay with the course."""
    rows = session.execute(
        select(Release, StoredAttempt)
        .join(StoredAttempt, StoredAttempt.id == Release.attempt_id)
        .where(
            Release.course_id == course_id,
            Release.revoked_at.is_(None),
            StoredAttempt.owner_id == person_id,
        )
    ).all()
    for each, attempt in rows:
        if not is_exam(session, attempt):
            each.revoked_at = now()


def released_to(
    session: Session, course_id: UUID, most: int | None = None, skip: int = 0
) -> list[ReleasedAttempt]:
    """Return the attempts that are released to a course now, the newest first.

    most: at most so many, after the first `skip`; None for all.
    """
    rows = session.execute(
        select(StoredAttempt, Release.contents, Account.name)
        .join(Release, Release.attempt_id == StoredAttempt.id)
        .outerjoin(Account, Account.id == StoredAttempt.owner_id)
        .where(Release.course_id == course_id, Release.revoked_at.is_(None))
        .order_by(StoredAttempt.started_at.desc(), StoredAttempt.id)
        .limit(most)
        .offset(skip)
    )
    return _released(session, rows)


def _released(session: Session, rows: Iterable[Any]) -> list[ReleasedAttempt]:
    found = list(rows)
    parts = parts_of(session, (attempt for attempt, _, _ in found))
    return [
        ReleasedAttempt(
            attempt,
            name or _code_label(session, attempt),
            Contents(contents),
            parts.get(attempt.id),
        )
        for attempt, contents, name in found
    ]


def released_of(session: Session, task: Assignment) -> list[ReleasedAttempt]:
    """Return the attempts at an assignment that are released to its course, the newest first."""
    rows = session.execute(
        select(StoredAttempt, Release.contents, Account.name)
        .join(Release, Release.attempt_id == StoredAttempt.id)
        .outerjoin(Account, Account.id == StoredAttempt.owner_id)
        .where(
            StoredAttempt.assignment_id == task.id,
            Release.course_id == task.course_id,
            Release.revoked_at.is_(None),
        )
        .order_by(StoredAttempt.started_at.desc(), StoredAttempt.id)
    )
    return _released(session, rows)


@dataclass(frozen=True, slots=True)
class CodeUsedTwice:
    """An exam code, or a card, with which encounters began at several places without network."""

    label: str
    """Of the candidate; of a card, the name of its owner."""
    times: int
    attempts: tuple[StoredAttempt, ...]
    """What of it is here now, the oldest first; of one in parts, the first part."""


def codes_used_twice(session: Session, assignment_id: UUID) -> list[CodeUsedTwice]:
    """Return the codes of an exam that more than one visit has used, by label."""
    visits = select(StationVisit.code_id).where(
        StationVisit.begun_at.is_not(None), StationVisit.forgiven_at.is_(None)
    )
    here = select(BegunEncounter.code_id).where(BegunEncounter.forgiven_at.is_(None)).distinct()
    used = union_all(visits, here).subquery()
    rows = session.execute(
        select(OneTimeCode, func.count())
        .join(used, used.c.code_id == OneTimeCode.id)
        .where(OneTimeCode.assignment_id == assignment_id)
        .group_by(OneTimeCode.id)
        .having(func.count() > 1)
        .order_by(OneTimeCode.label)
    ).all()
    found = []
    for code, times in rows:
        kept = select(StoredAttempt).where(StoredAttempt.code_id == code.id, begins_attempt())
        made = session.scalars(kept.order_by(StoredAttempt.started_at, StoredAttempt.id)).all()
        found.append(CodeUsedTwice(code.label, times, tuple(made)))
    return found


def begun_too_often(session: Session, task: Assignment) -> list[CodeUsedTwice]:
    """Return the accounts that have begun an exam more often than it allows, by name.

    Two stations without network let the same card in: neither knows of the other.
    """
    if task.mode != assignments.Mode.EXAM or task.attempts_allowed is None:
        return []
    found = []
    for (person_id, _), moments in begun.moments_by_person(session, [task.id]).items():
        if len(moments) > task.attempts_allowed:
            kept = select(StoredAttempt).where(
                StoredAttempt.owner_id == person_id,
                StoredAttempt.assignment_id == task.id,
                StoredAttempt.forgiven_at.is_(None),
                begins_attempt(),
            )
            made = session.scalars(kept.order_by(StoredAttempt.started_at, StoredAttempt.id)).all()
            name = session.get_one(Account, person_id).name
            found.append(CodeUsedTwice(name, len(moments), tuple(made)))
    return sorted(found, key=lambda each: each.label)


@dataclass(frozen=True, slots=True)
class TaughtCourse:
    """A course, as one of its educators sees it in a list."""

    course: Course
    learners: int
    assignments: int
    released: int
    """Attempts that are released to it now."""


def taught(session: Session, person_id: UUID) -> list[TaughtCourse]:
    """Return the courses that a person teaches, open ones first, with what is in them."""
    found = courses.courses_taught(session, person_id)
    ids = [each.id for each in found]
    learners = _counts(session, ids, Membership.course_id, Membership.is_educator.is_(False))
    assignments = _counts(session, ids, Assignment.course_id, Assignment.withdrawn_at.is_(None))
    is_released = and_(Release.revoked_at.is_(None), _is_of_first_part())
    released = _counts(session, ids, Release.course_id, is_released)
    return [
        TaughtCourse(
            each, learners.get(each.id, 0), assignments.get(each.id, 0), released.get(each.id, 0)
        )
        for each in found
    ]


def _counts(
    session: Session,
    ids: Sequence[UUID],
    course_id: InstrumentedAttribute[UUID],
    which: ColumnElement[bool],
) -> dict[UUID, int]:
    """Return the number of rows of each of these courses that has any."""
    asked = select(course_id, func.count()).where(course_id.in_(ids), which).group_by(course_id)
    return dict(session.execute(asked).all())


def _is_of_first_part() -> ColumnElement[bool]:
    """Return the condition that counts the parts of one attempt as one."""
    begins = select(StoredAttempt.id).where(begins_attempt())
    return Release.attempt_id.in_(begins)


def _code_label(session: Session, attempt: StoredAttempt) -> str:
    code = session.get(OneTimeCode, attempt.code_id) if attempt.code_id else None
    return f"Candidate {code.label}" if code is not None and code.label else "A candidate"


def with_words_to(session: Session, educator_id: UUID) -> list[StoredAttempt]:
    """Return the attempts whose words an educator may open now, the newest first, each once."""
    released = (
        select(Release.attempt_id)
        .join(Membership, Membership.course_id == Release.course_id)
        .where(
            Release.revoked_at.is_(None),
            Release.contents != Contents.NUMBERS.value,
            Membership.person_id == educator_id,
            Membership.is_educator.is_(True),
        )
    )
    rows = session.scalars(
        select(StoredAttempt)
        .where(
            StoredAttempt.id.in_(released),
            StoredAttempt.contents != Contents.NUMBERS.value,
            StoredAttempt.owner_id.is_distinct_from(educator_id),
        )
        .order_by(StoredAttempt.started_at.desc(), StoredAttempt.id)
    )
    return list(rows)


def released_anywhere(session: Session) -> list[StoredAttempt]:
    """Return every attempt that is released to a course now, the oldest first, each once."""
    rows = session.scalars(
        select(StoredAttempt)
        .where(StoredAttempt.id.in_(select(Release.attempt_id).where(Release.revoked_at.is_(None))))
        .order_by(StoredAttempt.started_at, StoredAttempt.id)
    )
    return list(rows)


def count_released_anywhere(session: Session) -> int:
    """Return the number of attempts that are released to a course now; one in parts counts once."""
    asked = select(func.count(distinct(Release.attempt_id))).where(
        Release.revoked_at.is_(None), _is_of_first_part()
    )
    return session.scalar(asked) or 0


def _present(attempt_id: UUID) -> Select[Release]:
    return select(Release).where(Release.attempt_id == attempt_id, Release.revoked_at.is_(None))
