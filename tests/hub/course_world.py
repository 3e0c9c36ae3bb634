"""A course with an educator and a learner, for tests of what is stored about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from simvoice.hub import assignments, courses
from simvoice.hub.assignments import AssignmentDraft
from simvoice.hub.storage.tables import (
    Account,
    Assignment,
    Course,
    OneTimeCode,
    StoredAttempt,
    Table,
)

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class CourseWorld:
    """Rows of an open transaction."""

    session: Session
    educator: Account
    learner: Account
    course: Course

    def person(self, login: str) -> Account:
        return add_person(self.session, login, login.title())

    def attempt(self, owner: Account | None, **fields: Any) -> StoredAttempt:
        """An attempt in the database, without its files."""
        given: dict[str, Any] = {
            **{"id": uuid4(), "record_id": "20261129-100000-breast-biopsy-aaaa", "origin": "hub"},
            **{"case_id": "breast-biopsy", "case_title": "A biopsy", "patient_name": "Ruth Calder"},
            **{"started_at": NOW - HOUR, "duration_s": 75.0, "reason": "learner"},
            **{"owner_id": owner.id if owner else None, **fields},
        }
        made = StoredAttempt(**given)
        self.session.add(made)
        self.session.flush()
        return made

    def assign(self, **fields: Any) -> Assignment:
        return assignments.assign(self.session, self.course.id, draft(**fields), self.educator.id)

    def exam_code(self, assignment: Assignment) -> UUID:
        made = OneTimeCode(
            **{"code_hash": uuid4().hex, "kind": "exam"},
            **{"assignment_id": assignment.id, "expires_at": NOW + HOUR},
        )
        self.session.add(made)
        self.session.flush()
        return made.id


def draft(**fields: Any) -> AssignmentDraft:
    return AssignmentDraft(**{"title": "A biopsy", "case_id": "breast-biopsy", **fields})


def add_person(session: Session, login: str, name: str) -> Account:
    made = Account(login=login, name=name)
    session.add(made)
    session.flush()
    return made


@contextmanager
def course_world() -> Iterator[CourseWorld]:
    """Yield the world on an empty database in memory, with foreign keys."""
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", lambda made, _: made.execute("PRAGMA foreign_keys=ON"))
    Table.metadata.create_all(engine)
    with Session(engine) as session:
        educator = add_person(session, "edo", "Edo Haddad")
        learner = add_person(session, "lena", "Lena Fuchs")
        course = courses.create_course(session, "Year 3", "", educator.id)
        courses.add_members(session, course.id, ["lena"])
        yield CourseWorld(session, educator, learner, course)
    engine.dispose()
