"""Silences of two seconds and more: length, owner, kind, breaker, without machine time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simvoice.timing.intervals import intervals
from simvoice.timing.silences import HoldInterval, Silence, Utterance, Wait
from simvoice.timing.timeline import SpeechTimes, Timeline

Pairs = list[tuple[float, float]]


def talk(
    learner: Pairs,
    patient: Pairs,
    waits: tuple[Wait, ...] = (),
    holds: tuple[HoldInterval, ...] = (),
    asks: bool = False,
) -> Timeline:
    """Each stretch is one utterance; with `asks`, all of the patient's are questions."""
    utterances = [Utterance("learner", *pair) for pair in learner]
    utterances += [Utterance("patient", *pair, is_question=asks) for pair in patient]
    return Timeline(
        SpeechTimes(
            intervals(learner),
            intervals(patient),
            0.0,
            60.0,
            waits=waits,
            holds=holds,
            utterances=tuple(utterances),
        )
    )


def only(made: Timeline) -> Silence:
    (silence,) = made.silences
    return silence


def test_a_wait_for_the_machine_is_no_silence() -> None:
    # With 3 s of machine time for each turn, every turn would otherwise count as a silence.
    learner = [(10.0 * k, 10.0 * k + 2.0) for k in range(5)]
    patient = [(10.0 * k + 5.0, 10.0 * k + 9.5) for k in range(5)]
    waits = tuple(Wait(10.0 * k + 2.0, 10.0 * k + 5.0, 0.0) for k in range(5))
    assert len(talk(learner, patient).silences) == 5
    made = talk(learner, patient, waits)
    assert made.silences == []
    assert made.transfers_s("patient") == pytest.approx([0.0] * 5)


def test_a_silence_that_the_patient_chose_belongs_to_the_patient() -> None:
    silence = only(talk([(0.0, 2.0)], [(6.0, 8.0)], (Wait(2.0, 6.0, 3.4),)))
    assert (silence.owner, silence.kind, silence.breaker) == ("patient", "chosen", "patient")
    assert silence.length_s == pytest.approx(3.4)
    assert silence.machine_s == pytest.approx(0.6)


def test_two_seconds_are_a_silence_and_less_is_not() -> None:
    assert len(talk([(0.0, 1.0)], [(3.0, 4.0)]).silences) == 1
    assert talk([(0.0, 1.0)], [(2.99, 4.0)]).silences == []


def test_a_slow_answer_to_a_question_is_told_apart_from_one_to_a_statement() -> None:
    learner, patient = [(6.0, 8.0)], [(0.0, 3.0)]
    asked, told = only(talk(learner, patient, asks=True)), only(talk(learner, patient))
    assert (asked.owner, asked.kind, asked.breaker) == ("learner", "after_question", "learner")
    assert (told.owner, told.kind) == ("learner", "after_statement")


def test_a_silence_before_the_patient_continues_belongs_to_the_learner() -> None:
    silence = only(talk([], [(0.0, 3.0), (9.0, 10.0)]))
    assert (silence.owner, silence.kind, silence.breaker) == ("learner", "unanswered", "patient")


def test_a_silence_within_an_utterance_belongs_to_its_speaker() -> None:
    spoken = SpeechTimes(
        intervals([(0.0, 2.0), (5.0, 7.0)]),
        intervals([]),
        0.0,
        60.0,
        utterances=(Utterance("learner", 0.0, 7.0),),
    )
    silence = only(Timeline(spoken))
    assert (silence.owner, silence.kind) == ("learner", "mid_turn")
    assert Timeline(spoken).pauses_s("learner").tolist() == [3.0]


def test_a_patient_who_says_nothing_to_a_finished_turn_chose_to() -> None:
    silence = only(talk([(0.0, 2.0), (7.0, 8.0)], []))
    assert (silence.owner, silence.kind, silence.breaker) == ("patient", "chosen", "learner")


@pytest.mark.parametrize(
    ("patient", "learner", "outcome", "breaker"),
    [
        ([(0.0, 3.0), (9.0, 10.0)], [], "held", "patient"),
        ([(0.0, 3.0)], [(6.0, 8.0)], "filled", "learner"),
    ],
)
def test_a_hold_belongs_to_the_patient_whichever_speaker_ends_it(
    patient: Pairs, learner: Pairs, outcome: str, breaker: str
) -> None:
    end_s = 9.0 if outcome == "held" else 6.0
    hold = HoldInterval(3.0, end_s, "held" if outcome == "held" else "filled")
    made = talk(learner, patient, holds=(hold,))
    silence = only(made)
    assert (silence.owner, silence.kind, silence.breaker) == ("patient", "hold", breaker)
    assert silence.outcome == outcome
    assert made.transfers_s("learner").size == 0
    assert made.pauses_s("patient").size == 0


def test_a_hold_that_is_filled_at_once_is_no_quick_answer() -> None:
    hold = HoldInterval(3.0, 4.0, "filled")
    made = talk([(4.0, 5.0)], [(0.0, 3.0)], holds=(hold,))
    assert made.silences == []
    assert made.transfers_s("learner").size == 0


def test_from_sound_alone_a_silence_belongs_to_the_speaker_due_next() -> None:
    spoken = SpeechTimes(
        intervals([(0.0, 1.0), (4.0, 5.0), (20.0, 21.0)]), intervals([(8.0, 9.0)]), 0.0, 60.0
    )
    assert [(s.owner, s.kind) for s in Timeline(spoken).silences] == [
        ("learner", "mid_turn"),
        ("patient", "answering"),
        ("learner", "after_statement"),
    ]


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_the_length_of_a_patients_silence_never_depends_on_the_machine(
    machine_s: float, chosen_s: float
) -> None:
    sound_s = 2.0 + machine_s + chosen_s
    made = talk([(0.0, 2.0)], [(sound_s, sound_s + 1.0)], (Wait(2.0, sound_s, chosen_s),))
    lengths = [silence.length_s for silence in made.silences]
    assert lengths == pytest.approx([chosen_s] if chosen_s >= 2.0 - 1e-9 else [], abs=1e-6)
