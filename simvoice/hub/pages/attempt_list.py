"""A learner's own attempts, with those who can open them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.hub import releases
from simvoice.hub.attempt_parts import Part, parts_of
from simvoice.hub.releases import PresentRelease
from simvoice.hub.storage.tables import AuditEntry, StoredAttempt

_OPENED = (
    *("open debrief", "hear recording", "open numbers", "play example"),
    *("rate attempt", "write remark", "read unanswered questions"),
)
"""What the audit trail says when somebody opens an attempt."""


@dataclass(frozen=True, slots=True)
class ListedAttempt:
    """An attempt in its learner's list."""

    attempt: StoredAttempt
    releases: tuple[PresentRelease, ...]
    is_held_back: bool = False
    """It is of an exam whose debriefs are not released."""
    part: Part | None = None
    """Which part of an attempt that was cut off; None for a whole one."""


@dataclass(frozen=True, slots=True)
class AttemptGroup:
    """An attempt with what belongs to it, as one row of a list."""

    first: ListedAttempt
    later: tuple[ListedAttempt, ...]
    """Its retries, and the parts in which it went on; the oldest first."""


@dataclass(frozen=True, slots=True)
class Opened:
    """That somebody else opened an attempt."""

    at: datetime
    who: str
    action: str
    attempt: StoredAttempt


def own_attempts(
    session: Session, person_id: UUID, most: int, skip: int = 0
) -> list[ListedAttempt]:
    """Return a person's attempts, the newest first: at most `most`, after the first `skip`."""
    rows = session.scalars(
        select(StoredAttempt)
        .where(StoredAttempt.owner_id == person_id)
        .order_by(StoredAttempt.started_at.desc(), StoredAttempt.id)
        .limit(most)
        .offset(skip)
    ).all()
    parts = parts_of(session, rows)
    return [
        ListedAttempt(
            each,
            tuple(releases.present_releases(session, each.id)),
            releases.is_held_back(session, each),
            parts.get(each.id),
        )
        for each in rows
    ]


def grouped(listed: Sequence[ListedAttempt]) -> list[AttemptGroup]:
    """Fold retries and later parts into the attempt that they belong to, if that is listed.

    listed: the newest first. The group with the newest attempt comes first.
    """
    by_id = {each.attempt.id: each for each in listed}
    by_record = {each.attempt.record_id: each for each in listed}
    groups: dict[UUID, list[ListedAttempt]] = {}
    for each in listed:
        first, seen = each, {each.attempt.id}
        while True:
            part, again_of = first.part, first.attempt.again_of
            before = by_id.get(part.whole) if part is not None and part.number > 1 else None
            before = before or by_record.get(again_of or "")
            if before is None or before.attempt.id in seen:
                break
            first = before
            seen.add(first.attempt.id)
        groups.setdefault(first.attempt.id, []).append(each)
    return [
        AttemptGroup(by_id[key], tuple(each for each in reversed(found) if each.attempt.id != key))
        for key, found in groups.items()
    ]


def opened_by_others(session: Session, person_id: UUID, most: int = 20) -> list[Opened]:
    """Return when others opened a person's attempts, the newest first."""
    own = {
        str(each.id): each
        for each in session.scalars(
            select(StoredAttempt).where(StoredAttempt.owner_id == person_id)
        )
    }
    rows = session.scalars(
        select(AuditEntry)
        .where(
            AuditEntry.action.in_(_OPENED),
            AuditEntry.object_id.in_(own),
            AuditEntry.person_id.is_distinct_from(person_id),
        )
        .order_by(AuditEntry.id.desc())
        .limit(most)
    )
    return [Opened(each.at, each.who, each.action, own[each.object_id]) for each in rows]
