"""Folders in which the hub opens what it received, for as long as one request takes."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simvoice.hub.hub import Hub
from simvoice.record.files import AttemptLock, in_use, storage_error

_NEW_S = 60.0
"""A private folder younger than this may be one that is just being made."""


def _root(hub: Hub) -> Path:
    """Return the folder of them all; it may be on a disk in memory."""
    return (hub.settings.cache or hub.settings.data / "cache") / "opened"


@contextmanager
def private_folder(hub: Hub) -> Iterator[Path]:
    """Yield a folder of this call alone, which is removed with all that is in it."""
    folder = _root(hub) / secrets.token_hex(8)
    try:
        folder.mkdir(parents=True, mode=0o700)
        lock = AttemptLock.take(folder)
    except OSError as error:
        raise storage_error(error, "opening what was received") from error
    assert lock is not None  # its name is random
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def remove_left(hub: Hub) -> None:
    """Remove what a killed hub had opened. Never raises."""
    with suppress(OSError):
        for folder in _root(hub).iterdir():
            is_old = time.time() - folder.stat().st_mtime > _NEW_S
            if not in_use(folder) and is_old:
                shutil.rmtree(folder, ignore_errors=True)
