"""A file with the clips of a case, so that another computer need not synthesise them.

A pack is a ZIP archive without compression. Its first member says whose lines it holds and which
voice spoke them; the others are the clips, named and stored as in the cache of clips
(`speech_cache`). The same clips give the same bytes. A clip is found by its name, which is a hash
of voice, text and style. So a pack of an older version of a case still serves the lines that did
not change, and a pack of another voice serves none.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import struct
import threading
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from simvoice.strict_model import StrictModel

_log = logging.getLogger(__name__)

ABOUT = "about.json"
CLIP_BYTES = 32 * 2**20
"""The largest clip that is read: a quarter of an hour. A clause has 40 kB."""
MOST_CLIPS = 50_000
"""Clips of one pack. A case has 2,000."""

_CLIP_NAME = re.compile(r"[0-9a-f]{32}\.npz")
_PACK_NAME = re.compile(r"([a-z][a-z0-9-]*)--([0-9a-f]{16})\.zip")
_LONGEST_ABOUT = 2_000


_DAMAGED = (
    *(zipfile.BadZipFile, struct.error, EOFError, ValueError, LookupError),
    *(RuntimeError, OverflowError, MemoryError),
)
"""What the reader of archives raises for a file with other bytes."""


class PackAbout(StrictModel):
    """Whose lines a pack holds."""

    format: int = 1
    case: str
    case_sha256: str
    """Of the case file from which the lines were planned."""
    voice: str
    """The short key of the voice (`speech_cache.voice_key`)."""


def pack_file(folder: Path, case: str, voice: str) -> Path:
    """Return the file of a case's pack in a folder. voice: the short key of the voice."""
    return folder / f"{case}--{voice}.zip"


def write_pack(target: Path, about: PackAbout, clips: Iterable[tuple[str, bytes]]) -> int:
    """Write a pack; `target` appears when it is whole. Return the number of clips.

    clips: name without ending, and content, of each. An OSError of the disk passes through.
    """
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    try:
        with partial.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                # an entry without a time of its own, so that the same clips give the same bytes
                archive.writestr(zipfile.ZipInfo(ABOUT), about.model_dump_json())
                for name, content in clips:
                    archive.writestr(zipfile.ZipInfo(f"{name}.npz"), content)
                    count += 1
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return count


class ClipPack:
    """An open pack. Thread-safe. The file may be replaced while it is open."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError for a file that is no pack, and OSError."""
        try:
            self._archive = zipfile.ZipFile(path)
        except _DAMAGED as error:
            raise ValueError(f"{path.name} is no archive") from error
        try:
            self.about = self._read_about(path)
            self._entries = dict(self._clips(path))
        except BaseException:
            self._archive.close()
            raise

    def __len__(self) -> int:
        return len(self._entries)

    def read(self, name: str) -> bytes | None:
        """Return the content of a clip; None when it is not there or damaged."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        try:
            return self._archive.read(entry)
        except (OSError, *_DAMAGED):
            return None

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def _read_about(self, path: Path) -> PackAbout:
        entries = self._archive.infolist()[:1]
        if not entries or entries[0].filename != ABOUT or entries[0].file_size > _LONGEST_ABOUT:
            raise ValueError(f"{path.name} does not say what it holds")
        try:
            return PackAbout.model_validate_json(self._archive.read(entries[0]))
        except (OSError, *_DAMAGED) as error:  # pydantic's error is a ValueError
            raise ValueError(f"{path.name} does not say what it holds") from error

    def _clips(self, path: Path) -> Iterator[tuple[str, zipfile.ZipInfo]]:
        entries = self._archive.infolist()[1:]
        if len(entries) > MOST_CLIPS:
            raise ValueError(f"{path.name} has more clips than a case has")
        for entry in entries:
            plain = entry.compress_type == zipfile.ZIP_STORED and entry.file_size <= CLIP_BYTES
            if plain and _CLIP_NAME.fullmatch(entry.filename):
                yield entry.filename.removesuffix(".npz"), entry


@dataclass(slots=True)
class _Opened:
    stamp: tuple[int, int, int]
    pack: ClipPack | None
    """None for a file that is no pack of this voice."""


class PackFolder:
    """The packs of one voice in a folder. Thread-safe. Follows what is added and replaced."""

    def __init__(self, folder: Path, voice: str) -> None:
        """folder: may be missing. voice: the short key; packs of other voices are left out."""
        self._folder = folder
        self._voice = voice
        self._lock = threading.Lock()
        self._folder_stamp = -1
        self._opened: dict[str, _Opened] = {}

    def read(self, name: str) -> bytes | None:
        """Return the content of a clip from whichever pack has it; None when none has."""
        with self._lock:
            self._follow()
            packs = [each.pack for each in self._opened.values() if each.pack is not None]
        return next((found for pack in packs if (found := pack.read(name)) is not None), None)

    def _follow(self) -> None:
        """Open what is new in the folder, and forget what is gone."""
        try:
            stamp = self._folder.stat().st_mtime_ns
            if stamp == self._folder_stamp:
                return
            found = {path.name: path for path in self._folder.iterdir()}
        except OSError:
            stamp, found = -1, {}
        self._folder_stamp = stamp
        current: dict[str, _Opened] = {}
        for name in sorted(found):
            matched = _PACK_NAME.fullmatch(name)
            if matched is None or matched[2] != self._voice:
                continue
            with contextlib.suppress(OSError):
                status = found[name].stat()
                file_stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
                known = self._opened.get(name)
                if known is None or known.stamp != file_stamp:
                    known = _Opened(file_stamp, self._open(found[name]))
                current[name] = known
        # A pack that was replaced is not closed here: another thread may be reading a clip of it.
        # It closes itself when the last reader is done.
        self._opened = current

    def _open(self, path: Path) -> ClipPack | None:
        try:
            pack = ClipPack(path)
        except ValueError as error:
            _log.warning("rendered voices are not used: %s", error)
            return None
        if pack.about.voice != self._voice:
            pack.close()
            return None
        return pack
