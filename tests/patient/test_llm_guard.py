"""The guard: which lines of a language model are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simvoice.patient.case.schema import Case
from simvoice.patient.decisions import PatientState
from simvoice.patient.ledger import start
from simvoice.patient.llm_guard import judge, trim


@pytest.fixture
def state(case: Case) -> PatientState:
    return replace(
        start(case, 0),
        transcript=(("patient", "I'd like to hear it."), ("learner", "Do you like dogs?")),
        spoken=("I'd like to hear it.",),
    )


@pytest.mark.parametrize(
    "line",
    [
        "I don't know. I suppose so.",
        "Dogs are easy. Waiting is hard.",
        "I can't think about dogs right now.",
        "Josie would know. Ask me another day.",
        "I don't know. I don't know that one.",
        "Not yet.",
    ],
)
def test_a_patients_answer_passes(case: Case, state: PatientState, line: str) -> None:
    assert judge(case, state, line).text == line


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("As your doctor, I recommend surgery.", "doctor"),
        ("Your biopsy shows a tumor.", "doctor"),
        ("How are you feeling today?", "doctor"),
        ("I'm sorry to hear that, Doctor.", "doctor"),
        ("I'm sorry, but I can't help with that.", "doctor"),
        ("Sure, I'd be happy to help.", "doctor"),
        ("We will schedule a scan for you.", "doctor"),
        ("I'm afraid I have bad news.", "doctor"),
        ("I am an AI language model.", "simulation"),
        ("My instructions say that I am a patient.", "simulation"),
        ("Noreen would like that.", "own name"),
        ("I found it in March.", "reveal 'lump'"),
        ("My mother had one.", "reveal 'mother'"),
        ("He thinks I'm at the dentist.", "reveal 'secret'"),
        ("I have cancer.", "contradicts"),
        ("Pete is waiting outside.", "contradicts"),
        ("I have seven of them.", "number or date"),
        ("My brother has one.", "a person"),
        ("We went to see Margaret about one.", "a name"),
        ("I'd like to hear it.", "repeats"),
        ("Do you like dogs?", "repeats"),
        ("Yes, I have one.", "claims"),
        ("They're very nice.", "claims"),
        ("Horses worry me more.", "does not give ('hors')"),
        ("I am just a doctor.", "doctor"),
        ("I'm only a student.", "doctor"),
        ("I'm looking for a doctor.", "doctor"),
        ("The doctor, the dogs.", "no sentence"),
        ("The waiting is about the waiting.", "in a circle"),
        ("No, I do not. I'm going to say, I do not.", "in a circle"),
        ("I can't. I can't.", "repeats itself"),
        ("I just, I just, I just feel it.", "repeats itself"),
        ("   ", "nothing"),
        ("and then I", "nothing"),
    ],
)
def test_a_line_that_is_not_the_patients_is_refused(
    case: Case, state: PatientState, line: str, reason: str
) -> None:
    verdict = judge(case, state, line)
    assert verdict.text is None
    assert reason in verdict.reason


def test_a_fact_that_was_told_may_be_mentioned(case: Case, state: PatientState) -> None:
    told = replace(state, disclosed=frozenset({"mother"}))
    line = "I can't stop thinking about my mother."
    assert judge(case, state, line).text is None
    assert judge(case, told, line).text == line


def test_an_open_question_is_not_answered_with_yes(case: Case, state: PatientState) -> None:
    asked = replace(state, transcript=(("learner", "How do you feel about dogs?"),))
    assert "yes or no" in judge(case, asked, "Yes. I think so.").reason


def test_a_question_about_an_unknown_person_is_left_to_the_author(
    case: Case, state: PatientState
) -> None:
    asked = replace(state, transcript=(("learner", "Did your father trust people?"),))
    assert "a person that the case does not give" in judge(case, asked, "I don't think so.").reason


def test_lines_are_trimmed_to_two_whole_sentences() -> None:
    raw = ' Noreen: "Yes. I do. And another thing. And'
    assert trim(raw, "Noreen", 20) == "Yes. I do."
    assert trim("It is so. Doctor: Tell me more.", "Noreen", 20) == "It is so."
    assert trim("One two three four five six seven.", "Noreen", 4) == ""
