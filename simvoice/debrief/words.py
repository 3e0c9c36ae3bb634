"""Times and numbers as people read them."""

from __future__ import annotations

from simvoice.scoring.metrics import Measured


def clock(at_s: float) -> str:
    """Session seconds as `3:07`."""
    whole = int(at_s)
    return f"{whole // 60}:{whole % 60:02d}"


def duration(length_s: float) -> str:
    """Seconds as `0.45 s`, `12.3 s` or `2 min 5 s`."""
    if abs(length_s) < 1.0:
        return f"{length_s:.2f} s"
    if abs(length_s) < 59.95:
        return f"{length_s:.1f} s"
    whole = round(length_s)
    return f"{whole // 60} min {whole % 60} s"


def in_words(count: int, noun: str) -> str:
    """A count and its noun: `1 word`, `3 words`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def number(measured: Measured) -> str:
    """A metric's value with its unit, or why there is none."""
    if measured.value is None:
        return measured.reason
    if measured.unit == "percent":
        return f"{measured.value:.0f} %"
    if measured.unit == "seconds":
        return duration(measured.value)
    if measured.unit == "words":
        return in_words(round(measured.value), "word")
    if measured.unit == "count":
        return str(round(measured.value))
    return f"{measured.value:.1f} {measured.unit}"
