"""The player, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.audio import FRAME, RATE, Pcm, samples, to_float
from simvoice.conversation.events import Key
from simvoice.runtime.player import Player, PlayerEvent

KEY = Key(1, 0)
LEVEL = 0.5


def flat(seconds: float) -> Pcm:
    return np.full(samples(seconds), LEVEL, np.float32)


def pull(player: Player, frames: int) -> tuple[Pcm, list[tuple[int, PlayerEvent]]]:
    """The sound, and the events with the sample at which each happened."""
    sounds: list[Pcm] = []
    events: list[tuple[int, PlayerEvent]] = []
    for number in range(frames):
        pcm, found = player.pull()
        sounds.append(to_float(pcm))
        events += [(number * FRAME + event.offset, event) for event in found]
    return np.concatenate(sounds), events


def nothing_plays(player: Player) -> bool:
    sound, events = pull(player, 3)
    return not sound.any() and events == []


def steepest(sound: Pcm) -> float:
    return float(np.abs(np.diff(sound)).max())


@given(st.lists(st.integers(1, 1500), max_size=6))
def test_every_sample_of_every_clip_sounds_once_and_in_order(lengths: list[int]) -> None:
    player = Player()
    clips = [np.linspace(-0.9, 0.9, n).astype(np.float32) for n in lengths]
    for index, clip in enumerate(clips):
        player.queue(KEY, index, clip, ())
    whole = np.concatenate([*clips, np.zeros(0, np.float32)])
    sound, events = pull(player, len(whole) // FRAME + 1)
    np.testing.assert_allclose(sound[: len(whole)], whole, atol=2 / 32768)
    assert not sound[len(whole) :].any()
    starts = np.cumsum([0, *lengths]).tolist()
    assert [(at, e.index) for at, e in events if e.kind == "started"] == [
        (starts[i], i) for i in range(len(lengths))
    ]
    assert [(at, e.index, e.played) for at, e in events if e.kind == "ended"] == [
        (starts[i + 1], i, lengths[i]) for i in range(len(lengths))
    ]
    assert nothing_plays(player)


def test_ducking_reaches_its_level_within_30_ms_without_a_click() -> None:
    player = Player()
    player.queue(KEY, 0, flat(1.0), ())
    pull(player, 2)
    player.duck(-12.0)
    sound, _ = pull(player, 5)
    assert sound[samples(0.03)] == pytest.approx(LEVEL * 10 ** (-12 / 20), abs=1e-3)
    assert steepest(np.concatenate([flat(0.001), sound])) < 1.1 * LEVEL / samples(0.03)


def test_the_end_of_ducking_is_as_smooth() -> None:
    player = Player()
    player.queue(KEY, 0, flat(1.0), ())
    player.duck(-12.0)
    pull(player, 5)
    player.duck(0.0)
    sound, _ = pull(player, 5)
    assert sound[-1] == pytest.approx(LEVEL, abs=1e-4)
    assert steepest(sound) < 1.1 * LEVEL / samples(0.03)


def test_the_voice_stops_at_the_end_of_a_syllable_that_is_near() -> None:
    player = Player()
    player.queue(KEY, 0, flat(1.0), (0.2, 0.3, 0.9))
    pull(player, 12)  # 0.24 s
    player.stop()
    sound, events = pull(player, 5)
    assert [(e.kind, e.played) for _, e in events] == [("cut", samples(0.3))]
    assert events[0][0] == samples(0.3) - 12 * FRAME
    assert not sound[samples(0.06) :].any()
    assert steepest(sound) < 1.2 * LEVEL / samples(0.012)


def test_far_from_the_end_of_a_syllable_the_voice_fades_within_12_ms() -> None:
    player = Player()
    player.queue(KEY, 0, flat(1.0), (0.2, 0.9))
    pull(player, 12)
    player.stop()
    sound, events = pull(player, 3)
    assert [(e.kind, e.played) for _, e in events] == [("cut", samples(0.252))]
    assert steepest(sound) < 1.2 * LEVEL / samples(0.012)


def test_stopping_drops_what_is_queued_behind() -> None:
    player = Player()
    player.queue(KEY, 0, flat(0.5), ())
    player.queue(KEY, 1, flat(0.5), ())
    pull(player, 2)
    player.stop()
    _, events = pull(player, 60)
    assert [(e.kind, e.index) for _, e in events] == [("cut", 0)]
    assert nothing_plays(player)


def test_a_clip_that_was_stopped_before_its_first_sample_was_never_heard() -> None:
    player = Player()
    player.queue(KEY, 0, flat(0.5), ())
    player.stop()
    sound, events = pull(player, 2)
    assert [(e.kind, e.played) for _, e in events] == [("cut", 0)]
    assert not sound.any()


def test_a_clip_queued_after_a_stop_sounds_whole() -> None:
    player = Player()
    player.queue(KEY, 0, flat(0.5), ())
    pull(player, 1)
    player.stop()
    pull(player, 2)
    player.queue(Key(2, 0), 0, flat(0.1), ())
    sound, events = pull(player, 6)
    assert [(e.kind, e.key.turn) for _, e in events] == [("started", 2), ("ended", 2)]
    assert np.count_nonzero(sound) == samples(0.1)


def test_stopping_silence_does_nothing() -> None:
    player = Player()
    player.stop()
    assert pull(player, 1)[1] == []
    assert RATE == 50 * FRAME
