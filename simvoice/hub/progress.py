"""A learner's own attempts over time, from their briefs, without what an exam holds back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.hub import briefs, releases
from simvoice.hub.storage.tables import StoredAttempt
from simvoice.progress.brief import Brief
from simvoice.progress.brief_store import Skipped
from simvoice.release.contents import Contents


@dataclass(frozen=True, slots=True)
class OwnBriefs:
    """What is known of a learner's attempts. Attempts are named by their UUID here."""

    briefs: tuple[Brief, ...]
    missing: tuple[UUID, ...]
    """Those whose brief is still to be made."""
    skipped: tuple[Skipped, ...]


def own_briefs(session: Session, person_id: UUID) -> OwnBriefs:
    """Return the briefs of a person's attempts."""
    rows = session.scalars(
        select(StoredAttempt)
        .where(StoredAttempt.owner_id == person_id)
        .order_by(StoredAttempt.started_at, StoredAttempt.id)
    ).all()
    shown = [row for row in rows if not releases.is_held_back(session, row)]
    skipped = [
        _skipped(row, "an exam, whose debrief is not released") for row in rows if row not in shown
    ]
    readable = [row for row in shown if Contents(row.contents).holds_words]
    skipped += [
        _skipped(row, "only its numbers are here; your laptop has the rest")
        for row in shown
        if row not in readable
    ]
    found = briefs.load(session, [row.id for row in readable])
    return OwnBriefs(
        tuple(_named(readable, found)),
        tuple(row.id for row in readable if row.id not in found),
        tuple(skipped),
    )


def _skipped(row: StoredAttempt, why: str) -> Skipped:
    when = f"{row.started_at:%Y-%m-%d %H:%M}"
    return Skipped(attempt=str(row.id), why=f"{row.case_title}, {when} (UTC): {why}")


def _named(rows: Sequence[StoredAttempt], found: dict[UUID, Brief]) -> Iterable[Brief]:
    """Yield the briefs, with UUIDs for the readable identifiers, which name folders."""
    uuids = {row.record_id: str(row.id) for row in rows}
    for row in rows:
        brief = found.get(row.id)
        if brief is None:
            continue
        again = brief.again
        if again is not None and again.attempt in uuids:
            again = again.model_copy(update={"attempt": uuids[again.attempt]})
        when = brief.when or row.started_at.isoformat()
        yield brief.model_copy(update={"attempt": str(row.id), "again": again, "when": when})
