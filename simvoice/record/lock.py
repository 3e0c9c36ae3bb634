"""Who is using an attempt: a lock that the system drops when its process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from simvoice.record.files import LOCK


class AttemptLock:
    """An exclusive lock on an attempt's folder, held until `release` or the process's death."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def take(cls, folder: Path) -> AttemptLock | None:
        """The lock, or None when a live process holds it. Raises OSError."""
        fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except OSError:
            os.close(fd)
            raise
        return cls(fd)

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
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            os.close(fd)
    return False
