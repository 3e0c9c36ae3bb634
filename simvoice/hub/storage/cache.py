"""Attempts that are open now: copies of stored recordings in a private folder of bounded size.

The rooms that read records read folders, so an attempt is written into one while it is open. Copies
that nobody reads stay for the next page, until the bound is reached. All are removed when the hub
starts and stops. They are not encrypted: the folder can be put on a disk in memory.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from simvoice.errors import AttemptError, StorageFull
from simvoice.record.files import storage_error

_log = logging.getLogger(__name__)

CACHE_BYTES = 2_000_000_000
"""2 GB: two hundred attempts of ten minutes."""

Fill = Callable[[Path], int]
"""Writes an attempt into an empty folder and returns its bytes."""


@dataclass
class _Copy:
    """One attempt in the folder."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while it is filled."""
    size: int = 0
    holds: int = 0
    """How many read it now."""
    is_filled: bool = False
    is_dropped: bool = False
    """It was erased: whoever still fills or opens it gets an error."""


class AttemptCache:
    """The folder of copies. All methods may be called from any thread."""

    def __init__(self, folder: Path, most_bytes: int = CACHE_BYTES) -> None:
        """folder: of this cache alone, made with the first copy. most_bytes: of unread copies."""
        self._folder = folder
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._copies: OrderedDict[UUID, _Copy] = OrderedDict()  # the last used one comes last

    def clear(self) -> None:
        """Remove all copies, also those of a hub that was killed."""
        with self._lock:
            for copy in self._copies.values():
                copy.is_dropped = True
            self._copies.clear()
            _remove(self._folder)

    @contextmanager
    def hold(self, attempt_id: UUID, fill: Fill) -> Iterator[Path]:
        """Yield the folder of an attempt, which `fill` writes if it is not there.

        It stays for as long as it is held, unless the attempt is erased. Raises what `fill` raises,
        AttemptError when the attempt is erased meanwhile, and StorageFull.
        """
        with self._lock:
            copy = self._copies.setdefault(attempt_id, _Copy())
            self._copies.move_to_end(attempt_id)
            copy.holds += 1
        try:
            with copy.lock:
                if not copy.is_filled:
                    self._fill(attempt_id, copy, fill)
            if copy.is_dropped:
                raise _erased()
            yield self._place(attempt_id)
        finally:
            with self._lock:
                copy.holds -= 1
                if not (copy.is_filled or copy.holds) and self._copies.get(attempt_id) is copy:
                    del self._copies[attempt_id]
                self._shrink(self._most_bytes)

    def drop(self, attempt_id: UUID) -> None:
        """Remove the copy of an attempt that is erased, also while it is read.

        Its files are emptied first, so that whoever has one open reads its end at once. Removes the
        copy of another process too, if it has the same folder.
        """
        with self._lock:
            copy = self._copies.pop(attempt_id, None)
            if copy is not None:
                copy.is_dropped = True
        for place in (self._place(attempt_id), self._building(attempt_id)):
            for path in place.rglob("*"):
                with suppress(OSError):
                    if path.is_file() and not path.is_symlink():
                        os.truncate(path, 0)
            _remove(place)

    def held(self) -> list[UUID]:
        """Return the attempts that have a copy."""
        with self._lock:
            return list(self._copies)

    @property
    def size(self) -> int:
        """Bytes of all copies."""
        with self._lock:
            return sum(copy.size for copy in self._copies.values())

    # -- inside -----------------------------------------------------------------------------------

    def _fill(self, attempt_id: UUID, copy: _Copy, fill: Fill) -> None:
        place, building = self._place(attempt_id), self._building(attempt_id)
        try:
            _remove(place)
            _remove(building)
            building.mkdir(parents=True, mode=0o700)
            self._folder.chmod(0o700)
            try:
                size = fill(building)
            except StorageFull:  # copies that nobody reads may be what fills the disk
                with self._lock:
                    self._shrink(0)
                _remove(building)
                building.mkdir(mode=0o700)
                size = fill(building)
            with self._lock:
                if copy.is_dropped:
                    raise _erased()
                os.rename(building, place)
                copy.size, copy.is_filled = size, True
        except BaseException as error:
            _remove(building)
            if copy.is_dropped:  # the folder went away under it
                raise _erased() from error
            if isinstance(error, OSError):
                raise storage_error(error, "opening a stored attempt") from error
            raise

    def _shrink(self, most_bytes: int) -> None:
        """Remove the copies that were used longest ago and that nobody reads. Holds the lock."""
        left = sum(copy.size for copy in self._copies.values())
        for attempt_id, copy in list(self._copies.items()):
            if left <= most_bytes:
                return
            if copy.holds == 0:
                del self._copies[attempt_id]
                _remove(self._place(attempt_id))
                left -= copy.size

    def _place(self, attempt_id: UUID) -> Path:
        return self._folder / str(attempt_id)

    def _building(self, attempt_id: UUID) -> Path:
        return self._folder / f"{attempt_id}.new"


def _erased() -> AttemptError:
    return AttemptError("this attempt was erased")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _log.warning("a copy of an attempt could not be removed: %s", folder.name)
