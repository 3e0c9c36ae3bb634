"""Blind ratings by educators: their answers to the items of an attempt that is released to them.

The answers of a rater count when the rater has finished; until then the machine's judgement of the
attempt is not shown to them. Functions take the session of a transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.criteria.encounter import RuleVerdict
from simvoice.debrief import rater_sheet
from simvoice.debrief.item_trust import ItemTrust, build_item_trust
from simvoice.hub import briefs
from simvoice.hub.storage.tables import (
    AuditEntry,
    FinishedRating,
    ItemRating,
    Release,
    StoredAttempt,
)
from simvoice.hub.storage.upsert import add_once, put
from simvoice.record.events import Header
from simvoice.record.ratings import Draft, Rating
from simvoice.release.contents import Contents
from simvoice.scoring.instruments.instrument import Item
from simvoice.scoring.raters.item_agreement import ItemAgreement, RatedAttempt, agreement

OPENED = "open debrief"
"""What the audit trail says of someone who has seen the machine's judgement."""


@dataclass(frozen=True, slots=True)
class Rater:
    """An educator who rates."""

    id: UUID
    name: str


def load_draft(session: Session, attempt_id: UUID, rater: Rater) -> Draft:
    """Return the answers that a rater has given to an attempt so far."""
    rows = session.scalars(
        select(ItemRating)
        .where(ItemRating.attempt_id == attempt_id, ItemRating.rater_id == rater.id)
        .order_by(ItemRating.rated_at, ItemRating.item)
    )
    done = session.get(FinishedRating, (attempt_id, rater.id)) is not None
    return Draft(tuple(_rating(each, rater.name) for each in rows), done)


def _rating(row: ItemRating, name: str) -> Rating:
    return Rating.model_validate(
        {
            "rater": name,
            "item": row.item,
            "value": row.value,
            "comment": row.comment,
            "wall_time": row.rated_at.isoformat(timespec="seconds"),
            "source": "page",
            "blind": row.blind,
        }
    )


def store_answer(
    session: Session,
    attempt_id: UUID,
    header: Header,
    rater: Rater,
    answer: tuple[str, str, str],
    at: datetime,
) -> int:
    """Store one answer and return how many items have one. A later answer replaces an earlier one.

    answer: (item, value, comment), as typed. Raises as `rater_sheet.checked_answer`, and
    AttemptError after the rater has finished.
    """
    rater_sheet.check_unfinished(load_draft(session, attempt_id, rater), rater.name)
    item, value, comment = answer
    given = rater_sheet.checked_answer(header, rater.name, item, value, comment, at)
    put(
        session,
        ItemRating(
            attempt_id=attempt_id,
            rater_id=rater.id,
            item=given.item,
            value=given.value if isinstance(given.value, str) else repr(given.value),
            comment=given.comment,
            blind=not _has_opened(session, attempt_id, rater),
            rated_at=at,
        ),
    )
    return len(load_draft(session, attempt_id, rater).ratings)


def _has_opened(session: Session, attempt_id: UUID, rater: Rater) -> bool:
    asked = select(AuditEntry.id).where(
        AuditEntry.person_id == rater.id,
        AuditEntry.object_id == str(attempt_id),
        AuditEntry.action == OPENED,
    )
    return session.scalar(asked.limit(1)) is not None


def finish(session: Session, attempt_id: UUID, rater: Rater, at: datetime) -> None:
    """Finish a rating: its answers count and are fixed. The machine's may be shown then.

    Raises UsageError without any answer, and AttemptError if the rating was finished before.
    """
    draft = load_draft(session, attempt_id, rater)
    rater_sheet.check_unfinished(draft, rater.name)
    rater_sheet.check_has_answers(draft)
    add_once(session, FinishedRating(attempt_id=attempt_id, rater_id=rater.id, finished_at=at))


def is_unfinished(session: Session, attempt_id: UUID, rater_id: UUID) -> bool:
    """Return True while a rater has begun an attempt and not finished it."""
    begun = select(ItemRating.item).where(
        ItemRating.attempt_id == attempt_id, ItemRating.rater_id == rater_id
    )
    if session.scalar(begun.limit(1)) is None:
        return False
    return session.get(FinishedRating, (attempt_id, rater_id)) is None


def rated_attempts(session: Session) -> list[RatedAttempt]:
    """Return the attempts with finished ratings that are released with their words now.

    The machine's judgements are those of the briefs; an attempt without one is left out.
    """
    released = select(Release.attempt_id).where(
        Release.revoked_at.is_(None), Release.contents != Contents.NUMBERS.value
    )
    rows = session.scalars(
        select(ItemRating)
        .join(
            FinishedRating,
            (FinishedRating.attempt_id == ItemRating.attempt_id)
            & (FinishedRating.rater_id == ItemRating.rater_id),
        )
        .join(StoredAttempt, StoredAttempt.id == ItemRating.attempt_id)
        .where(ItemRating.attempt_id.in_(released))
        .order_by(StoredAttempt.started_at, ItemRating.attempt_id, ItemRating.rated_at)
    )
    given: dict[UUID, list[Rating]] = {}
    for each in rows:
        given.setdefault(each.attempt_id, []).append(_rating(each, str(each.rater_id)))
    figures = briefs.load_figures(session, given.keys())
    return [
        RatedAttempt(
            attempt=str(key),
            machine=_machine(figures[key]),
            ratings=tuple(ratings),
            objections=(),
            case_items={
                own.id: Item.model_construct(id=own.id, text=own.text)  # its rule is not needed
                for own in figures[key].own_items
            },
        )
        for key, ratings in given.items()
        if key in figures
    ]


def _machine(figures: briefs.Figures) -> dict[str, RuleVerdict]:
    items = figures.items or {}
    return {key: RuleVerdict(said, value=figures.counts.get(key)) for key, said in items.items()}


@dataclass(frozen=True, slots=True)
class KnownAgreement:
    """What human raters say of the machine's judgements now."""

    items: Mapping[str, ItemAgreement]
    """By item; nothing for an item that no one rated."""
    trust: ItemTrust
    """The same for pages."""


class HubAgreement:
    """The agreement of machine and raters on each item. Computed when a rating is added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[list[RatedAttempt], KnownAgreement] | None = None

    def get(self, session: Session) -> KnownAgreement:
        """Return the agreement now. Takes 1 s for 100 attempts when a rating was added."""
        with self._lock:
            rated = rated_attempts(session)
            if self._last is None or self._last[0] != rated:
                items = {each.item.id: each for each in agreement(rated)}
                self._last = (rated, KnownAgreement(items, build_item_trust(rated)))
            return self._last[1]


def rated_by(session: Session, rater_id: UUID) -> set[UUID]:
    """Return the attempts that a rater has finished."""
    asked = select(FinishedRating.attempt_id).where(FinishedRating.rater_id == rater_id)
    return set(session.scalars(asked))
