"""Spoken text in plain form, and its sentences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simvoice.coding.coder import code
from simvoice.coding.text import plain, sentences, texts_read_once


def test_contractions_are_opened_with_and_without_apostrophes() -> None:
    assert plain("I’m afraid it's not.") == "i am afraid it is not"
    assert plain("im afraid you dont") == "i am afraid you do not"


def test_a_lets_that_begins_a_sentence_is_let_us() -> None:
    assert plain("so lets talk") == "so let us talk"
    assert plain("she lets me sleep") == "she lets me sleep"
    assert plain("lets") == "lets"


def test_s_before_a_verb_is_opened_and_a_possessive_stays() -> None:
    assert plain("Everything's going well, and your dad's dead.") == (
        "everything is going well and your dad is dead"
    )
    assert plain("your dads died") == "your dad has died"
    assert plain("everybody's turn, your dad's watch, nobody's fault") == (
        "everybodys turn your dads watch nobodys fault"
    )


def test_titles_do_not_end_sentences() -> None:
    assert len(sentences("I'm Dr. Patel. Hello.")) == 2


def test_spoken_words_are_found_by_their_position_in_the_plain_form() -> None:
    (sentence,) = sentences("No, I don't know.")
    start = sentence.plain.index("do not")
    assert sentence.words_at(start, start + len("do not")) == "don't"


@given(st.text(max_size=200))
def test_any_text_can_be_coded(text: str) -> None:
    for each in code(text):
        assert 0.0 <= each.confidence <= 1.0
        assert each.words


def test_an_abbreviation_keeps_its_point_and_ends_no_sentence() -> None:
    (said,) = sentences("Dr. Marsh comes at 4 with Mrs. Lee.")
    assert said.text == "Dr. Marsh comes at 4 with Mrs. Lee."
    assert said.plain == "dr marsh comes at 4 with mrs lee"
    assert said.words_at(0, 8) == "Dr. Marsh"


def test_a_text_is_read_once_until_the_end_and_not_kept_after_it() -> None:
    text = "I'm here. Take your time?"
    with texts_read_once():
        first = sentences(text)
        assert sentences(text) is first
    assert sentences(text) == first
    assert sentences(text) is not first
