"""The audit trail: who did or opened what, and when. It holds no word of a conversation."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from simvoice.hub.doors.access import Visitor
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import (
    Assignment,
    AuditEntry,
    Membership,
    OneTimeCode,
    Release,
    now,
)
from simvoice.safe_text import csv_cell, one_line

COMMAND_LINE = Visitor(login="command line")
"""Who acts when a command of `simvoice hub` does."""

COLUMNS = ("at", "who", "action", "object", "detail", "address")
"""Of the CSV file. `at` is in UTC, ISO 8601."""

_LONGEST = {"who": 200, "object_id": 130, "detail": 300, "address": 60}

_ROWS_AT_ONCE = 1000
_MOST_ATTEMPTS = 20_000
"""The newest ones that a query names; SQLite allows 32,766 values in one."""


def record(
    session: Session, visitor: Visitor, action: str, object_id: object = "", detail: str = ""
) -> None:
    """Add an entry in the transaction of what it reports.

    action: a verb and its object, such as "open debrief". detail: no word of a conversation.
    """
    session.add(
        AuditEntry(
            at=now(),
            person_id=visitor.person_id,
            who=_fit("who", visitor.login or "stranger"),
            action=action,
            object_id=_fit("object_id", str(object_id)),
            detail=_fit("detail", detail),
            address=_fit("address", visitor.address),
        )
    )


def _fit(column: str, text: str) -> str:
    return one_line(text)[: _LONGEST[column]]


# -- reading


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted. The default is all."""

    text: str = ""
    """In the person, the action or the object; upper and lower case are the same."""
    action: str = ""
    """Exactly this action."""
    since: datetime | None = None
    until: datetime | None = None
    """Entries before this moment."""
    objects: Collection[str] | None = None
    """Only entries about these; None for all."""
    person_id: UUID | None = None
    """Also entries of this person, when `objects` is given."""


def filter_for(session: Session, visitor: Visitor, wanted: AuditFilter) -> AuditFilter:
    """Return the part of a filter that a visitor may see.

    A technician sees every entry. An educator sees what was done with their courses, the
    assignments and codes of these and the attempts that were released to them, and what they did.
    """
    if Role.TECHNICIAN in visitor.roles:
        return wanted
    mine = frozenset(_objects_of_educator(session, visitor.person_id))
    return AuditFilter(
        text=wanted.text,
        action=wanted.action,
        since=wanted.since,
        until=wanted.until,
        objects=mine,
        person_id=visitor.person_id,
    )


def _objects_of_educator(session: Session, person_id: UUID | None) -> Iterator[str]:
    courses = select(Membership.course_id).where(
        Membership.person_id == person_id, Membership.is_educator
    )
    assignments = select(Assignment.id).where(Assignment.course_id.in_(courses))
    released = (
        select(Release.attempt_id)
        .where(Release.course_id.in_(courses))
        .order_by(Release.released_at.desc())
        .limit(_MOST_ATTEMPTS)
    )
    codes = select(OneTimeCode.id).where(OneTimeCode.assignment_id.in_(assignments))
    for asked in (courses, assignments, released, codes):
        yield from (str(found) for found in session.scalars(asked))


def asked(wanted: AuditFilter) -> Select[AuditEntry]:
    """Return the query of the entries that are wanted, the newest first."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc())
    if wanted.text:
        columns = (AuditEntry.who, AuditEntry.action, AuditEntry.object_id)
        first, *others = (each.icontains(wanted.text, autoescape=True) for each in columns)
        for other in others:
            first = first | other
        query = query.where(first)
    if wanted.action:
        query = query.where(AuditEntry.action == wanted.action)
    if wanted.since is not None:
        query = query.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEntry.at < wanted.until)
    if wanted.objects is not None:
        about = AuditEntry.object_id.in_(sorted(wanted.objects))
        query = query.where(about | (AuditEntry.person_id == wanted.person_id))
    return query


def entries(
    session: Session, wanted: AuditFilter, *, first: int = 0, most: int = 50
) -> list[AuditEntry]:
    """Return entries, the newest first. first: how many to leave out."""
    return list(session.scalars(asked(wanted).offset(first).limit(most)))


def of_object(session: Session, object_id: object) -> list[AuditEntry]:
    """Return all that was done with an object, such as an attempt, the newest first."""
    query = select(AuditEntry).where(AuditEntry.object_id == str(object_id))
    return list(session.scalars(query.order_by(AuditEntry.id.desc())))


def actions(session: Session) -> list[str]:
    """Return the actions that occur, for a list to choose from."""
    return sorted(session.scalars(select(AuditEntry.action).distinct()))


def all_entries(session: Session, wanted: AuditFilter) -> Iterator[AuditEntry]:
    """Yield every entry that is wanted, the newest first, without holding all of them."""
    before: int | None = None
    while True:
        query = asked(wanted).limit(_ROWS_AT_ONCE)
        found = session.scalars(
            query if before is None else query.where(AuditEntry.id < before)
        ).all()
        yield from found
        if len(found) < _ROWS_AT_ONCE:
            return
        before = found[-1].id
        session.expunge_all()


def csv_lines(found: Iterable[AuditEntry]) -> Iterator[str]:
    """Yield the lines of a CSV file, the heading first. No cell acts as a formula (`csv_cell`)."""
    yield _csv_line(COLUMNS)
    for entry in found:
        cells = (entry.who, entry.action, entry.object_id, entry.detail, entry.address)
        yield _csv_line((entry.at.isoformat(timespec="seconds"), *map(csv_cell, cells)))


def _csv_line(cells: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(cells)
    return written.getvalue()
