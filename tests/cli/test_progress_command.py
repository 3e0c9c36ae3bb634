"""`simvoice progress`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from simvoice.cli import app
from simvoice.errors import UsageError
from simvoice.record.recorder import Recorder
from tests.planted.talk import header, record


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))
    return tmp_path / "attempts"


def run(*arguments: str) -> tuple[str, str]:
    result = CliRunner().invoke(app, ["progress", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def answer(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json")[0])


def refused(*arguments: str) -> str:
    error = CliRunner().invoke(app, ["progress", *arguments]).exception
    assert isinstance(error, UsageError)
    return str(error)


def two_attempts(root: Path, learner: str = "Kim [x]") -> list[str]:
    ids = [f"202611{day}-101530-planted-talk-aaaa" for day in (21, 22)]
    return [record(root, attempt=each, learner=learner).id for each in ids]


def test_without_attempts_it_says_how_to_make_one(root: Path) -> None:
    assert "simvoice demo" in run()[0]
    assert answer() == {"learners": [], "skipped": []}
    assert "there is no attempt by 'Kim'" in refused("Kim")


@pytest.mark.slow
def test_without_a_learner_it_lists_all_and_names_unreadable_attempts(root: Path) -> None:
    two_attempts(root)
    broken = record(root)
    (broken.folder / "header.json").write_text("{", encoding="utf-8")
    out, problems = run()
    assert "Kim [x]" in out
    assert broken.id in problems
    assert [(k["learner"], k["attempts"]) for k in answer()["learners"]] == [("Kim [x]", 2)]
    assert answer()["skipped"][0]["attempt"] == broken.id


@pytest.mark.slow
def test_attempts_of_a_learner_are_shown_with_intervals_and_changes(root: Path) -> None:
    ids = two_attempts(root)
    out, _ = run("Kim [x]")
    assert "A planted talk (planted-talk): 2 attempts" in out
    assert all(each in out for each in ids)
    assert "first to last: no change that can be told from chance: " in " ".join(out.split())
    assert "Your share of the talking" in out
    found = answer("Kim [x]")
    (course,) = found["courses"]
    assert [each["attempt"] for each in course["attempts"]] == ids
    listening = course["headings"][0]
    assert listening["name"] == "Active listening"
    assert listening["first_to_last"]["verdict"] == "no change that can be told from chance"
    point = listening["points"][0]
    assert point["low"] <= point["value"] <= point["high"]


@pytest.mark.slow
def test_one_attempt_and_attempts_without_a_name(root: Path) -> None:
    record(root)
    out, _ = run("-")
    assert "(without a name)" in out
    assert "change cannot be measured" in out


@pytest.mark.slow
def test_a_case_can_be_chosen_and_an_unknown_one_is_refused(root: Path) -> None:
    two_attempts(root)
    assert len(answer("Kim [x]", "--case", "planted-talk")["courses"]) == 1
    assert "cases with attempts: planted-talk" in refused("Kim [x]", "--case", "third-talk")
    assert "--case needs a learner" in refused("--case", "planted-talk")


@pytest.mark.slow
def test_a_crashed_attempt_is_left_out_and_named_with_the_remedy(root: Path) -> None:
    two_attempts(root)
    crashed = Recorder.create(root, header("20270101-000000-talk-aaaa", learner="Kim [x]"))
    crashed.abandon()
    out, _ = run("Kim [x]")
    assert f"simvoice attempts recover {crashed.attempt}" in out
    assert answer("Kim [x]")["skipped"][0]["attempt"] == crashed.attempt
