"""`simvoice calibrate` refuses what it cannot use, in a sentence and at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from simvoice.cli import app
from simvoice.errors import UsageError


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


def test_repeats_have_no_quick_way_and_plant_nothing(tmp_path: Path) -> None:
    assert "leave out --quick" in refused("--repeats", "3", "--quick")
    assert "leave out --quick" in refused("--repeats", "3", "--textgrids", str(tmp_path))
