"""Times in which no one was to speak are no pauses, gaps or silences."""

from __future__ import annotations

import pytest

from simvoice.timing.intervals import empty, intervals
from simvoice.timing.timeline import SpeechTimes, Timeline

PATIENT = intervals([(1.0, 3.0), (13.0, 15.0), (30.0, 32.0)])
LEARNER = intervals([(20.0, 22.0)])


def timeline(*asides: tuple[float, float]) -> Timeline:
    times = SpeechTimes(LEARNER, PATIENT, 0.0, 40.0, asides=intervals(asides))
    return Timeline(times)


def test_without_an_aside_a_stretch_is_a_pause_of_its_speaker() -> None:
    found = timeline()
    assert [b.kind for b in found.between] == ["edge", "pause", "gap", "gap", "edge"]
    assert [s.length_s for s in found.silences] == pytest.approx([10.0, 5.0, 8.0])
    assert [turn.who for turn in found.turns] == ["patient", "learner", "patient"]


def test_a_stretch_with_an_aside_is_counted_nowhere() -> None:
    found = timeline((8.0, 8.4))
    assert [b.kind for b in found.between] == ["edge", "aside", "gap", "gap", "edge"]
    assert [s.start_s for s in found.silences] == pytest.approx([15.0, 22.0])
    assert found.pauses_s("patient").size == 0
    assert found.transfers_s("learner") == pytest.approx([5.0])


def test_a_turn_ends_before_an_aside() -> None:
    found = timeline((8.0, 8.4))
    assert [(turn.who, turn.length_s) for turn in found.turns] == [
        ("patient", 2.0),
        ("patient", 2.0),
        ("learner", 2.0),
        ("patient", 2.0),
    ]


def test_an_aside_elsewhere_changes_nothing() -> None:
    assert timeline((1.5, 2.5)).between == timeline().between
    assert timeline((33.0, 39.0)).turns == timeline().turns
    assert Timeline(SpeechTimes(LEARNER, empty(), 0.0, 40.0)).speech_times.asides.size == 0
