"""Word errors, and the utterances of the speech recognition bench."""

from simvoice.bench.stage import PEOPLE, SHORT, utterances
from simvoice.bench.stt import normalised_words, word_errors


def test_case_punctuation_and_abbreviations_are_not_errors() -> None:
    assert normalised_words("Okay, Dr. Smith — MM-HM!") == normalised_words("ok doctor smith mhm")


def test_each_kind_of_error_is_counted() -> None:
    assert word_errors(["a", "b", "c"], ["a", "x", "c"]) == 1
    assert word_errors(["a", "b", "c"], ["a", "c"]) == 1
    assert word_errors(["a", "b", "c"], ["a", "b", "b", "c"]) == 1
    assert word_errors([], ["a", "b"]) == 2
    assert word_errors(["a", "b"], []) == 2


def test_there_are_two_hundred_short_utterances_and_quick_keeps_every_voice() -> None:
    assert len(SHORT) * len(PEOPLE) == 200
    assert len(utterances(quick=False)) == 240
    assert {person for _, person in utterances(quick=True)} == set(PEOPLE)
