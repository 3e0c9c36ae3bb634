"""Format values with their units, and the reasons why a value is missing."""

from __future__ import annotations

from simvoice.scoring.metrics.definitions import Unit

# -- missing values ---------------------------------------------------------------------------


class NotMeasurable(Exception):
    """A metric has no value here. The message is a short clause; `reason_text` completes it."""


class NothingToMeasure(NotMeasurable):
    """What the metric measures did not happen. The message is a short clause."""


_REFUSED, _NONE = "not measurable here: ", "nothing to measure: "


def reason_text(why: NotMeasurable) -> str:
    """The reason why there is no value, as a table shows it."""
    return f"{_NONE if isinstance(why, NothingToMeasure) else _REFUSED}{why}"


def reason_clause(reason: str) -> str:
    """The short clause of a reason from `reason_text`, for use inside a sentence."""
    return reason.removeprefix(_REFUSED).removeprefix(_NONE)


# -- values with units, for pages, text and pictures ------------------------------------------

_ONE_PLACE = frozenset({"decibels", "semitones", "words per minute"})
"""Units with one decimal place, because finer differences are not audible. Rates of change have two
places."""


def quantity(unit: Unit, value: float) -> str:
    """A value with its unit: `47 %`, `0.45 s`, `2 min 5 s`, `3 words`, `4.1 semitones`."""
    if unit == "percent":
        return f"{_format_number(value, 0)} %"
    if unit == "seconds":
        return duration(value)
    if unit == "count":
        return str(round(value))
    if unit == "words":
        whole = round(value)
        return f"{whole} word" if whole == 1 else f"{whole} words"
    return f"{_format_number(value, 1 if unit in _ONE_PLACE else 2)} {unit}"


def duration(length_s: float) -> str:
    """Seconds as `0.45 s`, `12.3 s` or `2 min 5 s`."""
    if abs(length_s) < 1.0:
        return f"{_format_number(length_s, 2)} s"
    if abs(length_s) < 59.95:
        return f"{_format_number(length_s, 1)} s"
    whole = round(abs(length_s))
    sign = "-" if length_s < 0.0 else ""
    return f"{sign}{whole // 60} min {whole % 60} s"


def _format_number(value: float, places: int) -> str:
    """A number with fixed decimal places; zero has no minus sign."""
    shown = f"{abs(value):.{places}f}"
    return f"-{shown}" if value < 0.0 and float(shown) > 0.0 else shown
