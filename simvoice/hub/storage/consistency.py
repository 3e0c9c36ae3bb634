"""Whether database and store belong together and know the same recordings.

They are two things with two backups. A database that was restored can be older than its store, or
newer; a store can be another one, or on a disk that is not mounted. Each is named here. Nothing is
removed unasked, because what one of them lacks may be in the other alone.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import delete, select

from simvoice.display import count_noun
from simvoice.errors import RecordingLost, SettingError
from simvoice.hub.storage.database import Database
from simvoice.hub.storage.encryption import SUFFIX
from simvoice.hub.storage.loose_objects import loosen
from simvoice.hub.storage.object_store import ObjectStore
from simvoice.hub.storage.recordings import ROOT, prefixes_of
from simvoice.hub.storage.tables import LooseObjects, Setting, StoredAttempt, now
from simvoice.hub.storage.upsert import add_once

_SETTING = "store"
_MARK = "store/id"
"""The object that says which store this is."""


# -- which store ----------------------------------------------------------------------------------


def make_store(database: Database, objects: ObjectStore) -> None:
    """Make the folder of a store that is used for the first time. Raises StorageRefused.

    A folder that was used before and is missing is not made: its disk may not be mounted.
    """
    with database.read() as session:
        is_known = session.get(Setting, _SETTING) is not None
    if not is_known:
        objects.make()


def bind_store(database: Database, objects: ObjectStore) -> None:
    """Let a database and a store belong together from the first time on.

    Raises SettingError when they do not, ObjectsAway and DatabaseAway.
    """
    with database.read() as session:
        row = session.get(Setting, _SETTING)
    found = _mark(objects)
    if row is not None:
        if found == row.value:
            return
        other = "is that of another database" if found else "is not the one that it was"
        raise SettingError(
            f"{objects.description} {other}; give the right one (SIMVOICE_STORE_URL, SIMVOICE_"
            "DATABASE_URL), mount its disk, or restore it"
        )
    if not found:
        found = uuid4().hex
        _set_mark(objects, found)
    with database.begin() as session:
        is_first = add_once(session, Setting(name=_SETTING, value=found))
        kept = session.get_one(Setting, _SETTING).value
    if not is_first and kept != found:  # another hub started at the same moment
        _set_mark(objects, kept)


def _set_mark(objects: ObjectStore, value: str) -> None:
    with tempfile.TemporaryDirectory(prefix="simvoice-") as place:
        file = Path(place) / "id"
        file.write_text(value, encoding="ascii")
        objects.put(_MARK, file)


def _mark(objects: ObjectStore) -> str:
    """Return the name that a store has of itself; empty for a new one."""
    with tempfile.TemporaryDirectory(prefix="simvoice-") as place:
        file = Path(place) / "id"
        try:
            objects.get(_MARK, file)
        except RecordingLost:
            return ""
        return file.read_bytes()[:100].decode("ascii", "replace").strip()


# -- which recordings -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LackingAttempt:
    """An attempt of the database whose files are not all in the store."""

    id: UUID
    record_id: str
    files: tuple[str, ...]
    """Names of the files that are missing or have another size."""


@dataclass(frozen=True, slots=True)
class UnknownObjects:
    """Objects of the store that the database does not know."""

    prefix: str
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Differences:
    """In what database and store differ."""

    lacking: tuple[LackingAttempt, ...] = ()
    """Known to the database, not in the store."""
    unknown: tuple[UnknownObjects, ...] = ()
    """In the store, not known to the database."""
    attempts: int = 0
    """Attempts of the database."""

    def __bool__(self) -> bool:
        return bool(self.lacking or self.unknown)

    def sentences(self) -> list[str]:
        """Return what to tell those who run the hub; empty without differences."""
        said = []
        if self.lacking:
            were = "attempt" if len(self.lacking) == 1 else "attempts"
            said.append(
                f"The database has {len(self.lacking)} {were} of {self.attempts} whose recording "
                "the store lacks: the store is older than the database, it was damaged, or they "
                "were erased after the backup that the database was restored from. Restore the "
                "store's own backup, or remove them from the lists: simvoice hub check --forget"
            )
        if self.unknown:
            size = f"{sum(each.size for each in self.unknown) / 1e6:.1f} MB"
            said.append(
                f"The store has {count_noun(len(self.unknown), 'recording')} ({size}) that the "
                "database does not know: the database is older than the store. Restore a newer "
                "backup of the database, or remove them for ever: simvoice hub check --remove"
            )
        return said


def find_differences(database: Database, objects: ObjectStore) -> Differences:
    """Compare what the database knows with what the store has; sizes only, no content.

    For a hub that may run meanwhile. Raises DatabaseAway and ObjectsAway.
    """
    stored = {found.key: found.size for found in objects.listed(ROOT)}
    # After the listing: what is being kept then has its row of LooseObjects already.
    with database.read() as session:
        attempts = session.scalars(select(StoredAttempt)).all()
        loose = set(session.scalars(select(LooseObjects.prefix)))
    lacking, known = [], set(loose)
    for attempt in attempts:
        known |= set(prefixes_of(attempt.files))
        names = [
            file.name for file in attempt.files if not _is_there(file.object_key, file.size, stored)
        ]
        if names:
            lacking.append(LackingAttempt(attempt.id, attempt.record_id, tuple(sorted(names))))
    unknown: dict[str, int] = {}
    for key, size in stored.items():
        prefix = key.rpartition("/")[0] + "/"
        if prefix not in known:
            unknown[prefix] = unknown.get(prefix, 0) + size
    return Differences(
        tuple(lacking),
        tuple(UnknownObjects(prefix, size) for prefix, size in sorted(unknown.items())),
        len(attempts),
    )


def _is_there(key: str, size: int, stored: dict[str, int]) -> bool:
    # an encrypted object is a little larger than its file
    return key in stored and (key.endswith(SUFFIX) or stored[key] == size)


def forget_lacking(database: Database, differences: Differences) -> int:
    """Remove the attempts whose recording the store lacks, and return how many.

    Not an erasure: a device that still has one can send it again. What is left of their objects is
    removed by the next sweep. Raises DatabaseAway.
    """
    count = 0
    for lacking in differences.lacking:
        with database.begin() as session:
            row = session.get(StoredAttempt, lacking.id)
            if row is None:
                continue
            loosen(session, prefixes_of(row.files), now())
            session.execute(delete(StoredAttempt).where(StoredAttempt.id == lacking.id))
            count += 1
    return count


def remove_unknown(database: Database, objects: ObjectStore, differences: Differences) -> int:
    """Remove for ever the objects that the database does not know, and return how many recordings.

    Raises ObjectsAway and DatabaseAway.
    """
    again = {each.prefix for each in find_differences(database, objects).unknown}
    count = 0
    for each in differences.unknown:
        if each.prefix in again:  # it still is unknown
            objects.remove([found.key for found in objects.listed(each.prefix)])
            count += 1
    return count
