"""Read Praat's TextGrids, in the long or the short form.

Both forms are one sequence of numbers and quoted texts; what else the long form contains only names
them. Reading the sequence lets one broken interval be left out: libraries refuse the whole file.
Source: Praat manual, "TextGrid file formats".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from simvoice.research.recordings.tiers import (
    has_no_words,
    holds_speech,
    holds_words,
    speaker_label,
    without_marks,
)
from simvoice.research.recordings.transcript_entry import (
    EntryCollector,
    TranscriptEntry,
    cannot_read,
)

_TOKEN = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"|(?P<open>")|\[[^\]\n]*\]|![^\n]*|'
    r"(?<![^\s=])(?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?![^\s%])|[^\s\"=]+"
)
"""A text, a text that is never closed, an index, a comment, a number, or another word."""

_NEXT_ENTRY = re.compile(
    r"\n[ \t]*(?:(?:intervals|points|item)[ \t]*\[|xmin[ \t]*=|[\d.]+[ \t]*\n[ \t]*[\d.]+[ \t]*\n)"
)
"""What never is inside a text: with it, a text has lost its closing quote."""

_CLASSES = ("IntervalTier", "TextTier")


@dataclass(frozen=True, slots=True)
class _Token:
    line: int
    text: str | None = None
    number: float | None = None


def read(name: str, text: str) -> EntryCollector:
    """Return the entries of the interval tiers, and the grid's length. Raises AudioFileError."""
    if "TextGrid" not in text[:200]:
        raise cannot_read(name, "a TextGrid")
    tokens = list(_tokens(text))
    starts = [index for index in range(len(tokens)) if _begins_tier(tokens, index)]
    if not starts:
        raise cannot_read(name, "a TextGrid")
    found = EntryCollector(name)
    header = [token.number for token in tokens[: starts[0]] if token.number is not None]
    found.length_s = header[1] if len(header) > 1 else 0.0
    for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
        tier = tokens[start + 1].text or ""
        if tokens[start].text == "IntervalTier" and holds_speech(tier):
            _read_tier(tier, tokens[start + 5 : end], found)
    return found


def _begins_tier(tokens: list[_Token], index: int) -> bool:
    """Return whether class, name, start, end and count of a tier begin here."""
    head = tokens[index : index + 5]
    return (
        len(head) == 5
        and head[0].text in _CLASSES
        and head[1].text is not None
        and all(token.number is not None for token in head[2:])
    )


def _read_tier(tier: str, tokens: list[_Token], found: EntryCollector) -> None:
    """Add the intervals: two numbers and a text each."""
    numbers: list[float] = []
    for token in tokens:
        if token.number is not None:
            numbers.append(token.number)
            continue
        times, numbers = numbers, []
        place, text = f"line {token.line}", without_marks(token.text or "")
        if len(times) != 2:
            found.leave_out(place, "it does not have two times")
        elif not has_no_words(text):
            label = speaker_label(tier)
            entry = TranscriptEntry(label, times[0], times[1], text, is_word=holds_words(tier))
            found.add(entry, place)


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while (match := _TOKEN.search(text, at)) is not None:
        line += text.count("\n", at, match.start())
        end = match.end()
        if match["text"] is not None or match["open"] is not None:
            value = match["text"] if match["text"] is not None else text[match.end() :]
            lost = _NEXT_ENTRY.search(value)
            if lost is not None or match["open"] is not None:
                # The closing quote is missing: the text ends with its line.
                stop = text.find("\n", match.start())
                end = len(text) if stop < 0 else stop
                value = text[match.start() + 1 : end]
            yield _Token(line, text=value.replace('""', '"'))
        elif match["number"] is not None:
            yield _Token(line, number=float(match["number"]))
        line += text.count("\n", match.start(), end)
        at = end
