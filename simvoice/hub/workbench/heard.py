"""Questions of learners that no line answered, from conversations that were released."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.errors import SimvoiceError
from simvoice.hub import attempts
from simvoice.hub.attempts import Parts
from simvoice.hub.storage.tables import Membership, Release, StoredAttempt
from simvoice.patient.retrieval import focus
from simvoice.record.events import JournalEntry, LearnerTurn, PatientMove
from simvoice.release.contents import Contents

MOST_ATTEMPTS: Final = 50
"""Conversations that are read at once, the newest."""

_WITH_WORDS: Final = [each.value for each in Contents if each is not Contents.NUMBERS]


def released_attempts(session: Session, person_id: UUID, case_id: str) -> list[UUID]:
    """Return the attempts with a case whose words are released to a course of this educator."""
    found = session.scalars(
        select(StoredAttempt.id)
        .join(Release, Release.attempt_id == StoredAttempt.id)
        .join(Membership, Membership.course_id == Release.course_id)
        .where(
            StoredAttempt.case_id == case_id,
            Release.revoked_at.is_(None),
            Release.contents.in_(_WITH_WORDS),
            Membership.person_id == person_id,
            Membership.is_educator.is_(True),
        )
        .order_by(StoredAttempt.started_at.desc())
        .limit(MOST_ATTEMPTS)
    )
    return list(dict.fromkeys(found))


def unanswered_in(parts: Parts, attempt_id: UUID) -> list[str]:
    """Return what a learner asked and the patient had no answer to; nothing for a lost attempt."""
    with suppress(SimvoiceError), attempts.opened(parts, attempt_id) as attempt:
        return list(unanswered(attempt.entries))
    return []


def unanswered(entries: tuple[JournalEntry, ...]) -> Iterator[str]:
    """Yield the part of each turn that asked, where the patient's move was that nothing fits."""
    said: dict[int, str] = {}
    for entry in entries:
        if isinstance(entry, LearnerTurn):
            said[entry.turn] = entry.text
        elif isinstance(entry, PatientMove) and entry.kind == "clarify" and entry.turn in said:
            text = " ".join(focus(said[entry.turn]).split())
            if text and not text.startswith("("):
                yield text
