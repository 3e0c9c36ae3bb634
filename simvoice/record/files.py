"""Files, identifiers and locks of attempts."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from simvoice.errors import AttemptError, SimvoiceError, StorageFull

# -- files ------------------------------------------------------------------------------------

HEADER = "header.json"
JOURNAL = "journal.jsonl"
WAV = "audio.wav"
FLAC = "audio.flac"
LOCK = "lock"
CLOSED = "closed"
RESERVE = "reserve"
"""A file that reserves disk space while recording. It is removed when the disk is full, so that the
last entries can be written."""
REJECTED = "journal.rejected"
"""Journal lines that recovery could not read. They are not deleted."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Return the content of a file. Raises OSError, also when it has more than `most_bytes`.

    Anything but a file raises OSError too. A pipe or a device in its place would block a reader.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        if status.st_size > most_bytes:
            raise OSError(errno.EMSGSIZE, "it is too large")
        return file.read()


def write_all(fd: int, data: bytes, at: int) -> None:
    """Write all of `data` at offset `at`. On failure the file is truncated to `at` bytes.

    Raises OSError. Truncating also works on a full disk, so no partial entry remains.
    """
    view = memoryview(data)
    done = 0
    try:
        while done < len(view):
            done += os.pwrite(fd, view[done:], at + done)
    except OSError:
        os.ftruncate(fd, at)
        raise


def replace_file(path: Path, data: bytes) -> None:
    """Replace the file at `path` atomically: a reader sees the old content or the new one.

    Raises OSError, and leaves no temporary file then.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(fd, data, 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make created and removed names in `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def storage_error(error: OSError, doing: str) -> SimvoiceError:
    """The error for a failed file operation. doing: the operation, as subject of the sentence."""
    if error.errno in FULL:
        return StorageFull(
            f"{doing} stopped because the disk is full; free some space and continue"
        )
    why = error.strerror or type(error).__name__
    return SimvoiceError(f"{doing} failed ({why}); check the disk and its permissions")


# -- ids --------------------------------------------------------------------------------------
# Identifiers of attempts are folder names, so their shape is checked before use.

_SHAPE = re.compile(r"[0-9]{8}-[0-9]{6}-[a-z0-9]+(?:-[a-z0-9]+)*-[a-z0-9]{4}")
_LONGEST = 120
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits without those that are easily confused."""


def new_id(case_id: str, when: datetime) -> str:
    """An identifier such as `20261122-101530-breast-biopsy-k3f9`.

    when: local wall-clock time of the start. Attempts of the same second differ in the last four
    characters.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", case_id.lower()).strip("-")[:80].strip("-") or "case"
    tail = "".join(secrets.choice(_LETTERS) for _ in range(4))
    return f"{when:%Y%m%d-%H%M%S}-{slug}-{tail}"


def is_id(text: str) -> bool:
    """Whether `text` has the shape of an identifier. It cannot name a path outside the folder."""
    return len(text) <= _LONGEST and _SHAPE.fullmatch(text) is not None


def check_id(text: str) -> str:
    """Return `text` if it is an identifier. Raises AttemptError otherwise."""
    if not is_id(text):
        shown = text if len(text) <= 60 else text[:60] + "…"
        raise AttemptError(
            f"{shown!r} is not an attempt's id; to see all attempts run: simvoice attempts list"
        )
    return text


# -- lock -------------------------------------------------------------------------------------
# The operating system releases the lock of a process that dies.

_RETRY_S = 0.002
"""Seconds between attempts to lock; `in_use` of another process takes less."""
_TRIES = 50


class AttemptLock:
    """An exclusive lock on an attempt's folder, held until `release` or the end of the process."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def take(cls, folder: Path) -> AttemptLock | None:
        """The lock, or None when a live process holds it. Raises OSError."""
        fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            for _ in range(_TRIES):
                if locked(fd, fcntl.LOCK_EX):
                    return cls(fd)
                # If a shared lock succeeds, the other process only runs `in_use`: try again.
                if not locked(fd, fcntl.LOCK_SH):
                    break
                fcntl.flock(fd, fcntl.LOCK_UN)
                time.sleep(_RETRY_S)
        except OSError:
            os.close(fd)
            raise
        os.close(fd)
        return None

    @classmethod
    @contextmanager
    def held(cls, folder: Path, doing: str) -> Iterator[None]:
        """Let no other process record into the folder, recover it or erase it.

        doing: what needs the lock, for the error: "sealing". Raises AttemptError while another
        process holds the lock, StorageRefused, StorageFull and SimvoiceError.
        """
        try:
            lock = cls.take(folder)
        except OSError as error:
            raise storage_error(error, f"{doing} attempt {folder.name}") from error
        if lock is None:
            raise AttemptError(f"attempt {folder.name} is in use by another program; try again")
        try:
            yield
        finally:
            lock.release()

    def release(self) -> None:
        """Release the lock. May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def in_use(folder: Path) -> bool:
    """Whether a live process holds the lock of the attempt. Creates no file."""
    try:
        fd = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not locked(fd, fcntl.LOCK_SH)
    except OSError:
        return False
    finally:
        os.close(fd)


def locked(fd: int, kind: int) -> bool:
    """Try to lock an open file without waiting. kind: fcntl.LOCK_EX or LOCK_SH."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
