"""What a hub that encrypts writes to its disks while an attempt comes, is opened and is erased."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from simvoice.errors import RecordingLost
from simvoice.hub import attempts
from simvoice.hub.hub import Hub
from simvoice.hub.sending import partial_files, pieces, receive
from simvoice.hub.sending.pieces import PiecedFile
from simvoice.hub.storage.cache import AttemptCache
from simvoice.hub.storage.encryption import Encryption, EncryptionSettings
from simvoice.hub.storage.recordings import Recordings
from simvoice.release.age import make_key
from simvoice.release.contents import Contents
from tests.hub.sending.conftest import LearnerLaptop

pytestmark = pytest.mark.slow

SAID = ("zebrafish", "staging scan", "different", "forty-nine")
"""The learner's name, and words of the planted record."""


@pytest.fixture
def database_url(tmp_path: Path, sqlite_with_tables: Path) -> str:
    """SQLite alone: its files can be looked through."""
    file = tmp_path / "hub.sqlite3"
    shutil.copyfile(sqlite_with_tables, file)
    return f"sqlite:///{file}"


@pytest.fixture
def encryption(tmp_path: Path) -> Encryption:
    file = tmp_path / "key"
    return Encryption(EncryptionSettings(recipients=(make_key(file),), identities=file))


class Writer:
    """Opens a file anew for each piece, as each request does."""

    def __init__(self, path: Path, encryption: Encryption, most: int) -> None:
        self.path, self.encryption, self.most = path, encryption, most

    def append(self, data: bytes) -> int:
        """Append a piece, and return the offset before it."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            file = PiecedFile.opened(fd, self.encryption, self.most)
            at = file.size
            file.write(data, at)
        finally:
            os.close(fd)
        return at

    def read(self) -> bytes:
        return b"".join(pieces.read(self.path, self.encryption, self.most))


def test_a_file_in_pieces_goes_on_after_a_cut_at_any_byte(
    tmp_path: Path, encryption: Encryption
) -> None:
    chosen = random.Random(7)
    data = chosen.randbytes(3000)
    whole = Writer(tmp_path / "whole", encryption, len(data))
    sizes, ends = [0], [0]
    while sizes[-1] < len(data):
        assert whole.append(data[sizes[-1] :][: chosen.choice([1, 7, 900])]) == sizes[-1]
        sizes.append(pieces.size_of(whole.path, whole.most))
        ends.append(whole.path.stat().st_size)
    assert whole.read() == data
    for cut in {*ends, *(end + by for end in ends for by in (1, 8, 9)), *range(0, ends[-1], 97)}:
        left = Writer(tmp_path / "cut", encryption, len(data))
        # of a power cut; inside a piece the hash of the whole file finds it
        garbage = chosen.choice([b"", bytes(20), b"\xff" * 20]) if cut in ends else b""
        left.path.write_bytes(whole.path.read_bytes()[:cut] + garbage)
        there = max(size for size, end in zip(sizes, ends, strict=True) if end <= cut)
        assert pieces.size_of(left.path, left.most) == there, cut
        if there < len(data):
            assert left.append(data[there:]) == there
        assert left.read() == data, cut


def test_a_piece_that_was_altered_or_is_for_another_key_is_refused(
    tmp_path: Path, encryption: Encryption
) -> None:
    file = Writer(tmp_path / "file", encryption, 100)
    file.append(b"x" * 60)
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(RecordingLost):
        file.read()
    file.path.write_bytes(whole)
    (tmp_path / "other").mkdir()
    key = tmp_path / "other" / "key"
    other = Encryption(EncryptionSettings(recipients=(make_key(key),), identities=key))
    with pytest.raises(RecordingLost):
        list(pieces.read(file.path, other, 100))


class Places:
    """All that a hub can write to, and what must never be there in the clear."""

    def __init__(self, hub: Hub, folder: Path, marks: list[bytes]) -> None:
        self.temporary, self.memory = folder / "temporary", folder / "memory"
        self.database = folder / "hub.sqlite3"
        beside = [folder / "hub.sqlite3-wal", folder / "hub.sqlite3-shm"]
        self.disks = [hub.settings.data, self.temporary, self.database, *beside]
        self.marks = marks
        self.looked_at: set[str] = set()

    def on_disk(self) -> list[str]:
        """Return the files of the data folder, the database and the temporary folder with marks."""
        return [str(path) for place in self.disks for path in self._marked(place)]

    def in_memory(self) -> list[Path]:
        """Return the files with marks in the folder that is to be on a disk in memory."""
        return self._marked(self.memory)

    def _marked(self, place: Path) -> list[Path]:
        found = []
        for path in [place, *place.rglob("*")]:
            if path.is_file():
                self.looked_at.add(path.suffix or path.name)
                data = path.read_bytes()
                found += [path] if any(mark in data for mark in self.marks) else []
        return found


@pytest.fixture
def places(
    hub: Hub,
    laptop: LearnerLaptop,
    encryption: Encryption,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Places:
    sound = (laptop.planted.attempt.folder / "audio.flac").read_bytes()
    parts = [sound[at : at + 24] for at in range(0, len(sound) - 24, len(sound) // 50)]
    made = Places(hub, tmp_path, [*parts, *(word.encode() for word in SAID)])
    made.temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made.temporary))
    hub.settings = hub.settings.model_copy(update={"cache": made.memory})
    hub.cache = AttemptCache(made.memory / "attempts")
    hub.recordings = Recordings(hub.recordings.objects, encryption)
    return made


def cut_after(laptop: LearnerLaptop, requests: int) -> Callable[[], None]:
    """Let the network fail after so many requests. Returns what mends it."""
    handle = laptop.transport.handle_request
    left = requests

    def cut(request: httpx.Request) -> httpx.Response:
        nonlocal left
        left -= 1
        if left < 0:
            raise httpx.ReadError("cut")
        return handle(request)

    def mend() -> None:
        laptop.transport.handle_request = handle  # type: ignore[method-assign]

    laptop.transport.handle_request = cut  # type: ignore[method-assign]
    return mend


def test_no_disk_of_the_hub_ever_holds_what_was_said(
    hub: Hub, laptop: LearnerLaptop, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop.release(Contents.SOUND)
    mend = cut_after(laptop, 6)
    for _ in range(8):
        laptop.sender.step()
        laptop.now += 600.0
    parts = list((hub.settings.data / "uploads").rglob("*.pieces"))
    assert sum(path.stat().st_size for path in parts) > 200_000
    assert (places.on_disk(), places.in_memory()) == ([], [])
    mend()

    keep, seen = attempts.keep, []

    def looking(*given: object, **named: object) -> object:
        seen.append((places.on_disk(), len(places.in_memory()) > 1))
        kept = keep(*given, **named)  # type: ignore[arg-type]
        seen.append((places.on_disk(), len(places.in_memory()) > 1))
        return kept

    monkeypatch.setattr(receive.attempts, "keep", looking)
    laptop.run()
    # while it is verified and stored, it is open in memory alone
    assert seen == [([], True), ([], True)]
    assert (places.on_disk(), places.in_memory()) == ([], [])

    with attempts.opened(hub, laptop.uuid) as found:
        sound = laptop.planted.attempt.folder / "audio.flac"
        assert (found.folder / "audio.flac").read_bytes() == sound.read_bytes()
        assert places.on_disk() == []
        assert places.in_memory()
    attempts.erase(hub, [laptop.uuid], reason="learner")
    assert (places.on_disk(), places.in_memory()) == ([], [])
    with closing(sqlite3.connect(places.database)) as line:
        line.execute("pragma wal_checkpoint(truncate)")
    assert places.on_disk() == []
    assert {".pieces", ".sqlite3", ".sqlite3-wal", ".age"} <= places.looked_at


def test_a_part_that_was_altered_on_the_disk_is_sent_again(
    hub: Hub, laptop: LearnerLaptop, places: Places
) -> None:
    laptop.release(Contents.WORDS)
    mend = cut_after(laptop, 4)
    for _ in range(6):
        laptop.sender.step()
        laptop.now += 600.0
    (path, *_) = [
        each for each in (hub.settings.data / "uploads").rglob("*.pieces") if each.stat().st_size
    ]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    mend()
    laptop.run()
    with attempts.opened(hub, laptop.uuid) as found:
        journal = laptop.planted.attempt.folder / "journal.jsonl"
        assert (found.folder / "journal.jsonl").stat().st_size <= journal.stat().st_size
    assert laptop.transport.requests.count(f"PUT /api/device/attempts/{laptop.uuid}") > 1


def test_parts_from_before_the_encryption_are_removed_when_the_upload_goes_on(
    hub: Hub, laptop: LearnerLaptop, encryption: Encryption
) -> None:
    laptop.release(Contents.WORDS)
    mend = cut_after(laptop, 4)
    for _ in range(6):
        laptop.sender.step()
        laptop.now += 600.0
    uploads = hub.settings.data / "uploads"
    plain = [each for each in uploads.rglob("*.json*") if each.stat().st_size]
    assert plain
    hub.recordings = Recordings(hub.recordings.objects, encryption)
    mend()
    laptop.sender.step()
    assert not any(path.exists() for path in plain)
    laptop.run()
    with attempts.opened(hub, laptop.uuid) as found:
        assert found.state == "complete"
    assert not uploads.exists() or partial_files.stray_folders(uploads, set(), -1.0) == []
