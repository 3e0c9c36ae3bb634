"""Why a number cannot be given."""

from __future__ import annotations


class NotMeasurable(Exception):
    """Why a metric has no value here; a short clause. `metrics` turns it into words."""


class NothingThere(NotMeasurable):
    """What the metric measures did not happen; a short clause."""
