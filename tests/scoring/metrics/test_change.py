"""A change is reported only when it exceeds the error of measurement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.scoring.metrics.change import change, minimal_detectable_change, retest
from simvoice.scoring.metrics.definitions import BetterDirection
from simvoice.scoring.metrics.interval import ErrorTable, shipped_errors
from simvoice.scoring.metrics.registry import Measured

TABLE = ErrorTable({}, {}, {"interruptions": 1.0})
MDC = 1.96 * 2**0.5


def measured(
    value: float | None, direction: BetterDirection = "lower", key: str = "interruptions"
) -> Measured:
    why = "" if value is not None else "not measurable here: noise 6 dB"
    return Measured(key, key, "count", value, why, "", "", "", direction)


def test_the_minimal_detectable_change_is_weirs() -> None:
    assert minimal_detectable_change("interruptions", TABLE) == pytest.approx(MDC)
    assert minimal_detectable_change("talk_share", TABLE) is None


@pytest.mark.parametrize(
    ("planted", "repeated", "sem"),
    [(1.0, 2.5, 2.5), (2.5, 1.0, 2.5), (None, 2.0, 2.0), (2.0, None, 2.0), (None, None, None)],
)
def test_the_larger_of_the_two_errors_counts(
    planted: float | None, repeated: float | None, sem: float | None
) -> None:
    def row(value: float | None) -> dict[str, float]:
        return {} if value is None else {"interruptions": value}

    table = ErrorTable({}, {}, row(planted), row(repeated))
    known = retest("interruptions", table)
    assert (known.calibration, known.repeats, known.sem) == (planted, repeated, sem)
    found = minimal_detectable_change("interruptions", table)
    assert found == (None if sem is None else pytest.approx(MDC * sem))


def test_the_shipped_table_knows_both_errors() -> None:
    table = shipped_errors()
    assert table is not None
    for key in ("talk_share", "learner_pauses", "silences", "response_latency", "word_rate"):
        known = retest(key, table)
        assert known.calibration is not None
        assert known.repeats is not None
        assert minimal_detectable_change(key, table) == pytest.approx(
            MDC * max(known.calibration, known.repeats)
        )


@pytest.mark.parametrize(
    ("direction", "after", "verdict"),
    [
        ("lower", 2.0, "improved"),
        ("lower", 8.0, "worse"),
        ("higher", 8.0, "improved"),
        ("higher", 2.0, "worse"),
        ("none", 8.0, "higher"),
        ("none", 2.0, "lower"),
        ("lower", 3.0, "no change beyond the error"),
        ("higher", 7.0, "no change beyond the error"),
    ],
)
def test_a_difference_beyond_the_error_has_a_direction(
    direction: BetterDirection, after: float, verdict: str
) -> None:
    assert change(measured(5.0, direction), measured(after, direction), TABLE).verdict == verdict


def test_a_missing_value_is_not_comparable_and_gives_the_reason() -> None:
    made = change(measured(None), measured(3.0), TABLE)
    assert (made.verdict, made.reason) == ("not comparable", "not measurable here: noise 6 dB")
    unknown = change(measured(1.0, key="talk_share"), measured(9.0, key="talk_share"), TABLE)
    assert unknown.verdict == "not comparable"
    assert unknown.difference == 8.0


def test_equal_attempts_count_as_changed_in_one_of_twenty() -> None:
    random = np.random.default_rng(4)
    pairs = random.normal(10.0, 1.0, (4000, 2))
    named = [change(measured(a), measured(b), TABLE).verdict for a, b in pairs.tolist()]
    share = sum(verdict != "no change beyond the error" for verdict in named) / len(named)
    assert share == pytest.approx(0.05, abs=0.012)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_the_reverse_comparison_reverses_the_verdict(one: float, two: float) -> None:
    reverse = {"improved": "worse", "worse": "improved"}
    there = change(measured(one), measured(two), TABLE).verdict
    assert change(measured(two), measured(one), TABLE).verdict == reverse.get(there, there)
