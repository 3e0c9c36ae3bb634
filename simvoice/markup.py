"""Marks inside a line: how plain words are said.

    "I found it <pause 0.8> in March. <quiet>I told nobody.</quiet> I was <break> ashamed."

`<pause s>` is a silence of so many seconds. `<breath>` is an audible breath. `<break>` precedes a
hard word, where the voice may fail. `<quiet>` … `</quiet>` is said softly and more slowly,
`<slow>` … `</slow>` only more slowly. Authors write the marks and the voice reads them; all other
code sees only the words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

MarkKind = Literal["pause", "breath", "break"]
SpanKind = Literal["quiet", "slow"]

WAYS: Final = "<pause 0.8>, <breath>, <break>, <quiet> … </quiet> or <slow> … </slow>"
"""The list of all marks, for messages."""

LONGEST_PAUSE_S: Final = 1.5
"""Silences of two seconds or more are moves (`silence_before_s`, a beat's `hold`) and are measured.
A pause inside a line stays shorter."""

PAUSE: Final = re.compile(r"<pause\s+([0-9]*\.?[0-9]+)\s*>")
_TAG = re.compile(r"<[^<>]*>")
# The voice reads "Well…I" as two words and a dash alone as none (`engines.tts.pronounce`).
_GAP = re.compile(r"\s+|\.{2,}|…|—|–(?!\d)")
_MARKS: Final[dict[str, MarkKind]] = {"<breath>": "breath", "<break>": "break"}
_OPENS: Final[dict[str, SpanKind]] = {"<quiet>": "quiet", "<slow>": "slow"}
_CLOSES: Final[dict[str, SpanKind]] = {"</quiet>": "quiet", "</slow>": "slow"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark between two words."""

    kind: MarkKind
    at: int
    """Index of the word that follows; the number of words at the end of the text."""
    seconds: float = 0.0
    """Duration of a pause."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run of words that are said softly or slowly."""

    kind: SpanKind
    start: int
    end: int
    """Index one past the last word."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A text and its marks."""

    text: str
    marks: tuple[Mark, ...] = ()
    """In rising order of place; at one place in the order in which they sound."""
    spans: tuple[Span, ...] = ()

    @property
    def is_plain(self) -> bool:
        """True when there are no marks."""
        return not self.marks and not self.spans


def words(text: str) -> list[tuple[int, int]]:
    """Return begin and end (characters) of each word of a plain text that has a sound."""
    found: list[tuple[int, int]] = []
    start = 0
    for gap in [*_GAP.finditer(text), None]:
        end = gap.start() if gap else len(text)
        if any(each.isalnum() or each == "&" for each in text[start:end]):
            found.append((start, end))
        start = gap.end() if gap else len(text)
    return found


@lru_cache(maxsize=4096)
def parse(text: str) -> Marked:
    """Read a text with marks. Raises ValueError with a sentence that names the remedy."""
    if "<" not in text and ">" not in text:
        return Marked(text)
    marks: list[Mark] = []
    spans: list[Span] = []
    open_at: dict[SpanKind, int] = {}
    plain = ""
    start = 0
    for tag in _TAG.finditer(text):
        _between_words(text, tag)
        plain = _joined(plain, text[start : tag.start()])
        _read(tag.group(), len(words(plain)), marks, spans, open_at)
        start = tag.end()
    plain = _joined(plain, text[start:]).strip()
    if "<" in plain or ">" in plain:
        raise ValueError(f"an angle bracket stands alone; a mark is {WAYS}")
    for kind in open_at:
        raise ValueError(f"<{kind}> is never closed; write </{kind}> after its last word")
    return Marked(plain, tuple(marks), tuple(spans))


def checked(text: str) -> str:
    """Return a line as an author wrote it, with its marks in their shortest form.

    Raises ValueError for what `parse` refuses, and for a mark that a line has no place for.
    """
    marked = parse(text)
    _fits(marked)
    return render(marked)


def plain(text: str) -> str:
    """Return the words without the marks. Raises ValueError as `parse` does."""
    return parse(text).text


def _between_words(text: str, tag: re.Match[str]) -> None:
    before, after = text[: tag.start()][-1:], text[tag.end() :][:1]
    if before.isalnum() and after.isalnum():
        raise ValueError(f"{tag.group()} stands inside a word; put it between two words")


def _joined(before: str, more: str) -> str:
    """Join the text around a mark, with one space between words and none before a comma."""
    return re.sub(r"\s+", " ", before + more).lstrip()


def _read(
    tag: str, at: int, marks: list[Mark], spans: list[Span], open_at: dict[SpanKind, int]
) -> None:
    """Add a tag that precedes word `at`."""
    pause = PAUSE.fullmatch(tag)
    if pause:
        seconds = float(pause.group(1))
        if not 0.0 < seconds <= LONGEST_PAUSE_S:
            reason = f"{tag}: a pause in a line lasts up to {LONGEST_PAUSE_S:g} s"
            raise ValueError(f"{reason}; for a longer silence use silence_before_s or a hold")
        marks.append(Mark("pause", at, seconds))
    elif tag in _MARKS:
        marks.append(Mark(_MARKS[tag], at))
    elif tag in _OPENS:
        kind = _OPENS[tag]
        if kind in open_at:
            raise ValueError(f"{tag} stands inside another; close the first with </{kind}>")
        open_at[kind] = at
    elif tag in _CLOSES:
        kind = _CLOSES[tag]
        if kind not in open_at:
            raise ValueError(f"{tag} closes nothing; write <{kind}> before its first word")
        spans.append(Span(kind, open_at.pop(kind), at))
    else:
        raise ValueError(f"{tag} is no mark; write {WAYS}")


def _fits(marked: Marked) -> None:
    count = len(words(marked.text))
    for mark in marked.marks:
        if mark.kind == "pause" and mark.at in (0, count):
            remedy = "before a line use silence_before_s, after it a hold"
            raise ValueError(f"a <pause> stands between two words of a line; {remedy}")
        if mark.kind == "break" and mark.at == count:
            raise ValueError("a <break> stands before the hard word; put a word after it")
    for span in marked.spans:
        if span.start == span.end:
            raise ValueError(f"<{span.kind}></{span.kind}> holds no word; put some words in it")


def render(marked: Marked) -> str:
    """Return the text with its marks in one form; `parse` returns the same marks."""
    if marked.is_plain:
        return marked.text
    places = words(marked.text)
    count = len(places)
    before: list[str] = [""] * (count + 1)
    closing: list[str] = [""] * (count + 1)
    for mark in marked.marks:
        shown = f"<pause {mark.seconds:g}>" if mark.kind == "pause" else f"<{mark.kind}>"
        before[mark.at] += f"{shown} "
    for span in sorted(marked.spans, key=lambda each: (each.start, -each.end, each.kind)):
        before[span.start] += f"<{span.kind}>"
        closing[span.end] = f"</{span.kind}>{closing[span.end]}"
    pieces: list[str] = []
    at = 0
    for number, (start, _) in enumerate(places):
        pieces += [marked.text[at:start].rstrip(), closing[number], _space(marked.text, start)]
        pieces.append(before[number])
        at = start
    pieces += [marked.text[at:].rstrip(), closing[count]]
    tail = before[count].strip()
    return "".join(pieces) + (f" {tail}" if tail else "")


def _space(text: str, at: int) -> str:
    return " " if at > 0 and text[at - 1].isspace() else ""


def slices(marked: Marked, clauses: Sequence[str]) -> list[Marked]:
    """Distribute the marks to the clauses of the text, by the count of words.

    A pause between two clauses goes to the end of the first, all else to the begin of the next.
    """
    found: list[Marked] = []
    start = 0
    for number, clause in enumerate(clauses):
        end = start + len(words(clause))
        last = number == len(clauses) - 1
        marks = tuple(
            replace(mark, at=mark.at - start)
            for mark in marked.marks
            if _belongs(mark, start, end, last=last)
        )
        found.append(Marked(clause, marks, _inside(marked.spans, start, end)))
        start = end
    return found


def _belongs(mark: Mark, start: int, end: int, *, last: bool) -> bool:
    if mark.kind == "pause":
        return start < mark.at <= end
    return start <= mark.at < end or (last and mark.at == end)


def _inside(spans: Sequence[Span], start: int, end: int) -> tuple[Span, ...]:
    cut = (
        Span(span.kind, max(span.start, start) - start, min(span.end, end) - start)
        for span in spans
    )
    return tuple(span for span in cut if span.start < span.end)


def rest(marked: Marked, text: str) -> Marked:
    """Return the last words of the line, those of `text`, with their marks."""
    count, left = len(words(marked.text)), len(words(text))
    start = count - left
    if start < 0:
        return Marked(text)
    marks = tuple(
        replace(mark, at=mark.at - start)
        for mark in marked.marks
        if mark.at > start or (mark.at == start and mark.kind != "pause")
    )
    return Marked(text, marks, _inside(marked.spans, start, count))


def with_pauses_at_commas(marked: Marked, seconds: float, at_most: int) -> Marked:
    """Add a pause at the first commas that have none."""
    places = words(marked.text)
    taken = {mark.at for mark in marked.marks if mark.kind in ("pause", "break")}
    new = [
        Mark("pause", number + 1, seconds)
        for number, (start, _) in enumerate(places[:-1])
        if "," in marked.text[start : places[number + 1][0]] and number + 1 not in taken
    ]
    together = sorted([*new[:at_most], *marked.marks], key=lambda mark: mark.at)
    return replace(marked, marks=tuple(together))


def without(marked: Marked, kind: MarkKind) -> Marked:
    """Return the text without the marks of one kind."""
    return replace(marked, marks=tuple(mark for mark in marked.marks if mark.kind != kind))
