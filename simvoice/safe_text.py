"""Make text from files, names and people safe where it leaves: terminal, JSON, CSV.

Stored text stays as it is. Each place to which text goes has one function here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_SURROGATES = "\ud800-\udfff"
"""Halves of a character. No UTF-8 holds them; names of files and JSON can bring them."""

_COMMANDS = re.compile(
    # C0 without tab and line feed, DEL, C1: terminals take them as commands
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"
    # line separators and bidirectional overrides: what is shown differs from what is there
    f"\u2028\u2029\u202a-\u202e\u2066-\u2069{_SURROGATES}]"
)

_FORMULA = re.compile("(?='*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
"""Beginnings that spreadsheets take as a formula, also full-width ones and after apostrophes that
`csv_cell` would add. Source: OWASP, CSV injection."""


_LONGEST_NAME = 60
"""Characters that a message repeats of a field's name; a file may have any."""


def for_terminal(text: str) -> str:
    """Return a text that a terminal shows and does not obey.

    Control characters except tab and line feed, bidirectional overrides and lone surrogates
    become U+FFFD.
    """
    return _COMMANDS.sub(REPLACEMENT, text)


def one_line(text: str) -> str:
    """Return a text that a person entered, for storing: one line, and valid Unicode.

    White space becomes single spaces, and lone surrogates U+FFFD.
    """
    return encodable(" ".join(text.split()))


def shortened(text: str, most: int = 160) -> str:
    """Return what a message repeats of a text that someone gave: one line of `most` characters."""
    text = one_line(text[: 4 * most])
    return text if len(text) <= most else text[:most] + "…"


def field_place(loc: Sequence[str | int], whole: str = "") -> str:
    """Return which field a problem of a file is in, on one line: "steps.4.say".

    loc: of an error of pydantic. whole: what a problem of no single field is in.
    """
    return ".".join(shortened(str(part), _LONGEST_NAME) for part in loc) or whole


def encodable(text: str) -> str:
    """Return a text that UTF-8 can hold: lone surrogates become U+FFFD."""
    return re.sub(f"[{_SURROGATES}]", REPLACEMENT, text)


def json_text(value: Any) -> str:
    """Return a value as indented JSON.

    What `for_terminal` replaces is written as an escape such as `\\u001b`, so that a terminal does
    not obey it and a reader of the JSON gets it unchanged.
    """
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def csv_cell(text: str) -> str:
    """Return a text cell that no spreadsheet takes as a formula.

    An apostrophe comes before a text that begins with `=`, `+`, `-`, `@`, a tab or a line end, and
    before a text that would read like the result of this. `from_csv_cell` undoes it.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def from_csv_cell(text: str) -> str:
    """Return the text of which `csv_cell` made this one; other texts stay as they are."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
