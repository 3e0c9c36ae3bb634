"""Sound on the session's clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.audio import FRAME, RATE, Pcm16, to_int16
from simvoice.runtime.session_sound import DeliveredSound, MicrophoneMemory


def numbered(frame: int) -> Pcm16:
    """A frame whose samples are its number."""
    return np.full(FRAME, frame % 30_000 + 1, np.int16)


def remembered(frames: int) -> MicrophoneMemory:
    memory = MicrophoneMemory()
    for number in range(frames):
        memory.add(numbered(number))
    return memory


@pytest.mark.slow
@given(st.integers(0, 120), st.integers(0, 120))
def test_the_sound_between_two_times_is_returned(start: int, length: int) -> None:
    found = to_int16(remembered(130).between(start * 0.02, (start + length) * 0.02))
    end = min(start + length, 130)
    assert found.tolist() == [n % 30_000 + 1 for n in range(start, end) for _ in range(FRAME)]


def test_the_last_45_seconds_are_stored() -> None:
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


def play(delivered: DeliveredSound, places: dict[int, int], frames: int) -> Pcm16:
    """Return what the learner hears; places: frame number to session sample."""
    taken: list[Pcm16] = []
    for number in range(frames):
        taken.append(delivered.take())
        if number in places:
            delivered.put(numbered(number), places[number])
    return np.concatenate(taken)


def test_a_frame_is_stored_where_it_is_heard() -> None:
    heard = play(DeliveredSound(), {3: 3 * FRAME + 960}, 20)
    at = np.flatnonzero(heard)
    assert (at[0], at[-1] + 1) == (3 * FRAME + 960, 4 * FRAME + 960)
    assert set(heard[at]) == {4}


@given(st.lists(st.integers(-FRAME // 2, FRAME // 2), min_size=2, max_size=40))
def test_jitter_of_the_estimated_delay_leaves_no_gap_and_no_overlap(jitter: list[int]) -> None:
    places: dict[int, int] = {}
    for number, error in enumerate(jitter):
        # a drift of half a frame either way around one delay, as a device's estimate has it
        places[number] = number * FRAME + 2 * FRAME + error
    heard = play(DeliveredSound(), places, len(jitter) + 10)
    at = np.flatnonzero(heard)
    assert at.size == len(jitter) * FRAME
    assert at[-1] - at[0] + 1 == at.size
    assert heard[at].tolist() == sorted(heard[at].tolist())


def test_a_frame_of_the_past_is_stored_at_the_current_frame() -> None:
    delivered = DeliveredSound()
    for _ in range(10):
        delivered.take()
    place = delivered.put(numbered(1), 0)
    assert place == 10 * FRAME
    assert delivered.take().any()


@pytest.mark.parametrize("ahead_s", [3.9, 100.0])
def test_an_impossible_delay_is_bounded(ahead_s: float) -> None:
    delivered = DeliveredSound()
    place = delivered.put(numbered(1), round(ahead_s * RATE))
    assert place <= 4 * RATE
    heard = np.concatenate([delivered.take() for _ in range(4 * 50)])
    assert np.count_nonzero(heard) == FRAME
