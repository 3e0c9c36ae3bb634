"""The storage of a hub without its pages, and attempts to keep in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from simvoice.hub import attempts
from simvoice.hub.storage.cache import AttemptCache
from simvoice.hub.storage.consistency import bind_store
from simvoice.hub.storage.database import Database
from simvoice.hub.storage.encryption import Encryption, EncryptionSettings
from simvoice.hub.storage.object_store import ObjectStore
from simvoice.hub.storage.recordings import Recordings
from simvoice.hub.storage.tables import Account
from simvoice.record.store import Attempt
from tests.planted.talk import record

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@dataclass
class Storage:
    """What `simvoice.hub.attempts` needs of a hub. Its clock stands."""

    database: Database
    recordings: Recordings
    cache: AttemptCache
    folder: Path
    """For the attempts of a learner's computer."""
    at: datetime = NOON
    owner_id: UUID = field(default_factory=uuid4)

    def now(self) -> datetime:
        return self.at

    def wait(self, **length: float) -> None:
        """Let time pass."""
        self.at += timedelta(**length)

    @property
    def objects(self) -> ObjectStore:
        return self.recordings.objects

    def stored_keys(self) -> list[str]:
        """Return the keys of all objects of attempts."""
        return sorted(found.key for found in self.objects.listed("attempts/"))

    def made(self, **header: object) -> Attempt:
        """Record a new attempt on the learner's computer."""
        return record(self.folder / uuid4().hex, uuid=uuid4(), **header)

    def keep(self, attempt: Attempt, **facts: object) -> UUID:
        """Keep an attempt for the owner."""
        given = {"owner_id": self.owner_id, "origin": "laptop", **facts}
        return attempts.keep(self, attempt.folder, **given)  # type: ignore[arg-type]


def make_storage(
    database: Database,
    objects: ObjectStore,
    folder: Path,
    encryption: EncryptionSettings | None = None,
) -> Storage:
    """Return the storage of a hub with one person."""
    bind_store(database, objects)
    made = Storage(
        database,
        Recordings(objects, Encryption(encryption or EncryptionSettings())),
        AttemptCache(folder / "cache"),
        folder / "laptop",
    )
    with database.begin() as session:
        session.add(Account(id=made.owner_id, login="ana", name="Ana Maria"))
    return made


@contextmanager
def interrupted(storage: Storage, at_object: int) -> Iterator[None]:
    """Let the hub die, as if it were killed, before it stores the object with this number."""
    objects = storage.objects
    put, count = objects.put, 0

    def put_or_die(key: str, file: Path) -> None:
        nonlocal count
        if count == at_object:
            raise Killed
        count += 1
        put(key, file)

    giving_up = attempts.give_up
    objects.put = put_or_die  # type: ignore[method-assign]
    attempts.give_up = lambda parts, attempt_id, prefix: None
    try:
        yield
    except Killed:
        pass
    finally:
        objects.put = put  # type: ignore[method-assign]
        attempts.give_up = giving_up


class Killed(BaseException):
    """The process ends here. Nothing may catch it."""
