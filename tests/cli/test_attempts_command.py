"""`simvoice attempts`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from simvoice.cli.attempts import app
from simvoice.errors import AttemptError, UsageError
from simvoice.record.events import RetryOrigin
from simvoice.record.recorder import Recorder
from tests.planted.talk import header, record


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))
    return tmp_path / "attempts"


def run(*arguments: str) -> tuple[str, str]:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def answer(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json")[0])


def raised(*arguments: str) -> BaseException | None:
    return CliRunner().invoke(app, list(arguments)).exception


def test_without_attempts_the_list_says_how_to_make_one(root: Path) -> None:
    assert "simvoice demo" in run("list")[0]
    assert answer("list") == {"folder": str(root), "attempts": []}


def test_the_list_shows_each_attempt_and_its_problem(root: Path) -> None:
    whole = record(root)
    crashed = Recorder.create(root, header("20270101-000000-talk-aaaa"))
    crashed.abandon()
    out, problems = run("list")
    assert whole.id in out
    assert "crashed" in out
    assert f"simvoice attempts recover {crashed.attempt}" in problems
    assert [a["state"] for a in answer("list")["attempts"]] == ["crashed", "complete"]


def test_show_gives_facts_and_words(root: Path) -> None:
    attempt = record(root, learner="Kim [x]")
    out, _ = run("show", attempt.id)
    assert "A planted talk (planted-talk)" in out
    assert "Kim [x]: and your mother" in out
    assert "Ines: Are you there?" in out
    whole = answer("show", attempt.id)
    assert whole["header"]["case_id"] == "planted-talk"
    assert whole["entries"][-1]["type"] == "ended"
    assert whole["sound"] == "audio.flac"


def test_recover_without_an_id_recovers_all_crashed_attempts(root: Path) -> None:
    record(root)
    names = []
    for letter in "ab":
        recorder = Recorder.create(root, header(f"20270101-000000-talk-aaa{letter}"))
        recorder.abandon()
        names.append(recorder.attempt)
    found = answer("recover")["recovered"]
    assert sorted(a["id"] for a in found) == names
    assert {a["state"] for a in found} == {"complete"}
    assert "nothing to recover" in run("recover")[0]


def test_erase_asks_first_and_then_erases(root: Path) -> None:
    attempt = record(root)
    error = raised("erase", attempt.id)
    assert isinstance(error, UsageError)
    assert "--yes" in str(error)
    assert attempt.folder.is_dir()
    assert answer("erase", attempt.id, "--yes") == {"erased": [attempt.id]}
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("command", ["show", "recover", "erase"])
def test_an_unknown_attempt_is_named(root: Path, command: str) -> None:
    yes = ["--yes"] if command == "erase" else []
    error = raised(command, "20261122-101530-talk-aaaa", *yes)
    assert isinstance(error, AttemptError)
    assert error.exit_code == 2


def test_a_retry_is_marked_with_its_origin(root: Path) -> None:
    first = record(root)
    retry = header("20270101-000000-talk-bbbb").model_copy(
        update={"again": RetryOrigin(attempt=first.id, turn=2, at_s=192.4)}
    )
    recorder = Recorder.create(root, retry)
    recorder.close()
    origin = f"retry of {first.id} from 3:12"
    assert origin in " ".join(run("list")[0].split())
    assert origin in run("show", retry.attempt)[0]
    listed = answer("list")["attempts"]
    assert {each["again_of"] for each in listed} == {"", first.id}
