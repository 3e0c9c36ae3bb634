"""Read subtitles, SRT and WebVTT, with webvtt-py.

WebVTT's voice tag (`<v Doctor>`) or the words before a colon (`DOCTOR: …`) name the speaker.
"""

from __future__ import annotations

import io
import re

import webvtt

from simvoice.errors import AudioFileError
from simvoice.research.recordings.transcript_entry import TranscriptEntry

_LABEL = re.compile(r"^(?:-\s*)?\[?(?P<label>[^\W\d][\w .'-]{0,30}?)\]?\s*[::]\s+(?P<text>.+)$")
"""A name of up to 31 letters, a colon and a space. Without the space it is text, as in "10:30"."""

_MOST_WORDS_IN_A_NAME = 3


def read(name: str, text: str) -> tuple[list[TranscriptEntry], float]:
    """Return the entries, and 0.0: subtitles do not state the length. Raises AudioFileError."""
    kind = "srt" if name.casefold().endswith(".srt") else "vtt"
    try:
        captions = webvtt.WebVTT.from_buffer(io.StringIO(text), format=kind).captions
        found = [entry for caption in captions for entry in _entries(caption)]
    except (webvtt.errors.MalformedFileError, webvtt.errors.MalformedCaptionError) as error:
        raise AudioFileError(
            f"the transcript {name!r} cannot be read as {kind.upper()}; repair it, or analyse "
            "without it: --no-transcript"
        ) from error
    if not found:
        raise AudioFileError(
            f"the transcript {name!r} contains no words; remove it, or analyse without it: "
            "--no-transcript"
        )
    return found, 0.0


def _entries(caption: webvtt.Caption) -> list[TranscriptEntry]:
    """Return one entry, or one for each line that names a speaker."""
    start_s, end_s = _seconds(caption.start), _seconds(caption.end)
    lines = [line.strip() for line in caption.text.splitlines() if line.strip()]
    if caption.voice:
        return [TranscriptEntry(caption.voice.strip(), start_s, end_s, " ".join(lines))]
    found: list[TranscriptEntry] = []
    for line in lines:
        match = _LABEL.match(line)
        if match and _is_name(match["label"]):
            found.append(
                TranscriptEntry(match["label"].strip(), start_s, end_s, match["text"].strip())
            )
        elif found:
            last = found.pop()
            found.append(TranscriptEntry(last.label, start_s, end_s, f"{last.text} {line}"))
        else:
            found.append(TranscriptEntry("", start_s, end_s, line))
    return found


def _is_name(label: str) -> bool:
    """Whether a label is one word, or a few capitalised ones: "Dr. Lynn", not "I said"."""
    words = label.split()
    return len(words) == 1 or (
        len(words) <= _MOST_WORDS_IN_A_NAME and all(not word[0].islower() for word in words)
    )


def _seconds(stamp: str) -> float:
    hours, minutes, rest = stamp.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)
