"""The wait for a device does not count the time in which the machine stood still."""

from __future__ import annotations

import pytest

from simvoice.devices.pacing import MOST_STEP_S, WaitTimer


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_frequent_readings_count_every_second() -> None:
    clock = Clock()
    timer = WaitTimer(clock)
    for _ in range(500):
        clock.now_s += 0.01
        waited_s = timer.elapsed_s()
    assert waited_s == pytest.approx(5.0)


def test_an_hour_of_suspension_counts_as_one_step() -> None:
    clock = Clock()
    timer = WaitTimer(clock)
    clock.now_s += 0.1
    timer.elapsed_s()
    clock.now_s += 3600.0
    assert timer.elapsed_s() == pytest.approx(0.1 + MOST_STEP_S)
