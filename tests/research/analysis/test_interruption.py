"""A batch survives being killed at any moment, and two batches share one folder of results."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simvoice.research.analysis.batch import BatchPlan, run
from simvoice.research.analysis.inputs import gather
from simvoice.research.analysis.recording import Options
from simvoice.research.analysis.results import load, results_in, save
from simvoice.research.analysis.work_folder import remove_abandoned, work_folder
from simvoice.research.recordings.speaker_names import SpeakerNames
from tests.planted.recordings import both, write

COUNT = 5
LIMIT_S = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of short recordings, each with another length."""
    made = tmp_path / "in"
    for number in range(COUNT):
        write(made / f"v{number}.wav", both()[: (12 + number) * 16_000])
    return made


def start(given: Path, out: Path, home: Path) -> subprocess.Popen[bytes]:
    """Start `simvoice analyze` in a session of its own."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "simvoice",
            "analyze",
            str(given),
            *("--out", str(out), "--jobs", "2"),
        ],
        env={**os.environ, "SIMVOICE_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_until(holds: Iterator[bool], what: str) -> None:
    end_s = time.monotonic() + LIMIT_S
    for done in holds:
        if done:
            return
        assert time.monotonic() < end_s, f"{what} did not happen in {LIMIT_S:.0f} s"
        time.sleep(0.01)


def alive(session: int) -> list[str]:
    """Return the running processes of a session, from /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text("utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(session) and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_batch_that_is_killed_again_and_again_ends_with_the_same_results(
    folder: Path, tmp_path: Path
) -> None:
    def analysed(out: Path) -> int:
        return start(folder, out, tmp_path / "home").wait(LIMIT_S)

    clean, out = tmp_path / "clean", tmp_path / "out"
    assert analysed(clean) == 0
    rng = random.Random(12)
    for number, end in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)):
        process = start(folder, out, tmp_path / "home")
        # Somewhere in the work on the next result: reading, measuring or writing.
        wait_until((any(out.glob(".work-*")) for _ in iter(int, 1)), "an analysis")
        time.sleep(rng.uniform(0.0, 0.4))
        if number == 2:
            os.kill(process.pid, signal.SIGSTOP)  # a machine that sleeps
            os.kill(process.pid, signal.SIGCONT)
        os.kill(process.pid, end)
        process.wait(LIMIT_S)
        session = process.pid
        wait_until((not alive(session) for _ in iter(int, 1)), "the end of the workers")
        for path in results_in(out):
            assert load(path).id in path.name  # whole
    assert len(results_in(out)) < COUNT, "the batch was never interrupted"
    assert analysed(out) == 0
    assert contents(out) == contents(clean)
    assert [path.name for path in out.iterdir() if path.is_dir()] == []


@pytest.mark.slow
def test_two_batches_write_the_same_results_to_one_folder_at_the_same_time(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    processes = [start(folder, out, tmp_path / f"home{n}") for n in range(2)]
    assert [process.wait(LIMIT_S) for process in processes] == [0, 0]
    assert len(results_in(out)) == COUNT
    items = gather([str(folder)], tmp_path, SpeakerNames()).items
    again = list(run(items, BatchPlan(Options(), out)))
    assert {outcome.state for outcome in again} == {"skipped"}
    assert sorted(path.name for path in out.iterdir()) == [path.name for path in results_in(out)]


def test_saving_disturbs_no_other_process_that_saves_the_same_result(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    item = gather([str(folder / "v0.wav")], tmp_path, SpeakerNames()).items[0]
    (outcome,) = run([item], BatchPlan(Options(), out))
    assert outcome.result is not None
    found = load(outcome.result)
    moved = os.replace

    def interleaved(source: Path, target: Path) -> None:
        if target == outcome.result:
            monkeypatch.setattr(os, "replace", moved)
            save(out, found)  # another process writes it between our writing and our renaming
        moved(source, target)

    monkeypatch.setattr(os, "replace", interleaved)
    assert load(save(out, found)) == found


def test_only_the_work_of_processes_that_have_ended_is_removed(tmp_path: Path) -> None:
    with work_folder(tmp_path) as mine:
        (mine / "first").write_bytes(b"x")
        abandoned = tmp_path / ".work-abandoned"
        (abandoned / "copies").mkdir(parents=True)
        (abandoned / "lock").touch()
        (abandoned / "first").write_bytes(b"x" * 100)
        (tmp_path / ".work-empty").mkdir()
        remove_abandoned(tmp_path)
        assert list(tmp_path.iterdir()) == [mine]
        assert (mine / "first").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_run_takes_for_abandoned_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    make = tempfile.mkdtemp

    def taken_at_first(*, dir: Path, prefix: str) -> str:
        made.append(Path(make(dir=dir, prefix=prefix)))
        if len(made) == 1:
            remove_abandoned(tmp_path)
        return str(made[-1])

    monkeypatch.setattr(tempfile, "mkdtemp", taken_at_first)
    with work_folder(tmp_path) as mine:
        assert (len(made), mine) == (2, made[1])
        remove_abandoned(tmp_path)
        assert mine.is_dir()


@pytest.mark.slow
def test_the_answer_names_what_was_left_out_in_valid_utf_8(folder: Path, tmp_path: Path) -> None:
    odd = os.fsencode(folder) + b"/caf\xe9.wav"
    os.rename(folder / "v0.wav", odd)
    os.mkfifo(folder / "pipe.wav")
    (folder / "v1.wav").write_bytes(b"")
    out = os.fsdecode(os.fsencode(tmp_path) + b"/r\xe9sultats")
    done = subprocess.run(
        [sys.executable, "-m", "simvoice", "analyze", str(folder), "--out", out, "--json"],
        env={**os.environ, "SIMVOICE_HOME": str(tmp_path / "home")},
        capture_output=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 1
    answer = json.loads(done.stdout.decode("utf-8"))
    assert answer["analysed"] == COUNT - 2
    assert {each["name"]: each["reason"] for each in answer["left_out"]} == {
        r"caf\xe9.wav": "its name is not valid UTF-8; rename it",
        "pipe.wav": "it is no regular file but a pipe, a socket or a device",
    }
    assert answer["failed"] == [{"name": "v1", "reason": "'v1.wav' is empty; record it again"}]
    assert answer["folder"].endswith(r"/r\xe9sultats")
