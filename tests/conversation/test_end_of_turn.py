"""The probability that a turn is over, from melody and words."""

from __future__ import annotations

import pytest

from simvoice.conversation.end_of_turn import over_prob, unsureness


def test_words_outweigh_the_melody_both_ways() -> None:
    assert over_prob("What worries you most?", melody=0.1, words=0.8) > 0.6
    assert over_prob("The results that we have.", melody=0.95, words=0.01) < 0.1


def test_the_melody_decides_where_the_words_are_in_doubt() -> None:
    said = "Would you like to call someone?"
    assert over_prob(said, melody=0.95, words=0.24) > 0.55 > over_prob(said, 0.02, words=0.24)


def test_a_name_at_the_end_does_not_lower_the_probability() -> None:
    assert over_prob("Good morning, my name is Doctor Lind.", melody=0.97, words=0.03) > 0.55
    assert over_prob("Good morning, my name is Dr. Lind.", melody=0.97, words=0.03) > 0.55
    assert over_prob("Good morning, my name is doctor.", melody=0.97, words=0.03) < 0.25


@pytest.mark.parametrize("last", ["and", "because", "the", "um"])
def test_without_a_model_a_joining_word_is_not_an_end(last: str) -> None:
    assert over_prob(f"I have your results {last}.", melody=0.8, words=None) < 0.25
    assert over_prob("I have your results here.", melody=0.8, words=None) == 0.8


def test_a_more_final_melody_never_lowers_the_probability() -> None:
    probs = [over_prob("We will see.", melody / 20, 0.3) for melody in range(21)]
    assert probs == sorted(probs)


def test_unsure_words_lower_the_probability() -> None:
    sure = over_prob("Before we go on.", melody=0.82, words=0.3)
    assert over_prob("Before we go on.", melody=0.82, words=0.3, unsure=0.2) < sure


def test_unsureness_is_relative_to_the_usual_sureness_of_the_speaker() -> None:
    assert unsureness(-0.35, ()) == pytest.approx(0.2)
    assert unsureness(-0.1, ()) == 0.0
    assert unsureness(-2.0, ()) == pytest.approx(0.3)
    badly_known = [-0.4, -0.35, -0.5, -0.45]
    assert unsureness(-0.42, badly_known) == 0.0
    assert unsureness(-0.62, badly_known) == pytest.approx(0.2, abs=0.01)
    assert unsureness(-0.35, badly_known[:2]) == pytest.approx(0.2)
