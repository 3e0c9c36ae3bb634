"""The messages between `praat_voice` and its worker process, sent over pipes."""

from __future__ import annotations

import struct
from typing import BinaryIO

REQUEST = struct.Struct("<Idddd")
"""Number of samples that follow (float32), formant ratio, median pitch in Hz (0: unchanged), pitch
range ratio, duration ratio."""

ANSWER = struct.Struct("<I")
"""Number of samples that follow (float32), or `REFUSED`, without samples, when Praat failed."""

REFUSED = 0xFFFFFFFF


def read_exactly(stream: BinaryIO, size: int) -> bytes | None:
    """Return `size` bytes, or None when the stream ends before."""
    parts: list[bytes] = []
    while size > 0:
        part = stream.read(size)
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
