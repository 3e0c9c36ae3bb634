"""Small works on files that the hub's supplies need."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, sorted; none for a folder that is missing."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def size_of(path: Path) -> int:
    """Return the bytes of a file; 0 for one that is missing."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def delete(path: Path) -> None:
    """Delete a file, a link or a folder, if it is there."""
    with suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def durable(path: Path) -> None:
    """Make a file or the names in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
