"""Read how the streams of compressed files are built: where a file ends before its stream does.

Most compressed files state no length, so only their structure tells whether their end is missing.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from io import FileIO

# -- Ogg ------------------------------------------------------------------------------------

_BEGINS, _ENDS = 2, 4
"""Flags of a page's header. Source: RFC 3533, section 6."""

_TAG = 1024
"""Bytes of the longest tag that programs add after the last page."""


@dataclass(frozen=True, slots=True)
class OggStreams:
    """The streams of an Ogg file, one after another (a "chained" file) or at the same time."""

    links: tuple[tuple[int, int], ...]
    """First byte and the byte after the last one, of each stream that follows another."""
    is_multiplexed: bool
    """Whether streams run at the same time, as sound and pictures do."""
    is_ended: bool
    """Whether every stream has its last page, whole."""
    skipped: int
    """Bytes between pages that belong to none: damage."""


def ogg_streams(file: FileIO) -> OggStreams:
    """Return the streams of an Ogg file; no links when there is no page. Raises OSError."""
    lasts = os.fstat(file.fileno()).st_size
    starts: list[int] = []
    is_multiplexed = was_beginning = was_end = False
    are_ended = True
    at = skipped = 0
    while at < lasts:
        head, size = _page(file, at)
        following = at + size
        if not size or (following < lasts and not _page(file, following)[1]):
            # No page, or one that is cut off: the next one may be inside what seemed to be it.
            found = _next_page(file, at + 1)
            following = lasts if found is None else found
        if not size:
            is_cut_page = head[:4] == b"OggS" and following == lasts
            is_tag = was_end and following == lasts and lasts - at < _TAG
            was_end &= following < lasts or is_tag
            skipped += 0 if is_cut_page or is_tag else following - at
            at = following
            continue
        is_beginning = bool(head[5] & _BEGINS)
        if (is_beginning and not was_beginning) or not starts:
            are_ended &= was_end or not starts
            starts.append(at)
        is_multiplexed |= is_beginning and was_beginning
        was_beginning = is_beginning
        was_end = bool(head[5] & _ENDS) and at + size <= lasts
        at = following
    if not starts:
        return OggStreams((), False, False, skipped)
    links = tuple(zip(starts, [*starts[1:], lasts], strict=True))
    return OggStreams(links, is_multiplexed, are_ended and was_end, skipped)


def _page(file: FileIO, at: int) -> tuple[bytes, int]:
    """Return header and size of the page at an offset; size 0 when none begins there."""
    file.seek(at)
    head = file.read(27)
    if head[:4] != b"OggS" or len(head) < 27:
        return head, 0
    return head, 27 + head[26] + sum(file.read(head[26]))


def _next_page(file: FileIO, at: int) -> int | None:
    """Return the offset of the next page from `at` on."""
    file.seek(at)
    tail = b""
    while block := file.read(1 << 16):
        found = (tail + block).find(b"OggS")
        if found >= 0:
            return at - len(tail) + found
        at += len(block)
        tail = block[-3:]
    return None


# -- MP4 ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mp4Boxes:
    """The outermost boxes of an MP4, M4A, MOV or 3GP file."""

    has_index: bool
    """Whether the box "moov" is there whole: without it no sound can be found."""
    is_cut: bool
    """Whether the last box ends after the file."""
    is_fragmented: bool
    """Whether sound comes in fragments: then no box states the length of the whole."""


def mp4_boxes(file: FileIO) -> Mp4Boxes | None:
    """Return the boxes; None when it is no such file. Raises OSError."""
    lasts = os.fstat(file.fileno()).st_size
    file.seek(0)
    if file.read(8)[4:] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return None
    at, has_index, is_cut, is_fragmented = 0, False, False, False
    while at + 8 <= lasts:
        file.seek(at)
        size, name = struct.unpack(">I4s", file.read(8))
        if size == 1:
            long = file.read(8)
            size = struct.unpack(">Q", long)[0] if len(long) == 8 else lasts
        if size == 0:  # to the end of the file
            size = lasts - at
        is_cut = at + size > lasts
        has_index |= name == b"moov" and not is_cut
        is_fragmented |= name == b"moof"
        if size < 8:
            break
        at += size
    return Mp4Boxes(has_index, is_cut, is_fragmented)


# -- Matroska -------------------------------------------------------------------------------

_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
"""Elements that contain others. Source: RFC 9559, section 5."""


def is_matroska_cut(file: FileIO) -> bool:
    """Return whether the last element of a Matroska or WebM file ends after it. Raises OSError."""
    lasts = os.fstat(file.fileno()).st_size
    at = 0
    while at < lasts:
        file.seek(at)
        head = file.read(12)
        name, name_size = _number(head, keeps_marker=True)
        size, size_size = _number(head[name_size:], keeps_marker=False)
        if not name_size or not size_size:
            return len(head) < 12
        at += name_size + size_size
        is_open = size == (1 << 7 * size_size) - 1
        if name in (_SEGMENT, _CLUSTER) or is_open:
            continue
        at += size
    return at > lasts


def _number(data: bytes, *, keeps_marker: bool) -> tuple[int, int]:
    """Return a number of variable length and its bytes; 0 bytes when it is none."""
    if not data or data[0] == 0:
        return 0, 0
    size = 9 - data[0].bit_length()
    if len(data) < size:
        return 0, 0
    value = int.from_bytes(data[:size], "big")
    return (value if keeps_marker else value & ((1 << 7 * size) - 1)), size


# -- MP3 ------------------------------------------------------------------------------------

_BITRATES = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""kbit/s of layer III. Source: ISO 11172-3 and 13818-3, header of the audio frame."""
_RATES = (44_100, 48_000, 32_000)


def mp3_frame_bytes(head: bytes) -> int | None:
    """Return the size of the frame of layer III that begins so; None when none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or head[1] & 0x06 != 0x02:
        return None
    version = {3: 1, 2: 2, 0: 4}.get(head[1] >> 3 & 3)
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version is None or bitrate in (0, 15) or rate == 3:
        return None
    per_bit = 144_000 if version == 1 else 72_000
    kbits = _BITRATES[min(version, 2)][bitrate]
    return per_bit * kbits // (_RATES[rate] // version) + (head[2] >> 1 & 1)


def mp3_states_length(file: FileIO) -> bool:
    """Return whether the first frame of an MP3 states the number of frames. Raises OSError."""
    file.seek(tag_bytes(file))
    first = file.read(256)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))


def tag_bytes(file: FileIO) -> int:
    """Return the size of the ID3 tag at the start of a file, bytes; 0 for none. Raises OSError."""
    file.seek(0)
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:]:  # seven bits each
        size = size << 7 | byte & 0x7F
    return 10 + size


def is_damaged_before(file: FileIO, first: int) -> bool:
    """Return whether bytes that are neither tag nor padding precede the first frame.

    first: its offset. Raises OSError.
    """
    starts = tag_bytes(file)
    file.seek(0)
    if (head := file.read(16)).startswith(b"#!AMR"):
        starts = head.find(b"\n") + 1
    if mp3_states_length(file):
        file.seek(starts)
        starts += mp3_frame_bytes(file.read(4)) or 0  # this frame holds the length, no sound
    file.seek(starts)
    return any(file.read(max(0, min(first - starts, 1 << 16))))
