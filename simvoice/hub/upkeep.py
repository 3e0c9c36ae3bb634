"""What the hub does for itself once a minute, and what it finds when it starts.

The hub keeps the latest moment that it has seen in its database and in a file of its data folder.
If the clock of the machine is set back, the time of the hub goes on from there (`HubClock`). If the
database is older than the file, it was restored from a backup: then sign-ins that were ended and
codes that were used since would be alive again, so all of them end.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from simvoice import log
from simvoice.display import duration_in_words
from simvoice.errors import StorageAway, StorageFull, StorageRefused
from simvoice.hub import attempts, briefs, codes, erasing
from simvoice.hub.clock import HubClock, system_time
from simvoice.hub.doors import sessions, throttle
from simvoice.hub.hub import Hub
from simvoice.hub.storage.tables import Setting, SignIn
from simvoice.hub.storage.upsert import put

_log = logging.getLogger(__name__)

EVERY_S = 60.0

_LATEST = "latest_moment"
_FILE = "latest-moment"

_RESTORED = timedelta(minutes=5)
"""The database is this much older than the file only after a restore; both are written together."""
_NOTICED = timedelta(minutes=1)
"""Clocks that are set by the network step by less."""


def begin(hub: Hub) -> list[str]:
    """Set the clock of a hub that starts; return sentences for those who run it.

    Raises DatabaseAway.
    """
    said = []
    in_file = _read(hub.settings.data / _FILE)
    with hub.database.read() as session:
        known = _latest(session)
    if in_file is not None and (known is None or in_file - known > _RESTORED):
        with hub.database.begin() as session:
            forget_sign_ins(session, hub)
        said.append(
            "The database is older than this hub: it was restored from a backup. Everyone has to "
            "sign in again, and codes that were given out are void."
        )
        _log.warning("the database was restored: all sign-ins and open codes ended")
    latest = max((one for one in (in_file, known) if one is not None), default=None)
    hub.clock = HubClock(latest)
    behind = hub.clock.behind()
    if behind > _NOTICED:
        said.append(
            f"The clock of this machine is {duration_in_words(behind.total_seconds())} behind the "
            "last time that this hub knows; the hub goes on from there. If the clock is right now, "
            "stop the hub and run: simvoice hub forget-sign-ins"
        )
        _log.warning("the clock was set back by %.0f s", behind.total_seconds())
    remember(hub)
    try:
        _ = hub.seal_key  # the first start makes it
    except StorageRefused as error:
        said.append(f"Stations cannot send what they record: {error}.")
        _log.error("the seal key cannot be used: %s", log.place(error))
    return said


def remember(hub: Hub) -> None:
    """Keep the present moment, and remove what has expired. Raises DatabaseAway."""
    now = hub.now()
    with hub.database.begin() as session:
        _keep(session, now)
        sessions.remove_expired(session, hub)
        throttle.remove_old(session, hub)
    _write(hub.settings.data / _FILE, now)
    try:
        attempts.sweep(hub)
        erasing.finish(hub)
        if hub.database.is_scrub_due:
            hub.database.scrub()
    except StorageAway as error:  # the next minute tries again
        _log.warning("left-over objects stay for now: %s", error)


BRIEFS_S = 5.0
"""Seconds of a minute in which briefs are made: they take a core, which encounters may need."""


def make_briefs(hub: Hub) -> int:
    """Make briefs of attempts that have arrived; return how many are missing still.

    Raises DatabaseAway.
    """
    return briefs.fill(hub, time_s=BRIEFS_S)


def forget_sign_ins(session: Session, hub: Hub) -> None:
    """End all sign-ins, and withdraw all codes that were not used."""
    session.execute(delete(SignIn))
    codes.revoke_open(session, hub)


def accept_clock(hub: Hub) -> None:
    """Take the machine's clock as right, though it is behind. Ends all sign-ins and open codes."""
    with hub.database.begin() as session:
        forget_sign_ins(session, hub)
        _keep(session, system_time())
    _write(hub.settings.data / _FILE, system_time())
    hub.clock = HubClock()


def _latest(session: Session) -> datetime | None:
    kept = session.get(Setting, _LATEST)
    used = session.scalar(select(func.max(SignIn.last_seen_at)))
    found = [_moment(kept.value) if kept else None, used]
    return max((one for one in found if one is not None), default=None)


def _keep(session: Session, now: datetime) -> None:
    put(session, Setting(name=_LATEST, value=now.isoformat()))


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _read(file: Path) -> datetime | None:
    try:
        return _moment(file.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        return None


def _write(file: Path, now: datetime) -> None:
    partial = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        partial.write_text(now.isoformat(), encoding="ascii")
        os.replace(partial, file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.errno == errno.ENOSPC:
            raise StorageFull(f"the disk of {file.parent} is full; free some space") from error
        raise StorageRefused(f"{file} cannot be written ({error.strerror})") from error
