"""Accounts of the hub: add people, give them roles, disable and enable them.

Each function takes the session of a transaction as its first argument.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from simvoice.errors import UsageError
from simvoice.hub.doors import passwords, sessions
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Account, AccountRole
from simvoice.hub.storage.upsert import add_once
from simvoice.safe_text import one_line, shortened

_LOGIN = re.compile(r"[^\s\x00-\x1f\x7f]{2,120}")


def folded(login: str) -> str:
    """Return a login in the form in which it is compared: "ROBIN " and "robin" are the same."""
    return one_line(unicodedata.normalize("NFKC", login)).casefold()


def normal_login(given: str) -> str:
    """Return a login as it is stored. Raises UsageError for one that cannot be used."""
    login = folded(given)
    if not _LOGIN.fullmatch(login):
        raise UsageError("A login has 2 to 120 characters and no space, such as an e-mail address.")
    return login


def _checked_name(given: str) -> str:
    name = one_line(given)
    if not 1 <= len(name) <= 200:
        raise UsageError("A name has 1 to 200 characters.")
    return name


def add(
    session: Session,
    hub: Hub,
    *,
    login: str,
    name: str,
    roles: Iterable[Role],
    password: str | None = None,
) -> Account:
    """Return a new person. password: None for someone who is invited or signs in elsewhere.

    Raises UsageError for a login that is taken, and for a login, name or password that cannot be
    used.
    """
    login, name = normal_login(login), _checked_name(name)
    taken = f"The login {shortened(login)!r} is taken; give another one."
    if find(session, login) is not None:
        raise UsageError(taken)
    person = Account(id=uuid4(), login=login, name=name, created_at=hub.now())
    if password is not None:
        passwords.check_new(password, login, name)
        person.password_hash = hub.passwords.hash(password)
    if not add_once(session, person):  # somebody else has taken it at the same moment
        raise UsageError(taken)
    person = session.get_one(Account, person.id)
    set_roles(session, person, roles)
    return person


def find(session: Session, login: str) -> Account | None:
    """Return the person with a login; None without one. Disabled people are found, too."""
    return session.scalar(select(Account).where(Account.login == folded(login)))


def get(session: Session, person_id: UUID) -> Account:
    """Return a person. Raises UsageError when there is none with this id."""
    person = session.get(Account, person_id)
    if person is None:
        raise UsageError("This account does not exist any more.")
    return person


def everyone(session: Session) -> Sequence[Account]:
    """Return all people by name."""
    return session.scalars(select(Account).order_by(func.lower(Account.name), Account.login)).all()


def roles_of(person: Account) -> frozenset[Role]:
    """Return a person's roles."""
    return frozenset(Role(one.role) for one in person.roles)


def set_roles(session: Session, person: Account, roles: Iterable[Role]) -> None:
    """Give a person these roles and no others. Raises UsageError when no technician is left."""
    wanted = frozenset(roles)
    if Role.TECHNICIAN not in wanted:
        keep_a_technician(session, person)
    session.refresh(person, with_for_update=True)  # of two changes at once, the later one holds
    session.execute(delete(AccountRole).where(AccountRole.person_id == person.id))
    session.expire(person, ["roles"])
    session.add_all(AccountRole(person_id=person.id, role=str(role)) for role in sorted(wanted))
    session.flush()
    session.refresh(person, ["roles"])


def disable(session: Session, person: Account, now: datetime) -> None:
    """Sign a person out everywhere, at once, and let them in no more."""
    keep_a_technician(session, person)
    person.disabled_at = person.disabled_at or now
    sessions.end_sign_ins(session, person.id)


def enable(person: Account) -> None:
    """Let a disabled person in again."""
    person.disabled_at = None


def set_password(
    session: Session, hub: Hub, person: Account, password: str, *, but: UUID | None = None
) -> None:
    """Give a person a new password, and end their other sign-ins.

    but: the sign-in that stays. Raises UsageError for a password that cannot be used.
    """
    passwords.check_new(password, person.login, person.name)
    person.password_hash = hub.passwords.hash(password)
    sessions.end_sign_ins(session, person.id, but=but)


def has_technician(session: Session, *, but: UUID | None = None) -> bool:
    """Return True when a technician can sign in. but: one who is not counted."""
    asked = (
        select(func.count())
        .select_from(Account)
        .join(AccountRole)
        .where(AccountRole.role == Role.TECHNICIAN.value, Account.disabled_at.is_(None))
    )
    if but is not None:
        asked = asked.where(Account.id != but)
    return bool(session.scalar(asked))


def keep_a_technician(session: Session, person: Account) -> None:
    """Raise UsageError when nobody but this person is a technician who can sign in."""
    is_one = Role.TECHNICIAN in roles_of(person) and person.disabled_at is None
    if is_one and not has_technician(session, but=person.id):
        raise UsageError(
            "This is the last technician who can sign in. Make another person a technician first."
        )
