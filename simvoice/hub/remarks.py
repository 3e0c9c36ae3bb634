"""Remarks: what an educator writes to a learner at a second of a released attempt.

Only an educator to whom the words are released can write one. The learner reads it in the debrief,
also after the release has ended; its author can take it back. It is erased with the attempt.
Functions take the session of a transaction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from simvoice.errors import UsageError
from simvoice.hub.storage.tables import Account, Membership, Remark, StoredAttempt
from simvoice.safe_text import encodable

LONGEST_REMARK: Final = 1000
"""Characters."""
MOST_REMARKS: Final = 100
"""On one attempt."""

_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,3})?)")
_SECONDS = re.compile(r"\d{1,5}(?:\.\d{1,3})?")


@dataclass(frozen=True, slots=True)
class ShownRemark:
    """A remark on a page."""

    id: UUID
    at_s: float
    text: str
    author: str
    written_at: datetime
    is_own: bool
    """The reader has written it."""


@dataclass(frozen=True, slots=True)
class UnseenRemarks:
    """Remarks on one attempt that its learner has not seen yet."""

    attempt_id: UUID
    case_title: str
    count: int


def parse_moment(text: str, duration_s: float) -> float:
    """Return a typed moment, "1:23" or "83", in seconds. Raises UsageError for any other text."""
    typed = text.strip()
    found = _CLOCK.fullmatch(typed)
    at_s: float | None = None
    if found is not None and float(found[3]) < 60.0:
        at_s = 3600.0 * int(found[1] or 0) + 60.0 * int(found[2]) + float(found[3])
    elif _SECONDS.fullmatch(typed):
        at_s = float(typed)
    if at_s is None:
        raise UsageError("Give the moment in minutes and seconds, such as 1:23.")
    if at_s > duration_s:
        raise UsageError("The moment is after the end of the conversation. Give an earlier one.")
    return at_s


def write(
    session: Session, attempt_id: UUID, author_id: UUID, at_s: float, text: str, at: datetime
) -> Remark:
    """Write a remark. The caller has checked that the author may. Raises UsageError."""
    plain = encodable(text.replace("\x00", "")).strip()
    if not plain:
        raise UsageError("Write what you want to say to the learner.")
    if len(plain) > LONGEST_REMARK:
        raise UsageError(
            f"The remark has {len(plain)} characters and the limit is {LONGEST_REMARK}. Shorten it."
        )
    asked = select(func.count()).select_from(Remark).where(Remark.attempt_id == attempt_id)
    if (session.scalar(asked) or 0) >= MOST_REMARKS:
        raise UsageError(
            f"This attempt has {MOST_REMARKS} remarks. Take one back to write another."
        )
    made = Remark(attempt_id=attempt_id, author_id=author_id, at_s=at_s, text=plain, written_at=at)
    session.add(made)
    session.flush()
    return made


def withdraw(session: Session, remark_id: UUID, author_id: UUID) -> Remark:
    """Take a remark back: nothing of it is kept. Raises UsageError for another's."""
    found = session.get(Remark, remark_id)
    if found is None or found.author_id != author_id:
        raise UsageError("There is no such remark of yours.")
    session.delete(found)
    return found


def of_attempt(
    session: Session, attempt_id: UUID, reader_id: UUID | None, course_id: UUID | None = None
) -> list[ShownRemark]:
    """Return the remarks on an attempt, by their moment.

    course_id: to which the attempt is released to the reader: then those of its educators; all
    when None.
    """
    asked = (
        select(Remark, Account.name)
        .outerjoin(Account, Account.id == Remark.author_id)
        .where(Remark.attempt_id == attempt_id)
        .order_by(Remark.at_s, Remark.written_at, Remark.id)
    )
    if course_id is not None:
        teach = select(Membership.person_id).where(
            Membership.course_id == course_id, Membership.is_educator.is_(True)
        )
        asked = asked.where(Remark.author_id.in_(teach))
    return [
        ShownRemark(
            each.id,
            each.at_s,
            each.text,
            name or "A former educator",
            each.written_at,
            is_own=reader_id is not None and each.author_id == reader_id,
        )
        for each, name in session.execute(asked)
    ]


def beside(shown: Sequence[ShownRemark], starts_s: Sequence[float]) -> list[list[ShownRemark]]:
    """Return for each line of a transcript the remarks at its time.

    starts_s: session seconds at which the lines begin, in order. A remark before the first line
    stands beside the first.
    """
    found: list[list[ShownRemark]] = [[] for _ in starts_s]
    for each in shown:
        before = [n for n, start_s in enumerate(starts_s) if start_s <= each.at_s]
        if found:
            found[before[-1] if before else 0].append(each)
    return found


def has_unseen(session: Session, attempt_id: UUID) -> bool:
    """Return True when the learner has not seen a remark on an attempt."""
    asked = select(Remark.id).where(Remark.attempt_id == attempt_id, Remark.seen_at.is_(None))
    return session.scalar(asked.limit(1)) is not None


def note_seen(session: Session, attempt_id: UUID, at: datetime) -> None:
    """Note that the learner has seen all remarks on an attempt."""
    session.execute(
        update(Remark)
        .where(Remark.attempt_id == attempt_id, Remark.seen_at.is_(None))
        .values(seen_at=at)
    )


def unseen(session: Session, owner_id: UUID) -> list[UnseenRemarks]:
    """Return the attempts of a learner with remarks that they have not seen, the newest first."""
    rows = session.execute(
        select(StoredAttempt.id, StoredAttempt.case_title, func.count())
        .join(Remark, Remark.attempt_id == StoredAttempt.id)
        .where(StoredAttempt.owner_id == owner_id, Remark.seen_at.is_(None))
        .group_by(StoredAttempt.id, StoredAttempt.case_title, StoredAttempt.started_at)
        .order_by(StoredAttempt.started_at.desc(), StoredAttempt.id)
    )
    return [UnseenRemarks(*each) for each in rows]
