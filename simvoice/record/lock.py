"""Who is using an attempt: a lock that the system drops when its process dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from simvoice.record.files import LOCK

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
