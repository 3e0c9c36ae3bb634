"""Records on their way into the store: kept once, also while the store is away or after a crash."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from simvoice.errors import AttemptError, DatabaseAway, StorageAway
from simvoice.hub.attempts import AttemptErased
from simvoice.hub.encounters.keeping import (
    FIRST_RETRY_S,
    LONGEST_RETRY_S,
    RecordKeeper,
    RecordOwner,
)
from simvoice.record.files import new_id


@dataclass
class Shelf:
    """Stands in for the store: keeps what it is given, or fails as it is told."""

    root: Path
    fails: list[Exception] = field(default_factory=list)
    kept: list[tuple[str, UUID | None]] = field(default_factory=list)
    now_s: float = 0.0

    def keep(self, folder: Path, owner: RecordOwner) -> None:
        if self.fails:
            raise self.fails.pop(0)
        assert (folder / "header.json").is_file()
        self.kept.append((folder.name, owner.owner_id))

    def keeper(self) -> RecordKeeper:
        return RecordKeeper(self.root / "encounters", self.keep, clock_s=lambda: self.now_s)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def recorded(keeper: RecordKeeper, owner: UUID) -> tuple[Path, str]:
    folder = keeper.open(RecordOwner(owner_id=owner))
    attempt = new_id("talk", datetime.now(UTC))
    (folder / attempt).mkdir()
    (folder / attempt / "header.json").write_text("{}")
    return folder, attempt


def test_a_record_is_kept_with_its_owner_and_its_folder_removed(shelf: Shelf) -> None:
    keeper, owner = shelf.keeper(), uuid4()
    folder, attempt = recorded(keeper, owner)
    keeper.close(folder)
    assert keeper.unkept == 1
    keeper.keep_due()
    assert shelf.kept == [(attempt, owner)]
    assert not folder.exists()
    assert keeper.unkept == 0


def test_the_folder_of_a_record_is_private(shelf: Shelf) -> None:
    folder = shelf.keeper().open(RecordOwner(owner_id=uuid4()))
    assert folder.stat().st_mode & 0o777 == 0o700


def test_while_the_database_is_away_the_record_waits_longer_and_longer(shelf: Shelf) -> None:
    keeper = shelf.keeper()
    folder, attempt = recorded(keeper, uuid4())
    hour: list[Exception] = [DatabaseAway("the database is away"), StorageAway("the store is away")]
    shelf.fails = hour * 20
    keeper.close(folder)
    tries = []
    for second in range(0, 3600, 5):
        shelf.now_s = float(second)
        before = len(shelf.fails)
        keeper.keep_due()
        if len(shelf.fails) < before:
            tries.append(second)
    assert tries[:4] == [0, FIRST_RETRY_S, 3 * FIRST_RETRY_S, 7 * FIRST_RETRY_S]
    assert max(later - earlier for earlier, later in pairwise(tries)) == LONGEST_RETRY_S
    shelf.fails = []
    shelf.now_s += LONGEST_RETRY_S
    keeper.keep_due()
    assert [name for name, _ in shelf.kept] == [attempt]


def test_one_record_that_fails_does_not_hold_up_the_others(shelf: Shelf) -> None:
    keeper = shelf.keeper()
    first, _ = recorded(keeper, uuid4())
    second, attempt = recorded(keeper, uuid4())
    shelf.fails = [ZeroDivisionError()]
    keeper.close(first)
    keeper.close(second)
    keeper.keep_due()
    assert [name for name, _ in shelf.kept] == [attempt]
    assert keeper.unkept == 1


def test_an_encounter_that_recorded_nothing_leaves_no_folder(shelf: Shelf) -> None:
    keeper = shelf.keeper()
    folder = keeper.open(RecordOwner(owner_id=uuid4()))
    keeper.close(folder)
    keeper.keep_due()
    assert shelf.kept == []
    assert not folder.exists()


def test_the_record_of_an_erased_attempt_is_removed(shelf: Shelf) -> None:
    keeper = shelf.keeper()
    folder, _ = recorded(keeper, uuid4())
    shelf.fails = [AttemptErased("it was erased")]
    keeper.close(folder)
    keeper.keep_due()
    assert not folder.exists()
    assert keeper.unkept == 0


def test_a_damaged_record_stays_in_its_folder_and_is_not_tried_all_the_time(shelf: Shelf) -> None:
    keeper = shelf.keeper()
    folder, _ = recorded(keeper, uuid4())
    shelf.fails = [AttemptError("its header is damaged")]
    keeper.close(folder)
    keeper.keep_due()
    assert folder.exists()
    assert keeper.unkept == 0


def test_after_a_crash_the_next_start_keeps_what_was_left(shelf: Shelf) -> None:
    owner = uuid4()
    _, attempt = recorded(shelf.keeper(), owner)  # the process is killed before `close`
    (shelf.root / "encounters" / "no-owner").mkdir()
    again = shelf.keeper()
    again.start()
    again.stop(10.0)
    again.keep_due()
    assert shelf.kept == [(attempt, owner)]
    assert (shelf.root / "encounters" / "no-owner").is_dir()
