"""Search a folder for recordings, transcripts and attempts; every other file gets a reason."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simvoice.record.files import HEADER, is_id
from simvoice.research.analysis.results import is_result
from simvoice.research.recordings.file_names import is_unicode, shown_name
from simvoice.research.recordings.sound import SOUND_ENDINGS
from simvoice.research.recordings.transcript import TRANSCRIPT_ENDINGS, is_transcript

# -- files that are left out ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that is not analysed, and why."""

    name: str
    """Its path in the searched folder; bytes that are not UTF-8 are shown as `\\xff`."""
    reason: str
    """The end of a sentence that begins with the name."""

    @classmethod
    def at(cls, path: Path, root: Path | None, reason: str) -> LeftOut:
        """Return the entry of a path."""
        return cls(shown_name(path.relative_to(root) if root else path, whole=True), reason)

    @classmethod
    def not_unicode(cls, path: Path, root: Path | None = None) -> LeftOut:
        """Return the entry of a path that results, which are UTF-8, cannot name."""
        return cls.at(path, root, "its name is not valid UTF-8; rename it")

    @classmethod
    def not_regular(cls, path: Path, root: Path | None = None) -> LeftOut:
        """Return the entry of a pipe, a socket, a device or a link to nothing."""
        if path.is_symlink() and not path.exists():
            return cls.at(path, root, "it is a link to a file that does not exist")
        return cls.at(path, root, "it is no regular file but a pipe, a socket or a device")


# -- kinds of files -------------------------------------------------------------------------

_BEGINNINGS = (b"fLaC", b"OggS", b"caff", b".snd", b"NIST_1A", b"#!AMR", b"ID3", b"\x1aE\xdf\xa3")
_FORMS = {(b"RIFF", b"WAVE"), (b"RF64", b"WAVE"), (b"BW64", b"WAVE")} | {
    (b"FORM", b"AIFF"),
    (b"FORM", b"AIFC"),
}
_MP4_BRANDS = (b"M4A ", b"M4B ", b"mp4", b"isom", b"iso", b"qt  ", b"3gp", b"dash")
"""How sound files begin. MP4's brand tells it from pictures of telephones."""


def is_sound(path: Path) -> bool:
    """Return whether a regular file is a sound file by its ending or its first bytes."""
    if path.suffix.casefold() in SOUND_ENDINGS:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    if head[4:8] == b"ftyp":
        return head[8:12].startswith(_MP4_BRANDS)
    return head.startswith(_BEGINNINGS) or (head[:4], head[8:12]) in _FORMS


class Transcripts:
    """Finds the transcripts beside sound files; each folder is read once."""

    def __init__(self) -> None:
        self._by_folder: dict[Path, dict[str, list[Path]]] = {}
        self._known: dict[Path, bool] = {}

    def is_one(self, path: Path) -> bool:
        """Return whether a file is a transcript."""
        if path not in self._known:
            self._known[path] = is_transcript(path)
        return self._known[path]

    def beside(self, sound: Path) -> list[Path]:
        """Return the transcripts beside a sound file, of the most informative format only."""
        return self.first_kind(self.all_beside(sound))

    def all_beside(self, sound: Path) -> list[Path]:
        """Return the transcripts of every format beside a sound file.

        Beside `x.wav` these are `x.srt`, or one for each speaker, such as `x.doctor.srt`. Some
        programs also write `x.wav.srt`.
        """
        return [path for path in self._in(sound.parent).get(sound.stem, []) if self.is_one(path)]

    def first_kind(self, paths: Iterable[Path]) -> list[Path]:
        """Return the files of the most informative format."""
        given = list(dict.fromkeys(paths))
        for kind in TRANSCRIPT_ENDINGS:
            if chosen := [path for path in given if path.suffix.casefold() == kind]:
                return chosen
        return []

    def _in(self, folder: Path) -> dict[str, list[Path]]:
        """Return the files with the ending of a transcript by the stems of their sound."""
        if folder not in self._by_folder:
            try:
                listed = sorted(folder.iterdir())
            except OSError:
                listed = []
            found: dict[str, list[Path]] = {}
            for path in listed:
                is_text = path.suffix.casefold() in TRANSCRIPT_ENDINGS and is_unicode(path)
                if is_text and not path.name.startswith(".") and path.is_file():
                    for stem in _sound_stems(path):
                        found.setdefault(stem, []).append(path)
            self._by_folder[folder] = found
        return self._by_folder[folder]


def _sound_stems(text: Path) -> list[str]:
    """Return the stems of the sound files that a transcript may belong to, by its name."""
    parts = text.stem.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


# -- the search -----------------------------------------------------------------------------


@dataclass(slots=True)
class FolderFiles:
    """The files below a folder, in a fixed order."""

    attempts: list[Path] = field(default_factory=list)
    """Folders of attempts."""
    sounds: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    """Regular files that are no sound: transcripts and whatever else."""
    left_out: list[LeftOut] = field(default_factory=list)


def search(root: Path) -> FolderFiles:
    """Return what is below a folder; what cannot be read is among the files left out."""
    found = FolderFiles()

    def unreadable(error: OSError) -> None:
        path = Path(os.fsdecode(error.filename)) if error.filename else root
        found.left_out.append(
            LeftOut.at(path, root, f"the folder cannot be read ({error.strerror or error})")
        )

    for name, below, files in os.walk(root, onerror=unreadable):
        folder = Path(name)
        if HEADER in files and is_id(folder.name):
            below.clear()
            found.attempts.append(folder)
            continue
        below[:] = sorted(each for each in below if _is_searched(folder / each, root, found))
        for file in sorted(files):
            _sort_in(folder / file, root, found)
    return found


def _is_searched(folder: Path, root: Path, found: FolderFiles) -> bool:
    """Return whether to search a folder; add it to those left out when not."""
    reason = ""
    if folder.name.startswith(".work-"):
        return False  # unfinished results of another run
    if not is_unicode(folder):
        found.left_out.append(LeftOut.not_unicode(folder, root))
        return False
    if folder.name.startswith("."):
        reason = "it is hidden: its name begins with a dot"
    elif folder.is_symlink():
        reason = "it is a link to a folder; give the folder itself"
    if reason:
        found.left_out.append(LeftOut.at(folder, root, reason))
    return not reason


def _sort_in(path: Path, root: Path, found: FolderFiles) -> None:
    if not is_unicode(path):
        found.left_out.append(LeftOut.not_unicode(path, root))
    elif path.name.startswith("."):
        found.left_out.append(LeftOut.at(path, root, "it is hidden: its name begins with a dot"))
    elif not path.is_file():
        found.left_out.append(LeftOut.not_regular(path, root))
    elif is_sound(path):
        found.sounds.append(path)
    else:
        found.others.append(path)


_DOCUMENTS = frozenset({".txt", ".tsv", ".csv", ".docx", ".doc", ".odt", ".rtf", ".pdf"})
"""Endings of files in which people keep transcripts without times."""


def explain(
    others: Sequence[Path], sounds: Sequence[Path], used: Collection[Path], root: Path | None
) -> list[LeftOut]:
    """Return the files that are not used, each with its reason."""
    stems = {(sound.parent, sound.stem) for sound in sounds}
    read = {(text.parent, stem): text for text in used for stem in _sound_stems(text)}
    return [
        LeftOut.at(path, root, _reason(path, stems, read)) for path in others if path not in used
    ]


def _reason(
    path: Path, stems: Collection[tuple[Path, str]], read: Mapping[tuple[Path, str], Path]
) -> str:
    """Return why a file is not used.

    stems: folders and stems of the sound files. read: the transcript that is used for each stem.
    """
    ending = path.suffix.casefold()
    if is_result(path):
        return "it is a result of `simvoice analyze`"
    if ending == ".json" and not is_transcript(path):
        return "it holds no transcript"
    keys = [(path.parent, stem) for stem in _sound_stems(path)]
    if ending not in TRANSCRIPT_ENDINGS:
        if ending in _DOCUMENTS and any(key in stems for key in keys):
            return "it is no transcript with times in a format that simvoice reads"
        return "it is neither sound nor a transcript"
    for key in keys:
        if key in read:
            return f"{read[key].name!r} was read for the same sound"
    return "no sound file beside it has its name"
