"""The recorder: it never blocks, never raises, and stores what it can."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from simvoice.audio import FRAME, RATE, Pcm16
from simvoice.errors import AttemptError, SimvoiceError, StorageFull
from simvoice.record import recorder as recorder_module
from simvoice.record.events import Ended, Started, Trouble
from simvoice.record.recorder import Recorder
from simvoice.record.sound import SoundFile
from simvoice.record.store import Store
from tests.log_file import LogFile
from tests.planted.talk import entries, header, record, sound

START = Started(wall_time="2026-11-22T10:15:30+01:00")


def ramp(samples: int, start: int = 0) -> Pcm16:
    return (np.arange(start, start + samples) % 30_000).astype(np.int16)


def test_all_samples_and_entries_are_read_back(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    learner, patient = attempt.audio()
    planted = sound()
    assert attempt.state == "complete"
    assert attempt.entries == tuple(entries())
    assert np.array_equal(learner, planted[0])
    assert np.array_equal(patient, planted[1])
    assert attempt.duration_s == 50.0


def test_a_closed_attempt_has_a_flac_of_two_channels_at_16_khz(tmp_path: Path) -> None:
    path = record(tmp_path).audio_path
    assert path is not None
    info = soundfile.info(path)
    assert (info.format, info.channels, info.samplerate) == ("FLAC", 2, RATE)
    assert not path.with_suffix(".wav").exists()


def test_any_program_can_read_the_wav_while_recording(tmp_path: Path) -> None:
    recorder = Recorder.create(tmp_path, header())
    for start in range(0, 3 * RATE, FRAME):
        recorder.sound(ramp(FRAME, start), ramp(FRAME, start + 7))
    assert recorder.drain()
    recorder._sync_files()
    both, rate = soundfile.read(recorder.folder / "audio.wav", dtype="int16")
    recorder.close()
    assert rate == RATE
    assert np.array_equal(both[:, 0], ramp(3 * RATE))
    assert np.array_equal(both[:, 1], ramp(3 * RATE, 7))


def test_an_attempt_being_recorded_is_open_and_readable(tmp_path: Path) -> None:
    recorder = Recorder.create(tmp_path, header())
    recorder.add(START)
    recorder.sound(ramp(FRAME), ramp(FRAME))
    assert recorder.drain()
    attempt = Store(tmp_path).open(recorder.attempt)
    recorder.close()
    assert attempt.state == "open"
    assert attempt.entries == (START,)
    assert attempt.duration_s == pytest.approx(0.02)


def test_an_encounter_without_an_end_is_crashed(tmp_path: Path) -> None:
    recorder = Recorder.create(tmp_path, header())
    recorder.add(START)
    recorder.close()
    assert Store(tmp_path).open(recorder.attempt).state == "crashed"


def test_closing_twice_is_safe_and_later_entries_are_counted(tmp_path: Path) -> None:
    recorder = Recorder.create(tmp_path, header())
    recorder.add(Ended(at_s=0.0, reason="learner"))
    assert recorder.close() == recorder.close()
    recorder.add(START)
    recorder.sound(ramp(FRAME), ramp(FRAME))
    assert recorder.left_out_entries == 1
    assert recorder.left_out_s == pytest.approx(0.02)
    assert len(Store(tmp_path).open(recorder.attempt).entries) == 1


def test_channels_of_unequal_length_stay_aligned(tmp_path: Path) -> None:
    recorder = Recorder.create(tmp_path, header())
    recorder.sound(ramp(320), ramp(100))
    recorder.sound(ramp(320), ramp(320))
    recorder.abandon()
    learner, patient = Store(tmp_path).open(recorder.attempt).audio()
    assert len(learner) == len(patient) == 640
    assert not patient[100:320].any()
    assert np.array_equal(patient[320:], ramp(320))


def test_a_hanging_disk_causes_counted_silence_and_no_shift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = threading.Event()
    append = SoundFile.append

    def slow(self: SoundFile, data: bytes) -> None:
        assert hanging.wait(60)
        append(self, data)

    monkeypatch.setattr(SoundFile, "append", slow)
    recorder = Recorder.create(tmp_path, header())
    second = np.full(RATE, 1000, dtype=np.int16)
    for _ in range(13):
        recorder.sound(second, second)
    assert recorder.left_out_s == 3.0
    hanging.set()
    assert recorder.drain()
    recorder.sound(second, second)
    recorder.add(Ended(at_s=14.0, reason="learner"))
    recorder.close()
    attempt = Store(tmp_path).open(recorder.attempt)
    learner, _ = attempt.audio()
    assert attempt.duration_s == 14.0
    assert learner[: 10 * RATE].all()
    assert not learner[10 * RATE : 13 * RATE].any()
    assert learner[13 * RATE :].all()
    closed = json.loads((attempt.folder / "closed").read_text())
    assert (closed["left_out_samples"], closed["left_out_entries"]) == (3 * RATE, 0)


# -- no free space --------------------------------------------------------------------------


class FullDisk:
    """A disk with `free` bytes left, as the files of the record see it."""

    def __init__(self, free: int, error: int = errno.ENOSPC) -> None:
        self.free = free
        self.error = error
        self._write = os.pwrite

    def pwrite(self, fd: int, data: bytes, at: int) -> int:
        taken = min(len(data), max(0, self.free))
        if taken == 0 and len(data) > 0:
            raise OSError(self.error, os.strerror(self.error))
        self.free -= taken
        return self._write(fd, data[:taken], at)


def test_a_full_disk_sets_the_fault_and_earlier_data_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: LogFile
) -> None:
    recorder = Recorder.create(tmp_path, header())
    recorder.add(START)
    recorder.sound(ramp(RATE), ramp(RATE))
    assert recorder.drain()
    assert recorder.fault is None
    disk = FullDisk(free=1000)
    with monkeypatch.context() as patched:
        patched.setattr("simvoice.record.files.os.pwrite", disk.pwrite)
        recorder.sound(ramp(RATE), ramp(RATE))
        assert recorder.drain()
        fault = recorder.fault
        reserve_is_gone = not (recorder.folder / "reserve").exists()
        disk.free = 10_000  # the space of the removed reserve
        recorder.add(Trouble(at_s=1.0, what="the disk is full"))
        recorder.add(Ended(at_s=1.0, reason="fault"))
        recorder.close()
    attempt = Store(tmp_path).open(recorder.attempt)
    assert isinstance(fault, StorageFull)
    assert "disk is full" in str(fault)
    assert reserve_is_gone
    assert np.array_equal(attempt.audio()[0], ramp(RATE))
    assert [type(e).__name__ for e in attempt.entries] == ["Started", "Trouble", "Ended"]
    assert attempt.state == "crashed"
    assert Store(tmp_path).recover(attempt.id).state == "complete"
    text = logged.text()
    assert f"recording failed attempt={attempt.id}\n  OSError ENOSPC\n" in text
    assert f"recovered attempt={attempt.id}" in text


def test_a_failing_disk_is_not_reported_as_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder.create(tmp_path, header())
    with monkeypatch.context() as patched:
        disk = FullDisk(free=0, error=errno.EIO)
        patched.setattr("simvoice.record.files.os.pwrite", disk.pwrite)
        recorder.add(START)
        assert recorder.drain()
        recorder.close()
    assert isinstance(recorder.fault, SimvoiceError)
    assert not isinstance(recorder.fault, StorageFull)


LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from simvoice.record.events import Ended, Header, Started
from simvoice.record.recorder import Recorder
header = Header.model_validate_json(sys.argv[2])
recorder = Recorder.create(Path(sys.argv[1]), header)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
recorder.add(Started(wall_time="2026-11-22T10:15:30+01:00"))
for _ in range(500):
    recorder.sound(np.full(320, 5, np.int16), np.full(320, 6, np.int16))
recorder.drain()
fault = type(recorder.fault).__name__
recorder.add(Ended(at_s=10.0, reason="fault"))
recorder.close()
sys.stdout.write(fault)
"""


@pytest.mark.slow
def test_at_the_limit_of_file_size_earlier_data_stays(tmp_path: Path) -> None:
    planted = header()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), planted.model_dump_json()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    attempt = Store(tmp_path).recover(planted.attempt)
    assert done.stdout == "StorageFull"
    assert done.stderr == ""
    learner, patient = attempt.audio()
    assert len(learner) == len(patient) > 6 * RATE
    assert set(learner.tolist()) == {5}
    assert attempt.ended == Ended(at_s=10.0, reason="fault")


def test_without_enough_free_space_no_recording_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=recorder_module.NEEDED_BYTES - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageFull, match="199 MB left and an encounter needs 200 MB"):
        Recorder.create(tmp_path, header())
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_while_the_folder_is_created_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simvoice.record.files.os.pwrite", FullDisk(free=2000).pwrite)
    with pytest.raises(StorageFull):
        Recorder.create(tmp_path, header())
    assert list(tmp_path.iterdir()) == []


def test_an_existing_attempt_is_not_overwritten(tmp_path: Path) -> None:
    planted = header()
    Recorder.create(tmp_path, planted).close()
    with pytest.raises(AttemptError, match="already exists"):
        Recorder.create(tmp_path, planted)


def test_a_folder_that_cannot_be_created_gives_an_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(SimvoiceError, match=r"attempts cannot be written to .* set SIMVOICE_"):
        Recorder.create(blocked / "attempts", header())


def test_only_the_owner_can_read_an_attempt(tmp_path: Path) -> None:
    folder = record(tmp_path).folder
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_the_wav_stays_when_the_flac_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no codec")

    monkeypatch.setattr("simvoice.record.sound.soundfile.SoundFile", refuse)
    attempt = record(tmp_path)
    assert attempt.state == "complete"
    assert attempt.audio_path == attempt.folder / "audio.wav"
    assert np.array_equal(attempt.audio()[1], sound()[1])
    assert not list(attempt.folder.glob("*.partial"))
