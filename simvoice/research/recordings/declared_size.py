"""Find the samples of an uncompressed sound file, and what its header says of their number.

Recorders that lose power leave a size of 0, programs that write to a pipe leave the largest number,
and a copy that stops leaves a header that promises more than the file contains. libsndfile refuses
the first or reads only what the header states, so the size is read here and put right.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO

_NEAR = 4096
"""Bytes below 2 and 4 GiB in which a size is a placeholder ("sox" writes 0x7FFFF000), and bytes
after the samples that may be padding of the recorder's memory card."""

_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
"""Identifiers of Sony Wave64."""


@dataclass(frozen=True, slots=True)
class DataSize:
    """The bytes of samples in an uncompressed file."""

    declared: int | None
    """Bytes by the header; None when it states no length."""
    present: int
    """Bytes in the file."""
    is_zero: bool = False
    """Whether the header states 0 although there is sound, as after a loss of power."""
    corrections: tuple[tuple[int, bytes], ...] = ()
    """Offsets and bytes with which the header states `present`; empty when it does already."""


def data_size(file: FileIO) -> DataSize | None:
    """Return the size of the samples of a WAV, RF64, W64, AIFF, AU, CAF or SPHERE file.

    Returns None for other files and for headers that are damaged. Raises OSError.
    """
    file.seek(0)
    head = file.read(64)
    lasts = os.fstat(file.fileno()).st_size
    try:
        if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE":
            return _wav(file, head[:4], lasts)
        if head[:16] == _W64_RIFF:
            return _w64(file, lasts)
        if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            return _aiff(file, lasts)
        if head[:4] in (b".snd", b"dns."):
            return _au(head, lasts)
        if head[:4] == b"caff":
            return _caf(file, lasts)
        if head[:7] == b"NIST_1A":
            return _sphere(file, lasts)
    except struct.error:
        return None
    return None


def _wav(file: FileIO, form: bytes, lasts: int) -> DataSize | None:
    order = ">" if form == b"RIFX" else "<"
    long_size: tuple[int, int] | None = None
    for name, at, size in _chunks(file, 12, lasts, order):
        if name == b"ds64":
            file.seek(at + 8)
            long_size = (at + 8, struct.unpack("<Q", file.read(8))[0])
        if name != b"data":
            continue
        if form in (b"RF64", b"BW64") and long_size is not None and size == 0xFFFFFFFF:
            found = _sized(file, at, long_size[1], lasts, order)
            return _corrected(found, long_size[0], "<Q")
        return _corrected(_sized(file, at, size, lasts, order), at - 4, f"{order}I")
    return None


def _w64(file: FileIO, lasts: int) -> DataSize | None:
    at = 40
    while at + 24 <= lasts:
        file.seek(at)
        name, size = struct.unpack("<16sQ", file.read(24))
        if name == _W64_DATA:
            found = _simple(None if size <= 24 else size - 24, lasts - at - 24)
            return _corrected(found, at + 16, "<Q", 24)
        if size < 24:
            return None
        at += (size + 7) // 8 * 8
    return None


def _aiff(file: FileIO, lasts: int) -> DataSize | None:
    frames_at = 0
    for name, at, size in _chunks(file, 12, lasts, ">"):
        if name == b"COMM":
            frames_at = at + 2
        if name != b"SSND":
            continue
        found = _sized(file, at, size, lasts, ">", 8)
        fixed = _corrected(found, at - 4, ">I", 8)
        if not fixed.corrections or not frames_at:
            return fixed
        file.seek(frames_at - 2)
        channels, _, bits = struct.unpack(">HIH", file.read(8))
        frames = found.present // max(1, channels * ((bits + 7) // 8))
        more = (frames_at, struct.pack(">I", min(frames, 0xFFFFFFFF)))
        return DataSize(found.declared, found.present, found.is_zero, (*fixed.corrections, more))
    return None


def _au(head: bytes, lasts: int) -> DataSize:
    order = ">" if head[:4] == b".snd" else "<"
    at, size = struct.unpack(f"{order}II", head[4:12])
    found = _simple(None if _is_placeholder(size, lasts - at) else size, lasts - at, size == 0)
    return _corrected(found, 8, f"{order}I")


def _caf(file: FileIO, lasts: int) -> DataSize | None:
    at = 8
    while at + 12 <= lasts:
        file.seek(at)
        name, size = struct.unpack(">4sq", file.read(12))
        if name == b"data":
            found = _simple(None if size <= 4 else size - 4, lasts - at - 16, size == 0)
            return _corrected(found, at + 4, ">q", 4)
        if size < 0 or not _is_name(name):
            return None
        at += 12 + size
    return None


def _sphere(file: FileIO, lasts: int) -> DataSize | None:
    """Source: NIST SPHERE, "NIST_1A", the header's size, then `name -type value` in ASCII."""
    file.seek(0)
    text = file.read(1024).decode("ascii", errors="replace").split("\n")
    fields = {words[0]: words[2] for line in text if len(words := line.split()) == 3}
    try:
        at = int(text[1])
        frames = int(fields["sample_count"])
        width = int(fields["channel_count"]) * int(fields.get("sample_n_bytes", "2"))
    except (IndexError, KeyError, ValueError):
        return None
    if fields.get("sample_coding", "pcm") not in ("pcm", "ulaw", "mu-law", "alaw"):
        return None  # compressed: the bytes do not tell the length
    return _simple(frames * width, lasts - at)


# -- sizes ----------------------------------------------------------------------------------


def _chunks(file: FileIO, at: int, lasts: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, first byte and declared size of each chunk of a RIFF or IFF file."""
    while at + 8 <= lasts:
        file.seek(at)
        name, size = struct.unpack(f"{order}4sI", file.read(8))
        if not _is_name(name):
            return
        yield name, at + 8, size
        at += 8 + size + size % 2


def _sized(file: FileIO, at: int, size: int, lasts: int, order: str, inside: int = 0) -> DataSize:
    """Return the sizes of a chunk of samples. inside: its bytes before the first sample."""
    rest = lasts - at
    if size > rest:
        declared = None if _is_placeholder(size, rest) else size - inside
        return DataSize(declared, max(0, rest - inside))
    after = at + size + size % 2
    if lasts - after <= _NEAR or _are_chunks(file, after, lasts, order):
        return DataSize(max(0, size - inside), max(0, size - inside))
    is_zero = size <= inside
    return DataSize(None if is_zero else size - inside, rest - inside, is_zero)


def _simple(declared: int | None, rest: int, is_zero: bool = False) -> DataSize:
    """Return the sizes where only padding or other chunks follow the samples."""
    rest = max(0, rest)
    if declared is None:
        return DataSize(None, rest, is_zero and rest > 0)
    return DataSize(declared, min(declared, rest))


def _is_placeholder(size: int, rest: int) -> bool:
    near = any(0 < limit - size <= _NEAR for limit in (1 << 31, 1 << 32))
    return (size == 0 and rest > 0) or (near and size > rest)


def _are_chunks(file: FileIO, at: int, lasts: int, order: str) -> bool:
    """Return whether chunks with plausible names reach the end: then the samples end before."""
    while lasts - at > _NEAR:
        file.seek(at)
        name, size = struct.unpack(f"{order}4sI", file.read(8))
        if not _is_name(name) or size > lasts - at:
            return False
        at += 8 + size + size % 2
    return True


def _is_name(name: bytes) -> bool:
    return all(0x20 <= letter < 0x7F for letter in name)


def _corrected(found: DataSize, at: int, form: str, extra: int = 0) -> DataSize:
    """Add the correction of the size at `at`, which counts `extra` bytes besides the samples."""
    if found.declared == found.present:
        return found
    try:
        field = struct.pack(form, found.present + extra)
    except struct.error:  # too long for the field: programs read to the end at the largest value
        field = b"\xff" * struct.calcsize(form)
    return DataSize(found.declared, found.present, found.is_zero, ((at, field),))
