"""The function of each metric, found by its key.

A function of `measures` or `voice_measures` says with `@metric("key")` which entry of
`data/metrics.toml` it computes. It takes a reading and returns the number in the unit of the entry,
or raises NotMeasurable with the reason. An entry without a function and a function without an entry
are refused when simvoice starts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, TypeVar

from simvoice.reading.reading import Reading
from simvoice.scoring.metrics.definitions import definition_of

Measure = Callable[[Reading], float]
"""Computes a metric. Raises NotMeasurable."""

_Function = TypeVar("_Function", bound=Callable[..., float])

_MEASURES: dict[str, Measure] = {}


def metric(key: str, **given: Any) -> Callable[[_Function], _Function]:
    """Make a function the measure of a metric, with the arguments `given` besides the reading.

    One function may measure several metrics, each with other arguments. Raises ValueError when
    `data/metrics.toml` has no entry with this key or when the metric has a function already, and
    TypeError when the arguments do not fit.
    """

    def register(function: _Function) -> _Function:
        name = function.__name__
        if key not in definition_of():
            raise ValueError(
                f"{name} measures {key!r}, which has no entry in data/metrics.toml; add one"
            )
        if key in _MEASURES:
            raise ValueError(f"{name} measures {key!r}, which has a function already; drop one")
        inspect.signature(function).bind(None, **given)
        _MEASURES[key] = partial(function, **given)
        return function

    return register


def complete_measures(
    keys: Collection[str] | None = None, found: Mapping[str, Measure] | None = None
) -> dict[str, Measure]:
    """The function of every metric, by key, in the order of the entries.

    keys: of the entries that ship, when None. found: the functions that are registered, when None.
    Raises ValueError for an entry without a function.
    """
    keys = definition_of() if keys is None else keys
    found = _MEASURES if found is None else found
    if missing := [key for key in keys if key not in found]:
        raise ValueError(
            f"data/metrics.toml has entries without a function: {', '.join(missing)}; "
            "add functions with @metric, or remove the entries"
        )
    return {key: found[key] for key in keys}
