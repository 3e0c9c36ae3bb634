"""The main behaviour of utterances, and the probabilities of their statements."""

from __future__ import annotations

import pytest

from simvoice.coding.behaviour import main_behaviour, statement_probabilities
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


def test_a_lecture_that_ends_with_a_short_question_is_input() -> None:
    lecture = (
        "The medicine works by blocking the receptors in the brain. You should take it twice a "
        "day with food. It can cause nausea in the first week. The studies show that people who "
        "take it do better than people who try without. Okay?"
    )
    assert main_behaviour(lecture) == "input"


def test_the_three_probabilities_of_a_statement_add_up_to_one() -> None:
    found = statement_probabilities(plain("It sounds like you're worried about your mother."))
    assert found.reflection + found.input + found.other == pytest.approx(1.0)
    assert found.reflection > 0.7


def test_a_sentence_of_unknown_words_has_no_clear_kind() -> None:
    found = statement_probabilities("zyx wvu tsr qpo nml")
    assert max(found.reflection, found.input, found.other) < 0.7


def test_a_reflection_has_its_words_and_a_confidence() -> None:
    (found,) = [c for c in code("Okay. So you're worn out.") if c.name == "reflection"]
    assert found.words == "So you're worn out"
    assert 0.4 < found.confidence <= 1.0
