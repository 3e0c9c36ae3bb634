"""What the hub keeps of a person, as the person's own copy has it (`release.own_copy`).

Each function takes the session of a transaction. Attempts of exams that are held back from their
learner are named, and nothing of them is in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from simvoice.hub import people, releases
from simvoice.hub.storage.tables import (
    Account,
    Assignment,
    AuditEntry,
    BegunEncounter,
    Course,
    Device,
    FinishedRating,
    ItemRating,
    Membership,
    OneTimeCode,
    Release,
    Remark,
    SignIn,
    StoredAttempt,
)
from simvoice.release.own_copy import Cell, CopiedTable


@dataclass(frozen=True, slots=True)
class OwnData:
    """Everything of a person but the records of the attempts."""

    facts: dict[str, object]
    tables: tuple[CopiedTable, ...]
    attempts: tuple[StoredAttempt, ...]
    """Those that the person may open, the oldest first."""
    held_back: tuple[StoredAttempt, ...]
    """Those of exams whose debriefs are not released."""


def own_data(session: Session, person_id: UUID) -> OwnData:
    """Return what is kept of a person. Raises UsageError when there is no such account."""
    person = people.get(session, person_id)
    rows = session.scalars(
        select(StoredAttempt)
        .where(StoredAttempt.owner_id == person_id)
        .order_by(StoredAttempt.started_at, StoredAttempt.id)
    ).all()
    held_back = tuple(row for row in rows if releases.is_held_back(session, row))
    shown = tuple(row for row in rows if row not in held_back)
    names = {str(row.id): row.record_id for row in shown}
    tasks = dict(session.execute(select(Assignment.id, Assignment.title)).all())
    tables = (
        _attempts(rows, held_back, tasks),
        _releases(session, [row.id for row in rows], {row.id: row.record_id for row in rows}),
        _remarks(session, shown),
        _ratings(session, shown),
        _opened(session, person_id, names),
        _done(session, person_id),
    )
    return OwnData(_facts(session, person, tasks), tables, shown, held_back)


def _facts(session: Session, person: Account, tasks: dict[UUID, str]) -> dict[str, object]:
    courses = session.execute(
        select(Course.title, Membership.is_educator)
        .join(Membership, Membership.course_id == Course.id)
        .where(Membership.person_id == person.id)
        .order_by(Course.title)
    )
    return {
        "login": person.login,
        "name": person.name,
        "roles": sorted(people.roles_of(person)),
        "signs_in_with": "a provider" if person.issuer else "a password",
        "account_made": _time(person.created_at),
        "introduction_read": _time(person.introduced_at),
        "courses": [
            {"title": title, "as": "educator" if is_educator else "learner"}
            for title, is_educator in courses
        ],
        "browsers": [
            {"since": _time(each.created_at), "last_used": _time(each.last_seen_at)}
            for each in session.scalars(select(SignIn).filter_by(person_id=person.id))
        ],
        "devices": [
            {
                **{"name": each.name, "kind": each.kind, "version": each.version},
                **{"paired": _time(each.paired_at), "last_seen": _time(each.last_seen_at)},
                "unpaired": _time(each.unpaired_at),
            }
            for each in session.scalars(select(Device).filter_by(person_id=person.id))
        ],
        "codes": [
            {
                **{"kind": each.kind, "made": _time(each.created_at)},
                **{"ends": _time(each.expires_at), "used": _time(each.used_at)},
                "withdrawn": _time(each.revoked_at),
            }
            for each in session.scalars(select(OneTimeCode).filter_by(person_id=person.id))
        ],
        "encounters_begun": [
            {"assignment": tasks.get(each.assignment_id, ""), "at": _time(each.begun_at)}
            for each in session.scalars(
                select(BegunEncounter)
                .filter_by(person_id=person.id)
                .order_by(BegunEncounter.begun_at)
            )
        ],
    }


def _attempts(
    rows: Iterable[StoredAttempt], held_back: Iterable[StoredAttempt], tasks: dict[UUID, str]
) -> CopiedTable:
    waiting = {row.id for row in held_back}
    return CopiedTable(
        "attempts.csv",
        (
            *("attempt", "case", "patient", "began", "duration_s", "ended", "made_at"),
            *("kept", "assignment", "retry_of", "held_back"),
        ),
        [
            (
                *(row.record_id, row.case_title, row.patient_name, _time(row.started_at)),
                *(row.duration_s, row.reason, row.origin, row.contents),
                tasks.get(row.assignment_id, "") if row.assignment_id else "",
                *(row.again_of or "", "yes" if row.id in waiting else ""),
            )
            for row in rows
        ],
        "your attempts, one a line",
    )


def _releases(session: Session, ids: list[UUID], names: dict[UUID, str]) -> CopiedTable:
    found = session.execute(
        select(Release, Course.title)
        .join(Course, Course.id == Release.course_id)
        .where(Release.attempt_id.in_(ids))
        .order_by(Release.released_at)
    ).all()
    rows: list[tuple[Cell, ...]] = [
        (
            *(names[each.attempt_id], title, each.contents),
            *(_time(each.released_at), _time(each.revoked_at)),
        )
        for each, title in found
    ]
    columns = ("attempt", "course", "what", "released", "ended")
    return CopiedTable(
        "releases.csv", columns, rows, "what you released to whom, and when it ended"
    )


def _remarks(session: Session, shown: Iterable[StoredAttempt]) -> CopiedTable:
    names = {row.id: row.record_id for row in shown}
    found = session.execute(
        select(Remark, Account.name)
        .outerjoin(Account, Account.id == Remark.author_id)
        .where(Remark.attempt_id.in_(names))
        .order_by(Remark.attempt_id, Remark.at_s)
    ).all()
    rows: list[tuple[Cell, ...]] = [
        (
            *(names[each.attempt_id], round(each.at_s, 2), author or "", each.text),
            _time(each.written_at),
        )
        for each, author in found
    ]
    columns = ("attempt", "at_s", "author", "text", "written")
    return CopiedTable("remarks.csv", columns, rows, "what educators wrote to you, and where")


def _ratings(session: Session, shown: Iterable[StoredAttempt]) -> CopiedTable:
    names = {row.id: row.record_id for row in shown}
    found = session.scalars(
        select(ItemRating)
        .join(
            FinishedRating,
            (FinishedRating.attempt_id == ItemRating.attempt_id)
            & (FinishedRating.rater_id == ItemRating.rater_id),
        )
        .where(ItemRating.attempt_id.in_(names))
        .order_by(ItemRating.attempt_id, ItemRating.rater_id, ItemRating.item)
    ).all()
    raters: dict[UUID, str] = {}
    rows: list[tuple[Cell, ...]] = []
    for each in found:
        rater = raters.setdefault(each.rater_id, f"rater {len(raters) + 1}")
        facts = (names[each.attempt_id], rater, each.item, each.value, each.comment)
        rows.append((*facts, _time(each.rated_at)))
    columns = ("attempt", "rater", "item", "value", "comment", "rated")
    return CopiedTable("ratings.csv", columns, rows, "what human raters answered about attempts")


def _opened(session: Session, person_id: UUID, names: dict[str, str]) -> CopiedTable:
    found = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.object_id.in_(names), AuditEntry.person_id.is_distinct_from(person_id))
        .order_by(AuditEntry.id)
    )
    rows: list[tuple[Cell, ...]] = [
        (_time(each.at), each.who, each.action, names[each.object_id], each.detail)
        for each in found
    ]
    columns = ("at", "who", "what", "attempt", "detail")
    return CopiedTable("opened.csv", columns, rows, "who else opened an attempt of yours, and when")


def _done(session: Session, person_id: UUID) -> CopiedTable:
    found = session.scalars(
        select(AuditEntry)
        .where(or_(AuditEntry.person_id == person_id, AuditEntry.object_id == str(person_id)))
        .order_by(AuditEntry.id)
    )
    rows: list[tuple[Cell, ...]] = [
        (_time(each.at), each.who, each.action, each.object_id, each.detail, each.address)
        for each in found
    ]
    columns = ("at", "who", "what", "object", "detail", "address")
    return CopiedTable(
        "done.csv", columns, rows, "what you did here, and what was done with your account"
    )


def _time(at: datetime | None) -> Any:
    return at.isoformat(timespec="seconds") if at is not None else ""
