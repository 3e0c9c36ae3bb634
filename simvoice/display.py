"""Numbers and times as text, the same on pages, in the terminal, in pictures and in exports.

Stored numbers are rounded by their type (`simvoice.rounding`); here they only become text.
"""

from __future__ import annotations

from math import floor

# -- times ------------------------------------------------------------------------------------


def clock(at_s: float | None) -> str:
    """Return a moment as `3:07`, or `1:03:07` from one hour on; empty for None.

    at_s: seconds, rounded down to whole ones, so that playing from the shown time plays the whole
    moment. Negative seconds give `0:00`. `clock` in web/static/format.js gives the same.
    """
    if at_s is None:
        return ""
    # 1 µs of tolerance: 59.9999999 s is a sum that should be 60 s
    whole = max(0, floor(at_s + 1e-6))
    hours, rest = divmod(whole, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def duration(length_s: float) -> str:
    """Return a measured length as `0.45 s`, `12.3 s` or `2 min 5 s`. length_s: seconds."""
    if abs(length_s) < 1.0:
        return f"{fixed(length_s, 2)} s"
    if abs(length_s) < 59.95:  # 59.95 would be shown as 60.0 s
        return f"{fixed(length_s, 1)} s"
    whole = round(abs(length_s))
    sign = "-" if length_s < 0.0 else ""
    return f"{sign}{whole // 60} min {whole % 60} s"


def duration_in_words(length_s: float) -> str:
    """Return how long a conversation lasted: `40 seconds`, `1 minute 30 seconds`, `12 minutes`.

    length_s: seconds, rounded down as by `clock`, so that both agree. From five minutes on, seconds
    are left out.
    """
    minutes, seconds = divmod(max(0, floor(length_s + 1e-6)), 60)
    parts = [count_noun(minutes, "minute")] if minutes else []
    if (seconds and minutes < 5) or not minutes:
        parts.append(count_noun(seconds, "second"))
    return " ".join(parts)


# -- numbers ----------------------------------------------------------------------------------


def fixed(value: float, places: int) -> str:
    """Return a number with a fixed count of decimal places; zero has no minus sign."""
    shown = f"{abs(value):.{places}f}"
    return f"-{shown}" if value < 0.0 and float(shown) > 0.0 else shown


def figure(value: float | None) -> str:
    """Return a whole number without decimals, another with two; a dash for None."""
    if value is None:
        return "–"
    return fixed(value, 0 if value == int(value) else 2)


def percent(share: float, places: int = 0) -> str:
    """Return a share as `47 %`. share: 0..1."""
    return f"{fixed(100.0 * share, places)} %"


def points(value: float) -> str:
    """Return a value of the patient's ledger, 0..1, as whole points out of 100: `47`."""
    return fixed(100.0 * value, 0)


def signed_points(change: float) -> str:
    """Return a change of the ledger, -1..1, in whole points with its sign: `+5`, `-12`."""
    shown = points(change)
    return shown if shown.startswith("-") else f"+{shown}"


def count_noun(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun: `1 word`, `3 words`. plural: for nouns that add more than s."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"
