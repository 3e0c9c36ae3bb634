"""Keep synthesised clauses, so that written lines need no synthesis during an encounter."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import numpy as np

from simvoice.audio import to_float, to_int16
from simvoice.engines.tts.clip_pack import PackFolder
from simvoice.machine import release_memory
from simvoice.ports import Cancelled, Speech, SpokenWord, Voice, VoiceStyle, never

FOLDER_BYTES = 1024 * 2**20
"""About nine hours of speech: some ten cases, every line's first clause in all its moods."""

MEMORY_BYTES = 96 * 2**20
"""A case's lines in the moods that occur; the longest unused are removed first."""

RELEASE_EVERY = 20
"""Lines that are synthesised before freed memory goes back to the system. The clips that are
kept are scattered among what synthesis frees, so that a whole case held 150 MB more."""

FORMAT = 2
"""Part of the file names; raise it when the stored content, or how a voice speaks, changes."""

ClipsProgress = Callable[[int, int], None]
"""Called with the number of finished lines and of all lines."""


def voice_key(key: str) -> str:
    """Return the short name of what makes the sound of clips: 16 hexadecimal characters.

    key: the digest of the voice's model, as `CachedVoice` takes it.
    """
    return hashlib.sha256(repr((FORMAT, key)).encode()).hexdigest()[:16]


class CachedVoice:
    """A voice that keeps its clips in memory and on disk. Fulfils `ports.Voice`.

    Thread-safe: only one thread at a time uses the voice inside.
    """

    def __init__(
        self,
        voice: Voice,
        folder: Path,
        key: str,
        *,
        folder_bytes: int = FOLDER_BYTES,
        packs: Path | None = None,
    ) -> None:
        """folder: created when needed. key: the digest of the voice's model.

        packs: a folder of packs that were rendered elsewhere; only read.
        """
        self._voice = voice
        self._folder = folder
        self._key = key
        self._folder_bytes = folder_bytes
        self._packs = None if packs is None else PackFolder(packs, voice_key(key))
        self._memory: OrderedDict[str, Speech] = OrderedDict()
        self._memory_bytes = 0
        self._lock = threading.Lock()
        self._speaking = threading.Lock()
        self.synthesised = 0
        """Number of clips that the voice inside has spoken."""

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """Return the clip from memory, else from disk, else from the voice.

        Raises what the voice raises.
        """
        name = self._name(text, style)
        stored = self._recall(name)
        if stored is not None:
            return stored
        with self._speaking:
            stored = self._recall(name)  # another thread may have stored it meanwhile
            if stored is not None:
                return stored
            speech = self._voice.speak(text, style)
            self.synthesised += 1
        self._remember(name, speech)
        self._store(name, speech)
        return speech

    def recall(self, text: str, style: VoiceStyle) -> Speech | None:
        """Return the clip from memory or disk; None when it would need synthesis."""
        return self._recall(self._name(text, style))

    def prepare(
        self,
        lines: Iterable[tuple[str, VoiceStyle]],
        progress: ClipsProgress | None = None,
        cancelled: Cancelled = never,
    ) -> bool:
        """Synthesise and store the lines that are not stored yet; return False when cancelled.

        A second call takes only the time to read the clips.
        """
        all_lines = list(lines)
        made = 0
        for done, (text, style) in enumerate(all_lines):
            if cancelled():
                return False
            if self.recall(text, style) is None:
                self.speak(text, style)
                made += 1
                if made % RELEASE_EVERY == 0:
                    release_memory()
            if progress is not None:
                progress(done + 1, len(all_lines))
        self._limit_folder()
        return True

    def exported(
        self, lines: Iterable[tuple[str, VoiceStyle]], cancelled: Cancelled = never
    ) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the content of the clip of each line; synthesise what is missing.

        Ends early when cancelled.
        """
        for text, style in lines:
            if cancelled():
                return
            yield self._name(text, style), _encoded(self.speak(text, style))

    def _limit_folder(self) -> None:
        """Remove the longest unused clips until the folder is within its limit."""
        clips: list[tuple[float, int, Path]] = []
        for path in self._folder.glob("*.npz"):
            with contextlib.suppress(OSError):  # another process may remove it first
                status = path.stat()
                clips.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in clips)
        for _, size, path in sorted(clips):
            if total <= self._folder_bytes:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size

    def _name(self, text: str, style: VoiceStyle) -> str:
        request = repr((FORMAT, self._key, text, astuple(style)))
        return hashlib.sha256(request.encode()).hexdigest()[:32]

    def _recall(self, name: str) -> Speech | None:
        with self._lock:
            speech = self._memory.get(name)
            if speech is not None:
                self._memory.move_to_end(name)
                return speech
        path = self._folder / f"{name}.npz"
        speech = _read(path)
        if speech is not None:
            with contextlib.suppress(OSError):
                os.utime(path)  # `_limit_folder` removes in the order of these times
        elif self._packs is not None and (packed := self._packs.read(name)) is not None:
            speech = _decoded(packed)
        if speech is not None:
            self._remember(name, speech)
        return speech

    def _remember(self, name: str, speech: Speech) -> None:
        with self._lock:
            if name in self._memory:
                return
            self._memory[name] = speech
            self._memory_bytes += speech.pcm.nbytes
            while self._memory_bytes > MEMORY_BYTES and len(self._memory) > 1:
                _, oldest = self._memory.popitem(last=False)
                self._memory_bytes -= oldest.pcm.nbytes

    def _store(self, name: str, speech: Speech) -> None:
        """Write the file atomically. On a full or read-only disk the clip is not stored."""
        target = self._folder / f"{name}.npz"
        partial = self._folder / f"{name}.{os.getpid()}.{threading.get_ident()}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(_encoded(speech))
            partial.replace(target)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


_DAMAGED = (
    *(EOFError, ValueError, LookupError, TypeError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error, TokenError, SyntaxError),
)
"""What numpy raises for a file with other bytes: also sizes beyond any memory, and versions of ZIP
that do not exist."""


def _encoded(speech: Speech) -> bytes:
    content = io.BytesIO()
    np.savez(
        content,
        pcm=to_int16(speech.pcm),
        words=np.array([word.text for word in speech.words], dtype=np.str_),
        times=np.array([(w.start_s, w.end_s) for w in speech.words], np.float64),
        ends=np.array(speech.syllable_ends_s, np.float64),
    )
    return content.getvalue()


def _decoded(content: bytes) -> Speech | None:
    """Return the clip; None for a damaged one."""
    try:
        return _parsed(io.BytesIO(content))
    except (OSError, *_DAMAGED):
        return None


def _parsed(file: BinaryIO) -> Speech:
    """Raises OSError and `_DAMAGED`."""
    with np.load(file, allow_pickle=False) as stored:
        words = tuple(
            SpokenWord(str(text), float(start_s), float(end_s))
            for text, (start_s, end_s) in zip(stored["words"], stored["times"], strict=True)
        )
        ends = tuple(float(end_s) for end_s in stored["ends"])
        return Speech(to_float(stored["pcm"]), words, ends)


def _read(path: Path) -> Speech | None:
    """Return the clip; None when the file is missing or damaged. A damaged file is removed."""
    try:
        # Open the file here: numpy does not close a file that it cannot read.
        with path.open("rb") as file:
            return _parsed(file)
    except OSError:  # not there, or not to be opened now: a disk, or too many open files
        return None
    except _DAMAGED:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None
