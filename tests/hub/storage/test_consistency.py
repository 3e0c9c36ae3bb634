"""Database and store: whether they belong together, and what only one of them has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from simvoice.errors import ObjectsAway, SettingError
from simvoice.hub import attempts
from simvoice.hub.storage.consistency import (
    bind_store,
    find_differences,
    forget_lacking,
    make_store,
    remove_unknown,
)
from simvoice.hub.storage.database import Database
from simvoice.hub.storage.encryption import Encryption, EncryptionSettings
from simvoice.hub.storage.object_store import ObjectStore
from simvoice.release.age import make_key
from tests.hub.kept_attempts import Storage, interrupted, make_storage

pytestmark = pytest.mark.slow


@pytest.fixture
def storage(database: Database, objects: ObjectStore, tmp_path: Path) -> Storage:
    return make_storage(database, objects, tmp_path)


def test_database_and_store_that_agree_have_no_differences(storage: Storage) -> None:
    for _ in range(2):
        storage.keep(storage.made())
    found = find_differences(storage.database, storage.objects)
    assert (bool(found), found.attempts, found.sentences()) == (False, 2, [])


def test_what_is_being_kept_or_erased_now_is_no_difference(storage: Storage) -> None:
    with interrupted(storage, 2):
        storage.keep(storage.made())
    assert len(storage.stored_keys()) == 2
    assert not find_differences(storage.database, storage.objects)


def test_a_database_older_than_its_store_is_named_and_loses_nothing(storage: Storage) -> None:
    """The database comes from a backup that was made before the last two attempts."""
    stays = storage.keep(storage.made())
    later = [storage.keep(storage.made()) for _ in range(2)]
    with storage.database.begin() as session:
        for each in later:
            session.delete(session.get_one(attempts.StoredAttempt, each))
    keys = storage.stored_keys()
    assert attempts.start(storage) != []
    assert storage.stored_keys() == keys  # nothing is removed unasked
    found = find_differences(storage.database, storage.objects)
    assert len(found.unknown) == 2
    assert found.lacking == ()
    (sentence,) = found.sentences()
    assert "2 recordings" in sentence
    assert "database is older than the store" in sentence
    assert remove_unknown(storage.database, storage.objects, found) == 2
    assert not find_differences(storage.database, storage.objects)
    with attempts.opened(storage, stays):
        pass


def test_a_store_older_than_its_database_is_named_and_can_be_sent_again(storage: Storage) -> None:
    attempt, stays = storage.made(), storage.keep(storage.made())
    lost = storage.keep(attempt)
    storage.objects.remove([key for key in storage.stored_keys() if lost.hex in key])
    found = find_differences(storage.database, storage.objects)
    assert [each.id for each in found.lacking] == [lost]
    assert {"header.json", "journal.jsonl"} <= set(found.lacking[0].files)
    (sentence,) = found.sentences()
    assert "1 attempt of 2 whose recording the store lacks" in sentence
    assert forget_lacking(storage.database, found) == 1
    assert not find_differences(storage.database, storage.objects)
    assert storage.keep(attempt) == lost
    for each in (lost, stays):
        with attempts.opened(storage, each):
            pass


def test_a_file_that_was_cut_is_found_by_its_size_and_one_that_was_changed_by_reading(
    database: Database, tmp_path: Path
) -> None:
    objects = ObjectStore(str(tmp_path / "store"))
    objects.make()
    storage = make_storage(database, objects, tmp_path)
    cut, changed, whole = (storage.keep(storage.made()) for _ in range(3))
    journals = {p.parts[-3]: p for p in (tmp_path / "store").rglob("journal.jsonl")}
    journals[cut.hex].write_bytes(journals[cut.hex].read_bytes()[:-5])
    data = journals[changed.hex].read_bytes()
    journals[changed.hex].write_bytes(b"x" + data[1:])
    found = find_differences(database, objects)
    assert [each.id for each in found.lacking] == [cut]
    (sentence,) = attempts.altered(storage, {cut})
    assert "journal.jsonl" in sentence
    assert len(list(attempts.altered(storage))) == 2
    attempts.verify(storage, whole)


def test_encrypted_files_are_no_difference(storage: Storage, tmp_path: Path) -> None:
    settings = EncryptionSettings(
        recipients=(make_key(tmp_path / "key"),), identities=tmp_path / "key"
    )
    storage.recordings.encryption = Encryption(settings)
    storage.keep(storage.made())
    assert not find_differences(storage.database, storage.objects)
    assert list(attempts.altered(storage)) == []


def test_an_upload_that_arrives_during_the_removal_is_not_removed(storage: Storage) -> None:
    kept = storage.keep(storage.made())
    with storage.database.begin() as session:
        row = session.get_one(attempts.StoredAttempt, kept)
        facts = [(f.name, f.size, f.sha256, f.object_key) for f in row.files]
    found = find_differences(storage.database, storage.objects)
    stale = type(found)(unknown=(_unknown(facts[0][3]),))
    assert remove_unknown(storage.database, storage.objects, stale) == 0
    with attempts.opened(storage, kept):
        pass


def _unknown(key: str) -> object:
    from simvoice.hub.storage.consistency import UnknownObjects

    return UnknownObjects(key.rpartition("/")[0] + "/", 1)


# -- which store


def test_a_store_belongs_to_its_database_from_the_first_time_on(
    database: Database, objects: ObjectStore, tmp_path: Path
) -> None:
    make_store(database, objects)
    bind_store(database, objects)
    bind_store(database, objects)
    other = ObjectStore(str(tmp_path / "other"))
    other.make()
    with pytest.raises(SettingError, match="is not the one that it was"):
        bind_store(database, other)
    bind_store(_fresh(tmp_path), other)
    with pytest.raises(SettingError, match="is that of another database"):
        bind_store(database, other)


def test_a_new_database_takes_over_a_store_and_names_what_is_in_it(
    storage: Storage, tmp_path: Path
) -> None:
    """The database was lost without a backup."""
    storage.keep(storage.made())
    fresh = _fresh(tmp_path)
    bind_store(fresh, storage.objects)
    assert len(find_differences(fresh, storage.objects).unknown) == 1


def test_a_disk_that_is_not_mounted_is_noticed(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    objects = ObjectStore(str(folder))
    make_store(database, objects)
    bind_store(database, objects)
    shutil.move(folder, tmp_path / "unmounted")
    make_store(database, objects)
    with pytest.raises(ObjectsAway, match="is its disk mounted"):
        bind_store(database, objects)
    folder.mkdir()  # an empty mount point
    with pytest.raises(SettingError, match="mount its disk"):
        bind_store(database, objects)


def _fresh(folder: Path) -> Database:
    made = Database(f"sqlite:///{folder / 'fresh' / 'hub.sqlite3'}")
    made.upgrade()
    return made
