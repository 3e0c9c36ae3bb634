"""Courses and their members.

Each function takes the session of a transaction as its first argument and raises an error of
`simvoice.errors`, with a sentence for the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from simvoice.errors import SettingError, UsageError
from simvoice.hub.storage.tables import (
    Account,
    Course,
    Membership,
    now,
)
from simvoice.hub.storage.upsert import add_once

LONGEST_TITLE = 200
"""Characters; the width of the columns."""
LONGEST_DESCRIPTION = 4000


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a course."""

    person: Account
    is_educator: bool


# -- courses


def create_course(session: Session, title: str, description: str, educator_id: UUID) -> Course:
    """Make a course with its first educator. Raises SettingError for a title that is not valid."""
    made = Course(title=valid_title(title, "The course"), description=_description(description))
    session.add(made)
    session.flush()
    session.add(Membership(course_id=made.id, person_id=educator_id, is_educator=True))
    session.flush()
    return made


def change_course(session: Session, course_id: UUID, title: str, description: str) -> Course:
    """Give a course another title and description."""
    found = course(session, course_id)
    found.title, found.description = valid_title(title, "The course"), _description(description)
    return found


def archive_course(session: Session, course_id: UUID) -> Course:
    """Close a course: nothing can be assigned in it or released to it any more."""
    found = course(session, course_id)
    found.archived_at = found.archived_at or now()
    return found


def course(session: Session, course_id: UUID) -> Course:
    """Return a course. Raises UsageError when there is none."""
    found = session.get(Course, course_id)
    if found is None:
        raise UsageError("There is no such course.")
    return found


def courses_taught(session: Session, person_id: UUID) -> list[Course]:
    """Return the courses of which a person is an educator, open ones first, by title."""
    return _courses_of(session, person_id, is_educator=True)


def courses_taken(session: Session, person_id: UUID) -> list[Course]:
    """Return the open courses in which a person learns, by title."""
    found = _courses_of(session, person_id, is_educator=False)
    return [each for each in found if each.archived_at is None]


def _courses_of(session: Session, person_id: UUID, *, is_educator: bool) -> list[Course]:
    rows = session.scalars(
        select(Course)
        .join(Membership, Membership.course_id == Course.id)
        .where(Membership.person_id == person_id, Membership.is_educator == is_educator)
    )
    return sorted(rows, key=lambda each: (each.archived_at is not None, each.title.casefold()))


# -- members


def members(session: Session, course_id: UUID) -> list[Member]:
    """Return the members of a course: educators first, then by name."""
    rows = session.execute(
        select(Account, Membership.is_educator)
        .join(Membership, Membership.person_id == Account.id)
        .where(Membership.course_id == course_id)
    )
    found = [Member(person, is_educator) for person, is_educator in rows]
    return sorted(found, key=lambda each: (not each.is_educator, each.person.name.casefold()))


def educators(session: Session, course_id: UUID) -> list[Account]:
    """Return the educators of a course who can sign in, by name."""
    return [
        each.person
        for each in members(session, course_id)
        if each.is_educator and each.person.disabled_at is None
    ]


def is_educator_of(session: Session, person_id: UUID, course_id: UUID) -> bool:
    """Return True when a person is an educator of a course now."""
    found = session.get(Membership, (course_id, person_id))
    return found is not None and found.is_educator


def is_learner_of(session: Session, person_id: UUID, course_id: UUID) -> bool:
    """Return True when a person learns in a course now."""
    found = session.get(Membership, (course_id, person_id))
    return found is not None and not found.is_educator


def add_members(
    session: Session, course_id: UUID, logins: Iterable[str], *, is_educator: bool = False
) -> list[Account]:
    """Add people by login; return those who were not members before.

    Raises UsageError that names the logins without an account. Then nobody is added.
    """
    course(session, course_id)
    wanted = list(dict.fromkeys(login.strip().lower() for login in logins if login.strip()))
    if not wanted:
        raise SettingError("Enter the login of at least one person.")
    rows = session.scalars(select(Account).where(Account.login.in_(wanted)))
    found = {person.login: person for person in rows}
    unknown = [login for login in wanted if login not in found]
    if unknown:
        raise UsageError(f"There is no account with this login: {', '.join(unknown[:5])}.")
    added = []
    for login in wanted:
        person = found[login]
        made = Membership(course_id=course_id, person_id=person.id, is_educator=is_educator)
        if add_once(session, made):
            added.append(person)
    return added


def remove_member(session: Session, course_id: UUID, person_id: UUID) -> None:
    """Take a person out of a course. Raises UsageError for the last educator."""
    member = session.get(Membership, (course_id, person_id))
    if member is None:
        return
    if member.is_educator and _count_educators(session, course_id) == 1:
        raise UsageError("A course needs an educator. Add another one first.")
    session.delete(member)
    session.flush()


def _count_educators(session: Session, course_id: UUID) -> int:
    counted = select(func.count()).where(
        Membership.course_id == course_id, Membership.is_educator.is_(True)
    )
    return session.scalar(counted) or 0


def valid_title(text: str, what: str) -> str:
    """Return a title in one line. what: whose it is. Raises SettingError for no valid one."""
    text = " ".join(text.split())
    if not text:
        raise SettingError(f"{what} needs a title.")
    if len(text) > LONGEST_TITLE:
        raise SettingError(f"The title has {len(text)} characters; {LONGEST_TITLE} is the most.")
    return text


def _description(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST_DESCRIPTION:
        raise SettingError(
            f"The description has {len(text)} characters; {LONGEST_DESCRIPTION} is the most."
        )
    return text
