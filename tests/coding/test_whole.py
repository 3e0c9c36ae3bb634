"""What an utterance is as a whole, and that its parts keep their words and a confidence."""

from __future__ import annotations

import pytest

from simvoice.coding.behaviour import leaning, main_behaviour
from simvoice.coding.coder import code
from simvoice.coding.text import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What brings you in today?", "question"),
        ("Tell me about a normal evening.", "question"),
        ("So you want to be there for your kids, and the drinking gets in the way.", "reflection"),
        ("So you want to be there for your kids, and the drinking gets in the way?", "reflection"),
        ("You should cut down to one a day.", "input"),
        ("Smoking is the leading cause of lung disease.", "input"),
        ("Mm-hmm.", "other"),
        ("Thanks for coming in.", "other"),
        ("", "other"),
    ],
)
def test_an_utterance_mainly_does_one_thing(text: str, expected: str) -> None:
    assert main_behaviour(text) == expected


def test_a_lecture_with_a_question_in_its_tail_is_input() -> None:
    lecture = (
        "The medicine works by blocking the receptors in the brain. You should take it twice a "
        "day with food. It can cause nausea in the first week. The studies show that people who "
        "take it do better than people who try without. Okay?"
    )
    assert main_behaviour(lecture) == "input"


def test_a_leaning_is_three_shares_of_one() -> None:
    found = leaning(plain("It sounds like you're worried about your mother."))
    assert found.reflection + found.input + found.other == pytest.approx(1.0)
    assert found.reflection > 0.7


def test_a_sentence_of_unknown_words_leans_nowhere_by_much() -> None:
    found = leaning("zyx wvu tsr qpo nml")
    assert max(found.reflection, found.input, found.other) < 0.7


def test_a_reflection_carries_its_words_and_how_sure_it_is() -> None:
    (found,) = [c for c in code("Okay. So you're worn out.") if c.name == "reflection"]
    assert found.words == "So you're worn out"
    assert 0.4 < found.confidence <= 1.0
