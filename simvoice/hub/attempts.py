"""The attempts that the hub keeps: their rows in the database, and their files in the store.

The two cannot change in one step, so each change has an order that a killed hub cannot break:

    keep     a row of `LooseObjects`; the objects; one transaction: the attempt, without that row
    erase    one transaction: no attempt, a row of `Erasure` and one of `LooseObjects`; the objects

What is loose after a kill is removed by `sweep`. Objects that the database does not know at all are
never removed unasked: after the restoration of a backup they may be all that is left
(`storage.consistency`).
"""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from simvoice.errors import AttemptError, RecordingLost, SimvoiceError, StorageAway
from simvoice.hub.storage import loose_objects
from simvoice.hub.storage.cache import AttemptCache
from simvoice.hub.storage.consistency import bind_store, find_differences
from simvoice.hub.storage.database import Database
from simvoice.hub.storage.recordings import Recordings, prefix_of, prefixes_of
from simvoice.hub.storage.tables import Erasure, StoredAttempt, StoredFile
from simvoice.hub.storage.upsert import put
from simvoice.record.answers import ANSWERS
from simvoice.record.files import AttemptLock, check_id
from simvoice.record.identity import attempt_uuid
from simvoice.record.ratings import OBJECTIONS, join_objections
from simvoice.record.reflection import REFLECTION
from simvoice.record.store import Attempt, Store
from simvoice.release.contents import Contents
from simvoice.safe_text import one_line

_log = logging.getLogger(__name__)


class AttemptErased(AttemptError):
    """The attempt was erased here, and is not taken again."""


class Parts(Protocol):
    """What these functions need of a hub (`hub.hub.Hub` has it)."""

    @property
    def database(self) -> Database:
        """The database."""

    @property
    def recordings(self) -> Recordings:
        """The files of attempts in the store."""

    @property
    def cache(self) -> AttemptCache:
        """The copies of attempts that are open."""

    def now(self) -> datetime:
        """Return the present moment."""


# -- keep ------------------------------------------------------------------------------------------


def keep(
    parts: Parts,
    folder: Path,
    *,
    origin: str,
    owner_id: UUID | None = None,
    code_id: UUID | None = None,
    device_id: UUID | None = None,
    assignment_id: UUID | None = None,
    contents: Contents = Contents.SOUND,
    report: Callable[[Session, UUID], None] | None = None,
) -> UUID:
    """Keep the record in a folder, and return its UUID. Keeping it again changes nothing.

    Only a record that holds more (`contents`) replaces one that was kept before. When this returns,
    the record survives a power cut, and the folder is not needed any more.

    origin: `hub`, `laptop` or `station`. owner_id: a person; None under an exam code. report:
    called in the transaction that makes the attempt, for what must be true with it. Raises
    AttemptErased, AttemptError for a folder that holds no attempt or someone else's, DatabaseAway,
    ObjectsAway and StorageFull. The folder stays as it is then, to try again.
    """
    attempt = Store(folder.parent).open_recovered(folder.name)
    if attempt.state == "open":
        raise AttemptError(f"attempt {attempt.id} is being recorded now; end the encounter first")
    uuid = attempt_uuid(attempt.header)
    row = _row(attempt, uuid, received_at=parts.now(), contents=contents, origin=origin)
    row.owner_id, row.code_id = owner_id, code_id
    row.device_id, row.assignment_id = device_id, assignment_id
    with parts.database.read() as session:
        if _has_as_much(session, row):
            return uuid
    prefix = prefix_of(uuid, secrets.token_hex(8))
    with parts.database.begin() as session:
        loose_objects.announce(session, prefix, parts.now())
    try:
        with AttemptLock.held(folder, "keeping"):
            written = _join_own_words(parts, uuid, folder)
            row.files = parts.recordings.put_folder(folder, prefix)
        replaced = _commit(parts, row, prefix, report, written)
    except IntegrityError as error:
        give_up(parts, uuid, prefix)
        raise AttemptError(
            f"attempt {attempt.id} cannot be kept: its account, device or assignment was removed"
        ) from error
    except BaseException:
        give_up(parts, uuid, prefix)
        raise
    if replaced is not None:
        parts.cache.drop(uuid)
        _remove_or_leave(parts, replaced)
    return uuid


_OWN_WORDS = (ANSWERS, REFLECTION, OBJECTIONS)
"""Files that a learner writes on the hub, too, after an attempt was kept."""


def _join_own_words(parts: Parts, uuid: UUID, folder: Path) -> dict[str, str]:
    """Add to a record what its learner has written on the hub meanwhile.

    Returns the keys of the objects in which that is, by the name of the file.
    """
    with parts.database.read() as session:
        found = session.get(StoredAttempt, uuid)
        written = _keys_of_own_words(found) if found is not None else {}
    if written:
        with opened(parts, uuid) as kept:
            for name in written:
                if not (folder / name).exists():
                    shutil.copyfile(kept.folder / name, folder / name)
                elif name == OBJECTIONS:
                    join_objections(folder, kept.folder)
    return written


def _keys_of_own_words(row: StoredAttempt) -> dict[str, str]:
    return {each.name: each.object_key for each in row.files if each.name in _OWN_WORDS}


def _row(
    attempt: Attempt, uuid: UUID, *, received_at: datetime, contents: Contents, origin: str
) -> StoredAttempt:
    header, summary = attempt.header, attempt.summary()
    return StoredAttempt(
        id=uuid,
        record_id=attempt.id,
        origin=origin,
        contents=contents.value,
        case_id=_fit(header.case_id, 100),
        case_title=_fit(header.case_title, 300),
        patient_name=_fit(header.patient_name, 200),
        started_at=_moment(summary.when) or received_at,
        duration_s=summary.duration_s,
        reason=_fit(summary.reason, 20),
        again_of=_fit(summary.again_of, 130) or None,
        again_at_s=summary.again_at_s if summary.again_of else None,
        continues=header.continues.uuid if header.continues is not None else None,
        received_at=received_at,
    )


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # what a device sends can be anything
        return None


def _fit(given: str, most: int) -> str:
    return one_line(given).replace("\x00", "")[:most]  # PostgreSQL stores no NUL


def _has_as_much(session: Session, row: StoredAttempt) -> bool:
    """Return whether the attempt is kept already. Raises AttemptErased and AttemptError."""
    if session.get(Erasure, row.id) is not None:
        raise AttemptErased(f"attempt {row.record_id} was erased here, and is not kept again")
    found = session.get(StoredAttempt, row.id)
    if found is None:
        return False
    if (found.owner_id, found.code_id) != (row.owner_id, row.code_id):
        raise AttemptError(f"attempt {row.record_id} is kept here already, for someone else")
    return Contents(found.contents).rank >= Contents(row.contents).rank


def _commit(
    parts: Parts,
    row: StoredAttempt,
    prefix: str,
    report: Callable[[Session, UUID], None] | None,
    written: Mapping[str, str],
) -> list[str] | None:
    """Make the attempt of objects that are all stored. Returns the prefixes that it replaces.

    written: what `_join_own_words` has found. Raises StorageAway when more was written since.
    Returns the own one when another request was faster, and None when nothing is replaced.
    """
    with parts.database.begin() as session:
        _one_at_a_time(session, row.id)
        if _has_as_much(session, row):
            loose_objects.loosen(session, [prefix], parts.now())
            return [prefix]
        if not loose_objects.claim(session, prefix):
            raise StorageAway("keeping the attempt took too long; nothing is lost, try again")
        found = session.get(StoredAttempt, row.id)
        if found is None:
            session.add(row)
            if report is not None:
                session.flush()
                report(session, row.id)
            return None
        if _keys_of_own_words(found) != written:
            raise StorageAway("the learner was writing just then; nothing is lost, try again")
        replaced = prefixes_of(found.files)
        loose_objects.loosen(session, replaced, parts.now())
        session.execute(delete(StoredFile).where(StoredFile.attempt_id == row.id))
        session.expire(found)
        found.files = [
            StoredFile(name=f.name, size=f.size, sha256=f.sha256, object_key=f.object_key)
            for f in row.files
        ]
        found.contents, found.duration_s = row.contents, row.duration_s
        return replaced


def _one_at_a_time(session: Session, attempt_id: UUID) -> None:
    """Let keeping and erasing one attempt wait for each other. On SQLite they do so anyway."""
    if session.get_bind().dialect.name == "postgresql":
        number = int.from_bytes(attempt_id.bytes[:8], signed=True)
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


# -- open and list ---------------------------------------------------------------------------------


@contextmanager
def opened(parts: Parts, attempt_id: UUID) -> Iterator[Attempt]:
    """Yield an attempt in a private folder, where it stays until the end of the block.

    Who may open it is for the caller to decide. When it is erased meanwhile, its files are empty.
    Raises AttemptError when there is no such attempt, RecordingLost when the store has lost or
    altered a part of it, DatabaseAway, ObjectsAway and StorageFull.
    """
    try:
        row = _stored(parts, attempt_id)
    except AttemptError:
        parts.cache.drop(attempt_id)  # another process may have erased it
        raise
    with parts.cache.hold(attempt_id, lambda place: _fill(parts, row, place)) as place:
        yield Store(place).open(row.record_id)


def verify(parts: Parts, attempt_id: UUID) -> None:
    """Read all of an attempt in the store and compare it with its hashes. Raises as `opened`."""
    with tempfile.TemporaryDirectory(prefix="simvoice-") as place:
        _fill(parts, _stored(parts, attempt_id), Path(place))


def altered(parts: Parts, but: Collection[UUID] = ()) -> Iterator[str]:
    """Read every attempt in the store; yield a sentence for each that is lost or altered.

    but: attempts that are known to be so. Raises DatabaseAway, ObjectsAway and StorageFull.
    """
    with parts.database.read() as session:
        ids = list(session.scalars(select(StoredAttempt.id).order_by(StoredAttempt.received_at)))
    for attempt_id in ids:
        try:
            if attempt_id not in but:
                verify(parts, attempt_id)
        except RecordingLost as error:
            yield str(error)
        except AttemptError:  # erased meanwhile
            continue


def _stored(parts: Parts, attempt_id: UUID) -> StoredAttempt:
    with parts.database.read() as session:
        row = session.get(StoredAttempt, attempt_id)
    if row is None:
        raise AttemptError("there is no such attempt on this hub")
    return row


def _fill(parts: Parts, row: StoredAttempt, place: Path) -> int:
    folder = place / check_id(row.record_id)
    folder.mkdir(mode=0o700)
    try:
        return parts.recordings.get_folder(row.record_id, row.files, folder)
    except RecordingLost:
        later = _stored(parts, row.id)
        if prefixes_of(later.files) == prefixes_of(row.files):
            raise
    # a record that holds more has replaced it meanwhile
    shutil.rmtree(folder)
    return _fill(parts, later, place)


def for_owner(session: Session, owner_id: UUID) -> Sequence[StoredAttempt]:
    """Return the attempts of a person, newest first."""
    query = select(StoredAttempt).where(StoredAttempt.owner_id == owner_id)
    return session.scalars(query.order_by(StoredAttempt.started_at.desc(), StoredAttempt.id)).all()


def for_code(session: Session, code_id: UUID) -> Sequence[StoredAttempt]:
    """Return the attempts that were made under an exam code, newest first."""
    query = select(StoredAttempt).where(StoredAttempt.code_id == code_id)
    return session.scalars(query.order_by(StoredAttempt.started_at.desc(), StoredAttempt.id)).all()


# -- erase -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removed."""

    count: int
    """Attempts."""
    size: int
    """Bytes of their files."""
    is_complete: bool
    """False when the store did not answer: nobody can open the attempts any more, and their objects
    are removed as soon as it does."""


def erase(
    parts: Parts,
    attempt_ids: Collection[UUID],
    *,
    reason: str,
    report: Callable[[Session, UUID], None] | None = None,
) -> Erased:
    """Erase attempts for ever: rows, releases, objects, and copies that are open now.

    What stays is that an attempt with this UUID was erased, when, why, and its bytes. From the
    first step nobody can open it. Unknown attempts and those that were erased before do not count.

    reason: `learner`, `retention` or `account`. report: called in the transaction of each, for the
    audit trail. Raises DatabaseAway.
    """
    prefixes: list[str] = []
    count = size = 0
    for attempt_id in attempt_ids:
        with parts.database.begin() as session:
            _one_at_a_time(session, attempt_id)
            row = session.get(StoredAttempt, attempt_id)
            if row is None:
                continue
            gone, bytes_of_it = prefixes_of(row.files), sum(file.size for file in row.files)
            erased = Erasure(attempt_id=attempt_id, at=parts.now(), reason=reason, size=bytes_of_it)
            put(session, erased)
            loose_objects.loosen(session, gone, parts.now())
            session.delete(row)
            if report is not None:
                report(session, attempt_id)
        parts.cache.drop(attempt_id)
        prefixes += gone
        count, size = count + 1, size + bytes_of_it
        _log.info("erased attempt=%s reason=%s bytes=%d", attempt_id, reason, bytes_of_it)
    is_complete = _remove_or_leave(parts, prefixes)
    if count:
        is_complete = parts.database.scrub() and is_complete
    return Erased(count, size, is_complete)


def erase_all_of(parts: Parts, owner_id: UUID, *, reason: str = "account") -> Erased:
    """Erase all attempts of a person, as before their account is removed. Raises DatabaseAway."""
    with parts.database.read() as session:
        ids = list(session.scalars(select(StoredAttempt.id).filter_by(owner_id=owner_id)))
    return erase(parts, ids, reason=reason)


def give_up(parts: Parts, attempt_id: UUID, prefix: str) -> None:
    """Remove the objects of an attempt that could not be kept, or leave them to `sweep`."""
    with suppress(SimvoiceError), parts.database.begin() as session:
        row = session.get(StoredAttempt, attempt_id)
        if row is not None and prefix in prefixes_of(row.files):
            return  # the answer was lost, and not the transaction
        loose_objects.loosen(session, [prefix], parts.now())  # a sweep may have taken the row away
    _remove_or_leave(parts, [prefix])


def _remove_or_leave(parts: Parts, prefixes: Collection[str]) -> bool:
    return loose_objects.remove_or_leave(parts.database, parts.recordings, prefixes, parts.now())


def sweep(parts: Parts, *, older_than: timedelta = loose_objects.STALE) -> int:
    """Clear up after a hub that was killed (`loose_objects.sweep`), and return how much."""
    return loose_objects.sweep(parts.database, parts.recordings, parts.now(), older_than)


# -- start and stop --------------------------------------------------------------------------------


def start(parts: Parts) -> list[str]:
    """Prepare the store of a hub that starts, and clear up after one that was killed.

    Returns sentences for those who run it: what database and store do not both have. Raises
    SettingError for a store of another database or one that refuses, StorageRefused, StorageFull,
    ObjectsAway and DatabaseAway.
    """
    parts.cache.clear()
    parts.recordings.objects.probe()
    bind_store(parts.database, parts.recordings.objects)
    sweep(parts, older_than=timedelta())
    return find_differences(parts.database, parts.recordings.objects).sentences()


def stop(parts: Parts) -> None:
    """Remove the copies of attempts."""
    parts.cache.clear()
