"""`simvoice cases say`, with the real voice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simvoice.audio import RATE
from simvoice.cli.cases import app
from simvoice.devices.wav import read_audio


@pytest.mark.engine
def test_a_line_is_made_into_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path / "home"))
    out = tmp_path / "die.wav"
    words = ["say", "breast-biopsy", "q_die", "--distress", "0.9", "--out", str(out), "--json"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["text"] == "Am I going to die?"
    assert (answer["spoken"], answer["mood"]) == ("Am I going to <break> die?", "shaken")
    pcm, rate = read_audio(out)
    assert rate == RATE
    assert answer["duration_s"] == pytest.approx(pcm.size / RATE, abs=0.01)
    assert pcm.size > RATE


def test_an_unknown_affect_is_refused_with_the_valid_ones(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["say", "breast-biopsy", "q_die", "--affect", "sad"])
    assert "there is no affect 'sad'" in str(result.exception)
    assert "tearful" in str(result.exception)
