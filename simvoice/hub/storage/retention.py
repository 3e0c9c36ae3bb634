"""How long attempts are kept: what is due to be erased, and when erasing it looks like a mistake.

An age counts from the moment at which the hub received the attempt, by the hub's clock: those of
learners' computers can be wrong. A clock that is wrong here, or a setting with a digit too few,
must not erase everything, so `RetentionPlan.objection` asks people first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from simvoice.display import count_noun
from simvoice.hub.storage.database import Database
from simvoice.hub.storage.tables import Release, StoredAttempt

_CLOCK = timedelta(minutes=5)
"""Two computers of one hub may differ by so much."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Days after which attempts are erased. None keeps them."""

    days: int | None = None
    """For all that the other fields do not name."""
    released_days: int | None = None
    """For attempts that are released to a course now."""
    days_of: dict[str, int] = field(default_factory=dict)
    """For unreleased attempts by their origin: `hub`, `laptop` or `station`."""

    @property
    def is_on(self) -> bool:
        """Whether anything is ever erased."""
        return bool(self.days or self.released_days or self.days_of)

    def days_for(self, origin: str, *, is_released: bool) -> int | None:
        """Return after how many days an attempt is erased; None for never."""
        if is_released and self.released_days is not None:
            return self.released_days
        return self.days if is_released else self.days_of.get(origin, self.days)


@dataclass(frozen=True, slots=True)
class DueAttempt:
    """An attempt that is older than it may be."""

    id: UUID
    received_at: datetime
    origin: str
    is_released: bool
    days: int
    """After how many days it is erased."""
    size: int
    """Bytes of its files."""


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What is due at a moment."""

    at: datetime
    due: tuple[DueAttempt, ...]
    """Oldest first."""
    kept: int
    """Attempts that are not due."""
    objection: str = ""
    """Why people should look before this is done, in a sentence; empty when it looks right."""

    @property
    def size(self) -> int:
        """Bytes of all that is due."""
        return sum(each.size for each in self.due)


def plan_retention(database: Database, retention: Retention, at: datetime) -> RetentionPlan:
    """Return what is due. at: the present moment. Raises DatabaseAway."""
    with database.read() as session:
        rows = session.scalars(select(StoredAttempt).order_by(StoredAttempt.received_at)).all()
        now_released = select(Release.attempt_id).where(Release.revoked_at.is_(None))
        released = set(session.scalars(now_released))
    due = []
    for row in rows:
        is_released = row.id in released
        days = retention.days_for(row.origin, is_released=is_released)
        if days is None or at - row.received_at < timedelta(days=days):
            continue
        size = sum(file.size for file in row.files)
        due.append(DueAttempt(row.id, row.received_at, row.origin, is_released, days, size))
    return RetentionPlan(at, tuple(due), len(rows) - len(due), _objection(rows, len(due), at))


def _objection(rows: Sequence[StoredAttempt], due: int, at: datetime) -> str:
    if not rows:
        return ""
    newest = rows[-1].received_at
    if newest - at > _CLOCK:
        return (
            f"the clock of this machine says {at:%Y-%m-%d %H:%M}, but the newest attempt was "
            f"received on {newest:%Y-%m-%d %H:%M}; set the clock"
        )
    if due * 2 > len(rows):
        return (
            f"{due} of {count_noun(len(rows), 'attempt')} would be erased, which is more than "
            f"half; check the setting, and the clock of this machine, which says {at:%Y-%m-%d}"
        )
    return ""
