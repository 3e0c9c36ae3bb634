"""The store of recordings: a folder, and S3 (moto's server, a mock)."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from simvoice.errors import (
    ObjectsAway,
    RecordingLost,
    SettingError,
    StorageFull,
    StorageRefused,
)
from simvoice.hub.storage.object_store import ObjectStore
from tests.hub.s3_server import S3Server


def file_of(folder: Path, data: bytes, name: str = "given") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [0, 1, 70_000, 8 * 1024 * 1024, 20_000_001])
def test_what_is_given_back_is_what_was_kept(
    objects: ObjectStore, tmp_path: Path, size: int
) -> None:
    data = random.Random(size).randbytes(size)
    objects.put("attempts/a1/b2/audio.flac", file_of(tmp_path, data))
    objects.get("attempts/a1/b2/audio.flac", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data
    assert (tmp_path / "back").stat().st_mode & 0o777 == 0o600
    assert [(o.key, o.size) for o in objects.listed()] == [("attempts/a1/b2/audio.flac", size)]


def test_a_store_lists_what_is_below_a_prefix(objects: ObjectStore, tmp_path: Path) -> None:
    given = file_of(tmp_path, b"x")
    for key in ("attempts/a/1/x", "attempts/a/2/x", "attempts/ab/1/x", "voices/a/x"):
        objects.put(key, given)
    assert sorted(o.key for o in objects.listed("attempts/a/")) == [
        "attempts/a/1/x",
        "attempts/a/2/x",
    ]
    assert len(list(objects.listed())) == 4
    assert all(o.modified_at.tzinfo is not None for o in objects.listed())


def test_what_is_removed_is_gone_and_removing_it_again_is_no_error(
    objects: ObjectStore, tmp_path: Path
) -> None:
    objects.put("attempts/a/1/x", file_of(tmp_path, b"x"))
    objects.remove(["attempts/a/1/x", "attempts/a/1/never"])
    objects.remove(["attempts/a/1/x"])
    assert list(objects.listed()) == []
    with pytest.raises(RecordingLost, match="does not have attempts/a/1/x"):
        objects.get("attempts/a/1/x", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_store_that_works_is_left_as_it_was(objects: ObjectStore) -> None:
    objects.probe()
    assert list(objects.listed()) == []


@pytest.mark.parametrize("key", ["", "x", "/a/b", "a/../b", "a/b#1", "a//b", "A/b", "a/.b", "a/b/"])
def test_what_is_no_key_never_becomes_a_path(
    objects: ObjectStore, tmp_path: Path, key: str
) -> None:
    with pytest.raises(ValueError, match="not the key"):
        objects.put(key, file_of(tmp_path, b"x"))
    with pytest.raises(ValueError, match="not the key"):
        objects.get(key, tmp_path / "back")
    with pytest.raises(ValueError, match="not the key"):
        objects.remove([key])


def test_reading_does_not_overwrite_a_file(objects: ObjectStore, tmp_path: Path) -> None:
    given = file_of(tmp_path, b"x")
    objects.put("attempts/a/1/x", given)
    with pytest.raises(ObjectsAway):
        objects.get("attempts/a/1/x", given)


# -- a folder


def test_only_the_owner_can_read_a_local_store(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        objects = ObjectStore(str(tmp_path / "store"))
        objects.make()
        objects.put("attempts/a/1/x", file_of(tmp_path, b"x"))
    finally:
        os.umask(before)
    assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "store/attempts/a/1/x").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_not_mounted_is_away_and_is_not_made_anew(tmp_path: Path) -> None:
    objects = ObjectStore(str(tmp_path / "store"))
    given = file_of(tmp_path, b"x")
    with pytest.raises(ObjectsAway, match="is its disk mounted"):
        objects.put("attempts/a/1/x", given)
    objects.make()
    objects.put("attempts/a/1/x", given)
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    with pytest.raises(ObjectsAway, match="is its disk mounted"):
        objects.put("attempts/a/2/x", given)
    assert not (tmp_path / "store").exists()


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    objects = ObjectStore(str(tmp_path / "store"))
    objects.make()
    objects.put("attempts/a/1/x", file_of(tmp_path, b"x"))
    half = tmp_path / "store/attempts/a/1/audio.flac#3"
    half.write_bytes(b"half of a recording")
    assert [o.key for o in objects.listed()] == ["attempts/a/1/x"]  # it is in no listing
    objects.probe()
    assert not half.exists()
    assert (tmp_path / "store/attempts/a/1/x").exists()


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageRefused, match="cannot be made"):
        ObjectStore(str(file_of(tmp_path, b"") / "store")).make()


@pytest.mark.slow
def test_a_full_disk_gets_a_sentence_and_keeps_no_half_object(
    small_disk: Path, tmp_path: Path
) -> None:
    objects = ObjectStore(str(small_disk))
    with pytest.raises(StorageFull, match="free some space"):
        objects.put("attempts/a/1/x", file_of(tmp_path, bytes(3_000_000)))
    assert list(objects.listed()) == []
    objects.put("attempts/a/1/x", file_of(tmp_path, b"small"))


# -- S3


@pytest.mark.parametrize("url", ["", "ftp://host/x", "file:///tmp/x", "s3://", "s3://b:1/x"])
def test_a_store_that_cannot_be_used_gets_a_sentence(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    with pytest.raises(SettingError, match="cannot be used"):
        ObjectStore(url)


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_a_bucket_without_an_access_key_asks_nobody_for_one(no_aws: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="set AWS_ACCESS_KEY_ID"):
        ObjectStore("s3://lab/hub")


def test_recordings_are_not_sent_in_the_clear_unasked(no_aws: pytest.MonkeyPatch) -> None:
    no_aws.setenv("AWS_ACCESS_KEY_ID", "x")
    no_aws.setenv("AWS_SECRET_ACCESS_KEY", "y")
    no_aws.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1:9000")
    with pytest.raises(SettingError, match="in the clear"):
        ObjectStore("s3://lab/hub")
    no_aws.setenv("AWS_ALLOW_HTTP", "true")
    ObjectStore("s3://lab/hub")


def test_an_authority_that_cannot_be_read_is_named(
    no_aws: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    no_aws.setenv("AWS_ACCESS_KEY_ID", "x")
    no_aws.setenv("SIMVOICE_STORE_CA", str(tmp_path / "ca.pem"))
    with pytest.raises(SettingError, match="SIMVOICE_STORE_CA"):
        ObjectStore("s3://lab/hub")
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(SettingError):
        ObjectStore("s3://lab/hub")


@pytest.mark.slow
def test_a_bucket_that_does_not_exist_is_a_setting(
    s3: S3Server, no_aws: pytest.MonkeyPatch
) -> None:
    for name, value in s3.variables.items():
        no_aws.setenv(name, value)
    with pytest.raises(SettingError, match="NoSuchBucket"):
        ObjectStore("s3://nowhere/hub").probe()


def test_a_server_that_does_not_answer_is_away(no_aws: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_aws.setenv("AWS_ACCESS_KEY_ID", "x")
    no_aws.setenv("AWS_SECRET_ACCESS_KEY", "y")
    no_aws.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    objects = ObjectStore("s3://lab/hub")
    with pytest.raises(ObjectsAway, match="does not answer"):
        objects.put("attempts/a/1/x", file_of(tmp_path, b"x"))
    with pytest.raises(ObjectsAway, match="nothing is lost"):
        objects.get("attempts/a/1/x", tmp_path / "back")
    with pytest.raises(ObjectsAway, match="cannot be listed"):
        list(objects.listed())
