"""A transcript as it was written down: who is said to have said what, and when."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simvoice.errors import AudioFileError
from simvoice.research.recordings import subtitles, textgrid
from simvoice.research.recordings.transcript_entry import TranscriptEntry

# -- ctm --------------------------------------------------------------------------------------
# CTM, the word times of NIST's scoring tools: `file channel start duration word [confidence]`.
#
# Source: NIST sclite, "ctm" format. Lines that begin with `;;` are comments.


_CHANNELS = {"1": 0, "a": 0, "2": 1, "b": 1}
_FILLERS = {"<eps>", "sil", "<sil>", "sp", "!sil"}
"""What aligners write where nobody speaks."""


def read(name: str, text: str) -> tuple[list[TranscriptEntry], float]:
    """The words, and 0: a CTM does not say how long the recording is. Raises AudioFileError."""
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
            f"the transcript {name!r} holds no words; take it away, or analyse without it: "
            "--no-transcript"
        )
    return found, 0.0


def _broken(name: str, number: int) -> AudioFileError:
    return AudioFileError(
        f"line {number} of the transcript {name!r} is not `file channel start duration word`; "
        "mend it, or analyse without it: --no-transcript"
    )


# -- transcript -------------------------------------------------------------------------------


KINDS = (".textgrid", ".ctm", ".vtt", ".srt")
"""File endings, the most telling first: where several lie beside a recording, the first is read."""

_READERS = {
    ".textgrid": textgrid.read,
    ".ctm": read,
    ".vtt": subtitles.read,
    ".srt": subtitles.read,
}

_MOST_BYTES = 64 << 20
"""A larger file is no transcript of one conversation."""


@dataclass(frozen=True, slots=True)
class RecordingTranscript:
    """Everything that the transcripts of one recording say, in order of time."""

    said: tuple[TranscriptEntry, ...] = ()
    length_s: float = 0.0
    """Seconds the longest of them says the recording lasts; 0 when none says it."""
    files: tuple[Path, ...] = field(default=())

    def labels(self) -> Iterator[str]:
        """Each label once, in order of first use."""
        yield from dict.fromkeys(said.label for said in self.said)


def read_transcripts(paths: Sequence[Path]) -> RecordingTranscript:
    """Raises AudioFileError, with a sentence, for a file that cannot be read as what it is.

    Where several files are read, the file's stem goes before every label: one file a speaker often
    calls its only tier the same as the other's, and then only the file says who it is.
    """
    said: list[TranscriptEntry] = []
    length_s = 0.0
    for path in paths:
        found, lasts_s = _read(path)
        length_s = max(length_s, lasts_s)
        said += [_with_stem(s, path.stem) for s in found] if len(paths) > 1 else found
    ordered = tuple(sorted(said, key=lambda s: (s.start_s, s.end_s, s.label)))
    return RecordingTranscript(ordered, length_s, tuple(paths))


def _with_stem(said: TranscriptEntry, stem: str) -> TranscriptEntry:
    return said.labelled(f"{stem}: {said.label}" if said.label else stem)


def _read(path: Path) -> tuple[list[TranscriptEntry], float]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise AudioFileError(f"the transcript {path.name!r} is over 64 MB; is it one?")
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise AudioFileError(
            f"the transcript {path.name!r} cannot be read; check its permissions"
        ) from error
    found, length_s = _READERS[path.suffix.casefold()](path.name, text)
    for said in found:
        if not 0.0 <= said.start_s <= said.end_s:
            raise AudioFileError(
                f"the transcript {path.name!r} has a time that runs backwards, at "
                f"{said.start_s:.2f} s; mend it, or analyse without it: --no-transcript"
            )
    return found, length_s


def _decoded(data: bytes) -> str:
    """Praat writes UTF-16 when it has to, others UTF-8 with or without a mark, old ones Latin-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
