"""Sealed records: what goes in comes out, and nothing else is opened."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import tarfile
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.errors import AttemptError, RecordingLost, SettingError, SimvoiceError, StorageFull
from simvoice.record.answers import OwnAnswer, OwnAnswers, read_answers, write_answers
from simvoice.record.files import LOCK, AttemptLock
from simvoice.record.identity import attempt_uuid
from simvoice.record.reflection import REFLECTION, end_reflection
from simvoice.record.store import Attempt, Store
from simvoice.release import sealed as sealed_module
from simvoice.release.age import (
    Altered,
    NoKeyFits,
    encrypt_stream,
    make_identity,
    read_identities,
    read_recipient,
)
from simvoice.release.manifest import FileFacts, SealedFacts, SealedOwner
from simvoice.release.sealed import (
    OWNER,
    NotSealed,
    SealedManifest,
    check_sealed,
    read_sealed_manifest,
    seal,
    sealed_name,
    unseal,
)
from tests.hub.storage_fixtures import small_disk
from tests.planted.talk import record

__all__ = ["small_disk"]

RECORD_ID = "20261130-101530-planted-talk-k3f9"


def owner(**fields: object) -> SealedOwner:
    known: dict[str, Any] = {
        "code": UUID(int=1),
        "assignment": UUID(int=2),
        "mode": "exam",
        "session": UUID(int=3),
        "is_released": True,
        "made_at": 1_796_000_000.0,
    }
    return SealedOwner(**{**known, **fields})


class Key:
    """The seal key of a hub."""

    def __init__(self, file: Path) -> None:
        self.recipient = make_identity(file)
        self.identities = read_identities(file)


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return Key(tmp_path / "seal.key")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Attempt:
    return record(tmp_path_factory.mktemp("record"), uuid=uuid4())


@pytest.fixture
def attempt(recorded: Attempt, tmp_path: Path) -> Attempt:
    shutil.copytree(recorded.folder, tmp_path / "running" / recorded.id)
    return Store(tmp_path / "running").open(recorded.id)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != LOCK}


# -- seal and open ----------------------------------------------------------------------------


def test_a_sealed_record_opens_as_it_was_with_its_owner(
    attempt: Attempt, key: Key, tmp_path: Path
) -> None:
    write_answers(attempt.folder, OwnAnswers(answers=(OwnAnswer(question="Why?", answer="So."),)))
    end_reflection(attempt.folder, (), datetime(2026, 11, 30, 10, 20, tzinfo=UTC))
    target = tmp_path / sealed_name(attempt_uuid(attempt.header))
    facts = seal(attempt.folder, owner(), key.recipient, target)
    data = target.read_bytes()
    assert (facts.size, facts.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert facts.uuid == attempt_uuid(attempt.header)
    assert target.stat().st_mode & 0o777 == 0o600
    (tmp_path / "hub").mkdir()
    found = unseal(target, key.identities, tmp_path / "hub")
    assert found.owner == owner()
    assert found.manifest.uuid == facts.uuid
    assert found.folder == tmp_path / "hub" / attempt.id
    assert contents(found.folder) == contents(attempt.folder)
    answers = read_answers(found.folder)
    assert answers is not None
    assert answers.answers[0].answer == "So."
    assert (found.folder / REFLECTION).is_file()
    assert Store(tmp_path / "hub").open(attempt.id).state == "complete"


def test_a_sealed_record_shows_nothing_of_what_is_in_it(
    attempt: Attempt, key: Key, tmp_path: Path
) -> None:
    seal(attempt.folder, owner(), key.recipient, tmp_path / "sealed.age")
    data = (tmp_path / "sealed.age").read_bytes()
    assert data.startswith(b"age-encryption.org/v1")
    for plain in contents(attempt.folder).values():
        step = max(1, len(plain) // 20)
        assert all(plain[at : at + 12] not in data for at in range(0, len(plain) - 12, step))
    for word in (attempt.id, OWNER, "header.json", str(owner().code)):
        assert word.encode() not in data


def test_files_that_are_not_of_the_record_stay_behind(
    attempt: Attempt, key: Key, tmp_path: Path
) -> None:
    (attempt.folder / "notes.txt").write_text("of the technician")
    (attempt.folder / "ratings.jsonl").symlink_to(tmp_path / "seal.key")
    (attempt.folder / "release").mkdir()
    seal(attempt.folder, owner(), key.recipient, tmp_path / "sealed.age")
    found = unseal(tmp_path / "sealed.age", key.identities, tmp_path)
    names = {path.name for path in found.folder.iterdir()}
    assert names == {"header.json", "journal.jsonl", "audio.flac", "closed"}


def test_a_record_that_was_cut_off_is_completed_first(
    attempt: Attempt, key: Key, tmp_path: Path
) -> None:
    (attempt.folder / "closed").unlink()
    journal = attempt.folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    seal(attempt.folder, owner(), key.recipient, tmp_path / "sealed.age")
    found = unseal(tmp_path / "sealed.age", key.identities, tmp_path)
    opened = Store(tmp_path).open(found.folder.name)
    assert opened.state == "complete"
    assert opened.ended is not None
    assert opened.ended.reason == "fault"


def test_sealing_again_replaces_the_file_in_one_step(
    attempt: Attempt, key: Key, tmp_path: Path
) -> None:
    target = tmp_path / "sealed.age"
    first = seal(attempt.folder, owner(), key.recipient, target)
    second = seal(attempt.folder, owner(is_released=False), key.recipient, target)
    assert first.sha256 != second.sha256
    check_sealed(target, second)
    assert not unseal(target, key.identities, tmp_path).owner.is_released
    assert [path.name for path in tmp_path.glob("sealed*")] == ["sealed.age"]


def test_memory_does_not_grow_with_the_record(attempt: Attempt, key: Key, tmp_path: Path) -> None:
    (attempt.folder / "audio.flac").unlink()
    (attempt.folder / "audio.wav").write_bytes(random.Random(1).randbytes(12_000_000))
    folder = attempt.folder
    tracemalloc.start()
    try:
        files = tuple(sealed_module._files_of(folder))
        manifest = SealedManifest(
            uuid=UUID(int=9), record_id=attempt.id, owner=owner(), files=files
        )
        recipient = read_recipient(key.recipient)
        sealed_module._write(manifest, folder, recipient, tmp_path / "sealed.age")
        unseal(tmp_path / "sealed.age", key.identities, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


# -- what cannot be sealed --------------------------------------------------------------------


def test_a_record_in_use_is_not_sealed(attempt: Attempt, key: Key, tmp_path: Path) -> None:
    lock = AttemptLock.take(attempt.folder)
    assert lock is not None
    try:
        with pytest.raises(AttemptError, match=r"is being recorded now|in use"):
            seal(attempt.folder, owner(), key.recipient, tmp_path / "sealed.age")
    finally:
        lock.release()
    assert list(tmp_path.glob("sealed*")) == []


@pytest.mark.parametrize("recipient", ["", "age1", "AGE-SECRET-KEY-1QQQ", "age1" + "q" * 58])
def test_a_recipient_that_is_none_is_refused(
    attempt: Attempt, recipient: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingError):
        seal(attempt.folder, owner(), recipient, tmp_path / "sealed.age")


def test_a_full_disk_leaves_the_record_and_nothing_else(
    attempt: Attempt, key: Key, small_disk: Path
) -> None:
    (attempt.folder / "audio.flac").unlink()
    (attempt.folder / "audio.wav").write_bytes(random.Random(1).randbytes(3_000_000))
    before = contents(attempt.folder)
    with pytest.raises(StorageFull, match="disk is full"):
        sealed_module.seal(attempt.folder, owner(), key.recipient, small_disk / "sealed.age")
    assert list(small_disk.iterdir()) == []
    assert before["audio.wav"] == (attempt.folder / "audio.wav").read_bytes()


def test_a_file_that_changes_while_it_is_sealed_is_noticed(
    attempt: Attempt, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sealed_module._files_of

    def then_changes(folder: Path) -> Any:
        found = list(first(folder))
        journal = folder / "journal.jsonl"
        journal.write_bytes(journal.read_bytes().replace(b"e", b"a"))
        return found

    monkeypatch.setattr(sealed_module, "_files_of", then_changes)
    with pytest.raises(SimvoiceError, match="changed or could not be read"):
        seal(attempt.folder, owner(), key.recipient, tmp_path / "sealed.age")
    assert list(tmp_path.glob("sealed*")) == []


def test_a_disk_that_alters_what_it_stores_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "sealed.age"
    file.write_bytes(b"stored")
    facts = SealedFacts(uuid=UUID(int=1), size=6, sha256=hashlib.sha256(b"stored").hexdigest())
    check_sealed(file, facts)
    file.write_bytes(b"storey")
    with pytest.raises(RecordingLost, match="not what was written"):
        check_sealed(file, facts)
    file.unlink()
    with pytest.raises(RecordingLost, match="cannot be read"):
        check_sealed(file, facts)


# -- what is not opened -----------------------------------------------------------------------


def test_a_record_for_another_hub_is_refused(attempt: Attempt, key: Key, tmp_path: Path) -> None:
    other = Key(tmp_path / "other.key")
    seal(attempt.folder, owner(), other.recipient, tmp_path / "sealed.age")
    with pytest.raises(NoKeyFits, match="sealed for another hub"):
        unseal(tmp_path / "sealed.age", key.identities, tmp_path)


@given(place=st.floats(0, 1), what=st.sampled_from(["flip", "cut"]))
def test_a_damaged_file_is_refused(
    place: float, what: str, damaged: tuple[bytes, Key, Path]
) -> None:
    data, key, folder = damaged
    at = min(len(data) - 1, int(place * len(data)))
    changed = data[:at] if what == "cut" else data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    (folder / "sealed.age").write_bytes(changed)
    place_of_it = folder / uuid4().hex
    place_of_it.mkdir()
    with pytest.raises((Altered, NoKeyFits, NotSealed)):
        unseal(folder / "sealed.age", key.identities, place_of_it)


@pytest.fixture(scope="module")
def damaged(recorded: Attempt, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Key, Path]:
    folder = tmp_path_factory.mktemp("damaged")
    key = Key(folder / "seal.key")
    small = folder / "record" / recorded.id
    shutil.copytree(recorded.folder, small)
    seal(small, owner(), key.recipient, folder / "sealed.age")
    return (folder / "sealed.age").read_bytes(), key, folder


class Hostile:
    """Archives that nobody sealed with simvoice, encrypted for the hub."""

    def __init__(self, key: Key, folder: Path) -> None:
        self.key, self.folder = key, folder
        self.files: list[tuple[tarfile.TarInfo, bytes]] = []

    def owner(self, holds: Sequence[tuple[str, bytes]], **fields: Any) -> Hostile:
        listed = [
            {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in holds
        ]
        known = {"uuid": str(UUID(int=9)), "record_id": RECORD_ID, "files": listed}
        text = json.dumps({**known, "owner": owner().model_dump(mode="json"), **fields}).encode()
        return self.add(OWNER, text)

    def add(self, name: str, data: bytes, **fields: Any) -> Hostile:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        for field, value in fields.items():
            setattr(entry, field, value)
        self.files.append((entry, data))
        return self

    def open(self) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as made:
            for entry, data in self.files:
                made.addfile(entry, io.BytesIO(data))
        self.open_bytes(archive.getvalue())

    def open_bytes(self, data: bytes) -> None:
        file = self.folder / "hostile.age"
        with file.open("wb") as out:
            encrypt_stream(io.BytesIO(data), out, [read_recipient(self.key.recipient)])
        place = self.folder / "place"
        place.mkdir(exist_ok=True)
        unseal(file, self.key.identities, place)


@pytest.fixture
def hostile(key: Key, tmp_path: Path) -> Hostile:
    return Hostile(key, tmp_path)


HEADER_FILE = ("header.json", b"{}")


def test_an_archive_of_our_form_opens(hostile: Hostile) -> None:
    """What the refusals below differ from."""
    hostile.owner([HEADER_FILE]).add(*HEADER_FILE).open()


@pytest.mark.parametrize(
    "name", ["../header.json", "/etc/passwd", "a/b", "header.json/", "x" * 300, "owner.json"]
)
def test_a_name_that_was_not_announced_is_refused(hostile: Hostile, name: str) -> None:
    with pytest.raises(NotSealed):
        hostile.owner([HEADER_FILE]).add(name, HEADER_FILE[1]).open()
    assert {path.name for path in hostile.folder.iterdir()} <= {
        *("seal.key", "hostile.age", "place", "running")
    }


@pytest.mark.parametrize("name", ["../x", "notes.txt", "lock", "header.json\x00", "", "a" * 200])
def test_a_name_that_no_record_has_is_refused(hostile: Hostile, name: str) -> None:
    with pytest.raises(NotSealed, match="a record has no file"):
        hostile.owner([HEADER_FILE, (name, b"x")]).add(*HEADER_FILE).open()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_links_devices_and_folders_are_refused(hostile: Hostile, kind: bytes) -> None:
    entry = {"type": kind, "linkname": "/etc/passwd", "size": 0}
    with pytest.raises(NotSealed, match="something else than files"):
        hostile.owner([HEADER_FILE]).add("header.json", b"", **entry).open()
    assert not (hostile.folder / "place" / RECORD_ID / "header.json").exists()


@pytest.mark.parametrize("record_id", ["../../x", "/tmp/x", "x", ""])
def test_an_identifier_that_is_a_path_is_refused(hostile: Hostile, record_id: str) -> None:
    with pytest.raises(NotSealed, match="not an attempt's id"):
        hostile.owner([HEADER_FILE], record_id=record_id).add(*HEADER_FILE).open()


def test_more_or_other_bytes_than_announced_are_refused(key: Key, tmp_path: Path) -> None:
    with pytest.raises(NotSealed, match="other files than it says"):
        Hostile(key, tmp_path).owner([HEADER_FILE]).add("header.json", b"{} ").open()
    shutil.rmtree(tmp_path / "place")
    with pytest.raises(NotSealed, match="is not what it says"):
        Hostile(key, tmp_path).owner([HEADER_FILE]).add("header.json", b"[]").open()
    shutil.rmtree(tmp_path / "place")
    with pytest.raises(NotSealed, match="other files than it says"):
        Hostile(key, tmp_path).owner([HEADER_FILE]).add(*HEADER_FILE).add("closed", b"x").open()
    shutil.rmtree(tmp_path / "place")
    with pytest.raises(NotSealed, match="ends too early"):
        Hostile(key, tmp_path).owner([HEADER_FILE, ("closed", b"x")]).add(*HEADER_FILE).open()


def test_sizes_and_numbers_of_files_are_bounded(hostile: Hostile) -> None:
    huge = {"name": "header.json", "size": 10**13, "sha256": "0" * 64}
    with pytest.raises(NotSealed, match="may have"):
        hostile.owner([], files=[huge]).open()
    many = [{"name": f"journal.rejected.{n}", "size": 1, "sha256": "0" * 64} for n in range(41)]
    other = Hostile(hostile.key, hostile.folder)
    with pytest.raises(NotSealed, match="files"):
        other.owner([], files=many).open()


def test_what_is_no_archive_is_refused(hostile: Hostile) -> None:
    for data in (b"", b"hello", bytes(512), bytes(100_000), b"\xff" * 2048):
        with pytest.raises(NotSealed):
            hostile.open_bytes(data)


def test_a_header_that_would_cost_minutes_is_refused(
    attempt: Attempt, key: Key, tmp_path: Path
) -> None:
    seal(attempt.folder, owner(), key.recipient, tmp_path / "sealed.age")
    first, stanza, rest = (tmp_path / "sealed.age").read_bytes().split(b"\n", 2)
    (tmp_path / "long.age").write_bytes(b"\n".join([first, *[stanza] * 100_000, rest]))
    with pytest.raises(NotSealed, match="no sealed record, or damaged"):
        unseal(tmp_path / "long.age", key.identities, tmp_path)


def test_a_file_that_is_no_age_file_is_refused(key: Key, tmp_path: Path) -> None:
    file = tmp_path / "photo.age"
    for data in (b"", b"hello", b"age-encryption.org/v1\n"):
        file.write_bytes(data)
        with pytest.raises((Altered, NotSealed)):
            unseal(file, key.identities, tmp_path)
    with pytest.raises(NotSealed, match="cannot be read"):
        unseal(tmp_path / "missing.age", key.identities, tmp_path)
    with pytest.raises(NotSealed, match="is not a file"):
        unseal(tmp_path, key.identities, tmp_path)


def test_a_manifest_without_header_or_twice_the_same_file_is_refused() -> None:
    facts = FileFacts(name="closed", size=1, sha256="0" * 64)
    known = {"uuid": UUID(int=1), "record_id": RECORD_ID, "owner": owner()}
    whole = SealedManifest(
        **known,  # type: ignore[arg-type]
        files=(FileFacts(name="header.json", size=1, sha256="0" * 64), facts),
    )
    text = whole.model_dump_json()
    assert read_sealed_manifest(text.encode()) == whole
    with pytest.raises(NotSealed, match="has no header"):
        read_sealed_manifest(text.replace("header.json", "journal.jsonl").encode())
    with pytest.raises(NotSealed, match="twice"):
        read_sealed_manifest(text.replace("closed", "header.json").encode())
