"""Files that are added to an attempt after it was kept: a learner's answers and objections.

The order is that of keeping: a row of `LooseObjects`, the object, and one transaction that gives it
to the attempt. So a killed hub leaves no half file, and nothing that is not known.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from simvoice.errors import StorageAway
from simvoice.hub import attempts
from simvoice.hub.attempts import AttemptErased, Parts
from simvoice.hub.storage import loose_objects
from simvoice.hub.storage.recordings import prefix_of, prefixes_of
from simvoice.hub.storage.tables import StoredAttempt, StoredFile
from simvoice.record.store import Attempt

_one_at_a_time = tuple(threading.Lock() for _ in range(64))
"""One is held while a file is changed: of two that change one file at once, each keeps what both
wrote. Each stands for some attempts, so that people who write do not wait for each other."""


@contextmanager
def adding(parts: Parts, attempt_id: UUID, name: str) -> Iterator[Attempt]:
    """Yield an opened attempt. The file that the block writes in its folder is kept at its end.

    name: of the file; it replaces an earlier one. Nothing is kept when the block raises, or when
    there is no such file at its end. Raises what `attempts.opened` raises, and AttemptErased when
    the attempt is erased meanwhile.
    """
    lock = _one_at_a_time[attempt_id.int % len(_one_at_a_time)]
    with lock, attempts.opened(parts, attempt_id) as attempt:
        try:
            yield attempt
            if (attempt.folder / name).exists():
                _put(parts, attempt_id, attempt.folder / name)
        except BaseException:
            parts.cache.drop(attempt_id)  # this copy may have what is not kept
            raise


def _put(parts: Parts, attempt_id: UUID, path: Path) -> None:
    prefix = prefix_of(attempt_id, secrets.token_hex(8))
    with parts.database.begin() as session:
        loose_objects.announce(session, prefix, parts.now())
    try:
        stored = parts.recordings.put_file(path, prefix)
        replaced = _commit(parts, attempt_id, stored, prefix)
    except BaseException:
        attempts.give_up(parts, attempt_id, prefix)
        raise
    loose_objects.remove_or_leave(parts.database, parts.recordings, replaced, parts.now())


def _commit(parts: Parts, attempt_id: UUID, stored: StoredFile, prefix: str) -> list[str]:
    """Give a stored file to its attempt. Returns the prefix or the key of what it replaces."""
    with parts.database.begin() as session:
        row = session.get(StoredAttempt, attempt_id, with_for_update=True)
        if row is None:
            raise AttemptErased("This attempt was erased meanwhile.")
        if not loose_objects.claim(session, prefix):
            raise StorageAway("keeping the file took too long; nothing is lost, try again")
        earlier = next((each for each in row.files if each.name == stored.name), None)
        if earlier is None:
            row.files.append(stored)
            return []
        replaced = earlier.object_key
        earlier.size, earlier.sha256 = stored.size, stored.sha256
        earlier.object_key = stored.object_key
        (place,) = prefixes_of([StoredFile(object_key=replaced)])
        if place not in prefixes_of(row.files):  # no other file of the attempt was stored with it
            replaced = place
        loose_objects.loosen(session, [replaced], parts.now())
        return [replaced]
