"""Read the line formats of NIST: CTM (words), STM (utterances) and RTTM (who speaks when)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from simvoice.research.recordings.transcript_entry import EntryCollector, TranscriptEntry

_CHANNELS = {"1": 0, "a": 0, "2": 1, "b": 1}
_FILLERS = {"<eps>", "sil", "<sil>", "sp", "!sil", "ignore_time_segment_in_scoring"}
"""Labels for silence, and for what is not to be scored."""

_Line = Callable[[Sequence[str]], tuple[TranscriptEntry, str] | None]
"""Gives the entry of a line and its first column; None when the line holds no speech. Raises
IndexError or ValueError."""


def read_ctm(name: str, text: str) -> EntryCollector:
    """Return the words. Lines are `file channel start duration word [confidence]`.

    Source: NIST sclite, "ctm" format.
    """
    return _read(name, text, _ctm, "file channel start duration word")


def read_stm(name: str, text: str) -> EntryCollector:
    """Return the utterances. Lines are `file channel speaker start end [<labels>] text`.

    Source: NIST sclite, "stm" format.
    """
    return _read(name, text, _stm, "file channel speaker start end text")


def read_rttm(name: str, text: str) -> EntryCollector:
    """Return who speaks when, without words, and the words of LEXEME lines.

    Lines are `type file channel start duration text type speaker confidence`. Source: NIST Rich
    Transcription 2009, "RTTM".
    """
    return _read(name, text, _rttm, "SPEAKER file channel start duration <NA> <NA> speaker")


def _read(name: str, text: str, parse: _Line, form: str) -> EntryCollector:
    found = EntryCollector(name)
    files: list[str] = []
    for number, line in _lines(text):
        try:
            parsed = parse(line.split())
        except (IndexError, ValueError):
            found.leave_out(f"line {number}", f"it is not `{form}`")
            continue
        if parsed is not None:
            entry, file = parsed
            before = len(found.entries)
            found.add(entry, f"line {number}")
            files += [file] * (len(found.entries) - before)
    if len(set(files)) > 1:
        # One file of words for the files of each speaker: the file tells who speaks.
        found.entries = [
            entry.with_label(f"{file}: {entry.label}" if entry.label else file)
            for entry, file in zip(found.entries, files, strict=True)
        ]
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is neither empty nor a comment."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith((";;", "#")):
            yield number, line


def _ctm(fields: Sequence[str]) -> tuple[TranscriptEntry, str] | None:
    start_s, length_s, word = float(fields[2]), float(fields[3]), fields[4]
    if word.casefold() in _FILLERS:
        return None
    label, channel = _channel(fields[1])
    return (
        TranscriptEntry(label, start_s, start_s + length_s, word, is_word=True, channel=channel),
        fields[0],
    )


def _stm(fields: Sequence[str]) -> tuple[TranscriptEntry, str] | None:
    start_s, end_s = float(fields[3]), float(fields[4])
    words = fields[6:] if len(fields) > 5 and fields[5].startswith("<") else fields[5:]
    text = " ".join(words)
    if not text or text.casefold() in _FILLERS:
        return None
    _, channel = _channel(fields[1])
    return TranscriptEntry(fields[2], start_s, end_s, text, channel=channel), fields[0]


def _rttm(fields: Sequence[str]) -> tuple[TranscriptEntry, str] | None:
    kind = fields[0].upper()
    if kind not in ("SPEAKER", "LEXEME"):
        return None
    start_s, length_s = float(fields[3]), float(fields[4])
    label = "" if fields[7] == "<NA>" else fields[7]
    text = fields[5] if kind == "LEXEME" and fields[5] != "<NA>" else ""
    # Of a mono file, or of one that was mixed, the channel is always 1: the speaker's name tells.
    return TranscriptEntry(label, start_s, start_s + length_s, text, is_word=bool(text)), fields[1]


def _channel(field: str) -> tuple[str, int | None]:
    """Return label and channel: what is no channel is a speaker's name."""
    channel = _CHANNELS.get(field.casefold())
    return ("" if channel is not None else field), channel
