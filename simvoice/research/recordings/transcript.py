"""Read the transcripts of a recording: which formats there are, and how their bytes are decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from simvoice.errors import AudioFileError
from simvoice.research.recordings import (
    chat,
    elan,
    line_formats,
    subtitles,
    textgrid,
    whisper_json,
)
from simvoice.research.recordings.file_names import shown_name
from simvoice.research.recordings.speaker_names import SpeakerNames
from simvoice.research.recordings.transcript_entry import EntryCollector, TranscriptEntry

_Reader = Callable[[str, bytes, SpeakerNames], EntryCollector]
"""Reads a file by its name and bytes."""


def _text(read: Callable[[str, str], EntryCollector]) -> _Reader:
    return lambda name, data, _: read(name, decoded(data))


_READERS: dict[str, _Reader] = {
    ".textgrid": _text(textgrid.read),
    ".eaf": lambda name, data, _: elan.read(name, data),
    ".cha": _text(chat.read),
    ".ctm": _text(line_formats.read_ctm),
    ".json": _text(whisper_json.read),
    ".stm": _text(line_formats.read_stm),
    ".vtt": lambda name, data, names: subtitles.read(name, decoded(data), names),
    ".srt": lambda name, data, names: subtitles.read(name, decoded(data), names),
    ".rttm": _text(line_formats.read_rttm),
}

TRANSCRIPT_ENDINGS = tuple(_READERS)
"""File endings, the most informative first: of several beside a recording, the first is read."""

_MOST_BYTES = 64 << 20
"""A larger file cannot be the transcript of one conversation."""


@dataclass(frozen=True, slots=True)
class RecordingTranscript:
    """All entries of the transcripts of one recording, in order of time."""

    entries: tuple[TranscriptEntry, ...] = ()
    length_s: float = 0.0
    """The longest length that a transcript states, seconds; 0 when none states it."""
    files: tuple[Path, ...] = ()
    remarks: tuple[str, ...] = ()
    """Sentences about entries that were left out."""

    def labels(self) -> Iterator[str]:
        """Yield each label once, in order of first use."""
        yield from dict.fromkeys(entry.label for entry in self.entries)


def is_transcript(path: Path) -> bool:
    """Return whether a file is a transcript by its ending, and JSON also by its content."""
    ending = path.suffix.casefold()
    if ending != ".json":
        return ending in _READERS
    try:
        return path.stat().st_size <= _MOST_BYTES and whisper_json.holds_transcript(
            path.read_bytes()
        )
    except OSError:
        return False


def read_transcripts(
    paths: Sequence[Path], names: SpeakerNames | None = None
) -> RecordingTranscript:
    """Return the entries of all files. Raises AudioFileError for a file that cannot be read.

    With several files, each label starts with the file's stem: files with one speaker each often
    have equal tier names, and then only the file name tells who speaks.
    """
    known = names or SpeakerNames()
    entries: list[TranscriptEntry] = []
    length_s = 0.0
    remarks: list[str] = []
    for path, stem in zip(paths, _stems(paths, known), strict=True):
        found = _read(path, known)
        length_s = max(length_s, found.length_s)
        entries += [_with_stem(entry, stem) if stem else entry for entry in found.entries]
        remarks += found.remarks()
    ordered = sorted(_with_telling_channels(entries), key=lambda e: (e.start_s, e.end_s, e.label))
    return RecordingTranscript(tuple(ordered), length_s, tuple(paths), tuple(remarks))


def _stems(paths: Sequence[Path], names: SpeakerNames) -> list[str]:
    """Return what tells the files apart: nothing for one file, else the names.

    What all names begin with is left out when it names a speaker, as in `doctor3.a` and
    `doctor3.b`.
    """
    stems = [path.stem for path in paths]
    if len(stems) < 2:
        return [""] * len(stems)
    speakers = {names.speaker_of(stem) for stem in stems}
    if len(speakers) > 1 or None in speakers:
        return stems
    letters = zip(*stems, strict=False)
    shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, letters))
    return [stem[shared:] or stem for stem in stems]


def _with_stem(entry: TranscriptEntry, stem: str) -> TranscriptEntry:
    return entry.with_label(f"{stem}: {entry.label}" if entry.label else stem)


def _with_telling_channels(entries: list[TranscriptEntry]) -> list[TranscriptEntry]:
    """Remove the channel where every speaker has the same one: each came from a file of its own."""
    channels = {entry.channel for entry in entries}
    labels = {entry.label for entry in entries}
    if len(channels) != 1 or len(labels) < 2:
        return entries
    return [replace(entry, channel=None) for entry in entries]


def _read(path: Path, names: SpeakerNames) -> EntryCollector:
    name = shown_name(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise AudioFileError(
                f"the transcript {name!r} is larger than 64 MB; check that it is a transcript"
            )
        data = path.read_bytes()
    except OSError as error:
        raise AudioFileError(
            f"the transcript {name!r} cannot be read; check its permissions"
        ) from error
    found = _READERS[path.suffix.casefold()](name, data, names)
    found.check()
    return found


def decoded(data: bytes) -> str:
    r"""Decode UTF-16 (Praat, for some characters), UTF-8 with or without a mark, or Windows-1252.

    Lines end with \n.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", errors="replace")
    elif data[:200:2].count(0) > 50 or data[1:200:2].count(0) > 50:
        order = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
        text = data.decode(order, errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
