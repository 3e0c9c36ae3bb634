"""Values with their units."""

from __future__ import annotations

from typing import get_args

import pytest

from simvoice.display import duration
from simvoice.scoring.metrics.definitions import Unit
from simvoice.scoring.metrics.quantities import quantity, with_interval


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        ("percent", 46.6, "47 %"),
        ("seconds", 0.451, "0.45 s"),
        ("seconds", -0.18, "-0.18 s"),
        ("seconds", -0.001, "0.00 s"),
        ("seconds", 125.0, "2 min 5 s"),
        ("count", 3.0, "3"),
        ("words", 1.0, "1 word"),
        ("words", 7.0, "7 words"),
        ("words per minute", 151.62, "151.6 words per minute"),
        ("syllables per second", 4.25, "4.25 syllables per second"),
        ("semitones", 4.08, "4.1 semitones"),
        ("decibels per minute", -0.5, "-0.50 decibels per minute"),
    ],
)
def test_a_value_has_its_unit_and_the_right_number_of_places(
    unit: Unit, value: float, shown: str
) -> None:
    assert quantity(unit, value) == shown


def test_every_unit_can_be_formatted() -> None:
    for unit in get_args(Unit):
        assert quantity(unit, 1.0)


@pytest.mark.parametrize(
    ("length_s", "shown"), [(59.94, "59.9 s"), (59.96, "1 min 0 s"), (-75.0, "-1 min 15 s")]
)
def test_a_minute_and_more_are_shown_in_minutes(length_s: float, shown: str) -> None:
    assert duration(length_s) == shown


@pytest.mark.parametrize(
    ("value", "ends", "shown"),
    [
        (46.6, (45.2, 49.4), "47 % (45–49)"),
        (66.1, (65.8, 66.3), "66 % (±0.3)"),
        (50.0, (50.0, 50.0), "50 % (±0.1)"),
        (46.6, (None, None), "47 % (error not known)"),
    ],
)
def test_a_percentage_never_stands_alone(
    value: float, ends: tuple[float | None, float | None], shown: str
) -> None:
    assert with_interval("percent", value, *ends) == shown
    assert with_interval("seconds", value, *ends) == quantity("seconds", value)
