"""Sound on the session's clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.audio import FRAME, RATE, Pcm16, to_int16
from simvoice.runtime.session_sound import DeliveredSound, MicrophoneMemory


def numbered(frame: int) -> Pcm16:
    """A frame that says its own number."""
    return np.full(FRAME, frame % 30_000 + 1, np.int16)


def remembered(frames: int) -> MicrophoneMemory:
    memory = MicrophoneMemory()
    for number in range(frames):
        memory.add(numbered(number))
    return memory


@given(st.integers(0, 120), st.integers(0, 120))
def test_what_was_heard_between_two_moments_comes_back(start: int, length: int) -> None:
    found = to_int16(remembered(130).between(start * 0.02, (start + length) * 0.02))
    end = min(start + length, 130)
    assert found.tolist() == [n % 30_000 + 1 for n in range(start, end) for _ in range(FRAME)]


def test_45_seconds_are_remembered_and_no_more() -> None:
    memory = remembered(60 * 50)
    found = memory.between(0.0, 100.0)
    assert len(found) == 45 * RATE
    assert to_int16(found)[0] == 15 * 50 + 1
    assert to_int16(found)[-1] == 60 * 50


def test_long_pauses_are_shortened_from_the_inside() -> None:
    memory = remembered(100)
    found = memory.between(0.0, 2.0, [(0.5, 1.5)])
    expected = np.concatenate([memory.between(0.0, 0.6), memory.between(1.4, 2.0)])
    np.testing.assert_array_equal(found, expected)


def play(tape: DeliveredSound, places: dict[int, int], frames: int) -> Pcm16:
    """places: loop number to the session sample at which that loop's frame is heard."""
    taken: list[Pcm16] = []
    for number in range(frames):
        taken.append(tape.take())
        if number in places:
            tape.put(numbered(number), places[number])
    return np.concatenate(taken)


def test_a_frame_lies_where_it_is_heard() -> None:
    heard = play(DeliveredSound(), {3: 3 * FRAME + 960}, 20)
    at = np.flatnonzero(heard)
    assert (at[0], at[-1] + 1) == (3 * FRAME + 960, 4 * FRAME + 960)
    assert set(heard[at]) == {4}


@given(st.lists(st.integers(-FRAME // 2, FRAME // 2), min_size=2, max_size=40))
def test_jitter_of_the_estimate_neither_cuts_nor_tears_the_sound(jitter: list[int]) -> None:
    places: dict[int, int] = {}
    for number, error in enumerate(jitter):
        # a drift of half a frame either way around one delay, as a device's estimate has it
        places[number] = number * FRAME + 2 * FRAME + error
    heard = play(DeliveredSound(), places, len(jitter) + 10)
    at = np.flatnonzero(heard)
    assert at.size == len(jitter) * FRAME
    assert at[-1] - at[0] + 1 == at.size
    assert heard[at].tolist() == sorted(heard[at].tolist())


def test_what_would_have_been_heard_already_is_laid_at_the_next_moment() -> None:
    tape = DeliveredSound()
    for _ in range(10):
        tape.take()
    place = tape.put(numbered(1), 0)
    assert place == 10 * FRAME
    assert tape.take().any()


@pytest.mark.parametrize("ahead_s", [3.9, 100.0])
def test_a_delay_that_cannot_be_is_bounded(ahead_s: float) -> None:
    tape = DeliveredSound()
    place = tape.put(numbered(1), round(ahead_s * RATE))
    assert place <= 4 * RATE
    heard = np.concatenate([tape.take() for _ in range(4 * 50)])
    assert np.count_nonzero(heard) == FRAME
