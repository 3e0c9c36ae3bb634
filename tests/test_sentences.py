"""Where sentences begin and end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.coding.text import sentences
from simvoice.conversation.clauses import split_clauses
from simvoice.debrief.moments import whole_sentences
from simvoice.sentences import ends_sentence, sentence_starts, split_sentences
from tests.shipped_cases import CASE_IDS, shipped_case

ONE_SENTENCE = [
    "no marks at all",
    "Dr. Smith will see you.",
    "I am dr. Patel, and this is Mrs. Hale.",
    "Prof. J. R. Marsh is here.",
    "J. Smith came.",
    "Mary J. Blige sings on it.",
    "Take 2.5 mg twice a day.",
    "It was 10.30 when he rang.",
    "Eat something light, e.g. soup, or i.e. nothing heavy.",
    "Come at 9 a.m. with an empty stomach.",
    "Bring towels, slippers etc. if you can.",
    "It is the old one vs. the new one.",
    "“Really?” she said.",
    '"Stop!" he shouted, and ran.',
    "He asked (why?) and left.",
    "I… I don't know.",
    "I just... don't know.",
    "I... I... I wish it were not so.",
    "See www.example.com for more.",
    "Yes . . .",
    "...",
]


@pytest.mark.parametrize("text", ONE_SENTENCE)
def test_a_sentence_does_not_end_inside(text: str) -> None:
    assert split_sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("So I went. It rained.", ["So I went.", "It rained."]),
        ("no capitals. none here", ["no capitals.", "none here"]),
        ("Is it bad? Tell me! Please…  Now.", ["Is it bad?", "Tell me!", "Please…", "Now."]),
        ("What?! No.", ["What?!", "No."]),
        ("“Really?” She nodded.", ["“Really?”", "She nodded."]),
        ("He said “no.” Then he left.", ["He said “no.”", "Then he left."]),
        ("(It is benign.) You can go.", ["(It is benign.)", "You can go."]),
        ("Well… What now?", ["Well…", "What now?"]),
        ("Well... What now?", ["Well...", "What now?"]),
        ("You need vitamin D. It helps.", ["You need vitamin D.", "It helps."]),
        ("This is plan B. Maria agrees.", ["This is plan B.", "Maria agrees."]),
        ("Ruth and I. The number is here.", ["Ruth and I.", "The number is here."]),
        ("So do I. Wishing is free.", ["So do I.", "Wishing is free."]),
        ("Come at 9 a.m. Eat nothing.", ["Come at 9 a.m.", "Eat nothing."]),
        ("It is 2.5. That is good.", ["It is 2.5.", "That is good."]),
        ("Hello, Mr. B. How are you?", ["Hello, Mr. B.", "How are you?"]),
        ("That's fine.And then he left.", ["That's fine.", "And then he left."]),
        ("Do you know?I mean, really.", ["Do you know?", "I mean, really."]),
        ("Yes . . . no.", ["Yes . . .", "no."]),
        (" One.\n\nTwo. ", ["One.", "Two."]),
        ("", []),
        ("  ", []),
    ],
)
def test_sentences_end_at_their_marks(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


TEXTS = st.text(alphabet="aB .,?!…'\"”“()I3D\n", max_size=80)


@given(TEXTS)
def test_sentences_hold_the_whole_text(text: str) -> None:
    assert " ".join(split_sentences(text)).split() == " ".join(text.split()).split() or (
        "".join("".join(split_sentences(text)).split()) == "".join(text.split())
    )


@given(TEXTS)
def test_starts_are_at_words_or_marks_and_in_order(text: str) -> None:
    first, *later = sentence_starts(text)
    assert first == 0
    assert later == sorted(set(later))
    assert all(0 < at < len(text) and not text[at].isspace() for at in later)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("so I went.", True),
        ("it began on Sunday.”", True),
        ("Really?", True),
        ("well…", True),
        ("at 9 p.m.", True),
        ("you need vitamin D.", True),
        ("I saw Dr.", False),
        ("something light, e.g.", False),
        ("it began on", False),
        ("yes,", False),
        ("", False),
    ],
)
def test_whether_a_text_ends_a_sentence(text: str, ends: bool) -> None:
    assert ends_sentence(text) is ends


# -- who splits text ------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["I'm Dr. Patel. Take 2.5 mg, e.g. at night.", *ONE_SENTENCE[:18]])
def test_the_coder_sees_the_same_sentences(text: str) -> None:
    assert [each.text for each in sentences(text)] == split_sentences(text)


def test_the_debrief_quotes_whole_sentences() -> None:
    said = "I saw Dr. Marsh. Take 2.5 mg, please. Good."
    assert whole_sentences("Marsh", said) == "I saw Dr. Marsh."
    assert whole_sentences("mg", said) == "Take 2.5 mg, please."


@pytest.mark.slow
@pytest.mark.parametrize("case_id", CASE_IDS)
def test_no_clause_of_an_authored_line_crosses_the_end_of_a_sentence(case_id: str) -> None:
    for line in shipped_case(case_id).lines:
        for text, _ in line.texts:
            assert all(len(split_sentences(clause)) == 1 for clause in split_clauses(text)), text
