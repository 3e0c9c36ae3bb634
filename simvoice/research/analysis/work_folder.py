"""A folder for unfinished files beside the results, which a killed process cannot leave for ever.

Results appear complete or not at all, whoever else writes to the same folder. What a killed process
left is removed by the next run: the lock of a dead process is free.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simvoice.record.files import locked

_PREFIX = ".work-"
_LOCK = "lock"

_TRIES = 20
"""How often a folder is made. Another run may take it for abandoned before it is locked."""


@contextmanager
def work_folder(beside: Path, prefix: str = _PREFIX) -> Iterator[Path]:
    """Make a folder in `beside`, an existing folder, while the block runs. Raises OSError.

    prefix: of its name. `remove_abandoned` removes what begins with it, so in a folder with other
    files it must be a name that no one else uses.
    """
    folder, fd = _made(beside, prefix)
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(fd)


def _made(beside: Path, prefix: str) -> tuple[Path, int]:
    """Return a new folder, and the open file of its lock, which is held."""
    for _ in range(_TRIES):
        folder = Path(tempfile.mkdtemp(dir=beside, prefix=prefix))
        try:
            fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            continue
        if locked(fd, fcntl.LOCK_EX) and (folder / _LOCK).exists():
            return folder, fd
        os.close(fd)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(beside))


def _remove(folder: Path) -> None:
    """Remove a folder; the lock goes last, so that what is left is always locked or free."""
    for path in folder.glob("*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _LOCK:
            with suppress(OSError):
                path.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(beside: Path, prefix: str = _PREFIX) -> None:
    """Remove the work folders of processes that were killed. prefix: as in `work_folder`."""
    for folder in beside.glob(f"{prefix}*"):
        try:
            fd = os.open(folder / _LOCK, os.O_RDWR)
        except FileNotFoundError:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        except OSError:
            continue
        try:
            if locked(fd, fcntl.LOCK_EX):
                _remove(folder)
        finally:
            os.close(fd)
