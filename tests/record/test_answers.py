"""The learner's own answers beside a record."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice.errors import AttemptError
from simvoice.record.answers import (
    ANSWERS,
    LONGEST_ANSWER,
    OwnAnswer,
    OwnAnswers,
    answers_for_page,
    read_answers,
    write_answers,
)


def given(answer: str) -> OwnAnswers:
    when = "2026-11-30T10:20:00+00:00"
    return OwnAnswers(answers=(OwnAnswer(question="And now?", answer=answer, written_at=when),))


def test_answers_are_read_as_they_were_written(tmp_path: Path) -> None:
    text = "Ich schwieg.\nDann: „ja“. 🙂"
    write_answers(tmp_path, given(text))
    assert read_answers(tmp_path) == given(text)
    assert (tmp_path / ANSWERS).stat().st_mode & 0o777 == 0o600


def test_later_answers_replace_earlier_ones(tmp_path: Path) -> None:
    write_answers(tmp_path, given("a draft"))
    write_answers(tmp_path, given("the answer"))
    assert read_answers(tmp_path) == given("the answer")
    assert [path.name for path in tmp_path.iterdir()] == [ANSWERS]


def test_a_record_without_questions_has_no_answers(tmp_path: Path) -> None:
    assert read_answers(tmp_path) is None
    assert answers_for_page(tmp_path) is None


def test_the_longest_answers_can_be_read_again(tmp_path: Path) -> None:
    long = OwnAnswer(question="?" * 500, answer="😀" * LONGEST_ANSWER)
    write_answers(tmp_path, OwnAnswers(answers=(long,) * 10))
    found = read_answers(tmp_path)
    assert found is not None
    assert found.answers == (long,) * 10


@pytest.mark.parametrize("damage", [b"", b"{", b"null", b'{"answers": 1}', b"[" * 5000])
def test_a_damaged_file_is_one_sentence_and_leaves_the_page(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / ANSWERS).write_bytes(damage)
    with pytest.raises(AttemptError, match=r"cannot be read; look at answers\.json"):
        read_answers(tmp_path)
    assert answers_for_page(tmp_path) is None
