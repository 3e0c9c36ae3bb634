"""The files of uploads that are not complete, in a folder of the hub.

    uploads/UUID/RECORD_ID/header.json …         what has arrived so far of a release
    uploads/UUID/RECORD_ID/header.json.pieces …  … on a hub that encrypts what it keeps (`pieces`)
    uploads/UUID/sealed/sealed                   … of a sealed record
    uploads/UUID/lock                            held while a request changes the upload

The length of a file is the offset at which it goes on. No other place says how far an upload is, so
a hub that is killed in the middle of a write cannot disagree with itself. A power cut can leave a
file whose bytes were never written; the hash finds it, and the file is sent again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from simvoice import log
from simvoice.errors import RecordingLost
from simvoice.hub.sending import pieces
from simvoice.hub.sending.pieces import PiecedFile
from simvoice.hub.storage.encryption import Encryption
from simvoice.record.files import AttemptLock, storage_error, write_all
from simvoice.release.manifest import FileFacts

_log = logging.getLogger(__name__)

RESERVE_BYTES = 500_000_000
"""Free space that uploads leave to the recording of encounters and to the database."""

_REMOVED = ".removed"
_PIECES = ".pieces"


class Announced(Protocol):
    """What a device said that it will send."""

    @property
    def record_id(self) -> str:
        """Names the folder of the files inside that of the upload."""

    @property
    def files(self) -> tuple[FileFacts, ...]:
        """The files."""


class UploadInUse(Exception):
    """Another request is changing the upload now."""


class PartialFile(Protocol):
    """A file that is being received. Open it with `PartialUpload.appending`."""

    @property
    def size(self) -> int:
        """Bytes that it had when it was opened: the offset at which it goes on."""

    def write(self, data: bytes, at: int) -> None:
        """Append at the end. Raises OSError; then nothing of `data` remains in the file."""


@dataclass(frozen=True, slots=True)
class _PlainFile:
    """A file that is kept as it comes."""

    fd: int
    size: int

    def write(self, data: bytes, at: int) -> None:
        write_all(self.fd, data, at)


@dataclass(frozen=True, slots=True)
class PartialUpload:
    """The folder of one upload."""

    root: Path
    """The folder of all uploads."""
    uuid: UUID
    encryption: Encryption | None = None
    """Encrypts what arrives; None keeps it as it comes."""

    @property
    def folder(self) -> Path:
        """The folder of this upload."""
        return self.root / str(self.uuid)

    def record(self, announced: Announced) -> Path:
        """Return the folder in which the record of the attempt grows."""
        return self.folder / announced.record_id

    def make(self, announced: Announced) -> None:
        """Make the folders, and remove what came before the encryption was switched on or off.

        Raises errors of `record.files.storage_error`.
        """
        record = self.record(announced)
        try:
            record.mkdir(parents=True, exist_ok=True, mode=0o700)
            ours = {self._path(announced, facts) for facts in announced.files}
            for path in set(record.iterdir()) - ours:
                path.unlink()
        except OSError as error:
            raise storage_error(error, "receiving an attempt") from error

    def offsets(self, announced: Announced) -> dict[str, int]:
        """Return the bytes of each file that have arrived."""
        return {facts.name: self._size(announced, facts) for facts in announced.files}

    def _path(self, announced: Announced, facts: FileFacts) -> Path:
        ending = "" if self.encryption is None else _PIECES
        return self.record(announced) / (facts.name + ending)

    def _size(self, announced: Announced, facts: FileFacts) -> int:
        path = self._path(announced, facts)
        if self.encryption is not None:
            return pieces.size_of(path, facts.size)
        try:
            return path.stat().st_size
        except OSError:
            return 0

    def remove(self) -> None:
        """Remove all files. Never raises; what stays is swept later."""
        aside = self.root / f"{self.uuid}{_REMOVED}"
        try:
            # Renamed first, so that a request that begins the same upload again meets no leftovers.
            shutil.rmtree(aside, ignore_errors=True)
            os.rename(self.folder, aside)
        except FileNotFoundError:
            return
        except OSError:
            _log.warning("an upload could not be removed", exc_info=True)
            return
        shutil.rmtree(aside, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other requests away from this upload. Raises UploadInUse."""
        try:
            lock = AttemptLock.take(self.folder)
        except FileNotFoundError:
            yield  # nothing has arrived
            return
        except OSError as error:
            raise storage_error(error, "receiving an attempt") from error
        if lock is None:
            raise UploadInUse
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def appending(self, announced: Announced, facts: FileFacts) -> Iterator[PartialFile]:
        """Open a file for appending; it belongs to this request alone.

        Raises UploadInUse, and errors of `record.files.storage_error`.
        """
        with self.locked():
            try:
                fd = os.open(self._path(announced, facts), os.O_RDWR | os.O_CREAT, 0o600)
            except OSError as error:
                raise storage_error(error, "receiving an attempt") from error
            try:
                yield self._opened(fd, facts)
            finally:
                os.close(fd)

    def _opened(self, fd: int, facts: FileFacts) -> PartialFile:
        if self.encryption is None:
            return _PlainFile(fd, os.fstat(fd).st_size)
        try:
            return PiecedFile.opened(fd, self.encryption, facts.size)
        except OSError as error:
            raise storage_error(error, "receiving an attempt") from error

    def decrypt(self, announced: Announced, folder: Path) -> None:
        """Write the record, decrypted, into another folder: `folder/RECORD_ID`.

        A file of which a piece was altered ends before it (`wrong_file` finds that). Raises errors
        of `record.files.storage_error`.
        """
        assert self.encryption is not None
        record = folder / announced.record_id
        try:
            record.mkdir(mode=0o700)
            for facts in announced.files:
                with (record / facts.name).open("xb") as out:
                    try:
                        path = self._path(announced, facts)
                        for piece in pieces.read(path, self.encryption, facts.size):
                            out.write(piece)
                    except RecordingLost as error:
                        _log.warning("a part of an upload is lost: %s", log.place(error))
        except OSError as error:
            raise storage_error(error, "opening what was received") from error

    def is_complete(self, announced: Announced) -> bool:
        """Return whether as many bytes of each file arrived as the manifest says."""
        offsets = self.offsets(announced)
        return all(offsets[each.name] == each.size for each in announced.files)

    def touched_at(self) -> float:
        """Return the Unix time at which something last arrived; 0 when nothing did."""
        times = [0.0]
        for path in (self.folder, *self.folder.rglob("*")):
            try:
                times.append(path.stat().st_mtime)
            except OSError:
                continue
        return max(times)


def wrong_file(folder: Path, announced: Announced) -> str:
    """Return the name of a file that is not what the manifest says; empty when all are.

    folder: has the record, `folder/RECORD_ID`.
    """
    for facts in announced.files:
        try:
            with (folder / announced.record_id / facts.name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                if (file.tell(), digest) != (facts.size, facts.sha256):
                    return facts.name
        except OSError:
            return facts.name
    return ""


def has_space(root: Path, needed_bytes: int) -> bool:
    """Return whether the disk has room for so many bytes more, and the reserve."""
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return shutil.disk_usage(root).free >= needed_bytes + RESERVE_BYTES
    except OSError as error:
        raise storage_error(error, "receiving an attempt") from error


def stray_folders(root: Path, known: set[UUID], older_than_s: float) -> list[Path]:
    """Return folders of uploads that no row names any more, and that are not new."""
    found = []
    try:
        entries = list(os.scandir(root))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(error, "looking through the uploads") from error
    for entry in entries:
        name = entry.name.removesuffix(_REMOVED)
        try:
            is_known = UUID(name) in known and not entry.name.endswith(_REMOVED)
            age_s = time.time() - entry.stat(follow_symlinks=False).st_mtime
        except (ValueError, OSError):
            continue
        if not is_known and age_s > older_than_s:
            found.append(Path(entry.path))
    return found
