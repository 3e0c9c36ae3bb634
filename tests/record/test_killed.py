"""Recovery of attempts whose process was killed: at most one second is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simvoice.audio import FRAME, RATE
from simvoice.errors import AttemptError
from simvoice.record.events import Ended, Header, LearnerVoice, Started, Trouble
from simvoice.record.recorder import Recorder
from simvoice.record.store import Store
from tests.planted.talk import entries, header, sound

# Records like an encounter, a frame every 20 ms, and prints the number of each queued frame.
CHILD = """
import sys, time
from pathlib import Path
import numpy as np
from simvoice.record.events import Header, LearnerVoice, Started
from simvoice.record.recorder import Recorder
recorder = Recorder.create(Path(sys.argv[1]), Header.model_validate_json(sys.argv[2]))
recorder.add(Started(wall_time="2026-11-22T10:15:30+01:00"))
begin = time.monotonic()
for k in range(1_000_000):
    while time.monotonic() < begin + k * 0.02:
        time.sleep(0.002)
    recorder.sound(np.full(320, k % 30000, np.int16), np.full(320, -(k % 30000), np.int16))
    if k % 10 == 0:
        recorder.add(LearnerVoice(start_s=k * 0.02, end_s=k * 0.02 + 0.1, level_dbfs=-20.0))
    sys.stdout.write(f"{k}\\n")
    sys.stdout.flush()
"""


def record_and_kill(root: Path, frames: int) -> tuple[Header, int]:
    """Record in a child process, kill it after `frames`; return header and queued frames."""
    planted = header()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), planted.model_dump_json()],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child, child.stdout as output:
        last = -1
        for line in output:
            last = int(line)
            if last >= frames:
                break
        child.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in output if line.endswith("\n"))])
    assert child.returncode == -signal.SIGKILL
    return planted, last + 1


@pytest.mark.realtime
@pytest.mark.parametrize("seed", range(5))
def test_a_killed_process_loses_at_most_a_second(tmp_path: Path, seed: int) -> None:
    at = int(np.random.default_rng(seed).integers(0, 120))
    planted, queued = record_and_kill(tmp_path, at)
    store = Store(tmp_path)
    assert [a.state for a in store.list()] == ["crashed"]
    attempt = store.recover(planted.attempt)
    learner, patient = attempt.audio()
    stored = len(learner) // FRAME
    assert queued - 50 <= stored
    assert np.array_equal(learner[: stored * FRAME : FRAME], np.arange(stored))
    assert np.array_equal(patient[: stored * FRAME : FRAME], -np.arange(stored))
    voices = [e for e in attempt.entries if isinstance(e, LearnerVoice)]
    assert len(voices) >= (queued - 50) / 10
    assert [round(v.start_s / 0.2) for v in voices] == list(range(len(voices)))
    assert attempt.ended is not None
    assert attempt.ended.reason == "fault"
    assert attempt.state == "complete"


def test_an_attempt_in_use_is_neither_recovered_nor_erased(tmp_path: Path) -> None:
    recorder = Recorder.create(tmp_path, header())
    store = Store(tmp_path)
    with pytest.raises(AttemptError, match="is being recorded now"):
        store.recover(recorder.attempt)
    with pytest.raises(AttemptError, match="is being recorded now"):
        store.erase(recorder.attempt)
    assert [a.state for a in store.list()] == ["open"]
    recorder.abandon()


# -- truncated anywhere --------------------------------------------------------------------


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, Header]:
    """Journal, WAV and header of an attempt that was not closed."""
    root = tmp_path_factory.mktemp("crashed")
    recorder = Recorder.create(root, header())
    for entry in entries()[:-2]:
        recorder.add(entry)
    learner, patient = sound()
    recorder.sound(learner[:4000], patient[:4000])
    recorder.abandon()
    folder = recorder.folder
    return (folder / "journal.jsonl").read_bytes(), (folder / "audio.wav").read_bytes(), header()


def write_crashed(root: Path, journal: bytes, wav: bytes | None, planted: Header) -> Path:
    """Write the folder of an attempt as a crash leaves it."""
    folder = root / planted.attempt
    folder.mkdir(parents=True)
    (folder / "header.json").write_text(planted.model_dump_json())
    (folder / "journal.jsonl").write_bytes(journal)
    (folder / "reserve").write_bytes(bytes(10))
    (folder / "lock").touch()
    if wav is not None:
        (folder / "audio.wav").write_bytes(wav)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.floats(0, 1), st.floats(0, 1))
def test_truncated_at_any_byte_all_complete_entries_and_samples_are_recovered(
    tmp_path: Path, crashed: tuple[bytes, bytes, Header], journal_share: float, wav_share: float
) -> None:
    journal, wav, _ = crashed
    planted = header()
    journal = journal[: round(journal_share * len(journal))]
    wav = wav[: round(wav_share * len(wav))]
    root = Path(tempfile.mkdtemp(dir=tmp_path))  # two examples may draw the same id
    folder = write_crashed(root, journal, wav, planted)
    attempt = Store(root).recover(planted.attempt)
    whole = journal.count(b"\n")
    expected = entries()[:whole]
    assert attempt.state == "complete"
    # A line without its line end is complete too.
    assert attempt.entries[:whole] == tuple(expected)
    assert isinstance(attempt.entries[-1], Ended)
    samples = max(0, len(wav) - 44) // 4
    assert np.array_equal(attempt.audio()[0], sound()[0][:samples])
    once = contents(folder)
    assert Store(root).recover(planted.attempt).entries == attempt.entries
    assert contents(folder) == once


def test_recovery_reports_what_it_left_out_and_stores_unreadable_lines(
    tmp_path: Path, crashed: tuple[bytes, bytes, Header]
) -> None:
    journal, wav, planted = crashed
    lines = journal.split(b"\n")
    lines[3] = b'{"type": "learner_voice", "start_s": "loud"}'
    folder = write_crashed(tmp_path, b"\n".join(lines) + b'{"type": "ended', wav, planted)
    store = Store(tmp_path)
    before = store.open(planted.attempt)
    assert before.state == "damaged"
    assert "1 line of its journal cannot be read and was left out" in before.problem
    attempt = store.recover(planted.attempt)
    troubles = [e.what for e in attempt.entries if isinstance(e, Trouble)]
    assert troubles == [
        "recovered: 15 bytes of an unfinished entry and 1 unreadable entries were left out"
    ]
    assert (folder / "journal.rejected").read_bytes() == lines[3] + b"\n"
    assert attempt.state == "complete"
    assert len(attempt.entries) == len(lines) - 2 + 2


def test_the_recovered_end_is_after_all_sound_and_entries(
    tmp_path: Path, crashed: tuple[bytes, bytes, Header]
) -> None:
    _, wav, planted = crashed
    started = Started(wall_time="2026-11-22T10:15:30+01:00").model_dump_json().encode() + b"\n"
    write_crashed(tmp_path, started, wav, planted)
    attempt = Store(tmp_path).recover(planted.attempt)
    assert attempt.ended == Ended(at_s=4000 / RATE, reason="fault")
    assert attempt.duration_s == 4000 / RATE


@pytest.mark.parametrize("missing", ["journal.jsonl", "audio.wav"])
def test_a_record_without_journal_or_sound_still_opens(
    tmp_path: Path, crashed: tuple[bytes, bytes, Header], missing: str
) -> None:
    journal, wav, planted = crashed
    folder = write_crashed(tmp_path, journal, wav, planted)
    (folder / missing).unlink()
    attempt = Store(tmp_path).recover(planted.attempt)
    assert attempt.state == "complete"
    assert attempt.ended is not None
    assert (attempt.audio_path is None) == (missing == "audio.wav")


def test_recovery_can_be_repeated_after_it_was_killed_while_packing(
    tmp_path: Path, crashed: tuple[bytes, bytes, Header]
) -> None:
    journal, wav, planted = crashed
    folder = write_crashed(tmp_path, journal, wav, planted)
    store = Store(tmp_path)
    store.recover(planted.attempt)
    (folder / "closed").unlink()
    (folder / "audio.wav").write_bytes(wav)
    (folder / "audio.flac.partial").write_bytes(b"half of a fl")
    attempt = store.recover(planted.attempt)
    assert attempt.state == "complete"
    assert [e for e in attempt.entries if isinstance(e, Ended)] == [attempt.ended]
    assert sorted(path.name for path in folder.iterdir()) == [
        "audio.flac",
        "closed",
        "header.json",
        "journal.jsonl",
        "lock",
    ]
