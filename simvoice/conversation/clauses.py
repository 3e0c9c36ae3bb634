"""Cut a line into clauses, so that the first can sound while the others are being made."""

from __future__ import annotations

import re

from simvoice import markup

FIRST_WORDS = 7
"""A first clause of up to seven words takes the voice about 150 ms to make."""

LONGEST_WORDS = 16
"""A later clause is made while the one before sounds; longer ones only delay its end."""

_END = re.compile(r"(?<=[.!?…])[\"”’)]*\s+")
_COMMA = re.compile(r"(?<=[,;:])\s+|\s+(?=[—–-]\s)|(?<=—)(?=\w)")
_JOINT = re.compile(r"\s+(?=(?:and|but|because|so|or|that|which|when|if|while|until)\b)", re.I)
# No clause ends after these: their full stop belongs to them.
_TITLE = re.compile(r"(?:^|[\s(\"“])(?:Dr|Mrs?|Ms|St|Prof|vs|e\.g|i\.e|etc|a\.m|p\.m|[A-Z])\.$")

_PAUSE_S = {",": 0.12, ";": 0.2, ":": 0.2, "—": 0.3, "–": 0.3, "-": 0.3, "…": 0.45}
_SENTENCE_PAUSE_S = 0.32
"""Seconds of silence that separate two sentences of one speaker; the usual range of pauses
within a turn is 0.2 to 0.5 s (Campione & Veronis 2002)."""


_MARK = re.compile(r"<[^<>]*>")
_MARKED_PAUSE = re.compile(r"<pause [0-9.]+>(?:</\w+>)*$")


def pause_after_s(clause: str) -> float:
    """Seconds of silence that belong between this clause and the next one of the same line.

    clause: plain or with marks; one that ends with a pause of its own needs no other.
    """
    if "<" in clause:
        if _MARKED_PAUSE.search(clause):
            return 0.0
        clause = _MARK.sub("", clause)
    ending = clause.rstrip().rstrip('"”’)')
    if ending.endswith("..."):
        return _PAUSE_S["…"]
    if ending.endswith((".", "!", "?")):
        return _SENTENCE_PAUSE_S
    return _PAUSE_S.get(ending[-1:], 0.0)


def split_clauses(line: str) -> tuple[str, ...]:
    """The line's clauses, in order, without the spaces between them; none for a blank line."""
    return tuple(clause.strip() for clause in split(line) if clause.strip())


def spoken_clauses(line: markup.Marked) -> tuple[str, ...]:
    """The same clauses with their marks, as the voice is given them."""
    return tuple(markup.render(part) for part in markup.slices(line, split_clauses(line.text)))


def split(line: str, first_words: int = FIRST_WORDS) -> list[str]:
    """The line's clauses, in order; joined they give the line back, to the character.

    first_words: how long the first may be before a comma or a joining word is taken as its end.
    """
    clauses: list[str] = []
    for sentence in _cut(line, _END):
        limit = first_words if not clauses else LONGEST_WORDS
        clauses.extend(_shorten(sentence, limit))
    return clauses


def _shorten(sentence: str, limit: int) -> list[str]:
    """Cut where a comma, else where a joining word allows, while the head is too long."""
    if _length(sentence) <= limit:
        return [sentence]
    commas, joints = _heads(sentence, _COMMA), _heads(sentence, _JOINT)
    fitting = [h for h in commas if _length(h) <= limit] or [
        h for h in joints if _length(h) <= limit
    ]
    beyond = sorted(commas + joints, key=len)
    head = fitting[-1] if fitting else beyond[0] if beyond else sentence
    if head == sentence:
        return [sentence]
    return [head, *_shorten(sentence[len(head) :], LONGEST_WORDS)]


def _heads(sentence: str, where: re.Pattern[str]) -> list[str]:
    """What the sentence may begin with, rising. A single word alone ("Well,") would be over
    before the next clause is made."""
    pieces = _cut(sentence, where)
    heads = ["".join(pieces[:count]) for count in range(1, len(pieces))]
    return [head for head in heads if _length(head) >= 2]


def _cut(text: str, where: re.Pattern[str]) -> list[str]:
    """Pieces that keep their trailing space; a title's full stop ends nothing."""
    pieces: list[str] = []
    start = 0
    for mark in where.finditer(text):
        head = text[start : mark.start()]
        if head.strip() and not _TITLE.search(head) and text[mark.end() :].strip():
            pieces.append(text[start : mark.end()])
            start = mark.end()
    pieces.append(text[start:])
    return [piece for piece in pieces if piece]


def _length(text: str) -> int:
    return len(text.split())
