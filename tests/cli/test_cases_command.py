"""`simvoice cases check`: what it refuses before it plays a case."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from simvoice.cli import app
from simvoice.errors import CaseError
from simvoice.patient.case.load import create_case


@pytest.mark.parametrize("setting", ["prompt_after_s: 500", "prompt_after: 9"])
def test_a_check_refuses_a_turn_taking_setting_with_which_no_encounter_begins(
    setting: str, tmp_path: Path
) -> None:
    file = create_case("a-case", tmp_path)
    file.write_text(f"{file.read_text()}\nfloor: {{{setting}}}\n")
    words = ["cases", "check", str(file), "--quick", "--no-model"]
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, CaseError)
    assert f"floor.{setting.partition(':')[0]} cannot be used" in str(error)
