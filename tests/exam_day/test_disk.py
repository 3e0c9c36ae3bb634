"""The disk of the exam day is full when it is told so, and keeps in a power cut what was synced."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exam_day.disk import FaultyDisk

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path: Path) -> FaultyDisk:
    return FaultyDisk(tmp_path / "data", tmp_path / "aside")


def run(disk: FaultyDisk, program: str) -> str:
    """Run a program on the disk, with `data` as a path, and return what it prints."""
    setup = f"import os, pathlib, shutil, sqlite3; data = pathlib.Path({str(disk.data)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", setup + program],
        env=os.environ | disk.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_power_cut_keeps_what_was_synced_and_cuts_the_rest_at_any_byte(disk: FaultyDisk) -> None:
    program = """
fd = os.open(data / "record", os.O_WRONLY | os.O_CREAT)
os.write(fd, b"a" * 1000)
os.fsync(fd)
os.write(fd, b"b" * 1000)
(data / "never").write_bytes(b"c" * 1000)
"""
    sizes = set()
    for seed in range(30):
        run(disk, program)
        disk.cut_power(random.Random(seed))
        record = (disk.data / "record").read_bytes()
        assert record[:1000] == b"a" * 1000
        assert set(record[1000:]) <= {0, ord("b")}
        sizes.add(len(record))
        (disk.data / "record").unlink()
    assert min(sizes) == 1000
    assert max(sizes) == 2000
    assert len(sizes) > 8


def test_an_inode_that_is_used_again_is_not_safe_by_its_earlier_file(disk: FaultyDisk) -> None:
    program = """
for number in range(20):
    path = data / "old"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"x" * 500)
    os.fsync(fd)
    os.close(fd)
    path.unlink() if number % 2 else shutil.rmtree(data) or data.mkdir()
(data / "new").write_bytes(b"y" * 500)
"""
    run(disk, program)
    (cut,) = disk.cut_power(random.Random(1))
    assert (cut.name, cut.safe, cut.was) == ("new", 0, 500)


def test_a_transaction_of_sqlite_survives_a_power_cut_after_its_commit(disk: FaultyDisk) -> None:
    program = """
base = sqlite3.connect(data / "base.sqlite3")
base.execute("pragma synchronous=FULL")
base.execute("create table if not exists one (n)")
base.execute("insert into one values (1)")
base.commit()
base.execute("insert into one values (2)")
os._exit(0)
"""
    for seed in range(5):
        run(disk, program)
        disk.cut_power(random.Random(seed))
        found = run(
            disk,
            'print(sqlite3.connect(data / "base.sqlite3").execute("select n from one").fetchall())',
        )
        assert found == str([(1,)] * (seed + 1))


def test_a_full_disk_takes_what_fits_and_has_room_again_when_a_file_goes(disk: FaultyDisk) -> None:
    run(disk, '(data / "reserve").write_bytes(b"r" * 4000)')
    disk.fill(1500)
    printed = run(
        disk,
        """
def write(name, count):
    fd = os.open(data / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        done = os.write(fd, b"z" * count)
        return done
    except OSError as error:
        return os.strerror(error.errno)
    finally:
        os.close(fd)
print(write("a", 1000), write("a", 1000), write("a", 1))
print(shutil.disk_usage(data).free)
(data / "reserve").unlink()
print(write("b", 4000), write("b", 4000))
""",
    )
    assert printed.splitlines() == [
        "1000 500 No space left on device",
        "0",
        "4000 No space left on device",
    ]
    disk.make_room()
    run(disk, '(data / "c").write_bytes(b"z" * 100000)')


def test_files_elsewhere_are_not_meant(disk: FaultyDisk, tmp_path: Path) -> None:
    disk.fill(0)
    run(disk, f'pathlib.Path({str(tmp_path / "log")!r}).write_bytes(b"z" * 100000)')
    assert (tmp_path / "log").stat().st_size == 100_000
