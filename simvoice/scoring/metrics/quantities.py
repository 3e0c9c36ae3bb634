"""Format values with their units, and the reasons why a value is missing."""

from __future__ import annotations

from simvoice.display import count_noun, duration, fixed
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
        return f"{fixed(value, 0)} %"
    if unit == "seconds":
        return duration(value)
    if unit == "count":
        return str(round(value))
    if unit == "words":
        return count_noun(round(value), "word")
    return f"{fixed(value, 1 if unit in _ONE_PLACE else 2)} {unit}"


def with_interval(unit: Unit, value: float, low: float | None, high: float | None) -> str:
    """A value with its unit, and a percentage with its interval: `47 % (45–49)`, `66 % (±0.3)`.

    A percentage looks like a grade, so it never stands alone: without an interval it is
    `47 % (error not known)`.
    """
    shown = quantity(unit, value)
    if unit != "percent":
        return shown
    if low is None or high is None:
        return f"{shown} (error not known)"
    ends = fixed(low, 0), fixed(high, 0)
    if ends[0] == ends[1]:
        return f"{shown} (±{fixed(max(0.1, abs(value - low), abs(high - value)), 1)})"
    return f"{shown} ({ends[0]}–{ends[1]})"
