"""Pairing: laptops and stations that belong to a person or to the hub itself."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.errors import UsageError
from simvoice.hub import audit, codes, courses
from simvoice.hub.codes import CodeKind, NewCode
from simvoice.hub.doors import sessions, throttle
from simvoice.hub.doors.access import Visitor
from simvoice.hub.doors.rates import network_of
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.sending import receive
from simvoice.hub.storage.tables import Account, Device
from simvoice.hub_client.messages import (
    HubFacts,
    PairingAnswer,
    PairingRequest,
    TeachingCourse,
    UnpairRequest,
)
from simvoice.safe_text import one_line

MOST_DEVICES = 10
"""Devices that one person can have paired at a time."""


@dataclass(frozen=True, slots=True)
class PairedMachine:
    """A device in the list of its owner."""

    id: UUID
    name: str
    kind: str
    version: str
    paired_at: datetime
    last_seen_at: datetime | None


def new_code(session: Session, hub: Hub, visitor: Visitor) -> NewCode:
    """Return a code with which a person pairs a laptop; earlier unused ones end.

    Raises UsageError when the person has too many devices.
    """
    assert visitor.person_id is not None
    if len(of_person(session, visitor.person_id)) >= MOST_DEVICES:
        raise UsageError(
            f"You have {MOST_DEVICES} devices already. Unpair one that you do not use any more."
        )
    codes.revoke_open(session, hub, kind=CodeKind.PAIRING, person_id=visitor.person_id)
    made = codes.make(
        session,
        hub,
        CodeKind.PAIRING,
        person_id=visitor.person_id,
        created_by=visitor.person_id,
    )
    audit.record(session, visitor, "make pairing code", made.id)
    return made


def pair(hub: Hub, visitor: Visitor, request: PairingRequest) -> PairingAnswer:
    """Exchange a code for the token of a new device.

    Raises UsageError for a code that cannot be used, TooManyTries after too many of them.
    """
    limit = (throttle.CODE, network_of(visitor.address))
    with hub.database.begin() as session:  # counted before the code is looked at
        throttle.take(session, hub, limit)
    token = sessions.new_secret()
    with hub.database.begin() as session:
        code = codes.redeem(session, hub, CodeKind.PAIRING, request.code)
        person = session.get(Account, code.person_id) if code.person_id is not None else None
        if (person is None) != (request.kind == "station"):
            needed = "a laptop" if person is not None else "a station"
            raise UsageError(f"This code is for {needed}; make another one for this device.")
        device = Device(
            kind=request.kind,
            name=one_line(request.name)[:120] or "A device without a name",
            token_hash=sessions.token_hash(token),
            person_id=None if person is None else person.id,
            version=one_line(request.version)[:60],
            paired_at=hub.now(),
        )
        session.add(device)
        session.flush()
        throttle.give_back(session, hub, *limit)
        who = Visitor(
            person_id=device.person_id, login=f"device {device.name}", address=visitor.address
        )
        audit.record(session, who, "pair device", device.id, device.kind)
        return PairingAnswer(
            device=device.id,
            token=token,
            hub=hub.settings.title,
            person="" if person is None else person.name,
        )


def unpair_by_proof(hub: Hub, visitor: Visitor, request: UnpairRequest) -> None:
    """End a pairing for the device itself. For a device that is not there, nothing happens."""
    with hub.database.begin() as session:
        device = session.get(Device, request.device)
        # The hash stands for the token, which the device has already forgotten.
        if device is None or not hmac.compare_digest(device.token_hash, request.proof):
            return
        _end(session, hub, device)
        who = Visitor(
            person_id=device.person_id, login=f"device {device.name}", address=visitor.address
        )
        audit.record(session, who, "unpair device", device.id)


def unpair(session: Session, hub: Hub, visitor: Visitor, device_id: UUID) -> Device:
    """End the pairing of one of a person's devices; a technician ends any.

    Raises UsageError for another person's.
    """
    device = session.get(Device, device_id)
    owner_id = None if device is None else device.person_id
    is_own = owner_id is not None and owner_id == visitor.person_id
    if device is None or not (is_own or Role.TECHNICIAN in visitor.roles):
        raise UsageError("You have no such device.")
    _end(session, hub, device)
    audit.record(session, visitor, "unpair device", device.id)
    return device


def _end(session: Session, hub: Hub, device: Device) -> None:
    device.unpaired_at = device.unpaired_at or hub.now()
    hub.stations.forget(device.id)
    receive.forget_device(session, device.id)


def of_person(session: Session, person_id: UUID) -> list[PairedMachine]:
    """Return the devices that a person has paired, the newest first."""
    rows = session.scalars(
        select(Device)
        .where(Device.person_id == person_id, Device.unpaired_at.is_(None))
        .order_by(Device.paired_at.desc())
    )
    return [
        PairedMachine(
            id=each.id,
            name=each.name,
            kind=each.kind,
            version=each.version,
            paired_at=each.paired_at,
            last_seen_at=each.last_seen_at,
        )
        for each in rows
    ]


def facts(hub: Hub, visitor: Visitor) -> HubFacts:
    """Return what a device shows of the hub, and note that it asked."""
    with hub.database.begin() as session:
        device = session.get(Device, visitor.device_id)
        if device is not None:
            device.last_seen_at = hub.now()
        person = session.get(Account, visitor.person_id) if visitor.person_id is not None else None
        if person is None:
            return HubFacts(hub=hub.settings.title, person="")
        return HubFacts(
            hub=hub.settings.title,
            person=person.name,
            courses=tuple(
                TeachingCourse(
                    id=each.id,
                    title=each.title,
                    educators=tuple(one.name for one in courses.educators(session, each.id)),
                )
                for each in courses.courses_taken(session, person.id)
            ),
        )
