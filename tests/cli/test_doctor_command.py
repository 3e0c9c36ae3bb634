"""`simvoice doctor`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from simvoice.checkup import all_checks
from simvoice.checkup.checks import Check, fail, ok, warn
from simvoice.cli import doctor as command
from simvoice.models import manifest

app = typer.Typer()
app.command()(command)
MODULE = sys.modules[command.__module__]
"""The module; the name `simvoice.cli.doctor` gives the function."""


@pytest.fixture
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMVOICE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.slow
def test_without_models_each_one_is_named_and_the_exit_code_is_3(no_models: Path) -> None:
    result = CliRunner().invoke(app, ["--json", "--no-sound"], catch_exceptions=False)
    assert result.exit_code == 3
    answer = json.loads(result.stdout)
    assert answer["ok"] is False
    failed = {check["name"]: check for check in answer["checks"] if check["state"] == "fail"}
    assert set(failed) == {f"model {name}" for name in manifest.profile().values()}
    assert all("simvoice models pull" in check["remedy"] for check in failed.values())
    assert answer["checks"][-1]["name"] == "speed"
    assert answer["checks"][-1]["state"] == "warn"
    assert list(no_models.iterdir()) == []


@pytest.mark.slow
def test_quick_opens_no_device_and_loads_no_engine(
    no_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> Iterator[Check]:
        raise AssertionError("not in quick")

    monkeypatch.setattr(all_checks, "SpeedCheck", forbidden)
    monkeypatch.setattr("simvoice.checkup.sound.SoundCard", forbidden)
    result = CliRunner().invoke(app, ["--quick"], catch_exceptions=False)
    assert result.exit_code == 3
    assert "speed" not in result.stdout


def test_a_warning_is_shown_with_its_remedy_and_is_not_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checks = [ok("disk", "much room"), warn("microphone", "it is quiet", "move closer")]
    monkeypatch.setattr(MODULE, "check_all", lambda **_: iter(checks))
    result = CliRunner().invoke(app, [], catch_exceptions=False)
    assert result.exit_code == 0
    assert "ok  disk: much room" in result.stdout
    assert "warn  microphone: it is quiet\n      move closer" in result.stdout
    assert "is here" in result.stdout.splitlines()[-1]


def test_a_failure_is_named_on_stderr_and_the_exit_code_is_3(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checks = [fail("disk", "no room", "free some space")]
    monkeypatch.setattr(MODULE, "check_all", lambda **_: iter(checks))
    result = CliRunner().invoke(app, [], catch_exceptions=False)
    assert result.exit_code == 3
    assert "FAIL  disk: no room\n      free some space" in result.stdout
    assert result.stderr == "Missing: disk.\n"


def test_an_unknown_profile_is_refused() -> None:
    result = CliRunner().invoke(app, ["--profile", "palace"])
    assert "palace" in str(result.exception)
    assert result.stdout == ""
