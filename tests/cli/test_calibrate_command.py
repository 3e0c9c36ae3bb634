"""`simvoice calibrate`: refused arguments, and repeats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simvoice.bench import repeats
from simvoice.cli import app
from simvoice.errors import UsageError
from simvoice.research.calibrate.fit import repeat_errors
from simvoice.scoring.metrics.interval import repeats_from_json


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["calibrate", *arguments])
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_code == 2
    return str(result.exception)


def test_a_quick_calibration_has_no_table_to_save(tmp_path: Path) -> None:
    assert "leave out --quick or --write" in refused("--quick", "--write", str(tmp_path / "x"))


@pytest.mark.parametrize("name", ["nowhere", "a b é"])
def test_a_folder_without_textgrids_is_named(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    if name != "nowhere":
        folder.mkdir()
    assert name in refused("--quick", "--textgrids", str(folder))


def test_repeats_exclude_quick_and_textgrids(tmp_path: Path) -> None:
    assert "leave out --quick" in refused("--repeats", "3", "--quick")
    assert "leave out --quick" in refused("--repeats", "3", "--textgrids", str(tmp_path))


def test_repeats_are_shown_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [[{"talk_share": 40.0 + k}, {"talk_share": 44.0 + k}] for k in range(16)]
    outcome = repeats.RepeatsOutcome(2, repeats.behaviours(), 2400.0, repeat_errors(groups))
    asked: list[tuple[int, int]] = []

    def run(count: int, *, workers: int, done: repeats.Done) -> repeats.RepeatsOutcome:
        asked.append((count, workers))
        done(1, 1)
        return outcome

    monkeypatch.setattr(repeats, "run", run)
    saved = tmp_path / "repeats é.json"
    result = CliRunner().invoke(app, ["calibrate", "--repeats", "2", "--write", str(saved)])
    assert result.exit_code == 0
    assert asked == [(2, 1)]
    (row,) = [line.split() for line in result.output.splitlines() if "talk_share" in line]
    assert row == ["talk_share", "32", "49.50", "2.83", "7.84"]
    table = repeats_from_json(json.loads(saved.read_text("utf-8")))
    assert table.sem == pytest.approx(outcome.table.sem, abs=1e-6)
    assert table.provenance == outcome.table.provenance
    as_json = CliRunner().invoke(app, ["calibrate", "--repeats", "2", "--json"])
    assert json.loads(as_json.stdout)["metrics"]["talk_share"]["mdc95"] == 7.84
