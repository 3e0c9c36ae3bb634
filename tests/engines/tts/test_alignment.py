from hypothesis import given
from hypothesis import strategies as st

from simvoice.engines.tts.alignment import Phoneme, assign_words, syllable_ends, word_spans


def _line(symbols: str, step_s: float = 0.1) -> list[Phoneme]:
    return [Phoneme(s, i * step_s, (i + 1) * step_s) for i, s in enumerate(symbols)]


def test_two_words_spoken_as_one_get_separate_spans() -> None:
    spans = word_spans(_line("ʌvðə"), [("ʌ", "v"), ("ð", "ə")])
    assert [tuple(round(t, 3) for t in span) for span in spans] == [(0.0, 0.2), (0.2, 0.4)]


def test_a_number_spoken_as_two_words_is_one_word() -> None:
    spans = word_spans(_line("tɛn faɪv mæn"), [tuple("tɛnfaɪv"), tuple("mæn")])
    assert round(spans[0][1], 3) == 0.8
    assert round(spans[1][0], 3) == 0.9


def test_a_stress_mark_belongs_to_the_word_it_begins() -> None:
    spans = word_spans(_line("aɪ ˈaɪ"), [("a", "ɪ"), ("a", "ɪ")])
    assert round(spans[1][0], 3) == 0.3


def test_a_word_that_was_not_spoken_has_no_length() -> None:
    spans = word_spans(_line("aɪ"), [("a", "ɪ"), ()])
    assert spans[1][0] == spans[1][1] == spans[0][1]


def test_one_consonant_between_vowels_opens_the_next_syllable() -> None:
    assert [round(t, 3) for t in syllable_ends(_line("mama"))] == [0.2, 0.4]


def test_two_consonants_between_vowels_are_shared() -> None:
    assert [round(t, 3) for t in syllable_ends(_line("ɪnto"))] == [0.2, 0.4]


def test_a_diphthong_is_not_cut() -> None:
    assert [round(t, 3) for t in syllable_ends(_line("taɪm"))] == [0.4]


def test_a_pause_ends_a_syllable() -> None:
    assert [round(t, 3) for t in syllable_ends(_line("nɑ, so"))] == [0.2, 0.6]


@given(st.text(alphabet="aeptk", max_size=20), st.lists(st.text(alphabet="aeptk", max_size=6)))
def test_every_phoneme_has_one_word_and_the_indices_never_fall(said: str, words: list[str]) -> None:
    found = assign_words(said, words)
    assert len(found) == len(said)
    assert found == sorted(found)
    assert all(0 <= word < max(1, len(words)) for word in found)
