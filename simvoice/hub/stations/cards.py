"""Learners' cards: a code that says at a station whose attempt it is.

A card is no password. With it, nobody opens a page or an attempt; a practice at a station goes to
the hub under the account of the card, where only its learner can open it. Each learner has one card
at a time. Its code is drawn before the transaction (`codes.draw`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from simvoice.display import count_noun
from simvoice.errors import UsageError
from simvoice.hub import audit, codes
from simvoice.hub.codes import CodeKind, DrawnCode, NewCode
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Account, AccountRole, OneTimeCode


def card_of(session: Session, hub: Hub, person_id: UUID) -> OneTimeCode | None:
    """Return the card of a person that can be used now; None without one."""
    return session.scalar(_cards(hub).where(OneTimeCode.person_id == person_id).limit(1))


def learners(session: Session, logins: Iterable[str]) -> list[Account]:
    """Return the learners with these logins, in this order.

    Raises UsageError for a login without an account, of an account that is no learner's, for none
    and for too many.
    """
    wanted = list(dict.fromkeys(login.strip().lower() for login in logins if login.strip()))
    if not 1 <= len(wanted) <= codes.MOST_AT_ONCE:
        raise UsageError(f"Give the logins of 1 to {codes.MOST_AT_ONCE} learners, one a line.")
    known = {one.login: one for one in session.scalars(_learners(wanted))}
    unknown = [login for login in wanted if login not in known]
    if unknown:
        named = ", ".join(unknown[:5]) + (" …" if len(unknown) > 5 else "")
        raise UsageError(f"No learner who can sign in has this login: {named}.")
    return [known[login] for login in wanted]


def without_card(session: Session, hub: Hub) -> list[Account]:
    """Return the learners who have no card that can be used, by name.

    Raises UsageError when there are none, or too many at once.
    """
    having = _cards(hub).with_only_columns(OneTimeCode.person_id)
    found = list(session.scalars(_learners().where(Account.id.not_in(having))))
    if not found:
        raise UsageError("Every learner has a card. To renew one, give the login.")
    if len(found) > codes.MOST_AT_ONCE:
        named = count_noun(len(found), "learner")
        raise UsageError(
            f"{named} have no card; at most {codes.MOST_AT_ONCE} are made at once. Give logins."
        )
    return sorted(found, key=lambda each: each.name.casefold())


def renew_card(
    session: Session, hub: Hub, visitor: Visitor, person: Account, drawn: DrawnCode
) -> NewCode:
    """Make a card for a person; the earlier one ends. Its label is the person's name."""
    codes.revoke_open(session, hub, kind=CodeKind.LEARNER, person_id=person.id)
    made = codes.make(
        session,
        hub,
        CodeKind.LEARNER,
        drawn=drawn,
        person_id=person.id,
        label=person.name,
        created_by=visitor.person_id,
    )
    audit.record(session, visitor, "make card", person.id)
    hub.stations.facts.forget()
    return made


def _cards(hub: Hub) -> Select[OneTimeCode]:
    return select(OneTimeCode).where(
        OneTimeCode.kind == str(CodeKind.LEARNER),
        OneTimeCode.person_id.is_not(None),
        OneTimeCode.revoked_at.is_(None),
        OneTimeCode.expires_at > hub.now(),
    )


def _learners(logins: Sequence[str] | None = None) -> Select[Account]:
    roles = select(AccountRole.person_id).where(AccountRole.role == str(Role.LEARNER))
    asked = select(Account).where(Account.disabled_at.is_(None), Account.id.in_(roles))
    return asked if logins is None else asked.where(Account.login.in_(logins))
