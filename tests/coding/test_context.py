"""Codes that the context of an utterance adds to those of its words."""

from __future__ import annotations

import pytest

from simvoice.coding.coder import code
from simvoice.coding.context import LIKELY, UtteranceContext, code_in_context


def names(text: str, context: UtteranceContext) -> list[str]:
    return [each.name for each in code_in_context(text, code(text), context)]


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("I can't stop thinking about my boys.", "Your boys."),
        ("I can't stop thinking about my boys.", "the boys yeah"),
        ("Thirty-one years at the mill.", "Thirty-one years."),
        ("I'd never not going to bed on time.", "Not going to bed on time."),
        ("She rang, and nobody came with water.", "I'm so sorry, she rang and nobody came."),
    ],
)
def test_a_short_statement_in_the_patients_words_is_a_reflection(before: str, text: str) -> None:
    assert "reflection" in names(text, UtteranceContext(before))
    assert "reflection" not in names(text, UtteranceContext())


@pytest.mark.parametrize(
    "text",
    [
        "Okay.",
        "Very good.",
        "Mm-hmm.",
        "My boys too.",
        "Your girls.",
        "What about your boys?",
        "I'm sorry that the bus was late.",
    ],
)
def test_a_statement_with_other_words_is_no_echo(text: str) -> None:
    assert "reflection" not in names(text, UtteranceContext("Good. Mm-hmm, okay. My boys need me."))


def test_an_echo_has_the_confidence_of_the_context() -> None:
    (found,) = code_in_context("Your boys.", (), UtteranceContext("My boys need me."))
    assert (found.words, found.confidence) == ("Your boys.", LIKELY)


@pytest.mark.parametrize("text", ["Scared.", "So, frightening.", "overwhelmed"])
def test_a_bare_word_for_a_feeling_names_it_after_the_patient_spoke(text: str) -> None:
    assert "empathy_name" in names(text, UtteranceContext("I lie there and count the hours."))
    assert "empathy_name" not in names(text, UtteranceContext())


@pytest.mark.parametrize("text", ["I'm lost.", "Not scared.", "Are you scared?", "Anyway, bye."])
def test_other_words_for_a_feeling_do_not_name_it(text: str) -> None:
    added = set(names(text, UtteranceContext("I lie there."))) - {each.name for each in code(text)}
    assert "empathy_name" not in added


def test_comfort_is_earned_once_a_concern_came_up() -> None:
    text = "Don't worry, we'll look after you."
    assert "reassurance_premature" in names(text, UtteranceContext())
    assert "reassurance_earned" in names(text, UtteranceContext(is_explored=True))
    assert "reassurance_earned" in names("You sound frightened. " + text, UtteranceContext())
    assert "reassurance_premature" in names(text + " What worries you most?", UtteranceContext())


def test_codes_of_the_words_stay() -> None:
    text = "I can see how frightening this is. Don't worry."
    found = code_in_context(text, code(text), UtteranceContext("I'm scared."))
    assert [each for each in found if each in code(text)] == list(code(text))
