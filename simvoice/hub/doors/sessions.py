"""Sign-ins: the cookie of a browser, and what the database knows of it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection
from starlette.responses import Response

from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.storage.tables import SignIn

_TOUCH = timedelta(minutes=1)
"""How exactly the last use of a sign-in is kept: a write for each request would be too many."""

Cookie = Literal["session", "visit", "device", "provider"]
"""session: signed in. visit: a browser that is not signed in yet. device: one that was before.
provider: on its way to a provider of OpenID Connect and back."""

_YEAR_S = 365 * 24 * 3600


def new_secret() -> str:
    """Return a new value for a cookie: 256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return the hash under which a token is stored, in hex [64]."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


# -- cookies


def cookie_name(hub: Hub, kind: Cookie) -> str:
    """Return the name of a cookie.

    `__Host-` makes browsers refuse one that another host of the domain, or a page without TLS, has
    set. On loopback without TLS the name has the port: browsers share cookies between ports.
    """
    if hub.settings.is_secure:
        return f"__Host-simvoice-{kind}"
    return f"simvoice-hub-{hub.settings.port}-{kind}"


def read_cookie(connection: HTTPConnection, kind: Cookie) -> str | None:
    """Return the value that a browser sent; None without one."""
    return connection.cookies.get(cookie_name(hub_of(connection), kind)) or None


def set_cookie(response: Response, hub: Hub, kind: Cookie, value: str) -> None:
    """Let a browser keep a value. Scripts cannot read it, and other sites cannot send it along.

    Lax and not Strict: after the sign-in at a provider, the browser comes from another site.
    """
    response.set_cookie(
        cookie_name(hub, kind),
        value,
        max_age=_YEAR_S if kind == "device" else None,
        path="/",
        secure=hub.settings.is_secure,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, hub: Hub, kind: Cookie) -> None:
    """Let a browser forget a value."""
    response.delete_cookie(
        cookie_name(hub, kind), "/", secure=hub.settings.is_secure, httponly=True, samesite="lax"
    )


# -- sign-ins in the database


def begin_sign_in(
    session: Session, hub: Hub, *, person_id: UUID | None = None, code_id: UUID | None = None
) -> str:
    """Sign a browser in, as a person or with an exam code; return the value of its cookie."""
    token, now = new_secret(), hub.now()
    session.add(
        SignIn(
            token_hash=token_hash(token),
            person_id=person_id,
            code_id=code_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(hours=hub.settings.longest_hours),
        )
    )
    return token


def find_sign_in(session: Session, hub: Hub, token: str) -> SignIn | None:
    """Return the sign-in of a cookie; None for one that is unknown, has ended or has expired."""
    found = session.scalar(select(SignIn).where(SignIn.token_hash == token_hash(token)))
    return found if found is not None and is_alive(found, hub) else None


def is_alive(sign_in: SignIn, hub: Hub) -> bool:
    """Return True while a sign-in has neither expired nor been idle for too long."""
    now = hub.now()
    idle = timedelta(minutes=hub.settings.idle_minutes)
    return now < sign_in.expires_at and now - sign_in.last_seen_at < idle


def is_stale(sign_in: SignIn, now: datetime) -> bool:
    """Return True when the last use that the database knows is a while ago."""
    return now - sign_in.last_seen_at >= _TOUCH


def touch(session: Session, hub: Hub, sign_in_id: UUID) -> None:
    """Note that a sign-in is used now."""
    session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(last_seen_at=hub.now()))


def sign_ins_of(session: Session, hub: Hub, person_id: UUID) -> Sequence[SignIn]:
    """Return the live sign-ins of a person, the newest first."""
    asked = select(SignIn).where(SignIn.person_id == person_id).order_by(SignIn.created_at.desc())
    return [found for found in session.scalars(asked) if is_alive(found, hub)]


def end_sign_in(session: Session, sign_in_id: UUID, person_id: UUID | None = None) -> None:
    """End a sign-in. person_id: only if it is this person's."""
    wanted = delete(SignIn).where(SignIn.id == sign_in_id)
    if person_id is not None:
        wanted = wanted.where(SignIn.person_id == person_id)
    session.execute(wanted)


def end_sign_ins(session: Session, person_id: UUID, *, but: UUID | None = None) -> None:
    """End every sign-in of a person. but: the one that stays."""
    wanted = delete(SignIn).where(SignIn.person_id == person_id)
    session.execute(wanted if but is None else wanted.where(SignIn.id != but))


def remove_expired(session: Session, hub: Hub) -> None:
    """Remove sign-ins that have expired."""
    session.execute(delete(SignIn).where(SignIn.expires_at <= hub.now()))
