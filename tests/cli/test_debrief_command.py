"""`simvoice debrief`: one screen first, and everything behind an option."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from simvoice.cli import app
from simvoice.debrief.build import build_debrief
from simvoice.errors import UsageError
from simvoice.reading.reading import read
from simvoice.record.store import Attempt
from tests.planted.talk import record


@pytest.fixture
def attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempt:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))
    return record(tmp_path / "attempts")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["debrief", *arguments])


def test_the_first_screen_is_short_and_names_the_options(attempt: Attempt) -> None:
    lines = run(attempt.id).stdout.splitlines()
    assert len(lines) <= 36
    assert "Add --numbers" in lines[-1]
    assert "Transcript" not in lines


def test_numbers_show_the_transcript_and_every_number(attempt: Attempt) -> None:
    text = run(attempt.id, "--numbers").stdout
    for title in ("Silences", "The conversation", "Transcript", "Interruptions", "Numbers"):
        assert title in text.splitlines()
    words = " ".join(text.split())
    assert "the machine's own delay" in words


def test_items_and_numbers_are_two_views(attempt: Attempt) -> None:
    assert isinstance(run(attempt.id, "--items", "--numbers").exception, UsageError)


def test_json_has_everything_without_an_option(attempt: Attempt) -> None:
    found = json.loads(run(attempt.id, "--json").stdout)
    assert found == build_debrief(attempt, read(attempt)).model_dump(mode="json")
