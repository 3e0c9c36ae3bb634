"""Evaluated prompts that are kept outside the context."""

from __future__ import annotations

from simvoice.engines.llm.prefix_states import PrefixState, PrefixStates, shared_length


def state(*tokens: int, size: int = 10) -> PrefixState:
    return PrefixState(tokens, bytearray(size))


def test_the_state_that_shares_the_longest_start_is_found() -> None:
    states = PrefixStates(1000)
    near = state(1, 2, 3, 9)
    for each in (state(1, 2), near, state(7, 2, 3)):
        states.keep(each)
    assert states.longest([1, 2, 3, 4]) == (near, 3)
    assert states.longest([5]) == (None, 0)


def test_a_longer_state_takes_the_place_of_those_it_contains() -> None:
    states = PrefixStates(1000)
    for each in (state(1, 2), state(1, 2, 3), state(1, 5)):
        states.keep(each)
    assert states.bytes == 20
    assert states.holds([1, 2])
    assert not states.holds([1, 2, 3, 4])


def test_what_was_not_used_for_longest_goes_first() -> None:
    states = PrefixStates(30)
    first, second = state(1, size=10), state(2, size=10)
    states.keep(first)
    states.keep(second)
    states.use(first)
    states.keep(state(3, size=15))
    assert states.longest([1])[0] is first
    assert states.longest([2])[0] is None


def test_one_state_stays_even_when_it_is_too_large() -> None:
    states = PrefixStates(5)
    states.keep(state(1, size=10))
    assert states.holds([1])


def test_the_shared_length_of_two_sequences() -> None:
    assert shared_length([1, 2, 3], [1, 2, 4]) == 2
    assert shared_length([1, 2], [1, 2, 3]) == 2
    assert shared_length([], [1]) == 0
