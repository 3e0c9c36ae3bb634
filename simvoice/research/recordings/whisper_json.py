"""Read the JSON of Whisper, WhisperX, whisper.cpp and faster-whisper, with or without words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from simvoice.research.recordings.transcript_entry import (
    EntryCollector,
    TranscriptEntry,
    cannot_read,
)


def holds_transcript(data: bytes) -> bool:
    """Return whether a JSON file is a transcript: many others are beside sound."""
    try:
        return _segments(json.loads(data)) is not None
    except (ValueError, RecursionError):
        return False


def read(name: str, text: str) -> EntryCollector:
    """Return the segments, and the words where they have times. Raises AudioFileError."""
    try:
        segments = _segments(json.loads(text))
    except (ValueError, RecursionError):
        segments = None
    if segments is None:
        raise cannot_read(name, "the JSON of Whisper or WhisperX")
    found = EntryCollector(name)
    shared = 0
    for number, segment in enumerate(segments, 1):
        place = f"segment {number}"
        if not isinstance(segment, Mapping):
            found.leave_out(place, "it is no object")
            continue
        times = _times(segment)
        text = _text(segment)
        if times is None:
            found.leave_out(place, "it does not have two times")
            continue
        label = _label(segment)
        is_good = not text or found.add(
            TranscriptEntry(label, *times, text, is_word="word" in segment), place
        )
        words = segment.get("words")
        if isinstance(words, list):
            shared += _add_words(words, label, times if is_good else None, place, found)
    if shared:
        found.notes.append(
            f"{shared} words of the transcript {name!r} have no times; they share the time between "
            "the words around them"
        )
    return found


def _segments(whole: Any) -> Sequence[Any] | None:
    """Return the list of segments, or of words where there is nothing else; None for other JSON."""
    if isinstance(whole, Mapping):
        for key in ("segments", "transcription", "word_segments", "words"):
            listed = whole.get(key)
            if isinstance(listed, list) and _are_timed(listed):
                return listed
        return None
    return whole if isinstance(whole, list) and _are_timed(whole) else None


def _are_timed(listed: list[Any]) -> bool:
    return not listed or any(isinstance(each, Mapping) and _times(each) for each in listed)


def _times(item: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return start and end in seconds; whisper.cpp gives milliseconds in `offsets`."""
    start: Any = item.get("start")
    end: Any = item.get("end")
    scale = 1.0
    offsets = item.get("offsets")
    if isinstance(offsets, Mapping):
        start, end, scale = offsets.get("from"), offsets.get("to"), 0.001
    if not _is_number(start) or not _is_number(end):
        return None
    return float(start) * scale, float(end) * scale


def _is_number(value: Any) -> bool:
    # an integer that is too large for a float is no time
    return isinstance(value, float) or (type(value) is int and abs(value) < 1 << 53)


def _text(item: Mapping[str, Any]) -> str:
    value = item.get("text", item.get("word", ""))
    return " ".join(value.split()) if isinstance(value, str) else ""


def _label(item: Mapping[str, Any]) -> str:
    value = item.get("speaker", "")
    return str(value).strip() if isinstance(value, str | int) else ""


def _add_words(
    words: Sequence[Any],
    label: str,
    segment: tuple[float, float] | None,
    place: str,
    found: EntryCollector,
) -> int:
    """Add the words of a segment, and return how many of them had no times of their own.

    WhisperX gives none to words that it cannot align, such as numbers. segment: its times; None
    when they are wrong, and then such words are left out with it.
    """
    items = [each for each in words if isinstance(each, Mapping) and _text(each)]
    if segment is None:
        items = [each for each in items if _times(each) is not None]
        segment = (0.0, 0.0)
    known = [_times(each) for each in items]
    fixed = [-1, *(i for i, times in enumerate(known) if times is not None), len(items)]
    spans: dict[int, tuple[float, float]] = {}
    for first, last in pairwise(fixed):
        before, after = known[first] if first >= 0 else None, None
        if last < len(items):
            after = known[last]
            assert after is not None
            spans[last] = after
        begin_s = before[1] if before is not None else segment[0]
        end_s = max(begin_s, after[0] if after is not None else segment[1])
        step_s = (end_s - begin_s) / max(1, last - first - 1)
        for index in range(first + 1, last):
            start_s = begin_s + (index - first - 1) * step_s
            spans[index] = (start_s, start_s + step_s)
    for index, item in enumerate(items):
        who = _label(item) or label
        found.add(
            TranscriptEntry(who, *spans[index], _text(item), is_word=True),
            f"word {index + 1} of {place}",
        )
    return sum(times is None for times in known)
