"""Text that leaves: for a terminal, as JSON, as a cell of a CSV file."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from simvoice.safe_text import (
    csv_cell,
    field_place,
    for_terminal,
    from_csv_cell,
    json_text,
    one_line,
)
from simvoice.strict_model import StrictModel

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
"""Text that may hold control characters and lone surrogates."""


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("Ruth\x1b[31m Calder", "Ruth�[31m Calder"),  # colours
        ("\x1b]0;title\x07", "�]0;title�"),  # the window's title
        ("\x9b2J", "�2J"),  # C1: clears the screen
        ("a\rb", "a�b"),  # writes over the line
        ("name\u202egpj.exe", "name�gpj.exe"),  # shown backwards
        ("\u2066x\u2069", "�x�"),
        ("\udcff.wav", "�.wav"),  # a name of a file that is not UTF-8
        ("Zoë 李 \tשלום\n👩‍⚕️", "Zoë 李 \tשלום\n👩‍⚕️"),
    ],
)
def test_a_terminal_gets_no_command(given_text: str, shown: str) -> None:
    assert for_terminal(given_text) == shown


@given(ANY_TEXT)
def test_a_terminal_gets_only_characters_that_can_be_shown(text: str) -> None:
    shown = for_terminal(text)
    shown.encode("utf-8")
    assert len(shown) == len(text)
    assert not [c for c in shown if unicodedata.category(c) == "Cc" and c not in "\n\t"]


@given(st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=4))
def test_json_brings_every_text_unchanged_and_commands_nothing(value: dict[str, str]) -> None:
    text = json_text(value)
    assert json.loads(text) == json.loads(json.dumps(value))
    assert for_terminal(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+44 20", "'+44 20"),
        ("-well", "'-well"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("'cause I said so", "'cause I said so"),
        ("", ""),
        ("1e5", "1e5"),
        ("NA", "NA"),
    ],
)
def test_a_cell_is_escaped_only_where_it_could_be_a_formula(text: str, cell: str) -> None:
    assert csv_cell(text) == cell


@given(st.one_of(ANY_TEXT, st.text("'=+-@\t\r\nx", max_size=6)))
def test_a_cell_comes_back_and_never_begins_as_a_formula(text: str) -> None:
    assert from_csv_cell(csv_cell(text)) == text
    assert csv_cell(text)[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n"}


def test_a_stored_line_is_one_line_of_valid_unicode() -> None:
    assert one_line(" a\r\n b\ud800 ") == "a b�"


class Step(StrictModel):
    say: str


class Script(StrictModel):
    steps: tuple[Step, ...]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"steps": [{"say": 1}]}', "steps.0.say"),
        ('{"steps": [{"say": "Hi", "s\\u0085\\u2028ay": ""}]}', "steps.0.s ay"),
        ('{"steps": [], "a\\r\\nb": 1}', "a b"),
        ("[]", "the script"),
    ],
)
def test_the_place_of_a_problem_is_one_line(text: str, place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Script.model_validate_json(text)
    assert field_place(refused.value.errors()[0]["loc"], "the script") == place


def test_a_long_name_is_shortened() -> None:
    assert field_place(("x" * 1000, "say")) == "x" * 60 + "….say"
