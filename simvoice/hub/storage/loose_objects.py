"""Objects that no attempt has, not yet or no longer, and their removal (`tables.LooseObjects`)."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from simvoice.errors import SimvoiceError
from simvoice.hub.storage.database import Database
from simvoice.hub.storage.recordings import Recordings
from simvoice.hub.storage.tables import LooseObjects
from simvoice.hub.storage.upsert import put

_log = logging.getLogger(__name__)

STALE = timedelta(hours=1)
"""After so long, objects that are being kept belong to a process that died. Sending one recording
over a slow line takes minutes."""


def announce(session: Session, prefix: str, at: datetime) -> None:
    """Say that objects are about to be stored that no attempt has yet."""
    session.add(LooseObjects(prefix=prefix, since=at))


def claim(session: Session, prefix: str) -> bool:
    """Take announced objects for an attempt. Returns False when they are being removed already."""
    own = delete(LooseObjects).where(
        LooseObjects.prefix == prefix, LooseObjects.removing_since.is_(None)
    )
    return session.execute(own.returning(LooseObjects.prefix)).first() is not None


def loosen(session: Session, prefixes: Collection[str], at: datetime) -> None:
    """Say that no attempt has these objects any more, and that they are to be removed."""
    for prefix in prefixes:
        put(session, LooseObjects(prefix=prefix, since=at, removing_since=at))


def remove(database: Database, recordings: Recordings, prefix: str, at: datetime) -> None:
    """Remove loose objects. No attempt can claim them once this has begun.

    Raises DatabaseAway and ObjectsAway; `sweep` goes on then.
    """
    with database.begin() as session:
        row = session.get(LooseObjects, prefix)
        if row is None:
            return
        row.removing_since = row.removing_since or at
    recordings.remove(prefix)
    with database.begin() as session:
        session.execute(delete(LooseObjects).where(LooseObjects.prefix == prefix))


def remove_or_leave(
    database: Database, recordings: Recordings, prefixes: Collection[str], at: datetime
) -> bool:
    """Remove loose objects, or leave them to `sweep`. Returns whether they are gone."""
    is_gone = True
    for prefix in prefixes:
        try:
            remove(database, recordings, prefix, at)
        except SimvoiceError as error:
            is_gone = False
            _log.warning("objects are left for the next sweep: %s", error)
    return is_gone


def sweep(
    database: Database, recordings: Recordings, at: datetime, older_than: timedelta = STALE
) -> int:
    """Remove the objects that a killed hub left behind, and finish its erasures.

    at: the present moment. older_than: zero at the start of a hub, when nothing can be on its way.
    Returns how many keeps and erasures were cleared up. Raises DatabaseAway and ObjectsAway.
    """
    with database.read() as session:
        rows = session.scalars(select(LooseObjects)).all()
    latest = at - older_than
    found = [row.prefix for row in rows if row.removing_since is not None or row.since <= latest]
    for prefix in found:
        remove(database, recordings, prefix, at)
    if found:
        database.scrub()
        _log.info("removed what an interrupted keep or erasure left behind count=%d", len(found))
    return len(found)
