"""Attempts in the hub: kept once, opened, erased; also when the hub dies in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from simvoice.errors import AttemptError, DatabaseAway, ObjectsAway, RecordingLost, StorageAway
from simvoice.hub import additions, attempts
from simvoice.hub.storage.database import Database
from simvoice.hub.storage.encryption import EncryptionSettings
from simvoice.hub.storage.object_store import ObjectStore
from simvoice.hub.storage.tables import (
    Account,
    Course,
    Erasure,
    LooseObjects,
    Release,
    StoredAttempt,
    StoredFile,
)
from simvoice.record.answers import ANSWERS
from simvoice.record.ratings import (
    OBJECTIONS,
    Objection,
    add_objection,
    load_objections,
    withdraw_objection,
)
from simvoice.record.store import Attempt, Store
from simvoice.release.age import make_key
from simvoice.release.contents import Contents
from tests.hub.kept_attempts import Storage, interrupted, make_storage
from tests.planted.talk import record

pytestmark = pytest.mark.slow


@pytest.fixture
def storage(database: Database, objects: ObjectStore, tmp_path: Path) -> Storage:
    return make_storage(database, objects, tmp_path)


def rows(storage: Storage, table: type) -> int:
    with storage.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name not in {"lock", "reserve"}}


# -- keep and open


def test_an_attempt_is_opened_as_it_was_kept(storage: Storage) -> None:
    attempt = storage.made(learner="ana")
    kept = storage.keep(attempt)
    assert kept == attempt.header.uuid
    with attempts.opened(storage, kept) as found:
        assert found.folder != attempt.folder
        assert files_of(found.folder) == files_of(attempt.folder)
        assert (found.id, found.state, found.header) == (attempt.id, "complete", attempt.header)
        assert found.summary() == Store(attempt.folder.parent).open(attempt.id).summary()
        assert [side.size for side in found.audio()] == [side.size for side in attempt.audio()]
    with storage.database.read() as session:
        row = session.get_one(StoredAttempt, kept)
    assert (row.record_id, row.case_id, row.origin) == (
        attempt.id,
        attempt.header.case_id,
        "laptop",
    )
    assert (row.owner_id, row.contents, row.reason) == (storage.owner_id, "sound", "learner")
    assert row.received_at == storage.at
    assert row.duration_s == attempt.summary().duration_s
    assert rows(storage, LooseObjects) == 0


def test_keeping_an_attempt_again_changes_nothing(storage: Storage) -> None:
    attempt = storage.made()
    first = storage.keep(attempt)
    keys = storage.stored_keys()
    storage.wait(days=1)
    assert storage.keep(attempt) == first
    assert storage.stored_keys() == keys
    assert (rows(storage, StoredAttempt), rows(storage, LooseObjects)) == (1, 0)


def test_an_attempt_that_is_sent_by_many_at_once_is_kept_once(storage: Storage) -> None:
    attempt = storage.made()
    copies = [storage.folder / name / attempt.id for name in "abcd"]
    for copy in copies:
        copy.mkdir(parents=True)
        for name, data in files_of(attempt.folder).items():
            (copy / name).write_bytes(data)
    kept: list[UUID | BaseException] = []

    def keep(folder: Path) -> None:
        try:
            kept.append(attempts.keep(storage, folder, owner_id=storage.owner_id, origin="laptop"))
        except BaseException as error:
            kept.append(error)

    threads = [threading.Thread(target=keep, args=(copy,)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert kept == [attempt.header.uuid] * 4
    assert len({key.rpartition("/")[0] for key in storage.stored_keys()}) == 1
    assert (rows(storage, StoredAttempt), rows(storage, LooseObjects)) == (1, 0)
    with attempts.opened(storage, storage.keep(attempt)) as found:
        assert files_of(found.folder) == files_of(attempt.folder)


def test_an_older_record_without_uuid_is_kept_once_too(storage: Storage, tmp_path: Path) -> None:
    attempt = record(tmp_path / "older")
    assert attempt.header.uuid is None
    assert storage.keep(attempt) == storage.keep(attempt)
    assert rows(storage, StoredAttempt) == 1


def test_an_attempt_of_someone_else_is_refused(storage: Storage) -> None:
    attempt = storage.made()
    storage.keep(attempt)
    with storage.database.begin() as session:
        other = Account(login="ben", name="Ben")
        session.add(other)
    with pytest.raises(AttemptError, match="for someone else"):
        storage.keep(attempt, owner_id=other.id)
    with storage.database.read() as session:
        assert session.get_one(StoredAttempt, attempt.header.uuid).owner_id == storage.owner_id


def test_an_owner_who_is_not_there_gets_a_sentence_and_leaves_no_object(storage: Storage) -> None:
    with pytest.raises(AttemptError, match="account, device or assignment was removed"):
        storage.keep(storage.made(), owner_id=uuid4())
    assert storage.stored_keys() == []
    assert (rows(storage, StoredAttempt), rows(storage, LooseObjects)) == (0, 0)


def test_a_record_that_holds_more_replaces_one_that_holds_less(storage: Storage) -> None:
    attempt = storage.made()
    sound = attempt.audio_path
    assert sound is not None
    data = sound.read_bytes()
    sound.unlink()
    kept = storage.keep(attempt, contents=Contents.WORDS)
    with attempts.opened(storage, kept) as found:
        assert found.audio_path is None
    sound.write_bytes(data)
    storage.keep(attempt, contents=Contents.SOUND)
    with attempts.opened(storage, kept) as found:
        assert files_of(found.folder) == files_of(attempt.folder)
    assert len({key.rpartition("/")[0] for key in storage.stored_keys()}) == 1
    sound.unlink()
    storage.keep(attempt, contents=Contents.NUMBERS)  # less: nothing changes
    with attempts.opened(storage, kept) as found:
        assert found.audio_path is not None
    assert (rows(storage, StoredAttempt), rows(storage, LooseObjects)) == (1, 0)


def test_a_record_that_holds_more_keeps_what_its_learner_wrote_on_the_hub(
    storage: Storage,
) -> None:
    def objection(why: str) -> Objection:
        return Objection(item="a", why=why, wall_time="2026-11-29T12:00:00+00:00")

    attempt = storage.made()
    sound = attempt.audio_path
    assert sound is not None
    data = sound.read_bytes()
    sound.unlink()
    add_objection(attempt.folder, objection("before both"))
    kept = storage.keep(attempt, contents=Contents.WORDS)
    for name, why in ((OBJECTIONS, "on the hub"), (OBJECTIONS, "withdrawn there"), (ANSWERS, "")):
        with additions.adding(storage, kept, name) as found:
            if why:
                add_objection(found.folder, objection(why))
            else:
                (found.folder / name).write_text("{}")
    with additions.adding(storage, kept, OBJECTIONS) as found:
        withdraw_objection(found.folder, 3, "2026-11-29T12:01:00+00:00")
    add_objection(attempt.folder, objection("on the laptop"))
    sound.write_bytes(data)

    def writes_once_more() -> None:
        with additions.adding(storage, kept, OBJECTIONS) as found:
            add_objection(found.folder, objection("meanwhile"))

    with written_meanwhile(storage, writes_once_more), pytest.raises(StorageAway, match="writing"):
        storage.keep(attempt, contents=Contents.SOUND)
    storage.keep(attempt, contents=Contents.SOUND)  # as the laptop tries again
    with attempts.opened(storage, kept) as found:
        assert found.audio_path is not None
        whys = [each.why for each in load_objections(found.folder)]
        assert whys == ["before both", "on the laptop", "on the hub", "meanwhile"]
        assert (found.folder / ANSWERS).read_text() == "{}"
    assert rows(storage, LooseObjects) == 0


@contextmanager
def written_meanwhile(storage: Storage, write: Callable[[], None]) -> Iterator[None]:
    """Let something be written while a record goes into the store."""
    put = storage.recordings.put_folder

    def put_and_write(folder: Path, prefix: str) -> list[StoredFile]:
        found = put(folder, prefix)
        write()
        return found

    storage.recordings.put_folder = put_and_write  # type: ignore[method-assign]
    try:
        yield
    finally:
        storage.recordings.put_folder = put  # type: ignore[method-assign]


def test_text_that_a_database_would_refuse_is_kept(storage: Storage) -> None:
    attempt = storage.made(patient_name="Inês\x00" + "é" * 300, case_title="x" * 1000)
    kept = storage.keep(attempt)
    with storage.database.read() as session:
        row = session.get_one(StoredAttempt, kept)
    assert (len(row.patient_name), len(row.case_title)) == (200, 300)


def test_what_is_no_attempt_is_refused(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "20260101-090000-case-aaaa").mkdir()
    for name in ("20260101-090000-case-aaaa", "nowhere", "20260101-090000-case-bbbb"):
        with pytest.raises(AttemptError):
            attempts.keep(storage, tmp_path / name, origin="hub")
    assert storage.stored_keys() == []


def test_the_lists_are_those_of_the_owner_newest_first(storage: Storage) -> None:
    kept = [storage.keep(storage.made()) for _ in range(3)]
    exam = storage.keep(storage.made(), owner_id=None)
    with storage.database.begin() as session:
        for day, each in enumerate(kept):
            session.get_one(StoredAttempt, each).started_at += timedelta(days=day)
    with storage.database.read() as session:
        assert [r.id for r in attempts.for_owner(session, storage.owner_id)] == kept[::-1]
        assert attempts.for_owner(session, uuid4()) == []
        assert attempts.for_code(session, uuid4()) == []
    assert exam not in kept


# -- encryption


def test_encrypted_attempts_are_opened_and_plain_ones_beside_them(
    database: Database, objects: ObjectStore, tmp_path: Path
) -> None:
    storage = make_storage(database, objects, tmp_path)
    plain = storage.made()
    storage.keep(plain)
    settings = EncryptionSettings(
        recipients=(make_key(tmp_path / "key"),), identities=tmp_path / "key"
    )
    storage.recordings.encryption = type(storage.recordings.encryption)(settings)
    sealed = storage.made(learner="a marked name")
    storage.keep(sealed)
    assert (
        sum(key.endswith(".age") for key in storage.stored_keys()) == len(storage.stored_keys()) / 2
    )
    for attempt in (plain, sealed):
        assert attempt.header.uuid is not None
        with attempts.opened(storage, attempt.header.uuid) as found:
            assert files_of(found.folder) == files_of(attempt.folder)
        attempts.verify(storage, attempt.header.uuid)
    for key in storage.stored_keys():
        objects.get(key, tmp_path / "object")
        assert b"a marked name" not in (tmp_path / "object").read_bytes()
        (tmp_path / "object").unlink()


# -- erase


def test_what_is_erased_is_gone_and_is_not_taken_again(storage: Storage) -> None:
    attempt, other = storage.made(), storage.made()
    kept, stays = storage.keep(attempt), storage.keep(other)
    with storage.database.begin() as session:
        course = Course(title="Hard conversations")
        session.add(course)
        session.flush()
        session.add(Release(attempt_id=kept, course_id=course.id, contents="sound"))
    storage.wait(days=1)
    erased = attempts.erase(storage, [kept], reason="learner")
    assert (erased.count, erased.is_complete) == (1, True)
    assert erased.size == sum(len(data) for data in files_of(attempt.folder).values())
    with pytest.raises(AttemptError, match="no such attempt"), attempts.opened(storage, kept):
        pass
    with pytest.raises(attempts.AttemptErased, match="was erased here"):
        storage.keep(attempt)
    with storage.database.read() as session:
        row = session.get_one(Erasure, kept)
    assert (row.at, row.reason, row.size) == (storage.at, "learner", erased.size)
    assert all(stays.hex in key for key in storage.stored_keys())
    assert [rows(storage, t) for t in (StoredAttempt, Release, LooseObjects)] == [1, 0, 0]
    assert attempts.erase(storage, [kept, uuid4()], reason="learner").count == 0
    with attempts.opened(storage, stays):
        pass


def test_an_account_is_erased_with_all_its_attempts(storage: Storage) -> None:
    for _ in range(3):
        storage.keep(storage.made())
    assert attempts.erase_all_of(storage, storage.owner_id).count == 3
    assert storage.stored_keys() == []
    with storage.database.begin() as session:
        session.delete(session.get_one(Account, storage.owner_id))


def test_an_account_with_attempts_cannot_be_removed_before_them(storage: Storage) -> None:
    storage.keep(storage.made())
    with pytest.raises(Exception, match=r"(?i)foreign key"), storage.database.begin() as session:
        session.delete(session.get_one(Account, storage.owner_id))


def test_no_marked_byte_of_an_erased_attempt_is_left_anywhere(
    storage: Storage, tmp_path: Path
) -> None:
    mark = "zyxw-marked-patient"
    attempt = storage.made(patient_name=mark, learner=mark, case_title=mark)
    kept = storage.keep(attempt)
    others = [storage.keep(storage.made()) for _ in range(3)]
    with attempts.opened(storage, kept):
        pass
    places = [tmp_path / name for name in ("store", "cache", "hub.sqlite3", "hub.sqlite3-wal")]
    if storage.objects.folder is not None:
        assert marked(places, mark) != []  # the search finds it while it is there
    attempts.erase(storage, [kept], reason="learner")
    assert marked(places, mark) == []
    assert all(kept.hex not in key for key in storage.stored_keys())
    with storage.database.read() as session:
        assert sorted(session.scalars(select(StoredAttempt.id))) == sorted(others)


def marked(places: list[Path], mark: str) -> list[Path]:
    """Return the files that hold a text."""
    files = [p for place in places for p in [place, *place.rglob("*")] if p.is_file()]
    return [path for path in files if mark.encode() in path.read_bytes()]


def test_an_erasure_wins_at_once_while_the_attempt_is_read(storage: Storage) -> None:
    kept = storage.keep(storage.made())
    with attempts.opened(storage, kept) as found:
        sound = found.audio_path
        assert sound is not None
        with sound.open("rb", buffering=0) as playing:
            assert playing.read(100)
            attempts.erase(storage, [kept], reason="learner")
            assert playing.read() == b""
        assert not sound.exists()


# -- the hub dies


@pytest.mark.parametrize("at_object", [0, 1, 3])
def test_a_hub_that_dies_while_keeping_keeps_nothing_and_then_all(
    storage: Storage, at_object: int
) -> None:
    attempt, other = storage.made(), storage.keep(storage.made())
    with interrupted(storage, at_object):
        storage.keep(attempt)
    orphans = [key for key in storage.stored_keys() if other.hex not in key]
    assert (len(orphans), rows(storage, StoredAttempt)) == (at_object, 1)
    attempts.start(storage)
    assert all(other.hex in key for key in storage.stored_keys())
    kept = storage.keep(attempt)
    with attempts.opened(storage, kept) as found:
        assert files_of(found.folder) == files_of(attempt.folder)
    assert rows(storage, LooseObjects) == 0


def test_a_sweep_leaves_what_is_being_kept_now(storage: Storage) -> None:
    with interrupted(storage, 2):
        storage.keep(storage.made())
    assert attempts.sweep(storage) == 0
    assert len(storage.stored_keys()) == 2
    storage.wait(hours=2)
    assert attempts.sweep(storage) == 1
    assert storage.stored_keys() == []


def test_what_a_sweep_has_begun_to_remove_cannot_become_an_attempt(storage: Storage) -> None:
    attempt = storage.made()
    put = storage.objects.put

    def put_slowly(key: str, file: Path) -> None:
        put(key, file)
        attempts.sweep(storage, older_than=timedelta())

    storage.objects.put = put_slowly  # type: ignore[method-assign]
    with pytest.raises(StorageAway, match="took too long"):
        storage.keep(attempt)
    storage.objects.put = put  # type: ignore[method-assign]
    assert (storage.stored_keys(), rows(storage, StoredAttempt)) == ([], 0)
    storage.keep(attempt)


def test_an_erasure_without_the_store_is_finished_by_the_next_sweep(storage: Storage) -> None:
    kept = storage.keep(storage.made())
    remove = storage.objects.remove

    def away(keys: object) -> None:
        raise ObjectsAway("the store does not answer")

    storage.objects.remove = away  # type: ignore[method-assign]
    erased = attempts.erase(storage, [kept], reason="learner")
    assert (erased.count, erased.is_complete) == (1, False)
    with pytest.raises(AttemptError), attempts.opened(storage, kept):
        pass
    storage.objects.remove = remove  # type: ignore[method-assign]
    assert storage.stored_keys() != []
    assert attempts.sweep(storage) == 1
    assert storage.stored_keys() == []


def test_a_store_that_is_away_loses_nothing(storage: Storage) -> None:
    attempt = storage.made()
    put = storage.objects.put

    def away(key: str, file: Path) -> None:
        raise ObjectsAway("the store does not answer")

    storage.objects.put = away  # type: ignore[method-assign]
    with pytest.raises(ObjectsAway):
        storage.keep(attempt)
    storage.objects.put = put  # type: ignore[method-assign]
    assert Store(attempt.folder.parent).open(attempt.id).state == "complete"
    storage.keep(attempt)


def test_a_database_that_is_away_at_the_last_step_loses_nothing(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = storage.made()

    def away(*_: object) -> None:
        raise DatabaseAway("the database does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(attempts, "_commit", away)
        with pytest.raises(DatabaseAway):
            storage.keep(attempt)
    assert storage.stored_keys() == []
    storage.keep(attempt)
    assert rows(storage, LooseObjects) == 0


def test_an_answer_that_is_lost_after_the_last_step_loses_nothing(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = storage.made()
    commit = attempts._commit

    def commit_and_lose_the_answer(*given: object) -> None:
        commit(*given)  # type: ignore[arg-type]
        raise DatabaseAway("the connection broke while it answered")

    with monkeypatch.context() as patch:
        patch.setattr(attempts, "_commit", commit_and_lose_the_answer)
        with pytest.raises(DatabaseAway):
            storage.keep(attempt)
    kept = storage.keep(attempt)
    with attempts.opened(storage, kept) as found:
        assert files_of(found.folder) == files_of(attempt.folder)
    assert rows(storage, LooseObjects) == 0


@pytest.mark.parametrize(
    "when", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "never", "", "2026-01-01"]
)
def test_a_time_that_is_none_does_not_keep_an_attempt_out(storage: Storage, when: str) -> None:
    attempt = storage.made()
    journal = attempt.folder / "journal.jsonl"
    told = attempt.summary().when
    journal.write_text(journal.read_text().replace(told, when.ljust(len(told))))
    kept = storage.keep(attempt)
    with storage.database.read() as session:
        found = session.get_one(StoredAttempt, kept).started_at
    assert found in (storage.at, datetime(2026, 1, 1, tzinfo=UTC))


# -- what the store has lost or altered


def lose(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "said"), [(lose, "does not have"), (cut, "altered"), (flip, "altered")]
)
def test_a_lost_or_altered_object_is_named_in_a_sentence(
    database: Database, tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    objects = ObjectStore(str(tmp_path / "store"))
    objects.make()
    storage = make_storage(database, objects, tmp_path)
    attempt = storage.made()
    kept = storage.keep(attempt)
    damage(next((tmp_path / "store").rglob("journal.jsonl")))
    for _ in range(2):
        expected = pytest.raises(
            RecordingLost, match=rf"journal.jsonl of attempt {attempt.id} .*{said}"
        )
        with expected, attempts.opened(storage, kept):
            pass
    with pytest.raises(RecordingLost):
        attempts.verify(storage, kept)
    assert storage.cache.held() == []


def test_an_attempt_that_was_never_here_is_no_attempt(storage: Storage) -> None:
    with pytest.raises(AttemptError, match="no such attempt"), attempts.opened(storage, uuid4()):
        pass
    with pytest.raises(AttemptError, match="no such attempt"):
        attempts.verify(storage, uuid4())


def test_the_copies_are_gone_after_the_hub_stops(storage: Storage, tmp_path: Path) -> None:
    attempt: Attempt = storage.made()
    kept = storage.keep(attempt)
    with attempts.opened(storage, kept):
        assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "cache").rglob("journal.jsonl")) != []
    attempts.stop(storage)
    assert not (tmp_path / "cache").exists()
