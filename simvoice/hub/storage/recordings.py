"""The files of attempts in the store: hashed, perhaps encrypted, and compared on reading."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

from simvoice.errors import RecordingLost
from simvoice.hub.storage.encryption import SUFFIX, Encryption
from simvoice.hub.storage.object_store import ObjectStore
from simvoice.hub.storage.tables import StoredFile
from simvoice.record.files import LOCK, RESERVE, storage_error

ROOT = "attempts/"
"""What the keys of all recordings begin with: `attempts/UUID/random/name`."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,60}")
_NOT_STORED = frozenset({LOCK, RESERVE})
_UNFINISHED = ".partial"


class Recordings:
    """The recordings in a store. Thread-safe."""

    def __init__(self, objects: ObjectStore, encryption: Encryption) -> None:
        self.objects = objects
        self.encryption = encryption

    def put_folder(self, folder: Path, prefix: str) -> list[StoredFile]:
        """Store the files of an attempt's folder, and return the rows that describe them.

        Files of the lock, of reserved space, and those that are not complete are left out, and so
        are folders. Raises StorageFull, ObjectsAway, and SimvoiceError for the folder.
        """
        try:
            paths = sorted(path for path in folder.iterdir() if _is_stored(path))
            return [self._put(path, prefix) for path in paths]
        except OSError as error:
            raise storage_error(error, f"keeping attempt {folder.name}") from error

    def put_file(self, path: Path, prefix: str) -> StoredFile:
        """Store one file of an attempt, and return the row that describes it.

        Raises StorageFull, ObjectsAway, and SimvoiceError for the file.
        """
        try:
            return self._put(path, prefix)
        except OSError as error:
            raise storage_error(error, f"keeping {path.name}") from error

    def _put(self, path: Path, prefix: str) -> StoredFile:
        size, digest = _facts(path)
        key = prefix + path.name
        if self.encryption.is_on:
            key += SUFFIX
            with tempfile.TemporaryDirectory(prefix="simvoice-") as place:
                sealed = Path(place) / "sealed"
                self.encryption.encrypt(path, sealed)
                self.objects.put(key, sealed)
        else:
            self.objects.put(key, path)
        return StoredFile(name=path.name, size=size, sha256=digest, object_key=key)

    def get_folder(self, record_id: str, files: Collection[StoredFile], folder: Path) -> int:
        """Write the files of an attempt into an empty folder, and return their bytes.

        record_id: for messages. Raises RecordingLost for a file that the store has lost or altered,
        ObjectsAway, StorageFull, and SimvoiceError for the folder.
        """
        for file in files:
            try:
                self._get(file, folder)
            except RecordingLost as error:
                raise RecordingLost(
                    f"{file.name} of attempt {record_id} cannot be opened: {error}"
                ) from error
            except OSError as error:
                raise storage_error(error, f"opening attempt {record_id}") from error
        return sum(file.size for file in files)

    def _get(self, file: StoredFile, folder: Path) -> None:
        if _NAME.fullmatch(file.name) is None:
            raise RecordingLost("its name was altered in the database")
        target = folder / file.name
        if file.object_key.endswith(SUFFIX):
            sealed = folder / f".{file.name}{SUFFIX}"
            self.objects.get(file.object_key, sealed)
            self.encryption.decrypt(sealed, target)
            sealed.unlink()
        else:
            self.objects.get(file.object_key, target)
        if _facts(target) != (file.size, file.sha256):
            raise RecordingLost(
                f"it was altered in {self.objects.description}; restore it from a backup"
            )

    def remove(self, prefix: str) -> None:
        """Remove all objects whose keys begin with a prefix, or the one object of a whole key.

        A prefix ends with a slash. Raises ObjectsAway.
        """
        is_key = not prefix.endswith("/")
        self.objects.remove(
            [prefix] if is_key else [found.key for found in self.objects.listed(prefix)]
        )


def prefix_of(attempt_id: UUID, nonce: str) -> str:
    """Return what the keys of one copy of an attempt begin with. nonce: random, in hex."""
    return f"{ROOT}{attempt_id.hex}/{nonce}/"


def prefixes_of(files: Collection[StoredFile]) -> list[str]:
    """Return what the keys of these files begin with."""
    return sorted({file.object_key.rpartition("/")[0] + "/" for file in files})


def _is_stored(path: Path) -> bool:
    is_name = _NAME.fullmatch(path.name) is not None and path.name not in _NOT_STORED
    is_whole = is_name and not path.name.endswith(_UNFINISHED)
    return is_whole and path.is_file() and not path.is_symlink()


def _facts(path: Path) -> tuple[int, str]:
    """Return the bytes of a file and its SHA-256 in hex."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest
