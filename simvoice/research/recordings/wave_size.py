"""How much sound a WAV's header promises: more than there is, when the recorder was cut off."""

from __future__ import annotations

import struct
from pathlib import Path

_STREAMED = {0, 0xFFFFFFFF}
"""Sizes that recorders write which do not know the length yet."""


def promised_bytes(path: Path) -> int:
    """Bytes of the data chunk by its header; 0 when it does not say. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return 0
        while len(chunk := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", chunk)
            if name == b"data":
                return 0 if size in _STREAMED else int(size)
            file.seek(size + size % 2, 1)
    return 0
