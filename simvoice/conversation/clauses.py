"""Split a line into clauses, so that the first can play while the others are synthesised."""

from __future__ import annotations

import re

from simvoice import markup
from simvoice.sentences import CLOSERS, ends_sentence, sentence_starts

FIRST_WORDS = 7
"""Synthesis of a first clause of up to seven words takes about 150 ms."""

LONGEST_WORDS = 16
"""A later clause is synthesised while the one before plays; a longer one only delays its end."""

_PAUSED = re.compile(rf"(?:…|\.{{2,}}|[?!])[{re.escape(CLOSERS)}]*\s+")
"""Marks inside a sentence at which a speaker pauses: "I… I don't know", "“Really?” she said"."""
_COMMA = re.compile(r"(?<=[,;:])\s+|\s+(?=[—–-]\s)|(?<=—)(?=\w)")
_JOINT = re.compile(r"\s+(?=(?:and|but|because|so|or|that|which|when|if|while|until)\b)", re.I)

_PAUSE_S = {",": 0.12, ";": 0.2, ":": 0.2, "—": 0.3, "–": 0.3, "-": 0.3, "…": 0.45}
_SENTENCE_PAUSE_S = 0.32
"""Seconds of silence between two sentences of one speaker; pauses within a turn usually last 0.2 to
0.5 s (Campione & Veronis 2002)."""

_MARK = re.compile(r"<[^<>]*>")
_MARKED_PAUSE = re.compile(r"<pause [0-9.]+>(?:</\w+>)*$")


def pause_after_s(clause: str) -> float:
    """Return the seconds of silence between this clause and the next one of the same line.

    clause: plain or with marks; 0 when it ends with a marked pause.
    """
    if "<" in clause:
        if _MARKED_PAUSE.search(clause):
            return 0.0
        clause = _MARK.sub("", clause)
    ending = clause.rstrip().rstrip(CLOSERS)
    if ending.endswith("..."):
        return _PAUSE_S["…"]
    if ending.endswith((".", "!", "?")):
        return _SENTENCE_PAUSE_S
    return _PAUSE_S.get(ending[-1:], 0.0)


def split_clauses(line: str) -> tuple[str, ...]:
    """Return the line's clauses in order, without surrounding spaces; none for a blank line."""
    return tuple(clause.strip() for clause in split(line) if clause.strip())


def spoken_clauses(line: markup.Marked) -> tuple[str, ...]:
    """Return the same clauses with their marks, as the voice reads them."""
    return tuple(markup.render(part) for part in markup.slices(line, split_clauses(line.text)))


def split(line: str, first_words: int = FIRST_WORDS) -> list[str]:
    """Return the line's clauses in order; joined they equal the line exactly.

    first_words: a longer first clause is split at a comma or before a joining word.
    """
    clauses: list[str] = []
    starts = sentence_starts(line)
    for start, end in zip(starts, [*starts[1:], len(line)], strict=True):
        for part in _cut(line[start:end], _PAUSED):
            limit = first_words if not clauses else LONGEST_WORDS
            clauses.extend(_shorten(part, limit))
    return clauses


def _shorten(sentence: str, limit: int) -> list[str]:
    """Split at a comma, else before a joining word, while the first part is too long."""
    if _word_count(sentence) <= limit:
        return [sentence]
    commas, joints = _heads(sentence, _COMMA), _heads(sentence, _JOINT)
    fitting = [h for h in commas if _word_count(h) <= limit] or [
        h for h in joints if _word_count(h) <= limit
    ]
    beyond = sorted(commas + joints, key=len)
    head = fitting[-1] if fitting else beyond[0] if beyond else sentence
    if head == sentence:
        return [sentence]
    return [head, *_shorten(sentence[len(head) :], LONGEST_WORDS)]


def _heads(sentence: str, where: re.Pattern[str]) -> list[str]:
    """Return the possible first parts, shortest first, of at least two words.

    A single word ("Well,") would end before the next clause is synthesised.
    """
    pieces = _cut(sentence, where)
    heads = ["".join(pieces[:count]) for count in range(1, len(pieces))]
    return [head for head in heads if _word_count(head) >= 2]


def _cut(text: str, where: re.Pattern[str]) -> list[str]:
    """Split the text; pieces keep their trailing space, none is blank or ends in "Dr."."""
    pieces: list[str] = []
    start = 0
    for mark in where.finditer(text):
        head = text[start : mark.start()]
        is_cut_off = head.rstrip().endswith(".") and not ends_sentence(head)
        if head.strip() and not is_cut_off and text[mark.end() :].strip():
            pieces.append(text[start : mark.end()])
            start = mark.end()
    pieces.append(text[start:])
    return [piece for piece in pieces if piece]


def _word_count(text: str) -> int:
    return len(text.split())
