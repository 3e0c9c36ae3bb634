"""Marks inside a line: read, written, shared out to clauses, and never part of the words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.markup import (
    Mark,
    Marked,
    Span,
    checked,
    parse,
    plain,
    render,
    rest,
    slices,
    with_pauses_at_commas,
    words,
)


def test_marks_are_read_and_the_words_stay_plain() -> None:
    text = "<breath> I found it <pause 0.8> in May. <quiet>I told nobody.</quiet> I was <break>ill."
    assert parse(text) == Marked(
        "I found it in May. I told nobody. I was ill.",
        (Mark("breath", 0), Mark("pause", 3, 0.8), Mark("break", 10)),
        (Span("quiet", 5, 8),),
    )


def test_a_text_without_marks_is_unchanged() -> None:
    text = "Well…  I'm 58 — I think."
    assert parse(text) == Marked(text)
    assert render(Marked(text)) == text


def test_a_comma_stays_with_its_word_across_a_mark() -> None:
    assert plain("<quiet>My mother</quiet>, she") == "My mother, she"
    assert plain("I,<pause 1> well") == "I, well"
    assert plain("I<pause 1>, well") == "I, well"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I <paus 1> know", "<paus 1> is no mark"),
        ("I <pause> know", "is no mark"),
        ("I <pause 3> know", "up to 1.5 s"),
        ("I <pause 0> know", "up to 1.5 s"),
        ("<pause 0.5> I know", "between two words"),
        ("I know. <pause 0.5>", "between two words"),
        ("I know <break>", "put a word after it"),
        ("I <quiet>know", "never closed"),
        ("I know</slow>", "closes nothing"),
        ("I <quiet></quiet> know", "holds no word"),
        ("I <quiet>k <quiet>n</quiet></quiet>", "inside another"),
        ("I kn<breath>ow", "inside a word"),
        ("I < you", "stands alone"),
        ("I <b>know</b>", "is no mark"),
    ],
)
def test_a_wrong_mark_is_refused_with_the_remedy(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        checked(text)


WORD = st.sampled_from(["I", "know,", "well.", "mother", "58", "mm-hm", "it's", "—", "Oh…", "“no”"])


@st.composite
def marked(draw: st.DrawFn) -> Marked:
    text = " ".join(["Yes", *draw(st.lists(WORD, max_size=12)), "then"])
    count = len(words(text))
    marks = [Mark("breath", draw(st.integers(0, count))) for _ in range(draw(st.integers(0, 2)))]
    marks += [
        Mark("pause", draw(st.integers(1, count - 1)), draw(st.sampled_from([0.2, 0.75, 1.5])))
        for _ in range(draw(st.integers(0, 3)))
    ]
    spans = []
    if draw(st.booleans()):
        start = draw(st.integers(0, count - 1))
        spans.append(Span("quiet", start, draw(st.integers(start + 1, count))))
    return Marked(text, tuple(sorted(marks, key=lambda mark: mark.at)), tuple(spans))


@given(marked())
def test_rendered_marks_are_parsed_back(line: Marked) -> None:
    assert parse(render(line)) == line


@given(marked(), st.integers(1, 5))
def test_clauses_share_the_marks_without_loss(line: Marked, size: int) -> None:
    tokens = line.text.split()
    clauses = [" ".join(tokens[at : at + size]) for at in range(0, len(tokens), size)]
    parts = slices(line, clauses)
    assert [part.text for part in parts] == clauses
    assert sum(len(part.marks) for part in parts) == len(line.marks)
    quiet = sum(span.end - span.start for part in parts for span in part.spans)
    assert quiet == sum(span.end - span.start for span in line.spans)
    for part in parts:
        assert all(0 <= mark.at <= len(words(part.text)) for mark in part.marks)


def test_a_pause_between_clauses_ends_the_first_and_a_breath_begins_the_next() -> None:
    line = parse("I know. <pause 0.5> <breath> She died.")
    first, second = slices(line, ["I know.", "She died."])
    assert first.marks == (Mark("pause", 2, 0.5),)
    assert second.marks == (Mark("breath", 0),)
    assert render(first) == "I know. <pause 0.5>"
    assert parse(render(first)) == first


def test_the_rest_of_a_line_keeps_its_marks() -> None:
    line = parse("I found it <pause 0.8> in March, <quiet>in the <pause 0.3> shower.</quiet>")
    left = rest(line, "March, in the shower.")
    assert left.marks == (Mark("pause", 3, 0.3),)
    assert left.spans == (Span("quiet", 1, 4),)
    assert rest(line, "in March, in the shower.").marks == (Mark("pause", 4, 0.3),)


def test_pauses_are_added_at_commas_without_one() -> None:
    text = "Well, I <pause 0.6> know, <pause 1> I do, then, if you like."
    line = with_pauses_at_commas(parse(text), 0.25, 2)
    assert line.marks == (
        Mark("pause", 1, 0.25),
        Mark("pause", 2, 0.6),
        Mark("pause", 3, 1.0),
        Mark("pause", 5, 0.25),
    )
