"""The roster: all that stations need to work without their hub.

It is made from the database, once in some seconds however many stations ask (`board.FactsCache`).
It holds no name of a learner and no text of a code. Its version is a hash of its contents, so a
station fetches it again only when something has changed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from simvoice.hub import assignments, codes, courses
from simvoice.hub.assignment_options import options_of
from simvoice.hub.codes import CodeKind
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.stations import lab_settings
from simvoice.hub.stations.board import LabFacts
from simvoice.hub.storage.tables import (
    Account,
    AccountRole,
    Assignment,
    Course,
    OneTimeCode,
    StationVisit,
)
from simvoice.hub.supplies.devices import wanted_version
from simvoice.hub_client.station_messages import (
    MOST_CODES,
    Accommodations,
    Roster,
    RosterCode,
    StationAssignment,
)

_log = logging.getLogger(__name__)

_REMEMBERED = timedelta(days=7)
"""Codes and assignments that ended are in the roster for so long, so that a station without network
says "expired" and not "unknown"."""

_VERSION_LENGTH = 32


def lab_facts(hub: Hub) -> LabFacts:
    """Return what stations are told now; a few seconds old at most.

    Raises DatabaseAway, and StorageRefused when the seal key cannot be read.
    """
    return hub.stations.facts.get(hub.now(), partial(read_facts, hub))


def read_facts(hub: Hub) -> LabFacts:
    """Return what stations are told now, from the database. Raises as `lab_facts`."""
    now, recipient = hub.now(), hub.seal_key.recipient
    with hub.database.read() as session:
        tasks = _assignments(session, now)
        rows = _codes(session, now, [each.id for each in tasks])
        roster = Roster(
            version="",
            made_at=now.timestamp(),
            hub=hub.settings.title,
            salt=codes.salt(hub),
            seal_key=recipient,
            pin_hash=lab_settings.pin_hash(session),
            settings=lab_settings.station_settings(session),
            assignments=tuple(tasks),
            codes=tuple(sorted((code for code, _ in rows[:MOST_CODES]), key=lambda each: each.id)),
        )
        wanted = wanted_version(session)
    contents = roster.model_dump_json(exclude={"version", "made_at"}).encode()
    version = hashlib.sha256(contents).hexdigest()[:_VERSION_LENGTH]
    return LabFacts(
        roster=roster.model_copy(update={"version": version}),
        wanted_version=wanted,
        labels={code.id: label for code, label in rows if code.assignment is not None},
        left_out=max(0, len(rows) - MOST_CODES),
        read_at=now,
        changed_at=now,
    )


# -- assignments


def _assignments(session: Session, now: datetime) -> list[StationAssignment]:
    rows = session.execute(
        select(Assignment, Course)
        .join(Course, Course.id == Assignment.course_id)
        .where(
            Assignment.withdrawn_at.is_(None),
            Course.archived_at.is_(None),
            or_(Assignment.closes_at.is_(None), Assignment.closes_at > now - _REMEMBERED),
        )
        .order_by(Assignment.created_at, Assignment.id)
    ).all()
    educators: dict[UUID, tuple[str, ...]] = {}
    found = []
    for task, course in rows:
        if course.id not in educators:
            named = courses.educators(session, course.id)
            educators[course.id] = tuple(each.name for each in named)
        made = station_assignment(task, course, educators[course.id])
        if made is not None:
            found.append(made)
    return found


def station_assignment(
    task: Assignment, course: Course, educators: Sequence[str]
) -> StationAssignment | None:
    """Return an assignment as stations need it; None for one of another version of the hub."""
    try:
        return StationAssignment.model_validate(
            {
                **{"id": task.id, "title": task.title, "course": course.title},
                **{"educators": tuple(educators), "case": task.case_id, "mode": task.mode},
                **{"opens_at": _unix(task.opens_at), "closes_at": _unix(_end(task))},
                "options": options_of(task),
            }
        )
    except ValidationError:
        _log.warning("assignment %s is not sent to stations: its options are not valid", task.id)
        return None


def _end(task: Assignment) -> datetime | None:
    """Return when an assignment ends. An exam is over when its debriefs are released."""
    ends = [each for each in (task.closes_at, task.debriefs_released_at) if each is not None]
    return min(ends, default=None)


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


# -- codes


def _codes(session: Session, now: datetime, exams: Sequence[UUID]) -> list[tuple[RosterCode, str]]:
    """Return codes with their labels: those of exams before those of persons, newest first."""
    learners: Select[UUID] = (
        select(AccountRole.person_id)
        .join(Account, Account.id == AccountRole.person_id)
        .where(AccountRole.role == str(Role.LEARNER), Account.disabled_at.is_(None))
    )
    is_of_exam = and_(OneTimeCode.kind == str(CodeKind.EXAM), OneTimeCode.assignment_id.in_(exams))
    is_of_person = and_(
        OneTimeCode.kind == str(CodeKind.LEARNER), OneTimeCode.person_id.in_(learners)
    )
    forgiven: dict[UUID, list[UUID]] = {}
    pardoned = select(StationVisit.code_id, StationVisit.session_id).where(
        StationVisit.forgiven_at.is_not(None)
    )
    for code_id, session_id in session.execute(pardoned.order_by(StationVisit.session_id)):
        forgiven.setdefault(code_id, []).append(session_id)
    cards = select(OneTimeCode.person_id).where(
        is_of_person, OneTimeCode.revoked_at.is_(None), OneTimeCode.expires_at > now
    )
    doable = assignments.doable(session, cards, now)
    visiting = select(StationVisit.code_id).where(StationVisit.begun_at.is_(None))
    rows = session.execute(
        select(
            OneTimeCode.id,
            OneTimeCode.station_hash,
            OneTimeCode.assignment_id,
            OneTimeCode.person_id,
            OneTimeCode.expires_at,
            OneTimeCode.used_at,
            OneTimeCode.accommodations,
            OneTimeCode.label,
            OneTimeCode.id.in_(visiting).label("is_visiting"),
        )
        .where(
            or_(is_of_exam, is_of_person),
            OneTimeCode.station_hash.is_not(None),
            OneTimeCode.revoked_at.is_(None),
            OneTimeCode.expires_at > now - _REMEMBERED,
        )
        .order_by(OneTimeCode.kind, OneTimeCode.created_at.desc(), OneTimeCode.id)
    ).all()
    return [
        (
            RosterCode(
                id=row.id,
                hash=row.station_hash,
                assignment=row.assignment_id,
                expires_at=row.expires_at.timestamp(),
                is_used=row.used_at is not None and not row.is_visiting,
                forgiven=tuple(forgiven.get(row.id, ())),
                assignments=() if row.assignment_id else tuple(doable.get(row.person_id, ())),
                accommodations=Accommodations.model_validate(row.accommodations or {}),
            ),
            row.label,
        )
        for row in rows
    ]
