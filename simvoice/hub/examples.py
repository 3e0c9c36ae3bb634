"""Examples: moments of a released attempt that may be played to its course.

A learner agrees for each release, and can take it back with one press. Only a release of the sound
can have it. Functions take the session of a transaction.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.errors import UsageError
from simvoice.hub import releases
from simvoice.hub.storage.tables import Release, StoredAttempt
from simvoice.release.contents import Contents

NEEDS_SOUND = "Only a release with its sound can be played to a course."


def agree(session: Session, release_id: UUID, *, owner_id: UUID, at: datetime) -> StoredAttempt:
    """Let moments of a release be played to its course. Returns the attempt.

    Raises UsageError for a release of another person, one that has ended, and one without sound.
    """
    found, attempt = _own(session, release_id, owner_id)
    if found.revoked_at is not None:
        raise UsageError("This release has ended, so nothing of it can be played.")
    if not Contents(found.contents).holds_sound:
        raise UsageError(NEEDS_SOUND)
    found.example_since = found.example_since or at
    return attempt


def take_back(session: Session, release_id: UUID, *, owner_id: UUID) -> StoredAttempt:
    """End that moments of a release are played to its course. Returns the attempt."""
    found, attempt = _own(session, release_id, owner_id)
    found.example_since = None
    return attempt


def _own(session: Session, release_id: UUID, owner_id: UUID) -> tuple[Release, StoredAttempt]:
    found = session.get(Release, release_id)
    if found is None:
        raise UsageError("There is no such release.")
    return found, releases.own_attempt(session, found.attempt_id, owner_id)


def may_play(session: Session, attempt_id: UUID, course_id: UUID) -> bool:
    """Return True when moments of an attempt may be played to a course now."""
    asked = select(Release.id).where(
        Release.attempt_id == attempt_id,
        Release.course_id == course_id,
        Release.revoked_at.is_(None),
        Release.example_since.is_not(None),
        Release.contents == Contents.SOUND.value,
    )
    return session.scalar(asked) is not None
