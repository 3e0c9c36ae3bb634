"""A folder for unfinished files beside the results, which a process that is killed cannot leave.

Results appear complete or not at all, whoever else writes to the same folder. What a killed process
left is removed by the next run: the lock of a dead process is free.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simvoice.record.files import locked

_PREFIX = ".work-"
_LOCK = "lock"

_YOUNG_S = 60.0
"""Seconds in which a folder without a lock may still be about to get one."""


@contextmanager
def work_folder(beside: Path) -> Iterator[Path]:
    """Make a folder in `beside`, an existing folder, while the block runs. Raises OSError."""
    folder = Path(tempfile.mkdtemp(dir=beside, prefix=_PREFIX))
    try:
        # Locked before it gets its name, so that no other process ever sees it free.
        fresh = folder / f"{_LOCK}.new"
        fd = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            locked(fd, fcntl.LOCK_EX)
            fresh.rename(folder / _LOCK)
            yield folder
        finally:
            os.close(fd)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(beside: Path) -> None:
    """Remove the work folders of processes that were killed."""
    for folder in beside.glob(f"{_PREFIX}*"):
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    try:
        fd = os.open(folder / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        try:
            return time.time() - folder.stat().st_mtime > _YOUNG_S
        except OSError:
            return False
    except OSError:
        return False
    try:
        return locked(fd, fcntl.LOCK_EX)
    finally:
        os.close(fd)
