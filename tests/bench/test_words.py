from simvoice.bench.stage import PEOPLE, SHORT, utterances
from simvoice.bench.stt import errors, normal


def test_case_marks_and_abbreviations_are_no_errors() -> None:
    assert normal("Okay, Dr. Smith — MM-HM!") == normal("ok doctor smith mhm")


def test_one_of_each_kind_of_error_is_counted() -> None:
    assert errors(["a", "b", "c"], ["a", "x", "c"]) == 1
    assert errors(["a", "b", "c"], ["a", "c"]) == 1
    assert errors(["a", "b", "c"], ["a", "b", "b", "c"]) == 1
    assert errors([], ["a", "b"]) == 2
    assert errors(["a", "b"], []) == 2


def test_the_bench_has_two_hundred_short_utterances_and_quick_keeps_every_person() -> None:
    assert len(SHORT) * len(PEOPLE) == 200
    assert len(utterances(quick=False)) == 240
    assert {person for _, person in utterances(quick=True)} == set(PEOPLE)
