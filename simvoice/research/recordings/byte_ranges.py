"""Show a part of a file, or a file with corrected bytes, as a file that decoders can read."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from io import FileIO


class ByteRange(io.RawIOBase):
    """A range of a file, with some of its bytes replaced. It has no name, so that no decoder
    guesses the format from the ending."""

    def __init__(
        self,
        file: FileIO,
        start: int = 0,
        end: int | None = None,
        corrections: Sequence[tuple[int, bytes]] = (),
    ) -> None:
        """file: stays open while this is read. corrections: offsets in the range and new bytes."""
        self._file = file
        self._start = start
        self._end = os.fstat(file.fileno()).st_size if end is None else end
        self._corrections = corrections
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position from the start of the range, bytes."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position and return it. Raises OSError for a position before the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end - self._start}
        at = base[whence] + offset
        if at < 0:
            raise OSError("the position is before the start of the range")
        self._at = at
        return at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the buffer and return the number of bytes read, 0 at the end. Raises OSError."""
        left = self._end - self._start - self._at
        if left <= 0:
            return 0
        view = memoryview(buffer).cast("B")
        self._file.seek(self._start + self._at)
        data = bytearray(self._file.read(min(len(view), left)))
        for at, new in self._corrections:
            for index, value in enumerate(new, at - self._at):
                if 0 <= index < len(data):
                    data[index] = value
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
