"""`simvoice talk` refuses what it cannot begin, before anything is prepared."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from simvoice.cli import app
from simvoice.errors import UsageError


def refusal(*words: str) -> UsageError:
    result = CliRunner().invoke(app, ["talk", *words])
    assert isinstance(result.exception, UsageError), result.exception
    return result.exception


def test_an_encounter_begins_at_one_place() -> None:
    said = refusal("breast-biopsy", "--moment", "the_result", "--from", "x@1:00")
    assert "begins at one place; give --from or --moment" in str(said)


@pytest.mark.engine
def test_an_unknown_moment_is_refused_with_the_known_ones() -> None:
    said = refusal("breast-biopsy", "--moment", "the_news", "--mic", "a.wav")
    assert "has no moment 'the_news'; choose one of: the_result, after_the_word" in str(said)
