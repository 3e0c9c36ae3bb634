"""`simvoice station install` and `check` as commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simvoice.cli import app
from simvoice.errors import UsageError


def test_a_dry_run_prints_every_step_and_writes_nothing(tmp_path: Path) -> None:
    words = ["station", "install", "--name", "A1", "--root", str(tmp_path), "--dry-run"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert "Write /etc/systemd/system/simvoice-station.service (the program)." in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_done_without_a_yes(tmp_path: Path) -> None:
    words = ["station", "install", "--name", "A1", "--root", str(tmp_path)]
    done = CliRunner().invoke(app, words, input="n\n")
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == "nothing was changed"
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_asked_for_before_anything_is_printed(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["station", "install", "--root", str(tmp_path)])
    assert isinstance(done.exception, UsageError)
    assert "--name" in str(done.exception)
    assert "Write" not in done.stdout


def test_removing_says_first_what_goes_away(tmp_path: Path) -> None:
    words = ["station", "install", "--remove", "--root", str(tmp_path), "--dry-run"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert "Remove /etc/simvoice/station.env." in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_check_names_what_is_missing_and_ends_with_three(tmp_path: Path) -> None:
    words = ["station", "check", "--data", str(tmp_path / "station"), "--json"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert found["pairing"]["state"] == "fail", "a station without a hub keeps nothing"
    assert done.exit_code == 3
    assert list(tmp_path.iterdir()) == [], "a check makes nothing"


def test_a_port_that_cannot_be_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["station", "check", "--port", "0", "--data", str(tmp_path)])
    assert isinstance(done.exception, UsageError)
