"""Turns, pauses, gaps and overlaps, after Heldner & Edlund 2010."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simvoice.timing.intervals import intersect, intervals, shift, subtract, total_s
from simvoice.timing.timeline import SpeechTimes, Timeline
from simvoice.timing.turns import Between, Speaker, Turn, state_intervals

END_S = 30.0
lanes = st.lists(
    st.tuples(st.integers(0, 120), st.integers(0, 120)).map(
        lambda pair: (min(pair) * 0.25, max(pair) * 0.25)
    ),
    max_size=10,
)
many = settings(max_examples=300, deadline=None)
Pairs = list[tuple[float, float]]


def talk(learner: Pairs, patient: Pairs, end_s: float = END_S) -> Timeline:
    return Timeline(SpeechTimes(intervals(learner), intervals(patient), 0.0, end_s))


def kinds(made: Timeline) -> list[tuple[str, float]]:
    return [(b.kind, b.length_s) for b in made.between if b.kind != "edge"]


def other(who: Speaker | None) -> Speaker | None:
    return None if who is None else "patient" if who == "learner" else "learner"


# -- the definitions, one by one ------------------------------------------------------------


def test_a_silence_before_the_same_speaker_goes_on_is_a_pause() -> None:
    made = talk([(0.0, 1.0), (1.5, 3.0)], [])
    assert kinds(made) == [("pause", 0.5)]
    assert made.pauses_s("learner").tolist() == [0.5]
    assert made.pauses_s("patient").size == 0


def test_a_silence_before_the_other_speaks_is_a_gap() -> None:
    made = talk([(0.0, 1.0)], [(1.25, 3.0)])
    assert kinds(made) == [("gap", 0.25)]
    assert made.transfers_s("patient").tolist() == [0.25]
    assert made.transfers_s("learner").size == 0


def test_speech_of_both_before_the_other_goes_on_is_an_overlap_between_speakers() -> None:
    made = talk([(0.0, 2.0)], [(1.5, 4.0)])
    assert kinds(made) == [("overlap_between", 0.5)]
    assert made.transfers_s("patient").tolist() == [-0.5]


def test_speech_of_both_before_the_first_goes_on_is_an_overlap_within_a_speaker() -> None:
    made = talk([(0.0, 4.0)], [(1.0, 2.0)])
    assert kinds(made) == [("overlap_within", 1.0)]
    assert made.transfers_s("patient").size == 0
    assert [turn.who for turn in made.turns] == ["learner"]


def test_time_before_the_first_and_after_the_last_word_is_neither() -> None:
    made = talk([(5.0, 6.0)], [(7.0, 8.0)])
    assert [b.kind for b in made.between] == ["edge", "gap", "edge"]
    assert made.silences == []


def test_a_silence_after_both_stop_at_once_belongs_to_the_last_single_speaker() -> None:
    made = talk([(0.0, 2.0), (5.0, 6.0)], [(1.0, 2.0)])
    assert made.between[0].kind == "unclear"
    assert (made.between[1].kind, made.between[1].before) == ("pause", "learner")


def test_the_others_speech_is_never_counted_as_a_pause() -> None:
    # The learner's two stretches are 4 s apart, and the patient spoke for 3 s of them.
    made = talk([(0.0, 1.0), (5.0, 6.0)], [(1.5, 4.5)])
    assert made.pauses_s("learner").size == 0
    assert made.transfers_s("patient").tolist() == [0.5]
    assert made.transfers_s("learner").tolist() == [0.5]


def test_a_short_stop_within_fluent_speech_is_no_pause() -> None:
    assert talk([(0.0, 1.0), (1.15, 2.0)], []).pauses_s("learner").size == 0


def test_a_turn_lasts_over_pauses_until_the_other_takes_the_turn() -> None:
    made = talk([(0.0, 1.0), (2.0, 3.0), (6.0, 7.0)], [(3.5, 5.5)])
    assert made.turns == [
        Turn("learner", 0.0, 3.0, 2.0),
        Turn("patient", 3.5, 5.5, 2.0),
        Turn("learner", 6.0, 7.0, 1.0),
    ]
    assert made.longest_turn("learner") == made.turns[0]


def test_a_backchannel_is_speech_but_takes_no_turn() -> None:
    times = talk([(6.0, 7.0)], [(0.0, 2.0), (2.6, 5.0)]).speech_times
    made = Timeline(replace(times, backchannels=intervals([(2.1, 2.5)])))
    assert made.speech_s("learner") == pytest.approx(1.4)
    assert made.overlaps() == []
    assert [turn.who for turn in made.turns] == ["patient", "learner"]


def test_without_speech_there_is_no_talk_share() -> None:
    made = talk([], [])
    assert made.talk_share("learner") is None
    assert made.turns == []
    assert [b.kind for b in made.between] == ["edge"]


def test_no_time_has_no_states() -> None:
    assert state_intervals(intervals([]), intervals([]), 0.0, 0.0) == []


# -- laws -----------------------------------------------------------------------------------


@pytest.mark.slow
@many
@given(lanes, lanes)
def test_the_states_fill_the_time_without_a_gap(learner: Pairs, patient: Pairs) -> None:
    made = talk(learner, patient)
    assert sum(stretch.length_s for stretch in made.states) == pytest.approx(END_S)
    assert all(a.end_s == b.start_s for a, b in zip(made.states[:-1], made.states[1:], strict=True))
    assert all(a.state != b.state for a, b in zip(made.states[:-1], made.states[1:], strict=True))


@pytest.mark.slow
@many
@given(lanes, lanes)
def test_each_state_has_the_length_that_the_channels_give_it(
    learner: Pairs, patient: Pairs
) -> None:
    made = talk(learner, patient)
    own, other = made.speech_times.learner, made.speech_times.patient
    expected = {
        "learner": total_s(subtract(own, other)),
        "patient": total_s(subtract(other, own)),
        "both": total_s(intersect(own, other)),
    }
    for state, length_s in expected.items():
        got = sum(stretch.length_s for stretch in made.states if stretch.state == state)
        assert got == pytest.approx(length_s)


@pytest.mark.slow
@many
@given(lanes, lanes)
def test_swapping_the_speakers_swaps_every_measure(learner: Pairs, patient: Pairs) -> None:
    one, two = talk(learner, patient), talk(patient, learner)
    swapped = [
        Between(b.start_s, b.end_s, b.kind, other(b.before), other(b.after), b.is_silence)
        for b in two.between
    ]
    assert one.between == swapped
    assert [(t.start_s, t.end_s, t.who) for t in one.turns] == [
        (t.start_s, t.end_s, other(t.who)) for t in two.turns
    ]
    assert one.speech_s("learner") == two.speech_s("patient")
    assert one.transfers_s("learner").tolist() == two.transfers_s("patient").tolist()
    assert one.pauses_s("learner").tolist() == two.pauses_s("patient").tolist()
    assert [(s.length_s, s.owner, s.breaker) for s in one.silences if s.kind == "mid_turn"] == [
        (s.length_s, other(s.owner), other(s.breaker)) for s in two.silences if s.kind == "mid_turn"
    ]


@pytest.mark.slow
@many
@given(lanes, lanes, st.integers(0, 40_000))
def test_shifting_time_changes_no_measure(learner: Pairs, patient: Pairs, by: int) -> None:
    one, by_s = talk(learner, patient), by * 0.25
    two = Timeline(
        SpeechTimes(
            shift(one.speech_times.learner, by_s),
            shift(one.speech_times.patient, by_s),
            by_s,
            END_S + by_s,
        )
    )
    assert [(b.kind, b.length_s) for b in one.between] == [
        (b.kind, b.length_s) for b in two.between
    ]
    assert [(t.who, t.length_s, t.speech_s) for t in one.turns] == [
        (t.who, t.length_s, t.speech_s) for t in two.turns
    ]
    assert [s.length_s for s in one.silences] == [s.length_s for s in two.silences]
    assert one.talk_share("learner") == two.talk_share("learner")


@pytest.mark.slow
@many
@given(lanes, lanes)
def test_every_change_of_turn_is_one_transfer(learner: Pairs, patient: Pairs) -> None:
    """Between two stretches of a single speaker there is exactly one pause, gap or overlap, or
    nothing when one stretch begins as the other ends."""
    made = talk(learner, patient)
    transfers = made.transfers_s("learner").size + made.transfers_s("patient").size
    clear = [b for b in made.between if b.kind in ("gap", "overlap_between")]
    assert transfers == len(clear)
    assert all(b.before == other(b.after) for b in clear)
    assert np.all(made.pauses_s("learner") >= 0.2)
