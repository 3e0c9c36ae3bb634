"""Read CHAT transcripts (.cha) whose utterances have times.

Source: MacWhinney, "Tools for Analyzing Talk, Part 1: The CHAT Transcription Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from simvoice.research.recordings.transcript_entry import (
    EntryCollector,
    TranscriptEntry,
    cannot_read,
)

_BULLET = re.compile(r"\x15[^\x15\d]*(\d{1,12})_(\d{1,12})\x15")
"""Start and end in milliseconds."""

_TIMED_WORD = re.compile(
    r"(?P<word>[^\s\x15]{1,100})\s{1,9}\x15(?P<start>\d{1,12})_(?P<end>\d{1,12})\x15"
)

_MARKS = (
    (re.compile(r"\[[^\[\]]*\]"), " "),  # codes: retraced, replaced, explained
    (re.compile(r"[<>‹›]"), " "),  # what a code refers to
    (re.compile(r"\((?:\.+|\d+(?:[.:]\d*)*)\)"), " "),  # pauses
    (re.compile(r"&[=+~*][^\s]*"), " "),  # events, fragments, others' short words
    (re.compile(r"(?<!\S)&-?"), ""),  # fillers keep their sound
    (re.compile(r"(?<!\S)0\S*"), " "),  # words that were left out
    (re.compile(r"(?<!\S)(?:xxx|yyy|www)(?!\S)"), " "),  # not understood
    (re.compile(r"(?<!\S)\+\S*?(?=[?!](?!\S))"), ""),  # broken off as a question
    (re.compile(r"(?<!\S)\+\.\.\."), "..."),
    (re.compile(r"(?<!\S)\+\S*?\.(?!\S)"), "."),
    (re.compile(r"(?<!\S)\+\S*"), " "),  # how an utterance is linked to the one before
    (re.compile(r"@\S*"), ""),  # form of a word
    (re.compile(r"[()↑↓⇗↗→↘⇘∞≈≋≡∙⌈⌉⌊⌋∆∇°▁▔☺♋⁇∬Ϋ∮ˈˌ]"), ""),
    (re.compile(r"[‡„]"), ","),
    (re.compile(r"_"), " "),
)


def read(name: str, text: str) -> EntryCollector:
    """Return utterances, and words where a %wor tier gives their times. Raises AudioFileError."""
    lines = list(_whole_lines(text))
    if not any(line.startswith(("@Begin", "@UTF8", "@Participants")) for _, line in lines):
        raise cannot_read(name, "CHAT")
    found = EntryCollector(name)
    people = _people(lines)
    label = ""
    for number, line in lines:
        head, _, rest = line.partition(":")
        place = f"line {number}"
        if line.startswith("*"):
            label = people.get(head[1:].strip(), head[1:].strip())
            bullets = _BULLET.findall(rest)
            words = without_codes(_BULLET.sub(" ", rest))
            if words.strip(" .,?!"):
                if bullets:
                    start_s, end_s = int(bullets[0][0]) / 1000, int(bullets[-1][1]) / 1000
                    found.add(TranscriptEntry(label, start_s, end_s, words), place)
                else:
                    found.leave_out(place, "it has no times")
        elif head == "%wor":
            for word in _TIMED_WORD.finditer(rest):
                start_s, end_s = int(word["start"]) / 1000, int(word["end"]) / 1000
                text = without_codes(word["word"])
                if text:
                    found.add(TranscriptEntry(label, start_s, end_s, text, is_word=True), place)
    return found


def without_codes(text: str) -> str:
    """Return the words of an utterance without the codes of CHAT."""
    for pattern, new in _MARKS:
        text = pattern.sub(new, text)
    return re.sub(r" ([.,?!])", r"\1", " ".join(text.split()))


def _whole_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line with its continuations, which begin with a tab."""
    number, whole = 0, ""
    for index, line in enumerate(text.split("\n"), 1):
        if line.startswith(("\t", " ")) and whole:
            whole += " " + line.strip()
            continue
        if whole:
            yield number, whole
        number, whole = index, line.rstrip()
    if whole:
        yield number, whole


def _people(lines: list[tuple[int, str]]) -> dict[str, str]:
    """Return code to code, name and role: `@Participants: DOC Smith Doctor, PAT Patient`."""
    found = {}
    for _, line in lines:
        if line.startswith("@Participants:"):
            for person in line.partition(":")[2].split(","):
                words = person.replace("_", " ").split()
                if words:
                    rest = " ".join(words[1:])
                    found[words[0]] = f"{words[0]} ({rest})" if rest else words[0]
    return found
