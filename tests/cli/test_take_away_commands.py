"""`simvoice analyze`, `export` and `picture` from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from simvoice.cli import app, main
from tests.planted.recordings import both, srt, write
from tests.planted.talk import record


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments: object) -> dict[str, Any]:
    found = call(*arguments)
    assert found.exit_code == 0, found.output
    read: dict[str, Any] = json.loads(found.stdout)
    return read


def fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> tuple[int, str]:
    """Exit code and stderr of the command as the shell sees it."""
    monkeypatch.setattr("sys.argv", ["simvoice", *(str(a) for a in arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0), capsys.readouterr().err


@pytest.mark.slow
def test_a_folder_is_analysed_exported_and_drawn(home: Path) -> None:
    write(home / "in" / "erste visite.wav")
    srt(home / "in" / "erste visite.srt")
    write(home / "in" / "zweite.flac", both()[:, ::-1])
    report = answer("analyze", "in", "--json")
    assert (report["analysed"], report["failed"]) == (2, [])
    first = report["conversations"][0]
    assert first["metrics"]["patient_speech"]["value"] == pytest.approx(12.0, abs=0.3)
    assert report["conversations"][1]["notes"][0].startswith("nothing tells which channel")

    done = answer("export", "simvoice-results", "--out", "taken", "--json")
    assert done["conversations"] == 2
    assert all((home / "taken" / path).is_file() for path in done["files"])

    made = answer("picture", "strip", first["result"], "--out", "s.png", "--json")
    assert (home / made["picture"]).read_bytes().startswith(b"\x89PNG")
    two = [c["result"] for c in report["conversations"]]
    answer("picture", "change", *two, "--out", "c.svg", "--json")


@pytest.mark.slow
def test_answers_go_to_stdout_and_notes_to_stderr(home: Path) -> None:
    write(home / "talk.wav")
    found = call("analyze", "talk.wav")
    assert "your share of the talking" in found.stdout
    assert "1 analysed; the results are in simvoice-results" in found.stdout
    assert "nothing tells which channel" in found.stderr
    assert "nothing tells which channel" not in found.stdout
    second = call("analyze", "talk.wav")
    assert "1 already analysed" in second.stdout


@pytest.mark.slow
def test_one_bad_file_among_others_exits_with_1_and_is_named_at_the_end(home: Path) -> None:
    write(home / "in" / "good.wav")
    write(home / "in" / "mono.wav", both()[:, :1])
    found = call("analyze", "in", "--jobs", "1")
    assert found.exit_code == 1
    assert found.stderr.rstrip().splitlines()[-1].startswith("mono: 'mono.wav' has one channel")
    assert "1 analysed, 1 failed" in found.stdout
    report = json.loads(call("analyze", "in", "--json").stdout)
    assert [f["name"] for f in report["failed"]] == ["mono"]


def test_a_single_bad_file_exits_with_its_own_code(home: Path) -> None:
    write(home / "silent.wav", np.zeros((16_000, 2), np.float32))
    found = call("analyze", "silent.wav")
    assert found.exit_code == 2
    assert "'silent.wav' contains no speech" in found.stderr


@pytest.mark.slow
def test_two_files_by_name(home: Path) -> None:
    pcm = both()
    write(home / "x.wav", pcm[:, :1])
    write(home / "y.wav", pcm[:, 1:])
    report = answer("analyze", "--two", "x.wav", "y.wav", "--json")
    assert report["conversations"][0]["name"] == "x+y"


@pytest.mark.slow
def test_attempts_go_through_the_same_commands(home: Path) -> None:
    attempt = record(home / "home" / "attempts")
    report = answer("analyze", attempt.id, "--json")
    assert report["conversations"][0]["id"] == attempt.id
    assert answer("export", "--out", "all", "--json")["conversations"] == 1
    answer("picture", "turns", attempt.id, "--json")
    assert (home / "turns.svg").is_file()


@pytest.mark.slow
def test_the_sound_of_attempts_goes_along_when_asked_and_the_eaf_links_to_it(home: Path) -> None:
    attempt = record(home / "home" / "attempts")
    done = answer("export", "--sound", "--out", "out", "--json")
    copied = home / "out" / "sound" / f"{attempt.id}.wav"
    assert f"sound/{attempt.id}.wav" in done["files"]
    pcm, rate = soundfile.read(copied, dtype="int16")
    assert rate == 16_000
    assert np.array_equal(pcm, np.column_stack(attempt.audio()))
    eaf = (home / "out" / "elan" / f"{attempt.id}.eaf").read_text("utf-8")
    assert f'RELATIVE_MEDIA_URL="../sound/{attempt.id}.wav" MIME_TYPE="audio/x-wav"' in eaf


@pytest.mark.slow
def test_the_key_of_the_pseudonyms_is_written_where_asked(home: Path) -> None:
    attempt = record(home / "home" / "attempts")
    done = answer("export", "--voice-free", "--key", "key.csv", "--out", "free", "--json")
    assert done["voice_free"] is True
    assert (home / "key.csv").read_text("utf-8") == f"pseudonym,conversation\nc001,{attempt.id}\n"
    assert (home / "key.csv").stat().st_mode & 0o077 == 0  # only its owner may know who is who


@pytest.mark.parametrize("key", ["nowhere/key.csv", "folder"])
def test_without_a_key_that_can_be_written_nothing_is_exported(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    record(home / "home" / "attempts")
    (home / "folder").mkdir()
    arguments = ("export", "--voice-free", "--key", key, "--out", "free")
    code, text = fails(capsys, monkeypatch, *arguments)
    assert code == 1
    assert "so nothing was exported" in text
    assert sorted(path.name for path in home.iterdir()) == ["folder", "home"]


def test_without_an_export_there_is_no_key(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record(home / "home" / "attempts")
    (home / "free").write_text("a file", encoding="utf-8")
    (home / "key.csv").write_text("an earlier key", encoding="utf-8")
    arguments = ("export", "--voice-free", "--key", "key.csv", "--out", "free")
    assert fails(capsys, monkeypatch, *arguments)[0] == 2
    assert (home / "key.csv").read_text("utf-8") == "an earlier key"
    assert sorted(path.name for path in home.iterdir()) == ["free", "home", "key.csv"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["analyze"], "give what to analyse: an attempt's id, a sound file or a folder"),
        (["analyze", "gone.wav"], "is neither the id of an attempt nor an existing path"),
        (["analyze", "talk.wav", "--names", "doctor"], "is not two different names"),
        (["analyze", "talk.wav", "--visit", "dentist"], "'dentist' is no kind of visit"),
        (["export", "9" * 400], "9…' cannot be used here (File name too long)"),
        (["export", "talk.wav"], "analyse it first, then export the results: simvoice analyze"),
        (["export", "empty"], "there is no attempt and no recording in empty"),
        (["export"], "there is nothing to export; make an attempt with: simvoice demo"),
        (["export", "--only", "xls"], "'xls' is not a format"),
        (["export", "--sound", "--voice-free"], "--sound and --voice-free exclude each other"),
        (["export", "--key", "k.csv"], "--key needs --voice-free"),
        (["export", "--voice-free", "--key", "out/k.csv", "--out", "out"], "inside the export"),
        (["picture", "strip", "talk.wav"], "analyse it first"),
        (["picture", "strip", "talk.wav", "--out", "s.gif"], "must end in .svg, .png or .pdf"),
    ],
)
def test_wrong_use_gives_a_message_and_exit_code_2(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    write(home / "talk.wav", both()[:16_000])
    (home / "empty").mkdir()
    code, text = fails(capsys, monkeypatch, *arguments)
    assert code == 2
    assert says in text
    assert "Traceback" not in text


def test_words_without_the_model_exit_with_3_before_any_file_is_read(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMVOICE_MODELS", str(home / "no-models"))
    write(home / "talk.wav", both()[:16_000])
    code, text = fails(capsys, monkeypatch, "analyze", "talk.wav", "--words")
    assert code == 3
    assert "run: simvoice models pull" in text
    assert not (home / "simvoice-results").exists()


def test_a_picture_of_the_wrong_number_of_conversations_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = record(home / "home" / "attempts")
    code, text = fails(capsys, monkeypatch, "picture", "change", attempt.id)
    assert (code, text.strip()) == (2, "change needs two conversations, not 1")
