"""What cannot be used gets one sentence on stderr, a stable exit code, and leaves nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from simvoice import paths
from simvoice.cli import main
from simvoice.devices import portaudio
from simvoice.models import manifest

Ended = tuple[int, str, str]
Run = Callable[..., Ended]
CASE = "breast-biopsy"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command in this process: (exit code, stdout, stderr)."""

    def ran(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["simvoice", *words])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capfd.readouterr()
        code = end.value.code
        return (code if isinstance(code, int) else 0), out, err

    return ran


def is_one_sentence(text: str) -> bool:
    return text.count("\n") == 1 and "Traceback" not in text and len(text) > 20


@pytest.fixture
def sound(root: Path) -> Path:
    path = root / "learner.wav"
    soundfile.write(path, np.zeros(16_000, np.float32), 16_000)
    return path


@pytest.mark.engine
@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("soon", "does not name a checkpoint"),
        ("20270101-000000-talk-aaaa@3:12", "there is no attempt"),
    ],
)
def test_a_moment_that_is_none_is_refused_before_anything_is_prepared(
    run: Run, sound: Path, moment: str, words: str
) -> None:
    code, out, err = run("talk", CASE, "--mic", str(sound), "--from", moment)
    assert (code, out) == (2, "")
    assert is_one_sentence(err)
    assert words in err


@pytest.mark.engine
@pytest.mark.parametrize("command", ["talk", "demo"])
def test_an_unknown_case_is_named_with_those_there_are(run: Run, command: str) -> None:
    code, out, err = run(command, "breast-biopsie")
    assert (code, out) == (2, "")
    assert is_one_sentence(err)
    assert "breast-biopsie" in err
    assert CASE in err


@pytest.mark.engine
@pytest.mark.parametrize("command", ["talk", "demo"])
def test_a_broken_case_file_is_named_with_the_line(run: Run, root: Path, command: str) -> None:
    folder = root / CASE
    folder.mkdir()
    for file in ("case.yaml", "demo.yaml"):
        text = (paths.scenarios_dir() / CASE / file).read_text(encoding="utf-8")
        (folder / file).write_text(
            text.replace("reading_time_s: 90", "reading_time_s: ninety"), "utf-8"
        )
    code, out, err = run(command, str(folder / "case.yaml"))
    assert (code, out) == (2, "")
    assert is_one_sentence(err)
    assert re.search(r"case\.yaml:3\d: reading_time_s: ", err)


@pytest.mark.engine
def test_a_missing_sound_file_is_named_before_anything_is_prepared(run: Run, root: Path) -> None:
    code, out, err = run("talk", CASE, "--mic", str(root / "nobody.wav"))
    assert (code, out) == (2, "")
    assert is_one_sentence(err)
    assert "nobody.wav" in err
    assert not (root / "home" / "attempts").exists()


@pytest.mark.engine
def test_a_file_that_is_no_sound_is_named(run: Run, root: Path) -> None:
    (root / "notes.wav").write_text("these are notes")
    code, out, err = run("talk", CASE, "--mic", str(root / "notes.wav"))
    assert (code, out) == (2, "")
    assert is_one_sentence(err)
    assert "notes.wav" in err


@pytest.mark.engine
def test_the_patients_file_may_not_overwrite_the_learners(run: Run, sound: Path) -> None:
    before = sound.read_bytes()
    code, out, err = run("talk", CASE, "--mic", str(sound), "--speaker", str(sound))
    assert (code, out) == (2, "")
    assert is_one_sentence(err)
    assert sound.read_bytes() == before


def test_a_file_for_the_microphone_does_not_go_with_a_loudspeaker(run: Run, sound: Path) -> None:
    code, out, err = run("talk", CASE, "--mic", str(sound), "--speaker", "Built-in")
    assert (code, out) == (2, "")
    assert is_one_sentence(err)


@pytest.mark.engine
def test_without_a_microphone_the_browser_is_offered_before_anything_is_prepared(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portaudio, "refresh", lambda: None)
    monkeypatch.setattr(portaudio, "list_devices", list)
    code, out, err = run("talk", CASE)
    assert (code, out) == (3, "")
    assert is_one_sentence(err)
    assert "simvoice serve" in err
    assert not (root / "home" / "attempts").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [("talk",), ("talk", CASE, "--micro", "x"), ("demo", "--seed", "x"), ("dmeo",)]
)
def test_a_bad_option_is_told_without_a_traceback(run: Run, words: tuple[str, ...]) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert "Error: " in err
    assert "Traceback" not in err


def test_an_unknown_attempt_is_named(run: Run) -> None:
    code, out, err = run("debrief", "20260101-000000-nobody-aaaa")
    assert (code, out) == (2, "")
    assert is_one_sentence(err)
    assert "20260101-000000-nobody-aaaa" in err


# -- models ---------------------------------------------------------------------------------


@pytest.fixture
def some_models(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder in which every file is a link to the real one."""
    folder = root / "models"
    for name in set(manifest.profile().values()):
        (folder / name).mkdir(parents=True)
        for file in manifest.folder(name).iterdir():
            if not file.name.startswith("."):
                (folder / name / file.name).symlink_to(file)
            elif file.name == manifest.STAMP:
                (folder / name / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv("SIMVOICE_MODELS", str(folder))
    return folder


@pytest.mark.engine
@pytest.mark.parametrize("command", [("demo",), ("talk", CASE), ("serve", "--port", "0")])
def test_a_missing_model_is_named_with_the_command_that_brings_it(
    run: Run, some_models: Path, command: tuple[str, ...]
) -> None:
    (some_models / "piper-joe" / "en_US-joe-medium.onnx").unlink()
    code, out, err = run(*command)
    assert (code, out) == (3, "")
    assert is_one_sentence(err)
    assert "piper-joe" in err
    assert "simvoice models pull" in err


@pytest.mark.engine
@pytest.mark.parametrize("command", [("demo",), ("serve", "--port", "0")])
def test_an_altered_model_is_refused_by_name(
    run: Run, some_models: Path, command: tuple[str, ...]
) -> None:
    voice = some_models / "piper-joe" / "en_US-joe-medium.onnx"
    altered = bytearray(voice.read_bytes())
    altered[1_000_000] ^= 1
    voice.unlink()
    voice.write_bytes(altered)
    code, out, err = run(*command)
    assert (code, out) == (3, "")
    assert is_one_sentence(err)
    assert "en_US-joe-medium.onnx" in err
    assert "simvoice models pull" in err
