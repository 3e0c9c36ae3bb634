"""What an utterance's place tells, where its words do not."""

from __future__ import annotations

import pytest

from simvoice.coding.coder import code
from simvoice.coding.context import LIKELY, UtteranceContext, in_place


def names(text: str, place: UtteranceContext) -> list[str]:
    return [each.name for each in in_place(text, code(text), place)]


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
def test_a_short_statement_of_her_own_words_gives_them_back(before: str, text: str) -> None:
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
def test_what_is_not_made_of_her_words_alone_is_no_echo(text: str) -> None:
    assert "reflection" not in names(text, UtteranceContext("Good. Mm-hmm, okay. My boys need me."))


def test_an_echo_is_no_surer_than_a_place_can_make_it() -> None:
    (found,) = in_place("Your boys.", (), UtteranceContext("My boys need me."))
    assert (found.words, found.confidence) == ("Your boys.", LIKELY)


@pytest.mark.parametrize("text", ["Scared.", "So, frightening.", "overwhelmed"])
def test_a_bare_word_for_a_feeling_names_it_after_she_has_spoken(text: str) -> None:
    assert "empathy_name" in names(text, UtteranceContext("I lie there and count the hours."))
    assert "empathy_name" not in names(text, UtteranceContext())


@pytest.mark.parametrize("text", ["I'm lost.", "Not scared.", "Are you scared?", "Anyway, bye."])
def test_other_words_for_a_feeling_do_not(text: str) -> None:
    added = set(names(text, UtteranceContext("I lie there."))) - {each.name for each in code(text)}
    assert "empathy_name" not in added


def test_comfort_is_earned_once_what_troubles_her_came_up() -> None:
    text = "Don't worry, we'll look after you."
    assert "reassurance_premature" in names(text, UtteranceContext())
    assert "reassurance_earned" in names(text, UtteranceContext(is_explored=True))
    assert "reassurance_earned" in names("You sound frightened. " + text, UtteranceContext())
    assert "reassurance_premature" in names(text + " What worries you most?", UtteranceContext())


def test_what_words_showed_stays() -> None:
    text = "I can see how frightening this is. Don't worry."
    assert [
        c for c in in_place(text, code(text), UtteranceContext("I'm scared.")) if c in code(text)
    ] == list(code(text))
