"""What the record stands on: file operations, attempt ids and locks."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import time
from datetime import datetime
from pathlib import Path

from simvoice.errors import AttemptError, SimvoiceError, StorageFull

# -- files ------------------------------------------------------------------------------------
# The few file operations that the record stands on: whole writes, atomic replacement, names.


HEADER = "header.json"
JOURNAL = "journal.jsonl"
WAV = "audio.wav"
FLAC = "audio.flac"
LOCK = "lock"
CLOSED = "closed"
RESERVE = "reserve"
"""Space held back while recording, so that a full disk still leaves room for the last entries."""
REJECTED = "journal.rejected"
"""Lines that recovery could not read; kept, because nothing is thrown away."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_all(fd: int, data: bytes, at: int) -> None:
    """Write all of `data` at offset `at`; on failure the file is cut back to `at` bytes.

    Raises OSError. Cutting back works on a full disk too, so no half entry stays behind.
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
    """Put `data` at `path` so that a reader sees the old file or the new one, never a part.

    Raises OSError; nothing is left behind then.
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
    """Make names created or removed in `folder` last through a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def storage_error(error: OSError, doing: str) -> SimvoiceError:
    """The sentence for a failed write. doing: what was going on, as the sentence's subject."""
    if error.errno in FULL:
        return StorageFull(f"{doing} stopped because the disk is full; free some space and go on")
    why = error.strerror or type(error).__name__
    return SimvoiceError(f"{doing} failed ({why}); check the disk and its permissions")


# -- ids --------------------------------------------------------------------------------------
# Identifiers of attempts. They are folder names, so nothing else may pass for one.


_SHAPE = re.compile(r"[0-9]{8}-[0-9]{6}-[a-z0-9]+(?:-[a-z0-9]+)*-[a-z0-9]{4}")
_LONGEST = 120
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without the pairs that are hard to tell apart when read aloud."""


def new_id(case_id: str, when: datetime) -> str:
    """An identifier such as `20261122-101530-breast-biopsy-k3f9`.

    when: the local wall-clock time of the start. Two attempts in the same second differ in the
    last four letters.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", case_id.lower()).strip("-")[:80].strip("-") or "case"
    tail = "".join(secrets.choice(_LETTERS) for _ in range(4))
    return f"{when:%Y%m%d-%H%M%S}-{slug}-{tail}"


def is_id(text: str) -> bool:
    """Whether `text` has the shape of an identifier (and so cannot leave the folder)."""
    return len(text) <= _LONGEST and _SHAPE.fullmatch(text) is not None


def check_id(text: str) -> str:
    """`text`, when it is an identifier. Raises AttemptError otherwise."""
    if not is_id(text):
        shown = text if len(text) <= 60 else text[:60] + "…"
        raise AttemptError(
            f"{shown!r} is not an attempt's id; run: simvoice attempts list, to see them"
        )
    return text


# -- lock -------------------------------------------------------------------------------------
# Who is using an attempt: a lock that the system drops when its process dies.


_LOOK_S = 0.002
"""Seconds that are plenty for another process to see whether an attempt is in use."""
_TRIES = 50


class AttemptLock:
    """An exclusive lock on an attempt's folder, held until `release` or the process's death."""

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
                # A share is to be had when all that is in the way is somebody who looks.
                if not locked(fd, fcntl.LOCK_SH):
                    break
                fcntl.flock(fd, fcntl.LOCK_UN)
                time.sleep(_LOOK_S)
        except OSError:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def release(self) -> None:
        """Give it back; may be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def in_use(folder: Path) -> bool:
    """Whether a live process is using the attempt. Leaves nothing behind."""
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
    """Whether a lock on an open file was to be had at once. kind: fcntl.LOCK_EX or LOCK_SH."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
