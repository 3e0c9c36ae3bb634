"""What `praat_voice` and its worker process send each other over pipes."""

from __future__ import annotations

import struct
from typing import BinaryIO

REQUEST = struct.Struct("<Idddd")
"""Samples that follow (float32), formant ratio, median pitch in Hz (0 leaves it), range ratio,
duration ratio."""

ANSWER = struct.Struct("<I")
"""Samples that follow (float32); `REFUSED` and none when Praat could not."""

REFUSED = 0xFFFFFFFF


def read_exactly(stream: BinaryIO, size: int) -> bytes | None:
    """`size` bytes, or None when the stream ends first."""
    parts: list[bytes] = []
    while size > 0:
        part = stream.read(size)
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
