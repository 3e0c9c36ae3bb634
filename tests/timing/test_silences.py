"""Silences of two seconds and more: length, owner, kind, breaker. Nobody pays for the machine."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simvoice.timing.anatomy import Anatomy, SpeechTimes
from simvoice.timing.intervals import intervals
from simvoice.timing.silences import Held, Silence, Utterance, Wait

Pairs = list[tuple[float, float]]


def talk(
    learner: Pairs,
    patient: Pairs,
    waits: tuple[Wait, ...] = (),
    holds: tuple[Held, ...] = (),
    asks: bool = False,
) -> Anatomy:
    """Each stretch is one utterance; `asks` makes all of the patient's questions."""
    said = [Utterance("learner", *pair) for pair in learner]
    said += [Utterance("patient", *pair, is_question=asks) for pair in patient]
    return Anatomy(
        SpeechTimes(
            intervals(learner),
            intervals(patient),
            0.0,
            60.0,
            waits=waits,
            holds=holds,
            utterances=tuple(said),
        )
    )


def only(made: Anatomy) -> Silence:
    (silence,) = made.silences
    return silence


def test_a_patient_who_answers_slowly_by_machine_makes_no_silence() -> None:
    # The known trap: at 3 s of machine time a turn, every turn would be a "silence".
    learner = [(10.0 * k, 10.0 * k + 2.0) for k in range(5)]
    patient = [(10.0 * k + 5.0, 10.0 * k + 9.5) for k in range(5)]
    waits = tuple(Wait(10.0 * k + 2.0, 10.0 * k + 5.0, 0.0) for k in range(5))
    assert len(talk(learner, patient).silences) == 5
    made = talk(learner, patient, waits)
    assert made.silences == []
    assert made.transfers_s("patient") == pytest.approx([0.0] * 5)


def test_the_silence_the_patient_chose_is_hers_and_called_chosen() -> None:
    silence = only(talk([(0.0, 2.0)], [(6.0, 8.0)], (Wait(2.0, 6.0, 3.4),)))
    assert (silence.owner, silence.kind, silence.breaker) == ("patient", "chosen", "patient")
    assert silence.length_s == pytest.approx(3.4)
    assert silence.machine_s == pytest.approx(0.6)


def test_two_seconds_is_a_silence_and_less_is_none() -> None:
    assert len(talk([(0.0, 1.0)], [(3.0, 4.0)]).silences) == 1
    assert talk([(0.0, 1.0)], [(2.99, 4.0)]).silences == []


def test_a_slow_answer_to_a_question_is_told_apart_from_one_to_a_statement() -> None:
    learner, patient = [(6.0, 8.0)], [(0.0, 3.0)]
    asked, told = only(talk(learner, patient, asks=True)), only(talk(learner, patient))
    assert (asked.owner, asked.kind, asked.breaker) == ("learner", "after_question", "learner")
    assert (told.owner, told.kind) == ("learner", "after_statement")


def test_when_the_patient_has_to_go_on_the_silence_was_the_learners() -> None:
    silence = only(talk([], [(0.0, 3.0), (9.0, 10.0)]))
    assert (silence.owner, silence.kind, silence.breaker) == ("learner", "unanswered", "patient")


def test_stopping_within_ones_own_utterance_is_ones_own_silence() -> None:
    spoken = SpeechTimes(
        intervals([(0.0, 2.0), (5.0, 7.0)]),
        intervals([]),
        0.0,
        60.0,
        utterances=(Utterance("learner", 0.0, 7.0),),
    )
    silence = only(Anatomy(spoken))
    assert (silence.owner, silence.kind) == ("learner", "mid_turn")
    assert Anatomy(spoken).pauses_s("learner").tolist() == [3.0]


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
def test_a_hold_is_the_patients_whoever_ends_it(
    patient: Pairs, learner: Pairs, outcome: str, breaker: str
) -> None:
    end_s = 9.0 if outcome == "held" else 6.0
    hold = Held(3.0, end_s, "held" if outcome == "held" else "filled")
    made = talk(learner, patient, holds=(hold,))
    silence = only(made)
    assert (silence.owner, silence.kind, silence.breaker) == ("patient", "hold", breaker)
    assert silence.outcome == outcome
    assert made.transfers_s("learner").size == 0
    assert made.pauses_s("patient").size == 0


def test_a_hold_filled_at_once_is_no_quick_answer() -> None:
    hold = Held(3.0, 4.0, "filled")
    made = talk([(4.0, 5.0)], [(0.0, 3.0)], holds=(hold,))
    assert made.silences == []
    assert made.transfers_s("learner").size == 0


def test_from_sound_alone_a_silence_belongs_to_who_has_to_speak_next() -> None:
    spoken = SpeechTimes(
        intervals([(0.0, 1.0), (4.0, 5.0), (20.0, 21.0)]), intervals([(8.0, 9.0)]), 0.0, 60.0
    )
    assert [(s.owner, s.kind) for s in Anatomy(spoken).silences] == [
        ("learner", "mid_turn"),
        ("patient", "answering"),
        ("learner", "after_statement"),
    ]


@settings(max_examples=300, deadline=None)
@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_the_length_of_a_patients_silence_never_depends_on_the_machine(
    machine_s: float, chosen_s: float
) -> None:
    sound_s = 2.0 + machine_s + chosen_s
    made = talk([(0.0, 2.0)], [(sound_s, sound_s + 1.0)], (Wait(2.0, sound_s, chosen_s),))
    lengths = [silence.length_s for silence in made.silences]
    assert lengths == pytest.approx([chosen_s] if chosen_s >= 2.0 - 1e-9 else [], abs=1e-6)
