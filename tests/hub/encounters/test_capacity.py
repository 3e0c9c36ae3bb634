"""How many encounters a machine can hold."""

from __future__ import annotations

from simvoice.hub.encounters.capacity import MOST, capacity

GIGABYTE = 10**9


def test_more_cores_hold_more_and_slower_cores_hold_fewer() -> None:
    two = capacity(0.3, 2, 8 * GIGABYTE)
    assert (
        capacity(0.3, 4, 8 * GIGABYTE) == 2 * two or capacity(0.3, 4, 8 * GIGABYTE) == 2 * two + 1
    )
    assert capacity(0.6, 2, 8 * GIGABYTE) < two


def test_memory_limits_the_number() -> None:
    assert capacity(0.1, 8, 1 * GIGABYTE) == 7
    assert capacity(0.1, 8, GIGABYTE // 10) == 1


def test_there_is_always_one_and_never_more_than_the_most() -> None:
    assert capacity(30.0, 1, 8 * GIGABYTE) == 1
    assert capacity(0.001, 64, 64 * GIGABYTE) == MOST
