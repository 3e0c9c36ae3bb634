"""Why a number cannot be given."""

from __future__ import annotations


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
