"""Read the transcripts of a recording: TextGrid, CTM, WebVTT and SRT."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simvoice.errors import AudioFileError
from simvoice.research.recordings import subtitles, textgrid
from simvoice.research.recordings.transcript_entry import TranscriptEntry

# -- CTM ------------------------------------------------------------------------------------

_CHANNELS = {"1": 0, "a": 0, "2": 1, "b": 1}
_FILLERS = {"<eps>", "sil", "<sil>", "sp", "!sil"}
"""Labels that aligners write for silence."""


def _read_ctm(name: str, text: str) -> tuple[list[TranscriptEntry], float]:
    """Return the words, and 0.0: a CTM does not state the length. Raises AudioFileError.

    Lines are `file channel start duration word [confidence]`; those that begin with `;;` are
    comments. Source: NIST sclite, "ctm" format.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(";;") or not line.strip():
            continue
        fields = line.split()
        try:
            channel, start_s, length_s = fields[1], float(fields[2]), float(fields[3])
            word = fields[4]
        except (IndexError, ValueError) as error:
            raise _broken(name, number) from error
        if not (math.isfinite(start_s) and math.isfinite(length_s)):
            raise _broken(name, number)
        if word.casefold() in _FILLERS:
            continue
        index = _CHANNELS.get(channel.casefold())
        label = "" if index is not None else channel
        found.append(
            TranscriptEntry(label, start_s, start_s + length_s, word, is_word=True, channel=index)
        )
    if not found:
        raise AudioFileError(
            f"the transcript {name!r} contains no words; remove it, or analyse without it: "
            "--no-transcript"
        )
    return found, 0.0


def _broken(name: str, number: int) -> AudioFileError:
    return AudioFileError(
        f"line {number} of the transcript {name!r} is not `file channel start duration word`; "
        "repair it, or analyse without it: --no-transcript"
    )


# -- all formats ----------------------------------------------------------------------------

TRANSCRIPT_ENDINGS = (".textgrid", ".ctm", ".vtt", ".srt")
"""File endings, the most informative first: of several beside a recording, the first is read."""

_READERS = {
    ".textgrid": textgrid.read,
    ".ctm": _read_ctm,
    ".vtt": subtitles.read,
    ".srt": subtitles.read,
}

_MOST_BYTES = 64 << 20
"""A larger file cannot be the transcript of one conversation."""


@dataclass(frozen=True, slots=True)
class RecordingTranscript:
    """All entries of the transcripts of one recording, in order of time."""

    entries: tuple[TranscriptEntry, ...] = ()
    length_s: float = 0.0
    """The longest length that a transcript states, seconds; 0 when none states it."""
    files: tuple[Path, ...] = field(default=())

    def labels(self) -> Iterator[str]:
        """Yield each label once, in order of first use."""
        yield from dict.fromkeys(entry.label for entry in self.entries)


def read_transcripts(paths: Sequence[Path]) -> RecordingTranscript:
    """Return the entries of all files. Raises AudioFileError for a file that cannot be read.

    With several files, each label starts with the file's stem: files with one speaker each often
    have equal tier names, and then only the file name tells who speaks.
    """
    entries: list[TranscriptEntry] = []
    length_s = 0.0
    for path in paths:
        found, lasts_s = _read(path)
        length_s = max(length_s, lasts_s)
        entries += [_with_stem(entry, path.stem) for entry in found] if len(paths) > 1 else found
    ordered = tuple(sorted(entries, key=lambda e: (e.start_s, e.end_s, e.label)))
    return RecordingTranscript(ordered, length_s, tuple(paths))


def _with_stem(entry: TranscriptEntry, stem: str) -> TranscriptEntry:
    return entry.with_label(f"{stem}: {entry.label}" if entry.label else stem)


def _read(path: Path) -> tuple[list[TranscriptEntry], float]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise AudioFileError(
                f"the transcript {path.name!r} is larger than 64 MB; check that it is a transcript"
            )
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise AudioFileError(
            f"the transcript {path.name!r} cannot be read; check its permissions"
        ) from error
    found, length_s = _READERS[path.suffix.casefold()](path.name, text)
    for entry in found:
        if not 0.0 <= entry.start_s <= entry.end_s:
            raise AudioFileError(
                f"the transcript {path.name!r} has an entry that ends before it starts, at "
                f"{entry.start_s:.2f} s; repair it, or analyse without it: --no-transcript"
            )
    return found, length_s


def _decoded(data: bytes) -> str:
    """Decode UTF-16 (Praat, for some characters), UTF-8 with or without a mark, or Latin-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
