"""A disk that can be full, and that loses in a power cut what was not made safe before.

`disk_faults.c` stands before the C library of a station. A power cut is modelled so: the station
gets SIGKILL; then each of its files keeps the bytes that it had at its last fsync, and of the bytes
that were added later a random number, none and all included, or zeros in their place. What is not
modelled: writes over older bytes of a file take effect in the order in which they were made (SQLite
writes so, and syncs by its own protocol), and a new name or a rename is never taken back.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import random
import shutil
import struct
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import gettempdir

SOURCE = Path(__file__).with_name("disk_faults.c")
_PAGE = 4096


class NoCompiler(AssertionError):
    """The machine has no C compiler."""


@cache
def library() -> Path:
    """Return the compiled `disk_faults.c`. It is compiled once for each of its versions."""
    source = SOURCE.read_bytes()
    target = Path(gettempdir(), f"simvoice-disk-faults-{os.getuid()}-{hash_of(source)}.so")
    if target.exists():
        return target
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), "")
    if not compiler:
        raise NoCompiler("the exam day needs a C compiler; install gcc")
    partial = target.with_suffix(f".{os.getpid()}")
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", str(partial), str(SOURCE), "-ldl"],
        check=True,
        timeout=60,
    )
    partial.replace(target)
    return target


def hash_of(data: bytes) -> str:
    """Return a short hash for a name of a file."""
    return hashlib.sha256(data).hexdigest()[:12]


@dataclass(frozen=True)
class Cut:
    """What a power cut took from one file."""

    name: str
    safe: int
    was: int
    now: int
    zeros: bool = False


class FaultyDisk:
    """The disk of one station: the folder `data`, and how it is told to fail."""

    def __init__(self, data: Path, aside: Path) -> None:
        """data: the folder that is meant; made. aside: for the files of the model itself."""
        self.data = data.resolve()
        aside.mkdir(parents=True, exist_ok=True)
        data.mkdir(parents=True, exist_ok=True)
        self._control = aside / "disk"
        self._synced = aside / "synced"
        self._synced.touch()
        self._control.write_bytes(struct.pack("<q", -1).ljust(_PAGE, b"\0"))
        with self._control.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _PAGE)

    def environment(self) -> dict[str, str]:
        """Return the variables that a process on this disk needs."""
        return {
            "LD_PRELOAD": str(library()),
            "SIMVOICE_EXAM_DATA": f"{self.data}/",
            "SIMVOICE_EXAM_DISK": str(self._control),
            "SIMVOICE_EXAM_SYNCED": str(self._synced),
        }

    def fill(self, room: int) -> None:
        """Let only `room` more bytes be written."""
        self._shared[:8] = struct.pack("<q", room)

    def make_room(self) -> None:
        """Let the disk have as much room as it has."""
        self._shared[:8] = struct.pack("<q", -1)

    def close(self) -> None:
        """Forget the control file."""
        self._shared.close()

    def cut_power(self, chosen: random.Random) -> list[Cut]:
        """Take from the files what no fsync has made safe. No process may run on the disk."""
        safe = self._safe_bytes()
        cuts = []
        for path in sorted(self.data.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            facts = path.stat()
            kept = min(safe.get(facts.st_ino, 0), facts.st_size)
            if kept == facts.st_size:
                continue
            now, zeros = _cut(path, kept, facts.st_size, chosen)
            cuts.append(Cut(path.name, kept, facts.st_size, now, zeros))
        self.make_safe()  # all that is left is on the disk now
        return cuts

    def make_safe(self) -> None:
        """Take all that is there as synced, such as files of an earlier day."""
        lines = [
            f"{path.stat().st_ino} {path.stat().st_size}\n"
            for path in self.data.rglob("*")
            if path.is_file() and not path.is_symlink()
        ]
        self._synced.write_text("".join(lines))

    def _safe_bytes(self) -> dict[int, int]:
        safe = {}
        for line in self._synced.read_text().splitlines():
            inode, size = line.split()
            safe[int(inode)] = int(size)
        return safe


def _cut(path: Path, kept: int, size: int, chosen: random.Random) -> tuple[int, bool]:
    """Take away a random part of the bytes after `kept`. Return the new size, and if it has zeros.

    Some file systems enlarge a file before its data is written: then zeros are read.
    """
    now = chosen.choice((kept, size, chosen.randint(kept, size), chosen.randint(kept, size)))
    os.truncate(path, now)
    zeros = now > kept and chosen.random() < 0.25
    if zeros:
        os.truncate(path, kept)
        os.truncate(path, now)
    return now, zeros
