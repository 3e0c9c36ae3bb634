"""The guard that admits no one while the patients are slow."""

from __future__ import annotations

from simvoice.hub.encounters.answer_times import FEWEST, LIMIT_S, AnswerTimes


def test_a_few_answers_say_nothing() -> None:
    times = AnswerTimes()
    for _ in range(FEWEST - 1):
        times.add(0.0, 9.0)
    assert times.p95_s(1.0) is None
    assert not times.are_slow(1.0)


def test_the_answers_of_the_last_minute_decide() -> None:
    times = AnswerTimes()
    for second in range(40):
        times.add(float(second), LIMIT_S + 0.5)
    assert times.are_slow(40.0)
    for second in range(40, 100):
        times.add(float(second), 0.6)
    assert not times.are_slow(101.0)
    assert times.p95_s(101.0) == 0.6


def test_one_slow_answer_among_many_does_not_close_the_hub() -> None:
    times = AnswerTimes()
    for _ in range(39):
        times.add(0.0, 0.5)
    times.add(0.0, 4.0)
    assert not times.are_slow(1.0)
    times.add(0.0, 4.0)
    times.add(0.0, 4.0)
    assert times.are_slow(1.0)
