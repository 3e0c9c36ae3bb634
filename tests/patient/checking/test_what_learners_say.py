"""Utterances of learners that were once coded wrongly."""

from __future__ import annotations

from functools import cache

import pytest

from simvoice import paths
from simvoice.patient.case.load import load_case
from simvoice.patient.case.schema import Case
from simvoice.patient.checking.text_conversation import TextConversation
from simvoice.patient.mind import Patient
from simvoice.patient.retrieval import focus, points_back

pytestmark = pytest.mark.slow


@cache
def case_of(case_id: str) -> Case:
    return load_case(paths.scenarios_dir() / case_id / "case.yaml")


def names(case_id: str, text: str) -> set[str]:
    return {each.name for each in case_of(case_id).coder.code(text)}


@pytest.mark.parametrize(
    ("case_id", "text", "code"),
    [
        ("angry-relative", "Nobody came, and that's because they were all next door.", "owned"),
        ("behaviour-change", "What would be one thing you could cut?", "fixing"),
        ("behaviour-change", "What do you not really enjoy about it?", "evokes_good"),
        ("behaviour-change", "Do you get the sweats in the morning?", "evokes_good"),
        ("goals-of-care", "I'm one of the doctors looking after you.", "empathy_support"),
        ("medication-error", "The nurse who brought it wants to say sorry.", "says_who"),
        ("medication-error", "The nurse who gave it would like to meet you.", "blames_other"),
        ("medication-error", "Is there anything else you're worried about?", "empathy_name"),
        ("breast-biopsy", "Has anybody in your family had cancer?", "cancer_mentioned"),
        ("breast-biopsy", "What we were worried about is that it could be cancer.", "headline"),
        ("breast-biopsy", "I'm afraid I haven't got good news.", "good_news"),
        ("sudden-death", "He could have died out there.", "headline"),
        ("sudden-death", "You're in good hands here.", "good_news"),
        ("goals-of-care", "We can look at it again in the next few weeks.", "headline"),
        ("behaviour-change", "Has anything made you think twice?", "empathy_respect"),
        ("medication-error", "You should not have had to wait.", "owns"),
        ("goals-of-care", "Is there nothing more you want to tell me?", "nothing_more"),
    ],
)
def test_a_code_is_absent(case_id: str, text: str, code: str) -> None:
    assert code not in names(case_id, text)


@pytest.mark.parametrize(
    ("case_id", "text", "code"),
    [
        ("angry-relative", "Nobody came, and that is our fault.", "owned"),
        ("behaviour-change", "You could try chamomile.", "fixing"),
        ("behaviour-change", "What do you enjoy about it?", "evokes_good"),
        ("goals-of-care", "We'll be looking after you.", "empathy_support"),
        ("medication-error", "The nurse would like to say sorry to you.", "offers_meeting"),
        ("medication-error", "A nurse gave you the tablet.", "says_who"),
        ("medication-error", "The pharmacist ought to have noticed.", "blames_other"),
        ("medication-error", "They were run off their feet that evening.", "excuses"),
        ("medication-error", "You sound worried.", "empathy_name"),
        ("breast-biopsy", "So is this cancer, you wonder.", "cancer_mentioned"),
        ("breast-biopsy", "The growth turned out to be cancerous.", "headline"),
        ("breast-biopsy", "I wish I could say something else, but it is cancer.", "headline"),
        ("sudden-death", "Nobody could bring him back, and he died.", "headline"),
        ("sudden-death", "He's in good hands.", "good_news"),
        ("sudden-death", "Your dad's dead, Jesse.", "headline"),
        ("sudden-death", "Your father's died.", "headline"),
        ("breast-biopsy", "I'm afraid I haven't got good news.", "warning_shot"),
        ("breast-biopsy", "Everything's going to be fine.", "reassurance"),
        ("angry-relative", "I'm sorry that this has taken so long.", "sorry_late"),
        ("goals-of-care", "I'm worried that you may die in the next few months.", "headline"),
        ("goals-of-care", "I would be surprised if you saw another spring.", "headline"),
        ("medication-error", "You should never have got that tablet.", "headline"),
        ("angry-relative", "Nobody's going to interrupt.", "lets_speak"),
        ("angry-relative", "It's a lovely morning out there.", "small_talk"),
        ("behaviour-change", "I like your boots.", "small_talk"),
        ("goals-of-care", "There is nothing more that can mend the valve.", "nothing_more"),
        ("goals-of-care", "The paper is called a portable medical order.", "jargon"),
        ("goals-of-care", "No disease-modifying drug is left.", "jargon"),
    ],
)
def test_a_code_is_present(case_id: str, text: str, code: str) -> None:
    assert code in names(case_id, text)


@pytest.mark.parametrize(
    ("asked", "leans"),
    [
        ("how long have you done that", True),
        ("what happened that time", True),
        ("What was it like?", True),
        ("What do you suspect it is?", False),
        ("How are you getting home after this?", False),
        ("Are you blaming yourself for talking her into it?", False),
        ("What does your wife think of that job you have?", False),
    ],
)
def test_a_question_that_only_points_back_has_no_subject(asked: str, leans: bool) -> None:
    assert points_back(asked) is leans


def test_that_kind_of_thing_refers_to_the_sentence_before() -> None:
    before = "Some want the figures and some would rather not."
    asked = "Where do you find yourself with that kind of news?"
    assert focus(f"Good morning. {before} {asked}") == f"{before} {asked}"
    unrelated = "Where do you find yourself on most evenings then?"
    assert focus(f"{before} {unrelated}") == unrelated


def test_the_news_comes_before_what_is_told_with_it() -> None:
    talk = TextConversation(Patient(case_of("sudden-death")))
    talk.open()
    decision = talk.do("Your father died at half past eight this morning.")
    assert {"headline", "told_time"} <= {each.name for each in decision.codes}
    assert decision.move.line_id == "news_blunt"
    assert decision.move.hold is not None
