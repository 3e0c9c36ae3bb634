"""`simvoice debrief`: one screen first, and everything behind an option."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from simvoice.cli import app
from simvoice.debrief.build import build_debrief
from simvoice.errors import UsageError
from simvoice.reading.reading import read
from simvoice.record.reflection import ReflectedMoment, end_reflection, save_text
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
    assert found.pop("own_views") == []
    assert found == build_debrief(attempt, read(attempt)).model_dump(mode="json")


def test_own_words_stand_beside_the_record_when_the_debrief_was_shown(attempt: Attempt) -> None:
    moments = (ReflectedMoment(at_s=3.4, words="that is frightening i know"),)
    now = datetime(2026, 11, 22, 11, tzinfo=UTC)
    save_text(attempt.folder, moments, 3.4, "aim", "To name\nit.", "", now)
    assert "To name" not in run(attempt.id).stdout  # a draft
    end_reflection(attempt.folder, moments, now)
    words = " ".join(run(attempt.id).stdout.split())
    assert "Your view beside the record's 0:03 “that is frightening i know”" in words
    assert "What were you trying to do? To name it. Record: " in words
    assert "Your view" not in run(attempt.id, "--items").stdout
    (own,) = json.loads(run(attempt.id, "--json").stdout)["own_views"]
    assert own["answers"] == [{"question": "What were you trying to do?", "answer": "To name\nit."}]
