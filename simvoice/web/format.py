"""Format numbers, times and the author's plain text for the pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from simvoice.display import duration_in_words
from simvoice.progress.brief_store import normalize_name

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, or a list."""

    lines: tuple[str, ...]
    is_list: bool


def blocks(text: str) -> list[Block]:
    """Split plain text into paragraphs and lists: a blank line separates, "- " marks an item."""
    found: list[Block] = []
    for part in text.replace("\r\n", "\n").split("\n\n"):
        lines = [line.strip() for line in part.splitlines() if line.strip()]
        if not lines:
            continue
        if all(line.startswith("- ") for line in lines):
            found.append(Block(tuple(line[2:].strip() for line in lines), is_list=True))
        else:
            found.append(Block((" ".join(lines),), is_list=False))
    return found


_UNITS = (
    *("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def note_lasting(note: str, written_s: float | None, time_s: float | None) -> str:
    """Return a door note that names the time of an encounter: "You have 8 minutes.".

    written_s: the limit of the case, which its note may name in words or figures after "you have"
    or "in the next". time_s: what holds instead; None without a limit. A note that names another
    time, or none, stays as it is.
    """
    if not written_s or not time_s or time_s == written_s or written_s % 60:
        return note
    minutes = round(written_s / 60)
    number = "|".join(dict.fromkeys((str(minutes), _number(minutes))))
    named = re.compile(rf"\b((?:you have|in the next)\s+)(?:{number})\s+minutes?\b", re.IGNORECASE)
    return named.sub(lambda found: found[1] + duration_in_words(time_s), note)


def _number(whole: int) -> str:
    """Return a number in words: "twenty-five"; in figures from 100 on."""
    if whole < len(_UNITS):
        return _UNITS[whole]
    if whole >= 100:
        return str(whole)
    tens, unit = divmod(whole, 10)
    return f"{_TENS[tens]}-{_UNITS[unit]}".rstrip("-")


def progress_address(learner: str) -> str:
    """Return the path of a learner's progress page; "-" stands for attempts without a name."""
    name = quote(normalize_name(learner) or "-", safe="")
    # a browser resolves dots in a path as folders
    return f"/progress?learner={name}" if name in {".", ".."} else f"/progress/{name}"


def sentence(text: str) -> str:
    """Return the text with a capital at its start and a full stop at its end."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if text[-1:] in {"", ".", "!", "?", "…"} else ".")


def moment(iso: str) -> str:
    """Return an ISO 8601 time as "22 November 2026, 10:15", not converted; empty if invalid."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return ""
    # %B would follow the locale of the process, and the pages are in English
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M}"
