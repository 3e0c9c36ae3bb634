"""Retries on the hub: a learner begins again at a moment of an own attempt.

The record of the attempt is fetched from the store for it. Attempts name each other by their
readable identifiers, as on a learner's computer; pages of the hub use UUIDs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.debrief.comparison import ReadAttempt, compare
from simvoice.errors import AttemptError, SimvoiceError, UsageError
from simvoice.hub import attempts, releases
from simvoice.hub.attempts import Parts
from simvoice.hub.storage.tables import StoredAttempt
from simvoice.record.store import Attempt, AttemptSummary
from simvoice.release.contents import Contents
from simvoice.web.pages import DebriefCache, RetryLinks
from simvoice.web.ports import CaseCard

OpenAttempt = Callable[[str], Attempt]
"""Opens an attempt by its readable identifier. Raises AttemptError."""

_MOST_RETRIES = 20
"""Retries of one attempt that its debrief lists."""


def own_attempt(session: Session, person_id: UUID | None, attempt_id: UUID) -> StoredAttempt:
    """Return an own attempt from whose moments its learner may try again.

    Raises UsageError for another's, for an exam that is held back, and for one whose words are
    only on the learner's computer.
    """
    if person_id is None:
        raise UsageError("A retry needs an account.")
    found = releases.own_attempt(session, attempt_id, person_id)
    releases.check_may_read(session, found)
    if not Contents(found.contents).holds_words:
        raise UsageError("Only numbers of this attempt are here, so try again on your computer.")
    return found


def by_record(session: Session, person_id: UUID | None, record_id: str) -> StoredAttempt:
    """Return an own attempt by its readable identifier. Raises AttemptError without one."""
    asked = select(StoredAttempt).where(
        StoredAttempt.record_id == record_id,
        StoredAttempt.owner_id == person_id,
        StoredAttempt.owner_id.is_not(None),
    )
    found = session.scalars(asked.limit(1)).first()
    if found is None:
        raise AttemptError("You have no such attempt. It may have been erased.")
    return found


@contextmanager
def opened_by_record(parts: Parts, person_id: UUID | None) -> Iterator[OpenAttempt]:
    """Return how to open own attempts by their readable identifiers.

    They stay open until the end of the block.
    """
    with ExitStack() as held:

        def open_own(record_id: str) -> Attempt:
            with parts.database.read() as session:
                found = by_record(session, person_id, record_id).id
            return held.enter_context(attempts.opened(parts, found))

        yield open_own


# -- in a debrief


def is_possible(cards: Sequence[CaseCard], attempt: Attempt) -> bool:
    """Return True when the case of an attempt is offered now, as it was then."""
    header = attempt.header
    return any(
        card.id == header.case_id and card.sha256 in {"", header.case_sha256} for card in cards
    )


def links(parts: Parts, row: StoredAttempt, attempt: Attempt, debriefs: DebriefCache) -> RetryLinks:
    """Return the links of an own attempt to those that it retries, and to its retries."""
    with parts.database.read() as session:
        later = _retries(session, row)
        first_id = None
        if attempt.header.again is not None:
            with suppress(AttemptError):
                first_id = by_record(session, row.owner_id, attempt.header.again.attempt).id
    origin, comparison, has_sound = attempt.header.again, None, False
    if origin is not None and first_id is not None:
        origin = origin.model_copy(update={"attempt": str(first_id)})
        with suppress(SimvoiceError), attempts.opened(parts, first_id) as first:
            found = compare(
                ReadAttempt(first, debriefs.reading(first)),
                ReadAttempt(attempt, debriefs.reading(attempt)),
            )
            comparison = found.model_copy(update={"again": origin})
            has_sound = first.audio_path is not None
    return RetryLinks(origin, comparison, has_sound, tuple(later))


def _retries(session: Session, row: StoredAttempt) -> Sequence[AttemptSummary]:
    if row.owner_id is None:
        return ()
    asked = (
        select(StoredAttempt)
        .where(StoredAttempt.owner_id == row.owner_id, StoredAttempt.again_of == row.record_id)
        .order_by(StoredAttempt.started_at.desc(), StoredAttempt.id)
        .limit(_MOST_RETRIES)
    )
    return [
        AttemptSummary(
            id=str(each.id),
            state="complete",
            when=each.started_at.astimezone().isoformat(),
            duration_s=each.duration_s,
            reason=each.reason,
            again_of=row.record_id,
            again_at_s=each.again_at_s or 0.0,
        )
        for each in session.scalars(asked)
    ]
