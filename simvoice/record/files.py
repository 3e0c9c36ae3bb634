"""The few file operations that the record stands on: whole writes, atomic replacement, names."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from simvoice.errors import SimvoiceError, StorageFull

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
