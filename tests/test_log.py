"""The log says what happened, without anyone's words, and never holds up an encounter."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simvoice import log
from simvoice.cli import _level_first, _logged, app
from simvoice.errors import DeviceMissing
from tests.conversation.world import ScriptedMind, World
from tests.log_file import SECRETS, LogFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "log" / log.FILE


# -- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "kept"),
    [
        ("a clause was not spoken: the voice could not say 'zebra'", "a clause was not spoken"),
        ("The microphone 'Quincy's headset' was unplugged", "The microphone"),
        ("the recogniser gave no answer in time", "the recogniser gave no answer in time"),
        ("the patient's voice failed 4 times (zebra)", "the patient's voice failed 4 times"),
        (
            "the language model's server at quincy-pc:8000, slow, did not answer in time",
            "the language model's server at …, slow, did not answer in time",
        ),
    ],
)
def test_of_a_sentence_the_part_before_a_value_is_kept(what: str, kept: str) -> None:
    assert log.without_values(what) == kept


# -- errors ---------------------------------------------------------------------------------------


def test_an_error_of_a_thread_is_logged_with_its_frames_and_without_its_message(
    logged: LogFile, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        try:
            raise KeyError("zebra")
        except KeyError as error:
            raise RuntimeError("Quincy") from error

    thread = threading.Thread(target=fail, name="voice")
    thread.start()
    thread.join(60)
    text = logged.text_without_secrets()
    assert "The thread voice ended with an error." in text
    assert "RuntimeError" in text
    assert "KeyError" in text
    assert "in fail" in text
    assert str(logged.path) in capsys.readouterr().err


def test_an_error_in_the_event_loop_is_logged_with_its_frames(logged: LogFile) -> None:
    def fail() -> None:
        raise ValueError("Quincy said zebra")

    async def main() -> None:
        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())
    text = logged.text_without_secrets()
    assert " ERROR asyncio " in text
    assert "in fail" in text


def test_the_parts_of_a_group_and_the_kind_of_a_disk_error_are_told() -> None:
    def full() -> OSError:
        return OSError(28, "No space left on Quincy's disk", "/data/quincy")

    told = log.frames(ExceptionGroup("zebra", [ValueError("marmalade"), full()]))
    assert told.splitlines() == ["ExceptionGroup", "ValueError", "OSError ENOSPC"]


def test_an_error_that_hides_its_context_is_told_alone() -> None:
    def hide() -> None:
        try:
            raise KeyError("zebra")
        except KeyError:
            raise ValueError("Quincy") from None

    with pytest.raises(ValueError, match="Quincy") as caught:
        hide()
    assert "KeyError" not in log.frames(caught.value)
    assert log.place(caught.value).startswith("ValueError at test_log.py:")


def test_of_another_library_only_the_template_is_kept(logged: LogFile) -> None:
    other = logging.getLogger("somebody.else")
    other.warning("cannot read %s", "zebra")
    other.warning("Quincy is here")
    text = logged.text_without_secrets()
    assert "cannot read %s" in text


# -- disk -----------------------------------------------------------------------------------------


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that stands still until this event is set."""
    turns = threading.Event()
    real = log._RotatingFile.emit

    def wait(self: log._RotatingFile, record: logging.LogRecord) -> None:
        assert turns.wait(30)
        real(self, record)

    monkeypatch.setattr(log._RotatingFile, "emit", wait)
    yield turns
    turns.set()


def test_an_encounter_runs_to_its_end_while_the_disk_stands_still(
    logged: LogFile, disk: threading.Event
) -> None:
    mind = ScriptedMind(lines=["one", "two"])
    world = World(mind, breaks={"say"}).learner(0.5, 1.5, "Hello?")
    world.run(12)
    world.session.close()
    assert not logged.path.exists()
    disk.set()
    text = logged.text()
    assert " trouble at_s=" in text
    assert " encounter ended=" in text


def test_lines_that_a_slow_disk_does_not_take_are_counted(
    disk: threading.Event, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_MOST_WAITING", 100)
    running = log.start("info", path)
    for number in range(1000):
        logging.getLogger("simvoice").info("frame %d", number)
    disk.set()
    running.stop()
    text = path.read_text(encoding="utf-8")
    lost = [int(count) for count in re.findall(r"too slow for (\d+) lines", text)]
    assert 100 <= text.count(" frame ") <= 101  # those that wait, and one that is being written
    assert lost
    assert text.count(" frame ") + sum(lost) == 1000


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_once_and_stops_nothing(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")
    running = log.start("info", path)
    for _ in range(3):
        logging.getLogger("simvoice").info("x")
    running.stop()
    said = capsys.readouterr().err
    assert said.count("The log cannot be written (No space left on device)") == 1
    assert len(said.splitlines()) == 1


def test_a_log_that_cannot_be_written_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    running = log.start("info", tmp_path / "file" / log.FILE)
    for _ in range(3):
        logging.getLogger("simvoice").info("x")
    running.stop()
    assert capsys.readouterr().err.count("The log cannot be written") == 1


def test_the_file_is_private_and_rotates(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FILE_BYTES", 5_000)
    running = log.start("info", path)
    for number in range(1000):
        logging.getLogger("simvoice").info("line %d", number)
    running.stop()
    kept = sorted(each.name for each in path.parent.iterdir())
    assert kept == [log.FILE, *(f"{log.FILE}.{n}" for n in range(1, log.OLD_FILES + 1))]
    assert all(each.stat().st_size < 6_000 for each in path.parent.iterdir())
    assert path.stat().st_mode & 0o077 == 0
    assert "line 999" in path.read_text(encoding="utf-8")


def test_a_file_that_another_process_has_rotated_is_not_rotated_again(path: Path) -> None:
    here, there = log._RotatingFile(path), log._RotatingFile(path)
    line = logging.LogRecord("simvoice", logging.INFO, "", 0, "line", None, None)
    for each in (here, there):
        each.emit(line)
    here.doRollover()
    there.doRollover()  # as when it found the file full before the other one rotated it
    there.emit(line)
    here.emit(line)
    for each in (here, there):
        each.close()
    assert path.read_text(encoding="utf-8") == "line\nline\n"
    assert path.with_name(f"{log.FILE}.1").read_text(encoding="utf-8") == "line\nline\n"
    assert not path.with_name(f"{log.FILE}.2").exists()


def _write_lines(path: Path, name: str) -> None:
    log.FILE_BYTES = 20_000
    running = log.start("info", path)
    for number in range(300):
        logging.getLogger("simvoice").info("%s %d", name, number)
        time.sleep(0.001)  # so that both processes write in turn
    running.stop()


@pytest.mark.slow
def test_two_processes_share_the_file(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=_write_lines, args=(path, name)) for name in ("one", "two")]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
        assert each.exitcode == 0
    text = "".join(each.read_text(encoding="utf-8") for each in path.parent.iterdir())
    assert all(f" one {number}\n" in text and f" two {number}\n" in text for number in range(300))


# -- commands -------------------------------------------------------------------------------------


def test_the_level_may_stand_behind_a_command() -> None:
    assert _level_first(["talk", "x", "--log-level", "debug"])[:2] == ["--log-level", "debug"]
    assert _level_first(["talk", "--log-level=debug", "x"]) == ["--log-level=debug", "talk", "x"]
    assert _level_first(["ask", "--", "--log-level", "x"]) == ["ask", "--", "--log-level", "x"]


def test_a_command_logs_its_start_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))
    assert CliRunner().invoke(app, ["attempts", "list"]).exit_code == 0
    assert "INFO simvoice.cli" in log.file().read_text(encoding="utf-8")
    assert "command=attempts simvoice=" in log.file().read_text(encoding="utf-8")


def test_how_a_command_ends_is_logged_without_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="zebra"), _logged("talk", "info"):
        raise ValueError("zebra")
    assert f"(details in {log.file()})" in capsys.readouterr().err
    with pytest.raises(DeviceMissing), _logged("talk", "info"):
        raise DeviceMissing("there is no microphone 'Quincy'")
    text = log.file().read_text(encoding="utf-8")
    assert "ERROR simvoice.cli" in text
    assert "ended=error command=talk" in text
    assert "refused simvoice.errors.DeviceMissing at test_log.py:" in text
    assert "ended=refused command=talk" in text
    assert not [word for word in SECRETS if word in text]
    assert capsys.readouterr().err == ""  # `main` prints the sentence of a refusal, once


def test_an_attempt_that_is_missing_is_a_warning_without_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))
    assert CliRunner().invoke(app, ["debrief", "Quincy"]).exit_code != 0
    text = log.file().read_text(encoding="utf-8")
    assert "refused simvoice.errors.AttemptError at files.py:" in text
    assert "Quincy" not in text


def test_the_warnings_of_a_week_are_counted(path: Path) -> None:
    running = log.start("info", path)
    logging.getLogger("simvoice").warning("one")
    logging.getLogger("simvoice").error("two")
    logging.getLogger("simvoice").info("three")
    running.stop()
    old = "2020-01-01T00:00:00.000+00:00 WARNING simvoice pid=1 attempt=- request=- old\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(old)
    assert log.count_warnings(path) == 2
    assert log.count_warnings(path.with_name("missing")) == 0
