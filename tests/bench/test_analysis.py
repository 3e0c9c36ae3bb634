"""The planted sound of the analysis bench is a conversation, and measuring it is fast."""

from __future__ import annotations

import numpy as np
import pytest

from simvoice.bench import analysis
from simvoice.reading.reading import read_channels


@pytest.mark.slow
def test_the_planted_minute_is_a_conversation() -> None:
    reading = read_channels(*analysis._minute())
    for who in ("learner", "patient"):
        assert 10.0 < reading.timeline.speech_s(who) < 40.0  # type: ignore[arg-type]
    assert len(reading.timeline.turns) > 8


def test_blocks_of_any_length_come_from_the_same_minute() -> None:
    minute = analysis._minute()
    blocks = list(analysis._blocks(minute, 120))
    whole = np.concatenate([learner for learner, _ in blocks])
    assert np.array_equal(whole, np.tile(minute[0], 2))


@pytest.mark.slow
def test_a_length_is_measured_in_a_separate_process() -> None:
    found = analysis._measure_in_process(60, 1)
    assert found["times_real_time"] > 50.0
    assert found["rss_mb"] > 20.0
    assert found["measured"] > 30
