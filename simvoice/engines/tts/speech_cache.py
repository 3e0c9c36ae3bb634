"""Clauses that were synthesised before: authored lines then cost nothing while people talk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import astuple
from pathlib import Path

import numpy as np

from simvoice.audio import to_float, to_int16
from simvoice.ports import Cancelled, Speech, SpokenWord, Voice, VoiceStyle, never

FOLDER_BYTES = 1024 * 2**20
"""About nine hours of speech: some ten cases, every line's first clause in all its moods."""

MEMORY_BYTES = 96 * 2**20
"""A case's lines in the moods that occur; the oldest unused are let go first."""

FORMAT = 2
"""Raised when what is kept, or how a voice speaks, changes."""

ClipsProgress = Callable[[int, int], None]
"""Called with the lines that are done and all there are."""


class CachedVoice:
    """A voice with a memory, on disk and at hand. Fulfils `ports.Voice`; safe from any thread
    as far as the voice inside is only ever asked by one at a time, which it sees to."""

    def __init__(
        self, voice: Voice, folder: Path, key: str, *, folder_bytes: int = FOLDER_BYTES
    ) -> None:
        """folder: made when it is not there. key: the digest of the voice's model."""
        self._voice = voice
        self._folder = folder
        self._key = key
        self._folder_bytes = folder_bytes
        self._at_hand: OrderedDict[str, Speech] = OrderedDict()
        self._at_hand_bytes = 0
        self._lock = threading.Lock()
        self._speaking = threading.Lock()
        self.made = 0
        """Clips that had to be synthesised."""

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """From memory, else from disk, else from the voice. Raises what the voice raises."""
        name = self._name(text, style)
        known = self._recall(name)
        if known is not None:
            return known
        with self._speaking:
            known = self._recall(name)  # somebody else may have made it while this one waited
            if known is not None:
                return known
            speech = self._voice.speak(text, style)
            self.made += 1
        self._remember(name, speech)
        self._store(name, speech)
        return speech

    def recall(self, text: str, style: VoiceStyle) -> Speech | None:
        """The clip when `speak` would cost nothing, else None."""
        return self._recall(self._name(text, style))

    def knows(self, text: str, style: VoiceStyle) -> bool:
        """True when `speak` would cost nothing."""
        return self.recall(text, style) is not None

    def prepare(
        self,
        lines: Iterable[tuple[str, VoiceStyle]],
        progress: ClipsProgress | None = None,
        cancelled: Cancelled = never,
    ) -> bool:
        """Make what is not there yet; False when cancelled on the way.

        Lines that are known are not spoken again, so a second call takes as long as reading.
        """
        wanted = list(lines)
        for done, (text, style) in enumerate(wanted):
            if cancelled():
                return False
            self.speak(text, style)
            if progress is not None:
                progress(done + 1, len(wanted))
        self.tidy()
        return True

    def tidy(self) -> None:
        """Remove the clips that were longest unused until the folder is within its bound."""
        clips: list[tuple[float, int, Path]] = []
        for path in self._folder.glob("*.npz"):
            with contextlib.suppress(OSError):  # another process may tidy too
                facts = path.stat()
                clips.append((facts.st_mtime, facts.st_size, path))
        total = sum(size for _, size, _ in clips)
        for _, size, path in sorted(clips):
            if total <= self._folder_bytes:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size

    def _name(self, text: str, style: VoiceStyle) -> str:
        asked = repr((FORMAT, self._key, text, astuple(style)))
        return hashlib.sha256(asked.encode()).hexdigest()[:32]

    def _recall(self, name: str) -> Speech | None:
        with self._lock:
            speech = self._at_hand.get(name)
            if speech is not None:
                self._at_hand.move_to_end(name)
                return speech
        path = self._folder / f"{name}.npz"
        speech = _read(path)
        if speech is not None:
            with contextlib.suppress(OSError):
                os.utime(path)  # the order in which `tidy` removes
            self._remember(name, speech)
        return speech

    def _remember(self, name: str, speech: Speech) -> None:
        with self._lock:
            if name in self._at_hand:
                return
            self._at_hand[name] = speech
            self._at_hand_bytes += speech.pcm.nbytes
            while self._at_hand_bytes > MEMORY_BYTES and len(self._at_hand) > 1:
                _, oldest = self._at_hand.popitem(last=False)
                self._at_hand_bytes -= oldest.pcm.nbytes

    def _store(self, name: str, speech: Speech) -> None:
        """Write whole or not at all. A full or read-only disk only costs the next encounter."""
        target = self._folder / f"{name}.npz"
        partial = self._folder / f"{name}.{os.getpid()}.{threading.get_ident()}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                np.savez(
                    file,
                    pcm=to_int16(speech.pcm),
                    words=np.array([word.text for word in speech.words], dtype=np.str_),
                    times=np.array([(w.start_s, w.end_s) for w in speech.words], np.float64),
                    ends=np.array(speech.syllable_ends_s, np.float64),
                )
            partial.replace(target)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def _read(path: Path) -> Speech | None:
    """None when it is not there or damaged; a damaged file is removed, to be made again."""
    try:
        # numpy leaves a file open that it cannot read, unless it was opened here.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            words = tuple(
                SpokenWord(str(text), float(start_s), float(end_s))
                for text, (start_s, end_s) in zip(kept["words"], kept["times"], strict=True)
            )
            ends = tuple(float(end_s) for end_s in kept["ends"])
            return Speech(to_float(kept["pcm"]), words, ends)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None
