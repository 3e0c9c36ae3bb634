"""Erase what a person has on this hub: one attempt, or all of it with the account.

Nobody can open anything of it from the first step. A hub that dies in between goes on when it is
started again. What stays is told to the person before: that an attempt with a certain number was
erased, and that somebody did things whose name is not known any more.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from simvoice.errors import UsageError
from simvoice.hub import attempts, audit, courses, people
from simvoice.hub.attempts import Erased
from simvoice.hub.codes import CodeKind
from simvoice.hub.doors import sessions
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.sending import receive
from simvoice.hub.storage.tables import (
    Account,
    AuditEntry,
    Device,
    OneTimeCode,
    Setting,
    StoredAttempt,
    Upload,
)
from simvoice.hub.storage.upsert import put

_log = logging.getLogger(__name__)

NAMELESS = "an erased account"
"""Who did something, in the audit trail, once the account is erased."""

_BEGUN = "erase person "
"""Name of the setting that says that an account is being erased, with its identifier after it."""

_CARD = "erased card "
"""Name of the setting that says that the account of a card is erased, with the code's identifier
after it. A station may still bring a record that was made with the card."""

_TRIES = 5
"""An encounter that ended a moment ago can bring one more attempt; a person has one at a time."""


def erase_attempts(hub: Hub, attempt_ids: Collection[UUID], *, reason: str) -> Erased:
    """Erase attempts, and what has arrived of uploads of them. Raises DatabaseAway."""
    with hub.database.begin() as session:
        session.execute(delete(Upload).where(Upload.attempt_id.in_(attempt_ids)))
    erased = attempts.erase(hub, attempt_ids, reason=reason)
    for attempt_id in attempt_ids:  # last, so that no request makes the folder again
        receive.partial_upload(hub, attempt_id).remove()
    return erased


def check_can_erase(session: Session, hub: Hub, person: Account) -> None:
    """Raise UsageError with what a person has to do before their account can be erased."""
    people.keep_a_technician(session, person)
    for course in courses.courses_taught(session, person.id):
        if course.archived_at is None and len(courses.educators(session, course.id)) == 1:
            raise UsageError(
                f"You are the only educator of {course.title}. Add another one, or close the "
                "course first."
            )
    if hub.encounters.is_talking(person.id):
        raise UsageError("You are talking with a patient now. End the conversation first.")


def erase_account(hub: Hub, visitor: Visitor) -> Erased:
    """Erase a person's own account with all of their attempts.

    Raises UsageError when something has to be done before, and DatabaseAway.
    """
    assert visitor.person_id is not None
    with hub.database.begin() as session:
        person = people.get(session, visitor.person_id)
        check_can_erase(session, hub, person)
        audit.record(session, Visitor(login=NAMELESS), "erase account", person.id)
        put(session, Setting(name=f"{_BEGUN}{person.id}", value=hub.now().isoformat()))
        _close(session, hub, person)
    return _go_on(hub, visitor.person_id)


def is_of_erased_account(session: Session, code_id: UUID) -> bool:
    """Return whether this code was the card of an account that is erased."""
    return session.get(Setting, f"{_CARD}{code_id}") is not None


def finish(hub: Hub) -> int:
    """Erase what a hub that died had begun to erase, and return how many accounts it was.

    Raises DatabaseAway.
    """
    with hub.database.read() as session:
        asked = select(Setting.name).where(Setting.name.startswith(_BEGUN))
        begun = [UUID(name.removeprefix(_BEGUN)) for name in session.scalars(asked)]
    for person_id in begun:
        _go_on(hub, person_id)
    return len(begun)


def _close(session: Session, hub: Hub, person: Account) -> None:
    """Let nothing new begin for a person: browsers, codes, cards and devices end."""
    person.disabled_at = person.disabled_at or hub.now()
    sessions.end_sign_ins(session, person.id)
    cards = select(OneTimeCode.id).filter_by(person_id=person.id, kind=str(CodeKind.LEARNER))
    for code_id in session.scalars(cards).all():
        put(session, Setting(name=f"{_CARD}{code_id}", value=hub.now().isoformat()))
    session.execute(delete(OneTimeCode).where(OneTimeCode.person_id == person.id))
    own = update(Device).where(Device.person_id == person.id, Device.unpaired_at.is_(None))
    session.execute(own.values(unpaired_at=hub.now()))
    hub.stations.facts.forget()


def _go_on(hub: Hub, person_id: UUID) -> Erased:
    devices = select(Device.id).where(Device.person_id == person_id)
    with hub.database.read() as session:
        sending = list(
            session.scalars(select(Upload.attempt_id).where(Upload.device_id.in_(devices)))
        )
    hub.encounters.forget(person_id)
    count, size, is_complete = 0, 0, True
    for _ in range(_TRIES):
        with hub.database.read() as session:
            ids = list(session.scalars(select(StoredAttempt.id).filter_by(owner_id=person_id)))
        erased = erase_attempts(hub, [*ids, *sending], reason="account")
        count, size = count + erased.count, size + erased.size
        is_complete = is_complete and erased.is_complete
        try:
            with hub.database.begin() as session:
                _remove(session, person_id)
            break
        except IntegrityError:  # a record was kept meanwhile
            hub.encounters.forget(person_id)
    else:
        _log.warning("an account is erased later: its records do not end")
        return Erased(count, size, is_complete=False)
    is_complete = hub.database.scrub() and is_complete
    _log.info("erased an account attempts=%d", count)
    return Erased(count, size, is_complete)


def _remove(session: Session, person_id: UUID) -> None:
    """Remove the row of a person, with all that goes with it, and the name from the audit trail."""
    person = session.get(Account, person_id)
    if person is not None:
        _make_nameless(session, person)
        session.execute(delete(Device).where(Device.person_id == person_id))
        session.execute(delete(Account).where(Account.id == person_id))
    session.execute(delete(Setting).where(Setting.name == f"{_BEGUN}{person_id}"))


def _make_nameless(session: Session, person: Account) -> None:
    """Take a person's name, login and addresses out of the audit trail. Its entries stay."""
    session.execute(
        update(AuditEntry)
        .where(or_(AuditEntry.person_id == person.id, func.lower(AuditEntry.who) == person.login))
        .values(who=NAMELESS, person_id=None, address="")
    )
    named = re.compile(
        rf"(?<!\w)(?:{re.escape(person.login)}|{re.escape(person.name)})(?!\w)", re.I
    )
    for column in (AuditEntry.detail, AuditEntry.object_id):
        found = session.scalars(
            select(AuditEntry).where(
                or_(
                    column.icontains(person.login, autoescape=True),
                    column.icontains(person.name, autoescape=True),
                )
            )
        )
        for entry in found:
            setattr(entry, column.key, named.sub(NAMELESS, getattr(entry, column.key)))
