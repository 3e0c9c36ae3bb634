"""Waiting is counted by who waits: a machine that stood still has lost no device."""

from __future__ import annotations

import pytest

from simvoice.devices.pacing import STEP_S, Waiting


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_who_keeps_looking_counts_every_second() -> None:
    clock = Clock()
    waiting = Waiting(clock)
    for _ in range(500):
        clock.now_s += 0.01
        waited_s = waiting.look()
    assert waited_s == pytest.approx(5.0)


def test_an_hour_in_which_the_machine_slept_is_one_step() -> None:
    clock = Clock()
    waiting = Waiting(clock)
    clock.now_s += 0.1
    waiting.look()
    clock.now_s += 3600.0
    assert waiting.look() == pytest.approx(0.1 + STEP_S)
