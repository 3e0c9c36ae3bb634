"""Which words are certain to do what their code says, which may do it, and which do not."""

from __future__ import annotations

import re

import pytest

from simvoice.coding.codebook import CODEBOOK
from simvoice.coding.grade import (
    fits_cause,
    grade,
    has_broad_forms,
    may_be_asked,
    possible_words,
    sentence_of,
)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("question_open", "What's the worst of it, right now?"),
        ("question_open", "Before I say anything, what have they told you so far?"),
        ("ask_perception", "What have they told you so far?"),
        ("ask_concerns", "What's the main thing worrying you?"),
        ("empathy_name", "You must have been so frightened."),
        ("empathy_understand", "I can see why you'd hang on to that."),
        ("empathy_support", "I'm not going anywhere."),
        ("i_wish", "I wish things were different."),
        ("warning_shot", "I'm afraid it's not what we were hoping for."),
        ("plan", "On Thursday you'll see the surgeon."),
        ("invite_questions", "Is there anything you want to ask?"),
        ("reassurance", "Everything will be fine."),
    ],
)
def test_narrow_forms_are_certain(code: str, text: str) -> None:
    assert grade(code, text, text) == "certain"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("question_open", "How was your weekend, nice I hope?"),
        ("empathy_name", "You said that you were scared."),
        ("empathy_name", "Nobody is angry."),
        ("i_wish", "I wish you a good day."),
        ("i_wish", "I wish I had better news."),
        ("plan", "On Tuesday they took the room."),
        ("honest_limits", "I don't know why I asked that."),
        ("hostility", "I'll shut up."),
        ("autonomy", "They'd come up to you."),
        ("headline", "If you have cancer, we will see."),
        ("honest_limits", "Or is it too soon to say that?"),
        ("introduction", "You could meet the surgeon at noon. Doctor Brandt. I'll take you there."),
        ("empathy_support", "I'll sit here and take notes."),
        ("empathy_support", "I will be here till seven."),
        ("headline_jargon", "It arises from the lobules."),
        (
            "empathy_name",
            "I can see that you are worried and we had a man here who fell in spring and he went "
            "home after the operation and the ward wrote to his doctor and so we do all of that.",
        ),
    ],
)
def test_conditions_reports_and_other_meanings_are_only_possible(code: str, text: str) -> None:
    assert grade(code, text, text) == "possible"


@pytest.mark.parametrize(
    ("code", "words", "text"),
    [
        ("plan", "So the nurse will call you Friday, no, let me first ask", ""),
        ("question_closed", "Is there a friend who, I mean, how are they?", ""),
        ("question_open", "How's it going?", "How's it going? Fine. Let's start."),
        ("greeting", "Good evening.", "We'll leave it there. Good evening."),
        ("honest_limits", "Or, I don't know.", "You could rest. Or, I don't know."),
        ("honest_limits", "I don't know.", "The weather, well. I don't know."),
    ],
)
def test_a_repair_an_own_answer_a_goodbye_and_a_filler_are_only_possible(
    code: str, words: str, text: str
) -> None:
    assert grade(code, words, text or words) == "possible"


def test_the_same_words_are_certain_where_they_do_what_they_say() -> None:
    assert grade("honest_limits", "I don't know.", "I don't know.", "Will I walk?") == "certain"
    assert grade("greeting", "Good evening.", "Good evening. I'm Doctor Shah.") == "certain"
    assert grade("question_open", "How do you see it?", "How do you see it? Go on.") == "certain"
    own_words = "The nurse will call you on Friday."
    assert grade("plan", own_words, own_words) == "certain"


def test_a_learner_is_asked_only_about_words_that_could_do_it() -> None:
    assert not may_be_asked("question_open", "Do you have pain at night?")
    assert not may_be_asked("question_open", "Have we forgotten anything?")
    assert not may_be_asked("empathy_name", "I'll order something for the pain for you.")
    assert may_be_asked("question_open", "Could you say more about the pain?")
    assert not may_be_asked("reflection", "You can park here.", "Where can I park?")
    assert not may_be_asked("reflection", "You came by train.")
    assert may_be_asked("reflection", "You park at night.", "I park the trucks at night.")
    assert not may_be_asked("sorry_for", "Sorry, I do that.")
    assert may_be_asked("sorry_for", "I'm sorry.")
    assert not may_be_asked("empathy_understand", "It's three times normal.")
    assert not may_be_asked("empathy_understand", "I understand Doctor Lee sent you.")
    assert may_be_asked("empathy_understand", "You're right that someone ought to have rung.")
    assert may_be_asked("autonomy", "It rests with you.")
    assert may_be_asked("autonomy", "You pick.")


def test_thanks_for_telling_are_credit_only_where_something_was_told() -> None:
    told, text = "I found it in spring and never told a soul.", "Thank you for telling me."
    assert grade("empathy_respect", text, text, told) == "certain"
    assert grade("empathy_respect", text, text, "All right.") == "possible"
    assert grade("empathy_respect", text, f"{text} Goodbye.", told) == "possible"


@pytest.mark.parametrize(
    ("code", "cause", "fits"),
    [
        ("plan", "said what happens next", True),
        ("plan", "said who does what", False),
        ("sorry_for", "said sorry for what happens to him", True),
        ("sorry_for", "said sorry for the mistake", False),
        ("warning_shot", "spoke of a wish before the news", False),
        ("question_closed", "asked one more thing that a yes or a number answers", True),
        ("subject_change", "left the subject", False),
        ("a_code_of_the_case", "whatever its author says", True),
    ],
)
def test_a_cause_fits_where_it_says_no_more_than_the_code(
    code: str, cause: str, fits: bool
) -> None:
    assert fits_cause(code, cause) is fits


def test_a_reflection_is_certain_by_what_the_patient_has_just_said() -> None:
    text = "You washed around the lump."
    assert grade("reflection", text, text, "Eight months I washed around that lump.") == "certain"
    assert grade("reflection", text, text, "It sounded like a staple gun.") == "possible"


def test_a_code_that_a_person_gave_is_certain_and_a_case_s_own_by_its_narrow_patterns() -> None:
    assert grade("plan", "so it is", "so it is", confidence=1.0) == "certain"
    assert grade("owned", "We let you down.", "We let you down.", confidence=0.95) == "certain"
    assert grade("owned", "We let you down.", "We let you down.", confidence=0.9) == "possible"


def test_other_words_may_do_it_and_the_sentence_with_most_signs_is_asked_about() -> None:
    text = "You're tired. They want you back on Thursday with the surgeon."
    assert possible_words("plan", text)[0] == "They want you back on Thursday with the surgeon."
    assert possible_words("plan", "That was long ago.") == ("", 0.0)
    assert possible_words("names_it", "The cat is grey.", about=["Names the cat"])[0]
    assert possible_words("names_it", "The dog is grey.", about=["Names the cat"]) == ("", 0.0)


def test_only_codes_with_broad_forms_can_be_said_to_be_absent() -> None:
    assert has_broad_forms("plan")
    assert not has_broad_forms("headline")
    assert not has_broad_forms("a_case_s_own")


def test_every_code_of_the_forms_is_in_the_codebook() -> None:
    from simvoice.coding.grade import _forms

    assert set(_forms()) <= set(CODEBOOK)
    assert all(each.form in ("", "question", "statement") for each in _forms().values())
    assert all(isinstance(e.void, re.Pattern) or e.void is None for e in _forms().values())


def test_a_code_is_shown_in_its_sentence() -> None:
    assert sentence_of("on Friday", "Hello. You come on Friday.") == "You come on Friday."
    assert sentence_of("elsewhere", "Hello.") == "elsewhere"
