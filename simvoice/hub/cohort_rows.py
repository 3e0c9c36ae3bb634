"""The attempts that are released to a course now, as rows of its cohort."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.hub import briefs
from simvoice.hub.cohort import CohortRow
from simvoice.hub.storage.tables import Release, StoredAttempt
from simvoice.release.contents import Contents


@dataclass(frozen=True, slots=True)
class CohortScan:
    """What is known of a course's attempts without opening one."""

    rows: tuple[CohortRow, ...]
    waiting: tuple[UUID, ...]
    """Attempts without a brief, the newest first."""


def scan(session: Session, course_id: UUID) -> CohortScan:
    """Return the attempts that are released to a course now."""
    found = session.execute(
        select(
            StoredAttempt.id,
            StoredAttempt.owner_id,
            StoredAttempt.code_id,
            StoredAttempt.started_at,
            StoredAttempt.case_id,
            StoredAttempt.assignment_id,
            StoredAttempt.contents,
            Release.contents,
            Release.example_since,
        )
        .join(Release, Release.attempt_id == StoredAttempt.id)
        .where(Release.course_id == course_id, Release.revoked_at.is_(None))
        .order_by(StoredAttempt.started_at.desc(), StoredAttempt.id)
    ).all()
    figures = briefs.load_figures(session, [each[0] for each in found])
    rows = []
    for key, owner, code, started, case, assignment, kept, released, example in found:
        if key not in figures:
            continue
        both = (Contents(kept), Contents(released))
        contents = min(both, key=lambda each: each.rank)
        rows.append(
            CohortRow(
                key,
                owner or code or key,
                started,
                case,
                assignment,
                holds_words=contents.holds_words,
                may_play=contents.holds_sound and example is not None,
                figures=figures[key],
            )
        )
    return CohortScan(tuple(rows), tuple(each[0] for each in found if each[0] not in figures))
