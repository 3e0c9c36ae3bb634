"""Word error rate, after both texts were written in one way."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SAME = {
    "dr": "doctor",
    "mr": "mister",
    "mrs": "missus",
    "ok": "okay",
    "mmhm": "mhm",
    "mmhmm": "mhm",
    "umhum": "mhm",
    "uhuh": "uhhuh",
}
_JOINED = re.compile(r"\b(mm|um|uh)[- ]?(hmm?|hum|huh|uh)\b")
_OTHER = re.compile(r"[^a-z0-9' ]")


def normal(text: str) -> list[str]:
    """Lower-case words without punctuation, abbreviations spelled out."""
    plain = _JOINED.sub(r"\1\2", text.lower().replace("’", "'"))
    words = _OTHER.sub(" ", plain).split()
    return [_SAME.get(word.strip("'"), word.strip("'")) for word in words]


def errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Fewest substitutions, insertions and deletions (Wagner & Fischer 1974)."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(said, 1):
        before, row[0] = row[0], count
        for column, other in enumerate(heard, 1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (word != other)),
            )
    return row[-1]
