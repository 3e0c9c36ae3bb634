"""What commands print holds no command to the terminal, whatever files and people are called."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from simvoice.cli import main
from simvoice.cli.common import TextConsole, print_json
from tests.planted.talk import record

HOSTILE = "\x1b]0;evil\x07\x9b2J\u202e[/red] :smile: {x}"


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["simvoice", *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert isinstance(end.value.code, int)
    return end.value.code


def commands_in(text: str) -> list[str]:
    return [c for c in text if c in "\x07\x1b\x9b\x7f\r\u202e"]


def test_texts_tables_and_titles_are_printed_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = TextConsole()
    table = Table("name", title=HOSTILE)
    table.add_row(HOSTILE)
    for each in (HOSTILE, Text(HOSTILE), table):
        console.print(each)
    out = capsys.readouterr().out
    assert not commands_in(out)
    assert out.startswith("�]0;evil�2J�[/red] :smile: {x}\n")  # rich leaves the bell out
    assert out.count("[/red] :smile:") == 4


def test_a_terminal_still_gets_the_colours_of_simvoice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = TextConsole()
    with console.capture() as shown:
        console.print(Text("bold", style="bold"))
    assert shown.get() == "\x1b[1mbold\x1b[0m\n"


def test_json_says_exactly_what_there_is_without_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"name": HOSTILE})
    out = capsys.readouterr().out
    assert not commands_in(out)
    assert json.loads(out) == {"name": HOSTILE}


@pytest.mark.slow
def test_names_of_an_attempt_reach_the_terminal_without_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))
    made = record(tmp_path / "attempts", learner=HOSTILE, patient_name=HOSTILE)
    for words in (
        ("attempts", "list"),
        ("attempts", "show", made.id),
        ("debrief", made.id),
        ("attempts", "list", "--json"),
    ):
        assert run(monkeypatch, *words) == 0
        both = "".join(capfd.readouterr())
        assert not commands_in(both), words
        assert "evil" in both, words


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("analyze", f"{HOSTILE}.wav"),
        ("analyze", os.fsdecode(b"\xff\x1b[31m.wav")),
        ("attempts", "show", HOSTILE),
        ("analyze", f"--{HOSTILE}"),
        ("export", "--out", "x", HOSTILE),
        ("serve", "--port", HOSTILE),
        (HOSTILE,),
    ],
)
def test_an_error_quotes_an_argument_without_commands(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *words) in {1, 2}
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    assert not commands_in(out + err)
    assert len(err) > 20
