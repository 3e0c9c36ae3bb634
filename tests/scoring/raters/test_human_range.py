"""Intervals at least as wide as the disagreement of people."""

from __future__ import annotations

import os
import statistics
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.bench.coder import read_annomi
from simvoice.criteria import CountRule, RatioRule
from simvoice.scoring.raters.human_range import (
    agreement_on,
    format_value,
    human_agreements,
    interval_in_words,
)

RATIO = human_agreements()["reflections_to_questions"]
SHARE = human_agreements()["open_questions"]
ANNOMI = Path(os.environ.get("SIMVOICE_DATA", "../shared/data")) / "annomi"


def test_the_widths_follow_from_agreement_and_spread() -> None:
    assert RATIO.half_width == pytest.approx(1.32, abs=0.005)
    assert SHARE.half_width == pytest.approx(0.44, abs=0.005)
    assert RATIO.detectable == pytest.approx(RATIO.half_width * 2**0.5)


def test_an_interval_stays_within_the_possible_values() -> None:
    assert RATIO.interval(0.5) == pytest.approx((0.0, 0.5 + RATIO.half_width))
    assert SHARE.interval(0.9) == pytest.approx((0.9 - SHARE.half_width, 1.0))


@given(st.floats(0.0, 1.0))
def test_an_interval_is_never_narrower_than_the_disagreement(value: float) -> None:
    for number in human_agreements().values():
        low, high = number.interval(value)
        assert low == 0.0 or value - low == pytest.approx(number.half_width)
        assert high == 1.0 or high - value == pytest.approx(number.half_width)
        assert low <= value <= high


def test_the_number_comes_from_counted_codes() -> None:
    counts = {"question_open": 1, "question_closed": 3, "reflection": 6}
    assert (RATIO.value(counts), SHARE.value(counts)) == (1.5, 0.25)
    assert RATIO.value({"reflection": 2}) is None


def test_a_rule_is_found_by_its_codes_in_any_order() -> None:
    rule = RatioRule(
        kind="ratio", over=("reflection",), under=("question_closed", "question_open"), at_least=2
    )
    assert agreement_on(rule) is RATIO
    assert agreement_on(rule.model_copy(update={"over": ("summary",)})) is None
    assert agreement_on(CountRule(kind="count", codes=("reflection",))) is None
    assert agreement_on(None) is None


def test_the_sentence_has_the_interval_and_the_reason_for_its_width() -> None:
    sentence = interval_in_words(SHARE, 0.5)
    assert sentence.startswith("50 %, 95 % interval 6 % to 94 %: ")
    assert "ICC .44" in sentence
    assert "10.3390/fi15030110" in sentence
    assert format_value(RATIO, 1.5) == "1.50"


@pytest.mark.skipif(not ANNOMI.is_dir(), reason="AnnoMI is not here (SIMVOICE_DATA)")
def test_the_spread_between_encounters_is_annomis() -> None:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for said in read_annomi(ANNOMI):
        counts[said.encounter][0] += said.reflection is True
        counts[said.encounter][1] += said.question is True
    ratios = [reflections / asked for reflections, asked in counts.values() if asked]
    assert statistics.stdev(ratios) == pytest.approx(RATIO.sd, rel=0.02)
