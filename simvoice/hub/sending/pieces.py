"""A file that grows in encrypted pieces, so that an upload can go on after any cut.

    bytes of the piece (4) | bytes of it encrypted (4) | the piece, encrypted with age | …

The numbers are unsigned and big-endian. A piece counts when all of it is there; what a killed hub
left of another one is cut off when the file is opened again. Nothing else says how far the file is,
and no key waits beside it: pieces are encrypted for the recipients of the store.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from simvoice.errors import RecordingLost
from simvoice.hub.storage.encryption import Encryption
from simvoice.record.files import write_all

_HEAD = struct.Struct(">II")


@dataclass(slots=True)
class PiecedFile:
    """A file that is being received in pieces. Use `opened`."""

    fd: int
    encryption: Encryption
    size: int
    """Bytes that have been received: the offset at which it goes on."""
    end: int
    """Bytes of the file itself."""

    @classmethod
    def opened(cls, fd: int, encryption: Encryption, most: int) -> PiecedFile:
        """Return a file as far as whole pieces go, and cut off the rest. Raises OSError.

        most: bytes that were announced; a piece beyond them is none of ours.
        """
        with open(fd, "rb", closefd=False) as file:
            size, end = _whole(file, most)
        os.ftruncate(fd, end)
        return cls(fd, encryption, size, end)

    def write(self, data: bytes, at: int) -> None:
        """Append a piece. at: must be `size`. Raises OSError; then nothing of it remains."""
        if at != self.size:
            raise ValueError("a piece is appended, not written elsewhere")
        sealed = self.encryption.seal(data)
        write_all(self.fd, _HEAD.pack(len(data), len(sealed)) + sealed, self.end)
        self.size += len(data)
        self.end += _HEAD.size + len(sealed)


def size_of(path: Path, most: int) -> int:
    """Return the bytes that have been received of a file; 0 when it cannot be read."""
    try:
        with path.open("rb") as file:
            return _whole(file, most)[0]
    except OSError:
        return 0


def read(path: Path, encryption: Encryption, most: int) -> Iterator[bytes]:
    """Yield what was received, piece by piece.

    Raises RecordingLost for a piece that was altered or that no key fits, and OSError.
    """
    with path.open("rb") as file:
        for length, sealed_length in _heads(file, most):
            piece = encryption.unseal(file.read(sealed_length))
            if len(piece) != length:
                raise RecordingLost("a piece of an upload was altered")
            yield piece


def _whole(file: BinaryIO, most: int) -> tuple[int, int]:
    """Return the bytes in whole pieces, before and after encryption."""
    size = end = 0
    for length, sealed_length in _heads(file, most):
        file.seek(sealed_length, os.SEEK_CUR)
        size += length
        end += _HEAD.size + sealed_length
    return size, end


def _heads(file: BinaryIO, most: int) -> Iterator[tuple[int, int]]:
    """Yield both lengths of each whole piece, with the file after its head.

    The caller goes on to the end of the piece.
    """
    whole, size = os.fstat(file.fileno()).st_size, 0
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, sealed_length = _HEAD.unpack(head)
        size += length
        # a power cut can leave zeros, or anything else
        is_whole = file.tell() + sealed_length <= whole
        if not (0 < length < sealed_length and is_whole and size <= most):
            return
        yield length, sealed_length
