"""Exam codes that a visit at a station has reserved, and whose encounter has not begun.

Such a code is neither open nor used: it is open again when the visit ends. While its station is cut
off, the hub cannot know whether the learner has begun.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.errors import UsageError
from simvoice.hub.hub import Hub
from simvoice.hub.page_words import local
from simvoice.hub.storage.tables import Device, OneTimeCode, StationVisit

RISK = (
    "A learner at the station may have begun all the same: then this exam can be done twice. Both "
    "attempts are kept, and the page of the exam says so."
)
"""What is said before a reservation is freed."""

FREED = "free reserved code"
"""How the audit trail names it."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A code that is at a station."""

    code_id: UUID
    session_id: UUID
    device_id: UUID | None
    station: str
    """Name of the station."""
    words: str
    """It in words: "reserved at A2 since 10:14"."""
    is_cut_off: bool
    """The station does not report now, so that the reservation can be freed."""


def reservations(
    session: Session,
    hub: Hub,
    *,
    code_ids: Collection[UUID] | None = None,
    device_id: UUID | None = None,
) -> dict[UUID, Reservation]:
    """Return the reservations of these codes, or those at a station, by code."""
    asked = (
        select(StationVisit, Device.name)
        .join(OneTimeCode, OneTimeCode.id == StationVisit.code_id)
        .outerjoin(Device, Device.id == StationVisit.device_id)
        .where(
            StationVisit.begun_at.is_(None),
            StationVisit.took_code.is_(True),
            OneTimeCode.revoked_at.is_(None),
        )
    )
    if code_ids is not None:
        asked = asked.where(StationVisit.code_id.in_(code_ids))
    if device_id is not None:
        asked = asked.where(StationVisit.device_id == device_id)
    return {
        visit.code_id: Reservation(
            code_id=visit.code_id,
            session_id=visit.session_id,
            device_id=visit.device_id,
            station=name or "a station",
            words=f"reserved at {name or 'a station'} since {_since(hub, visit.claimed_at)}",
            is_cut_off=not _is_there(hub, visit),
        )
        for visit, name in session.execute(asked)
    }


def _since(hub: Hub, at: datetime) -> str:
    """Return a moment in the server's time zone: "10:14", with its date when that is not today."""
    here = at.astimezone()
    return f"{here:%H:%M}" if here.date() == hub.now().astimezone().date() else local(at)


def _is_there(hub: Hub, visit: StationVisit) -> bool:
    """Return True while the station reports, so that the visit ends there by itself."""
    now = hub.stations.now(visit.device_id, hub.now()) if visit.device_id is not None else None
    return now is not None and not now.is_silent


def free(session: Session, hub: Hub, code: OneTimeCode) -> Reservation:
    """End the reservation of a code: it is open again. Returns what was freed.

    Raises UsageError without one, and while its station reports: there, the visit can be ended.
    """
    found = reservations(session, hub, code_ids=[code.id]).get(code.id)
    if found is None:
        raise UsageError("No station has reserved this code now.")
    if not found.is_cut_off:
        raise UsageError(
            f"{found.station} can be reached. Press “Clear” or “Reset” for it, which ends the "
            "visit and opens the code."
        )
    visit = session.get(StationVisit, (found.code_id, found.session_id))
    if visit is not None:
        give_back(session, visit)
    return found


def give_back(session: Session, visit: StationVisit) -> None:
    """Remove a visit that did not begin, and open the code if this visit had taken it."""
    code = session.get(OneTimeCode, visit.code_id)
    session.delete(visit)
    if code is not None and visit.took_code:
        code.used_at = None
    session.flush()
