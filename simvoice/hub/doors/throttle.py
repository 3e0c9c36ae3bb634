"""Slow down those who guess: each failed try makes the next one wait longer.

The counts are in the database, so a restart does not reset them. A try is counted before the
password is checked, so many at the same time count as many. An account that is attacked from
elsewhere stays open to its owner: a browser that has signed in before has a count of its own.
Source: OWASP, Slow Down Online Guessing Attacks with Device Cookies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from simvoice.hub.doors.access import TooSoon
from simvoice.hub.hub import Hub
from simvoice.hub.storage.tables import DoorTries
from simvoice.hub.storage.upsert import add_once

_FORGET = timedelta(hours=24)
"""After a day without a failed try, the count begins again."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tries are free, and how long the others wait."""

    kind: str
    free: int
    """Tries without a wait."""
    longest_s: float
    """The wait is 1 s, then twice as long each time, up to this."""

    def wait(self, failures: int) -> timedelta:
        """Return the wait after so many failed tries."""
        over = failures - self.free
        return timedelta(seconds=min(self.longest_s, 2.0 ** min(over, 30))) if over >= 0 else _NONE


_NONE = timedelta()

ACCOUNT = Limit("account", free=5, longest_s=900)
"""All browsers that never signed in to the account, together."""
DEVICE = Limit("device", free=8, longest_s=900)
"""One browser that has signed in to the account before."""
ADDRESS = Limit("address", free=40, longest_s=30)
"""All of a network address: a whole lab can share one, so the wait stays short."""
CODE = Limit("code", free=40, longest_s=10)
"""Codes tried from an address. They cannot be guessed; classmates must not be held up."""


class TooManyTries(TooSoon):
    """The next try has to wait."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("tries", wait.total_seconds())


def take(session: Session, hub: Hub, *limits: tuple[Limit, str]) -> None:
    """Count a try as failed, until `forgive` is called. Raises TooManyTries when it has to wait.

    limits: each with what it counts: a login, an address. None is counted when one has to wait.
    """
    now = hub.now()
    rows = [_row(session, hub, limit, value, now) for limit, value in sorted(limits, key=_order)]
    latest = max(row.free_at for row in rows)
    if now < latest:
        raise TooManyTries(latest - now)
    for row, (limit, _) in zip(rows, sorted(limits, key=_order), strict=True):
        row.failures = 1 if now - row.last_at >= _FORGET else row.failures + 1
        row.last_at = now
        row.free_at = now + limit.wait(row.failures)


def forgive(session: Session, hub: Hub, *limits: tuple[Limit, str]) -> None:
    """Forget the failed tries of an account or device, because its person came in."""
    keys = [_key(hub, limit, value) for limit, value in limits]
    session.execute(delete(DoorTries).where(DoorTries.key.in_(keys)))


def give_back(session: Session, hub: Hub, limit: Limit, value: str) -> None:
    """Take back one try that was right; the failed ones of the address stay counted."""
    row = session.get(DoorTries, _key(hub, limit, value), with_for_update=True)
    if row is not None and row.failures > 0:
        row.failures -= 1
        row.free_at = hub.now()


def remove_old(session: Session, hub: Hub) -> None:
    """Remove counts that are forgotten."""
    session.execute(delete(DoorTries).where(DoorTries.last_at <= hub.now() - _FORGET))


def _order(one: tuple[Limit, str]) -> str:
    return one[0].kind  # the same for all, so that two transactions never wait for each other


def _key(hub: Hub, limit: Limit, value: str) -> str:
    return f"{limit.kind}:{hub.keys.sign('throttle', value)[:48]}"


def _row(session: Session, hub: Hub, limit: Limit, value: str, now: datetime) -> DoorTries:
    key = _key(hub, limit, value)
    asked = select(DoorTries).where(DoorTries.key == key).with_for_update()
    found = session.scalar(asked)
    if found is None:
        add_once(session, DoorTries(key=key, failures=0, last_at=now, free_at=now))
        found = session.scalars(asked).one()
    return found
