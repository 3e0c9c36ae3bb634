"""Every parser uses any input or refuses it with a sentence, with the work of a second at most.

A short search in each run of the tests; `scripts/fuzz` searches for ten minutes. The pages and the
WebSocket are searched in tests/web/test_web_any_input.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import strategies as st

from tests.fuzz.commands import command_targets
from tests.fuzz.parsers import all_targets
from tests.fuzz.search import Target, TooSlow, search

pytestmark = pytest.mark.slow

BUDGET_S = float(os.environ.get("SIMVOICE_FUZZ_S", "20"))
"""Seconds for all searches of this file together."""


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Target]]:
    parsers, commands = (tmp_path_factory.mktemp(name) for name in ("parsers", "commands"))
    with command_targets(commands) as typed:
        yield [*all_targets(parsers), *typed]


def test_any_input_is_used_or_refused_with_a_sentence(targets: list[Target]) -> None:
    whole = sum(target.weight for target in targets)
    found = [search(each, BUDGET_S * each.weight / whole, is_busy=True) for each in targets]
    failed = {each.name: (each.notes[:400], each.failure) for each in found if each.failure}
    assert failed == {}
    assert [each.name for each in found if each.count == 0] == []


# -- the search itself ------------------------------------------------------------------------


def test_the_search_finds_an_input_that_breaks_a_parser_and_makes_it_small() -> None:
    def breaks(data: bytes) -> None:
        if b"x" in data:
            raise IndexError("oh")

    found = search(Target("broken", st.binary(max_size=40), breaks), 60.0)
    assert isinstance(found.failure, IndexError)
    assert found.notes == "b'x'"


def test_the_search_finds_an_input_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.search.HANG_S", 0.1)

    def hangs(number: int) -> None:
        if number > 5:
            time.sleep(0.2)

    found = search(Target("slow", st.sampled_from([1, 9]), hangs), 60.0)
    assert isinstance(found.failure, TooSlow)


def test_on_a_busy_machine_only_the_calls_of_a_slow_input_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.fuzz.search.HANG_S", 0.1)
    monkeypatch.setattr("tests.fuzz.search.MOST_CALLS", 100_000)

    def waits(_number: int) -> None:
        time.sleep(0.2)

    def works(_number: int) -> None:
        time.sleep(0.2)
        for each in range(20_000):
            abs(each)

    assert search(Target("waits", st.just(1), waits), 1.0, is_busy=True).failure is None
    found = search(Target("works", st.just(1), works), 1.0, is_busy=True)
    assert isinstance(found.failure, TooSlow)


def test_inputs_that_broke_it_once_come_first() -> None:
    seen: list[int] = []
    search(Target("known", st.just(1), seen.append, examples=(7, 8)), 0.2)
    assert set(seen[:2]) == {7, 8}
