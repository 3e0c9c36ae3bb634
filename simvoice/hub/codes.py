"""Codes that people type: for an exam, at a station, for a new account, or to pair a device.

Their form is that of `hub_client.code_hash`. Only hashes are stored, so a code is shown when it is
made and never again. All work once but that of a learner's card. Most functions take the session of
a transaction as their first argument.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from simvoice.errors import UsageError
from simvoice.hub.hub import Hub
from simvoice.hub.stations.reservations import reservations
from simvoice.hub.storage.tables import Assignment, OneTimeCode
from simvoice.hub_client.code_hash import (
    ALPHABET,
    LENGTH,
    SALT_BYTES,
    code_hash,
    normal,
    shown,
)
from simvoice.hub_client.station_messages import Accommodations
from simvoice.safe_text import one_line

MOST_AT_ONCE = 500
"""Codes that are made in one go; a large year of students."""

_LONGEST_LABEL = 120


class CodeKind(StrEnum):
    """What a code is for."""

    EXAM = "exam"
    """One encounter of an assignment, without an account."""
    LEARNER = "learner"
    """A learner's card: says at a station whose attempt it is, any number of times. It opens no
    page and no attempt."""
    INVITATION = "invitation"
    """A password for a new account, or for one whose password is forgotten."""
    PAIRING = "pairing"
    """A laptop or a station."""
    SETUP = "setup"
    """The first account of a hub."""


LIFETIME = {
    CodeKind.EXAM: timedelta(days=7),
    CodeKind.LEARNER: timedelta(days=400),  # an academic year, and the weeks around it
    CodeKind.INVITATION: timedelta(days=7),
    CodeKind.PAIRING: timedelta(minutes=15),
    CodeKind.SETUP: timedelta(hours=24),
}
"""How long a code can be used, unless its maker says otherwise."""

_REMEDY = {
    CodeKind.EXAM: "ask your educator for a new one",
    CodeKind.LEARNER: "make a new one on the hub's page of your account, or ask a technician",
    CodeKind.INVITATION: "ask the people who run this hub for a new one",
    CodeKind.PAIRING: "make a new one on the hub's page of your devices",
    CodeKind.SETUP: "start the hub again, and open the address that it prints",
}


FOR_STATIONS = frozenset({CodeKind.EXAM, CodeKind.LEARNER})
"""Codes that are typed at a station, which may know them without its hub."""


class CodeState(StrEnum):
    """Whether a code can be used."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code that was just made, with the text that is shown once."""

    id: UUID
    label: str
    text: str
    """As it is printed: "CDFH-JKMN-PRTV"."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DrawnCode:
    """A code that is drawn and not stored yet."""

    typed: str
    """In its normal form."""
    station_hash: str | None


def draw(hub: Hub, kind: CodeKind, count: int = 1) -> list[DrawnCode]:
    """Return new codes. Those for stations take about 10 ms of a core each (`code_hash`).

    Draw many before the transaction that stores them: SQLite lets one write at a time.
    """
    drawn = ["".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(count)]
    if kind not in FOR_STATIONS:
        return [DrawnCode(typed, None) for typed in drawn]
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # scrypt runs without the interpreter lock
        hashes = threads.map(partial(code_hash, salt=salt(hub)), drawn)
        return [DrawnCode(typed, hashed) for typed, hashed in zip(drawn, hashes, strict=True)]


def salt(hub: Hub) -> str:
    """Return the salt of the codes that stations know, in hex. It changes with the hub's key."""
    return hub.keys.sign("station codes", "salt")[: 2 * SALT_BYTES]


def make(
    session: Session,
    hub: Hub,
    kind: CodeKind,
    *,
    drawn: DrawnCode | None = None,
    person_id: UUID | None = None,
    assignment_id: UUID | None = None,
    label: str = "",
    accommodations: Accommodations | None = None,
    created_by: UUID | None = None,
    expires_at: datetime | None = None,
) -> NewCode:
    """Return a new code. expires_at: default after `LIFETIME`. Raises UsageError for a past one.

    drawn: a code of `draw`; default a new one.
    """
    now = hub.now()
    expires_at = expires_at or now + LIFETIME[kind]
    if expires_at <= now:
        raise UsageError("A code cannot expire before it is made; give a later time.")
    drawn = drawn or draw(hub, kind)[0]
    code = OneTimeCode(
        code_hash=_hash(hub, drawn.typed),
        station_hash=drawn.station_hash,
        kind=str(kind),
        person_id=person_id,
        assignment_id=assignment_id,
        label=one_line(label)[:_LONGEST_LABEL],
        accommodations=_stored(accommodations),
        created_by=created_by,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(code)
    session.flush()
    return NewCode(code.id, code.label, shown(drawn.typed), expires_at)


def make_for_exam(
    session: Session,
    hub: Hub,
    assignment: Assignment,
    labels: Iterable[str],
    *,
    created_by: UUID | None,
    expires_at: datetime | None = None,
    drawn: Sequence[DrawnCode] | None = None,
) -> list[NewCode]:
    """Return a code for each candidate. labels: a number or name for each, not empty, not twice.

    drawn: as many codes of `draw` as there are `candidates`; default new ones. Raises UsageError
    for labels that cannot be used.
    """
    wanted = candidates(labels)
    return [
        make(
            session,
            hub,
            CodeKind.EXAM,
            assignment_id=assignment.id,
            label=name,
            created_by=created_by,
            expires_at=expires_at,
            drawn=one,
        )
        for name, one in zip(wanted, drawn or draw(hub, CodeKind.EXAM, len(wanted)), strict=True)
    ]


def candidates(labels: Iterable[str]) -> list[str]:
    """Return the labels of candidates in one form. Raises UsageError as `make_for_exam` does."""
    wanted = [name for label in labels if (name := one_line(label)[:_LONGEST_LABEL])]
    if not 1 <= len(wanted) <= MOST_AT_ONCE:
        raise UsageError(f"Give 1 to {MOST_AT_ONCE} candidates, one a line.")
    twice = {name for name, times in Counter(wanted).items() if times > 1}
    if twice:
        raise UsageError(f"The candidate {min(twice)!r} is in the list twice.")
    return wanted


def accommodations_of(code: OneTimeCode) -> Accommodations:
    """Return what is changed for the learner of a code."""
    return Accommodations.model_validate(code.accommodations or {})


def set_accommodations(code: OneTimeCode, given: Accommodations) -> None:
    """Change what is changed for the learner of a code."""
    code.accommodations = _stored(given)


def _stored(given: Accommodations | None) -> dict[str, Any]:
    return {} if given is None else given.model_dump(mode="json", exclude_defaults=True)


def state(code: OneTimeCode, now: datetime) -> CodeState:
    """Return whether a code can be used."""
    if code.revoked_at is not None:
        return CodeState.REVOKED
    if code.used_at is not None:
        return CodeState.USED
    return CodeState.EXPIRED if now >= code.expires_at else CodeState.OPEN


def is_open(code: OneTimeCode, now: datetime, reserved: Collection[UUID]) -> bool:
    """Return whether a candidate can still use a code; also one that a station has reserved.

    reserved: ids of such codes (`stations.reservations`).
    """
    found = state(code, now)
    return found is CodeState.OPEN or (found is CodeState.USED and code.id in reserved)


def kind_of(session: Session, hub: Hub, given: str) -> CodeKind | None:
    """Return what a typed code is for, whatever its state; None for an unknown one."""
    typed = normal(given)
    asked = select(OneTimeCode.kind).where(OneTimeCode.code_hash == _hash(hub, typed))
    kind = session.scalar(asked) if typed else None
    return CodeKind(kind) if kind is not None else None


def find(session: Session, hub: Hub, given: str) -> OneTimeCode | None:
    """Return a typed code, whatever it is for and its state; None for an unknown one."""
    typed = normal(given)
    asked = select(OneTimeCode).where(OneTimeCode.code_hash == _hash(hub, typed))
    return session.scalar(asked) if typed else None


def look_up(session: Session, hub: Hub, kind: CodeKind, given: str) -> OneTimeCode:
    """Return an open code without using it. Raises UsageError with a sentence for any other."""
    code = _find(session, hub, kind, given)
    if code is None and kind_of(session, hub, given) is CodeKind.LEARNER:
        raise UsageError(
            "This is the code of a learner's card. It works at a station; here, sign in with your "
            "login."
        )
    if code is None:
        raise UsageError(f"This code is not known here; check each character, or {_REMEDY[kind]}.")
    found = state(code, hub.now())
    if found is CodeState.REVOKED:
        raise UsageError(f"This code was withdrawn; {_REMEDY[kind]}.")
    if found is CodeState.USED:
        raise UsageError(f"This code was used before, and it works once; {_REMEDY[kind]}.")
    if found is CodeState.EXPIRED:
        raise UsageError(f"This code has expired; {_REMEDY[kind]}.")
    return code


def redeem(session: Session, hub: Hub, kind: CodeKind, given: str) -> OneTimeCode:
    """Use a code, and return it. Of two who use it at once, one succeeds. Raises as `look_up`."""
    code = look_up(session, hub, kind, given)
    now = hub.now()
    taken = session.execute(
        update(OneTimeCode)
        .where(
            OneTimeCode.id == code.id,
            OneTimeCode.used_at.is_(None),
            OneTimeCode.revoked_at.is_(None),
        )
        .values(used_at=now)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]  # an update has it
        raise UsageError(f"This code was used before, and it works once; {_REMEDY[kind]}.")
    session.refresh(code)
    return code


def enter_exam(session: Session, hub: Hub, given: str) -> OneTimeCode:
    """Use the code of an exam, or return a used one whose candidate may read the debrief now.

    A used code opens nothing but what was done under it, and only when the debriefs are released;
    then it does so after its last day, too. Raises UsageError with a sentence for any other.
    """
    code = _find(session, hub, CodeKind.EXAM, given)
    task = session.get(Assignment, code.assignment_id) if code is not None else None
    if code is None or task is None or code.revoked_at is not None:
        return redeem(session, hub, CodeKind.EXAM, given)
    if task.debriefs_released_at is not None:
        if code.used_at is None:
            raise UsageError("This exam is over, and nothing was done under this code.")
        return code
    reserved = reservations(session, hub, code_ids=[code.id]).get(code.id)
    if reserved is not None:
        raise UsageError(f"This code is {reserved.words}. Go on there, or ask a technician.")
    if code.used_at is not None:
        raise UsageError(
            "This code was used before, and it lets you in once. It opens your debrief here when "
            "the educators of the course release it."
        )
    return redeem(session, hub, CodeKind.EXAM, given)


def _find(session: Session, hub: Hub, kind: CodeKind, given: str) -> OneTimeCode | None:
    typed = normal(given)
    asked = select(OneTimeCode).where(
        OneTimeCode.code_hash == _hash(hub, typed), OneTimeCode.kind == str(kind)
    )
    return session.scalar(asked) if typed else None


def get(session: Session, code_id: UUID) -> OneTimeCode | None:
    """Return a code by its id; None without one."""
    return session.get(OneTimeCode, code_id)


def of_assignment(session: Session, assignment_id: UUID) -> Sequence[OneTimeCode]:
    """Return the exam codes of an assignment by candidate."""
    asked = (
        select(OneTimeCode)
        .where(OneTimeCode.assignment_id == assignment_id)
        .order_by(OneTimeCode.label)
    )
    return session.scalars(asked.where(OneTimeCode.kind == str(CodeKind.EXAM))).all()


def revoke(session: Session, hub: Hub, code: OneTimeCode) -> None:
    """Withdraw a code. Whoever is signed in with it is signed out."""
    code.revoked_at = code.revoked_at or hub.now()


def revoke_open(
    session: Session, hub: Hub, *, kind: CodeKind | None = None, person_id: UUID | None = None
) -> None:
    """Withdraw all unused codes, or those of a kind, or for a person."""
    wanted = update(OneTimeCode).where(
        OneTimeCode.used_at.is_(None), OneTimeCode.revoked_at.is_(None)
    )
    if kind is not None:
        wanted = wanted.where(OneTimeCode.kind == str(kind))
    if person_id is not None:
        wanted = wanted.where(OneTimeCode.person_id == person_id)
    session.execute(wanted.values(revoked_at=hub.now()))


def _hash(hub: Hub, typed: str) -> str:
    return hub.keys.sign("code", typed)
