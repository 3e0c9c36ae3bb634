"""Look for what is left of a learner: every file under some folders, byte by byte.

Text is searched in UTF-8, UTF-16, hex and base64, whatever its case, also inside gzip, zlib and ZIP
data. Sound is searched as PCM16 and float32 at every alignment, mono and in either of two
interleaved channels, and in what libsndfile can decode (WAV, FLAC, Ogg).
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from simvoice.audio import FRAME
from tests.exam_day.marks import Marks

LIKE = 0.7
"""Likeness, 0..1, from which a frame is the marked one. Two learners' chords have at most 0.4, and
the likeliest of ten million frames of noise or speech has 0.4."""

QUIET = 2e-3
"""Of full scale. Sound below it is no sound, and its likeness would be one of rounding errors."""

_LARGEST_BLOCK = 1 << 16
"""Samples that are searched at once."""
_DEPTH = 2
"""Layers of compressed data in compressed data."""
_LARGEST = 64 << 20
"""Bytes that a compressed piece may have when it is unpacked."""
_COMPRESSED = ((b"\x1f\x8b\x08", 31), (b"\x78\x01", 15), (b"\x78\x9c", 15), (b"\x78\xda", 15))

Sound = NDArray[Any]


@dataclass(frozen=True)
class Finding:
    """A mark that was found where it must not be."""

    learner: int
    what: str
    """`text` or `sound`. The mark itself is not repeated."""
    where: str

    def __str__(self) -> str:
        """Return it as a clause."""
        return f"{self.what} of learner {self.learner} in {self.where}"


# -- what is searched


def with_words(marks: Marks, code: str, recognised: Iterable[str], known: Iterable[Path]) -> Marks:
    """Return the marks of a learner with the code and with what the recogniser made of the speech.

    recognised: turns. Whole sentences of five words and more are searched, without their last
    point, unless a file of `known`, such as that of the case, has them too.
    """
    common = " ".join(path.read_text(encoding="utf-8") for path in known).lower()
    sentences = (part.strip(" .!?") for turn in recognised for part in re.split(r"[.!?]", turn))
    said = {each for each in sentences if len(each.split()) >= 5 and each.lower() not in common}
    return replace(marks, code=code, words=(*marks.words, *sorted(said)))


# -- files


def search_folders(
    folders: Iterable[Path], marks: Sequence[Marks], *, since: float = 0.0
) -> list[Finding]:
    """Return every mark in the files under some folders, and in their names.

    since: Unix time of the machine; files that were last changed before hold nothing that is newer.
    A file that vanishes while it is read was erased.
    """
    found = []
    for path in _files(folders, since):
        found += search_bytes(str(path).encode(), marks, f"the name {path}", sound=False)
        with suppress(FileNotFoundError, PermissionError):
            found += search_bytes(path.read_bytes(), marks, str(path))
    return found


def _files(folders: Iterable[Path], since: float) -> Iterator[Path]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            with suppress(FileNotFoundError):
                if path.is_file() and not path.is_symlink() and path.stat().st_ctime >= since:
                    yield path


def search_bytes(
    data: bytes, marks: Sequence[Marks], where: str, *, sound: bool = True
) -> list[Finding]:
    """Return every mark in some bytes, and in what is compressed in them."""
    learners = {each.number for each in marks if _has_text(data, each)}
    for piece in _unpacked(data, _DEPTH):
        learners |= {each.number for each in marks if _has_text(piece, each)}
    found = [Finding(number, "text", where) for number in sorted(learners)]
    if sound:
        heard: set[int] = set()
        for view in _sounds(data):
            heard |= set(heard_in(view, marks))
        found += [Finding(number, "sound", where) for number in sorted(heard)]
    return found


def _has_text(data: bytes, marks: Marks) -> bool:
    low = data.lower()
    return any(needle in low for needle in marks.needles) or any(
        needle in data for needle in marks.base64_needles
    )


def _unpacked(data: bytes, depth: int) -> Iterator[bytes]:
    """Yield every compressed piece, wherever it begins, as far as it can be unpacked."""
    if depth == 0:
        return
    for magic, bits in _COMPRESSED:
        at = data.find(magic)
        while at >= 0:
            piece = _inflate(data[at:], bits)
            if len(piece) > 16:
                yield piece
                yield from _unpacked(piece, depth - 1)
            at = data.find(magic, at + 1)
    if b"PK\x03\x04" in data:
        broken = (zipfile.BadZipFile, RuntimeError, ValueError, OSError, EOFError, zlib.error)
        with suppress(*broken), zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                yield archive.read(entry)


def _inflate(data: bytes, bits: int) -> bytes:
    """Return what a stream holds up to its end, or up to where it is damaged."""
    unpacker = zlib.decompressobj(bits)
    made = bytearray()
    for at in range(0, len(data), 4096):
        try:
            made += unpacker.decompress(data[at : at + 4096], _LARGEST - len(made))
        except zlib.error:
            break
        if unpacker.eof or len(made) >= _LARGEST:
            break
    return bytes(made)


# -- sound


def _sounds(data: bytes) -> Iterator[Sound]:
    """Yield every way in which bytes can be sound: float32 [n], -1..1."""
    for kind, width, scale in (("<i2", 2, 32768.0), ("<f4", 4, 1.0)):
        for offset in range(width):
            count = (len(data) - offset) // width
            if count < FRAME:
                continue
            with np.errstate(invalid="ignore", over="ignore"):
                mono = np.frombuffer(data, kind, count, offset).astype(np.float32) / scale
                mono = np.where(np.abs(mono) <= 1.5, mono, 0.0).astype(np.float32)
            yield from (mono, mono[0::2], mono[1::2])
    if data[:4] in (b"fLaC", b"OggS", b"RIFF"):
        with suppress(soundfile.LibsndfileError, RuntimeError):
            decoded, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
            yield from (decoded[:, channel] for channel in range(decoded.shape[1]))


def heard_in(sound: Sound, marks: Sequence[Marks]) -> list[int]:
    """Return the numbers of the learners whose chord is in a sound. sound: float [n], -1..1."""
    if sound.size < FRAME:
        return []
    size = min(_LARGEST_BLOCK, 1 << (sound.size + FRAME).bit_length())
    left = {each.number: each for each in marks}
    heard: list[int] = []
    for at in range(0, sound.size - FRAME + 1, size - FRAME + 1):
        block = np.zeros(size, np.float32)
        part = sound[at : at + size]
        block[: part.size] = part
        power = np.concatenate([[0.0], np.cumsum(block.astype(np.float64) ** 2)])
        energy = power[FRAME:] - power[:-FRAME]
        is_loud = energy > FRAME * QUIET**2
        if not is_loud.any():
            continue
        norm = np.sqrt(np.where(is_loud, energy, 1.0))
        spectrum = np.fft.rfft(block)
        for each in list(left.values()):
            conjugate, length = _spectrum(each, size)
            match = np.fft.irfft(spectrum * conjugate, size)[: energy.size]
            if np.any(is_loud & (np.abs(match) > LIKE * norm * length)):
                heard.append(each.number)
                del left[each.number]
    return heard


@lru_cache(maxsize=256)
def _spectrum(marks: Marks, size: int) -> tuple[Sound, float]:
    frame = marks.frame.astype(np.float64)
    return np.conj(np.fft.rfft(frame, size)), float(np.sqrt((frame**2).sum()))
