"""Hash files once, and again when their size or times of change differ."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from simvoice.models.manifest import sha256_of

FileStamp = tuple[int, int, int, int]
"""Inode, size, time of change of the content and of the entry in ns. A program can set the time of
the content back, but not that of the entry."""

_STORED: TypeAdapter[dict[str, tuple[FileStamp, str]]] = TypeAdapter(
    dict[str, tuple[FileStamp, str]]
)


def file_stamp(path: Path) -> FileStamp | None:
    """Return the stamp of a file; None when it is missing."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class FileHashes:
    """SHA-256 of files, with a memory."""

    def __init__(self, store: Path | None = None) -> None:
        """store: where the memory outlives the process; None for nowhere."""
        self._store = store
        self._known: dict[str, tuple[FileStamp, str]] = {}
        if store is not None:
            with suppress(OSError, ValidationError, ValueError):
                self._known = _STORED.validate_json(store.read_bytes())

    def of(self, path: Path) -> str | None:
        """Return the hash in hex; None for a file that is missing, or changes meanwhile."""
        stamp = file_stamp(path)
        name = os.path.abspath(path)
        if stamp is None:
            self._known.pop(name, None)
            return None
        known = self._known.get(name)
        if known is not None and known[0] == stamp:
            return known[1]
        try:
            sha256 = sha256_of(path)
        except OSError:
            return None
        if file_stamp(path) != stamp:
            return None
        self._known[name] = (stamp, sha256)
        return sha256

    def save(self) -> None:
        """Store the memory of files that are still there. Without it they are hashed again."""
        if self._store is None:
            return
        here = {name: each for name, each in self._known.items() if os.path.exists(name)}
        partial = self._store.with_name(f"{self._store.name}.{os.getpid()}")
        with suppress(OSError):
            partial.write_bytes(_STORED.dump_json(here))
            partial.replace(self._store)
