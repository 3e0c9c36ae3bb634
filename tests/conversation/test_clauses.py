from hypothesis import given
from hypothesis import strategies as st

from simvoice.conversation.clauses import FIRST_WORDS, pause_after_s, split, split_clauses

_LETTERS = st.text(alphabet="aB .,;:!?…—-'\"()3\n", max_size=120)


@given(_LETTERS)
def test_clauses_joined_give_the_line_back(line: str) -> None:
    assert "".join(split(line)) == line


@given(_LETTERS)
def test_no_clause_is_empty(line: str) -> None:
    assert all(split(line))


@given(_LETTERS)
def test_stripped_clauses_hold_every_word_of_the_line(line: str) -> None:
    clauses = split_clauses(line)
    assert " ".join(clauses).split() == " ".join(split(line)).split()
    assert all(clause == clause.strip() != "" for clause in clauses)


def test_a_title_does_not_end_a_clause() -> None:
    assert split("Dr. Smith said so. Mrs. Hale did too.") == [
        "Dr. Smith said so. ",
        "Mrs. Hale did too.",
    ]


def test_a_number_is_never_cut() -> None:
    assert split("It was 3.5 cm.") == ["It was 3.5 cm."]


def test_the_first_clause_of_a_long_sentence_is_short() -> None:
    clauses = split(
        "My mother had it, and she died when I was only twelve, so you see I am scared."
    )
    assert clauses[0] == "My mother had it, "
    assert len(clauses[0].split()) <= FIRST_WORDS


def test_a_single_word_before_a_comma_is_no_clause_of_its_own() -> None:
    assert len(split("Well, I never thought that it would be me who sits here.")[0].split()) > 1


def test_a_sentence_of_seven_words_stays_whole() -> None:
    assert split("Is it cancer, is that it, doctor?") == ["Is it cancer, is that it, doctor?"]


def test_an_ellipsis_asks_for_a_longer_pause_than_a_full_stop_and_a_comma_for_a_shorter() -> None:
    assert pause_after_s("I… ") > pause_after_s("No. ") > pause_after_s("So, ") > 0.0


def test_no_pause_follows_words_without_a_mark() -> None:
    assert pause_after_s("and then ") == 0.0
