"""What happens on the server now, for technicians: how much, and never what somebody said."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from simvoice import __version__
from simvoice.display import duration_in_words
from simvoice.hub.encounters.pool import EncounterLoad
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.page_words import local, size_words
from simvoice.hub.pages.common import Technician
from simvoice.hub.render import render
from simvoice.hub.sending.sealed import kept_aside
from simvoice.hub.storage.tables import (
    Account,
    AuditEntry,
    Device,
    Erasure,
    SignIn,
    StoredAttempt,
    StoredFile,
)

router = APIRouter()

_ACTIVE = timedelta(minutes=15)
"""Who did something within this time counts as being here."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tile:
    """One amount that is read from across a room."""

    amount: str
    what: str


@dataclass(frozen=True, slots=True)
class ServerNow:
    """The state of a server at a moment."""

    at: datetime
    tiles: tuple[Tile, ...]
    parts: tuple[FactList, ...]


@dataclass(frozen=True, slots=True)
class FactList:
    """Facts on one subject."""

    title: str
    facts: tuple[tuple[str, str], ...]


@router.get("/operations")
def operations(request: Request, visitor: Technician) -> Response:
    """Show people, devices, encounters, queue and storage."""
    hub = hub_of(request)
    with hub.database.read() as session:
        return render(request, "operations.html", visitor, now=server_now(hub, session))


def server_now(hub: Hub, session: Session) -> ServerNow:
    """Return what happens on the server now."""
    at = hub.now()
    load = hub.encounters.load()
    here = _count(
        session,
        select(func.count(func.distinct(SignIn.person_id))).where(
            SignIn.last_seen_at >= at - _ACTIVE, SignIn.expires_at > at
        ),
    )
    kept = _count(session, select(func.count()).select_from(StoredAttempt))
    size = _count(session, select(func.coalesce(func.sum(StoredFile.size), 0)))
    tiles = (
        Tile(f"{load.running}", f"encounters now, of {load.most} at once"),
        Tile(f"{load.waiting}", "waiting in the queue"),
        Tile(f"{here}", "people here in the last 15 minutes"),
        Tile(f"{kept}", f"attempts kept, {size_words(size)}"),
    )
    parts = (
        _people(session, at),
        _devices(session, at),
        _encounters(load),
        _storage(hub, session, at),
    )
    return ServerNow(at, tiles, parts)


def _count(session: Session, asked: Select[Any]) -> int:
    return int(session.scalar(asked) or 0)


def _people(session: Session, at: datetime) -> FactList:
    accounts = select(func.count()).select_from(Account)
    disabled = accounts.where(Account.disabled_at.is_not(None))
    refused = (
        select(func.count())
        .select_from(AuditEntry)
        .where(AuditEntry.action == "fail to sign in", AuditEntry.at >= at - _DAY)
    )
    return FactList(
        "People",
        (
            ("Accounts", f"{_count(session, accounts)}"),
            ("Of these disabled", f"{_count(session, disabled)}"),
            ("Failed sign-ins in a day", f"{_count(session, refused)}"),
        ),
    )


def _devices(session: Session, at: datetime) -> FactList:
    paired = select(func.count()).select_from(Device).where(Device.unpaired_at.is_(None))
    seen = paired.where(Device.last_seen_at >= at - _DAY)
    return FactList(
        "Devices",
        (
            ("Laptops", f"{_count(session, paired.where(Device.kind == 'laptop'))}"),
            ("Stations", f"{_count(session, paired.where(Device.kind == 'station'))}"),
            ("Seen within a day", f"{_count(session, seen)}"),
        ),
    )


def _encounters(load: EncounterLoad) -> FactList:
    return FactList(
        "Encounters",
        (
            ("Running now", f"{load.running} of {load.most} at once"),
            ("Waiting", f"{load.waiting}"),
            ("Wait for the next one", _wait(load.wait_s)),
            ("Answers of the last minute, p95", _seconds(load.p95_s)),
            ("Records not yet in the store", f"{load.unkept}"),
            ("State", load.sentence or "all is well"),
        ),
    )


def _wait(wait_s: float | None) -> str:
    if wait_s is None:
        return "not known"
    return "none" if wait_s <= 0 else f"about {duration_in_words(60 * math.ceil(wait_s / 60))}"


def _seconds(value: float | None) -> str:
    return "too few to say" if value is None else f"{value:.2f} s"


def _storage(hub: Hub, session: Session, at: datetime) -> FactList:
    latest = session.scalar(select(func.max(StoredAttempt.received_at)))
    erased = select(func.count()).select_from(Erasure).where(Erasure.at >= at - _DAY)
    retain = hub.settings.retain_days
    facts = [
        ("Database", hub.database.description),
        ("Recordings", hub.recordings.objects.description),
        ("Encryption at rest", "on" if hub.recordings.encryption.is_on else "off"),
        ("Free space for the data folder", size_words(shutil.disk_usage(hub.settings.data).free)),
        ("Last attempt received", local(latest)),
        ("Sealed records of unknown codes, kept aside", f"{len(kept_aside(hub))}"),
        ("Attempts erased within a day", f"{_count(session, erased)}"),
        ("Attempts are kept", f"{retain} days" if retain else "until their learner erases them"),
        ("Version of simvoice", __version__),
    ]
    return FactList("Storage and program", tuple(facts))
