"""Values with their units, as people read them; and why a number cannot be given."""

from __future__ import annotations

from simvoice.scoring.metrics.definitions import Unit

# -- unmeasurable -----------------------------------------------------------------------------
# Why a number cannot be given.


class NotMeasurable(Exception):
    """Why a metric has no value here; a short clause. `metrics` turns it into words."""


class NothingThere(NotMeasurable):
    """What the metric measures did not happen; a short clause."""


_REFUSED, _NONE = "not measurable here: ", "nothing to measure: "


def reason_of(why: NotMeasurable) -> str:
    """Why there is no number, as a table shows it."""
    return f"{_NONE if isinstance(why, NothingThere) else _REFUSED}{why}"


def clause(reason: str) -> str:
    """The short clause of a reason, for a sentence of its own."""
    return reason.removeprefix(_REFUSED).removeprefix(_NONE)


# -- quantities -------------------------------------------------------------------------------
# Values with their units, as people read them: alike on pages, in text and in pictures.


_ONE_PLACE = frozenset({"decibels", "semitones", "words per minute"})
"""What is not told finer: an ear hears no tenth of a decibel. Rates of change are told to two."""


def quantity(unit: Unit, value: float) -> str:
    """Such as `47 %`, `0.45 s`, `2 min 5 s`, `3 words`, `4.1 semitones`."""
    if unit == "percent":
        return f"{_plain(value, 0)} %"
    if unit == "seconds":
        return duration(value)
    if unit == "count":
        return str(round(value))
    if unit == "words":
        whole = round(value)
        return f"{whole} word" if whole == 1 else f"{whole} words"
    return f"{_plain(value, 1 if unit in _ONE_PLACE else 2)} {unit}"


def duration(length_s: float) -> str:
    """Seconds as `0.45 s`, `12.3 s` or `2 min 5 s`."""
    if abs(length_s) < 1.0:
        return f"{_plain(length_s, 2)} s"
    if abs(length_s) < 59.95:
        return f"{_plain(length_s, 1)} s"
    whole = round(abs(length_s))
    sign = "-" if length_s < 0.0 else ""
    return f"{sign}{whole // 60} min {whole % 60} s"


def _plain(value: float, places: int) -> str:
    """Never minus nothing."""
    shown = f"{abs(value):.{places}f}"
    return f"-{shown}" if value < 0.0 and float(shown) > 0.0 else shown
