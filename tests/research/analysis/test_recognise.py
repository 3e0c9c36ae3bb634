"""A long channel is cut into pieces for recognition, and words are grouped into utterances."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.research.analysis.conversation import ConversationWord
from simvoice.research.analysis.recognise import pieces, utterances_of
from simvoice.timing.intervals import intervals, total_s


def word(text: str, start_s: float, end_s: float, who: str = "learner") -> ConversationWord:
    return ConversationWord.model_validate(
        {"text": text, "start_s": start_s, "end_s": end_s, "who": who}
    )


def test_a_piece_spans_short_pauses_and_ends_at_long_ones() -> None:
    voice = intervals([(1.0, 2.0), (2.5, 4.0), (9.0, 10.0)])
    assert list(pieces(voice)) == [(1.0, 4.0), (9.0, 10.0)]


def test_a_long_stretch_is_cut_in_its_longest_pause() -> None:
    voice = intervals([(0.0, 15.0), (15.9, 20.0), (20.2, 40.0)])
    assert list(pieces(voice)) == [(0.0, 15.0), (15.9, 40.0)]


def test_speech_without_a_pause_is_cut_at_the_greatest_length() -> None:
    assert list(pieces(intervals([(0.0, 60.0)]))) == [(0.0, 28.0), (28.0, 56.0), (56.0, 60.0)]


@pytest.mark.slow
@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0.1, 50)), max_size=30))
def test_pieces_cover_all_speech_and_none_is_too_long(
    spans: list[tuple[float, float]],
) -> None:
    voice = intervals([(start, start + length) for start, length in spans])
    found = list(pieces(voice))
    assert all(0.0 < end - start <= 28.0 + 1e-9 for start, end in found)
    assert sum(end - start for start, end in found) >= total_s(voice) - 1e-6


def test_utterances_end_at_pauses_at_sentences_and_at_words_of_the_other_speaker() -> None:
    words = [
        word("Mrs.", 0.0, 0.3),
        word("Tully.", 0.35, 0.8),
        word("Good", 1.2, 1.4),
        word("mm", 1.45, 1.5, "patient"),
        word("morning", 1.6, 2.0),
        word("then", 2.9, 3.1),
        word("so", 4.2, 4.4),
    ]
    assert [(u.who, u.text) for u in utterances_of(words)] == [
        ("learner", "Mrs. Tully."),
        ("learner", "Good"),
        ("patient", "mm"),
        ("learner", "morning then"),
        ("learner", "so"),
    ]


def test_an_utterance_lasts_from_its_first_word_to_its_last() -> None:
    (only,) = utterances_of([word("one", 1.0, 1.5), word("two", 1.6, 2.25)])
    assert (only.start_s, only.end_s) == (1.0, pytest.approx(2.25))
