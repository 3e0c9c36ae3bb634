"""A ZIP file that is sent while it is made, so that memory holds a piece of it alone."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

_PIECE = 256 * 1024
"""Bytes that are read, and sent, at once."""

_PACKED = (".flac",)
"""Kinds of files that do not become smaller."""


class _Pieces:
    """Takes what `ZipFile` writes, until it is taken away. It has no `tell`, so nothing goes back
    in it."""

    def __init__(self) -> None:
        self._made = bytearray()

    def write(self, data: bytes) -> int:
        self._made += data
        return len(data)

    def flush(self) -> None:
        pass

    def __len__(self) -> int:
        return len(self._made)

    def take(self) -> bytes:
        made = bytes(self._made)
        self._made.clear()
        return made


class ZipStream:
    """Make a ZIP file entry by entry. Each method yields the bytes that are ready to be sent."""

    def __init__(self, at: datetime) -> None:
        """at: the time that every entry gets."""
        self._pieces = _Pieces()
        self._zip = zipfile.ZipFile(self._pieces, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]
        self._at = at.timetuple()[:6]

    def text(self, name: str, text: str) -> Iterator[bytes]:
        """Add a text file, in UTF-8."""
        with self._zip.open(self._entry(name), "w") as out:
            out.write(text.encode("utf-8", "replace"))
        yield self._pieces.take()

    def file(self, name: str, path: Path) -> Iterator[bytes]:
        """Add a file as it is, piece by piece. Raises OSError.

        A file that becomes shorter meanwhile, as one that is erased, raises EOFError. What was read
        of it stays in the ZIP file, which remains readable.
        """
        with path.open("rb") as file:
            size = path.stat().st_size
            entry = self._entry(name)
            if path.suffix in _PACKED:
                entry.compress_type = zipfile.ZIP_STORED
            with self._zip.open(entry, "w", force_zip64=True) as out:
                left = size
                while left > 0:
                    piece = file.read(min(_PIECE, left))
                    if not piece:
                        break
                    out.write(piece)
                    left -= len(piece)
                    if len(self._pieces) >= _PIECE:
                        yield self._pieces.take()
        yield self._pieces.take()
        if left > 0:
            raise EOFError(f"{name} became shorter while it was read")

    def end(self) -> Iterator[bytes]:
        """Finish the file."""
        self._zip.close()
        yield self._pieces.take()

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, date_time=self._at)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o600 << 16
        return entry
