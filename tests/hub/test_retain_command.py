"""`simvoice retain`, `simvoice hub check` and `simvoice hub key`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from simvoice.cli import app
from simvoice.hub import attempts
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.settings import load_settings
from simvoice.hub.storage.consistency import bind_store
from simvoice.hub.storage.tables import Account, AuditEntry, Erasure, StoredAttempt, now
from tests.planted.talk import record

pytestmark = pytest.mark.slow


class Kept:
    """A hub that has attempts of different ages. Its settings are in its hub.toml."""

    def __init__(self, hub: Hub, database_url: str) -> None:
        self.hub = hub
        self.data = hub.settings.data
        self.owner = uuid4()
        self.set(f'database_url = "{database_url}"')
        bind_store(hub.database, hub.recordings.objects)
        with hub.database.begin() as session:
            session.add(Account(id=self.owner, login="ana", name="Ana Maria"))

    def set(self, *lines: str) -> None:
        file = self.data / "hub.toml"
        before = file.read_text() if file.exists() else ""
        file.write_text(before + "\n".join(lines) + "\n")

    def add(self, age_days: float) -> UUID:
        attempt = record(self.data / "made" / uuid4().hex, uuid=uuid4())
        kept = attempts.keep(self.hub, attempt.folder, owner_id=self.owner, origin="hub")
        with self.hub.database.begin() as session:
            row = session.get_one(StoredAttempt, kept)
            row.received_at = now() - timedelta(days=age_days)
        return kept

    def run(self, *words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*words[:1], "--data", str(self.data), *words[1:]])
        return done.exit_code, done.output + (str(done.exception) if done.exception else "")

    def left(self) -> list[UUID]:
        with self.hub.database.read() as session:
            return list(session.scalars(select(StoredAttempt.id)))


@pytest.fixture
def kept(tmp_path: Path, database_url: str) -> Iterator[Kept]:
    settings = load_settings(tmp_path / "hub", {"database_url": database_url}, environment={})
    hub = open_hub(settings)
    yield Kept(hub, database_url)
    hub.database.close()


def test_what_is_older_is_erased_and_written_down(kept: Kept) -> None:
    old, young, new = kept.add(40), kept.add(20), kept.add(0)
    kept.set("retain_days = 30")
    code, said = kept.run("retain", "--dry-run", "--json")
    told = json.loads(said)
    assert (code, told["dry_run"], told["kept"]) == (0, True, 2)
    assert [each["attempt"] for each in told["due"]] == [str(old)]
    assert len(kept.left()) == 3
    code, said = kept.run("retain")
    assert code == 0
    assert f"{old}" in said
    assert "1 erased" in said
    assert "2 kept" in said
    assert set(kept.left()) == {young, new}
    with kept.hub.database.read() as session:
        assert session.get_one(Erasure, old).reason == "retention"
        entry = session.scalars(select(AuditEntry)).one()
    assert (entry.who, entry.action, entry.object_id) == ("command line", "erase attempt", str(old))
    assert entry.detail == "after 30 days"
    assert not any(old.hex in found.key for found in kept.hub.recordings.objects.listed())
    assert kept.run("retain")[1].startswith("0 erased")


def test_more_than_half_needs_a_yes(kept: Kept) -> None:
    for age in (40, 41, 0):
        kept.add(age)
    kept.set("retain_days = 30")
    code, said = kept.run("retain")
    assert code != 0
    assert "nothing was erased: 2 of 3 attempts" in said
    assert len(kept.left()) == 3
    code, said = kept.run("retain", "--yes")
    assert (code, len(kept.left())) == (0, 1)


def test_a_clock_set_back_erases_nothing(kept: Kept) -> None:
    kept.add(40)
    kept.add(-3)
    kept.set("retain_days = 30")
    code, said = kept.run("retain")
    assert code != 0
    assert "set the clock" in said
    assert len(kept.left()) == 2


def test_without_a_setting_nothing_is_erased_and_it_says_so(kept: Kept) -> None:
    kept.add(4000)
    code, said = kept.run("retain")
    assert (code, len(kept.left())) == (0, 1)
    assert "set retain_days" in said


# -- simvoice hub check, simvoice hub key


def test_a_check_names_both_kinds_of_difference_and_mends_them_when_asked(kept: Kept) -> None:
    lost, unknown, whole = kept.add(1), kept.add(1), kept.add(1)
    assert kept.run("hub", "check") == (0, "3 attempts, all in the store.\n")
    objects = kept.hub.recordings.objects
    objects.remove([found.key for found in objects.listed() if lost.hex in found.key])
    with kept.hub.database.begin() as session:
        session.delete(session.get_one(StoredAttempt, unknown))
    code, said = kept.run("hub", "check")
    assert code == 1
    assert f"{lost}" in said
    assert f"attempts/{unknown.hex}/" in said
    code, said = kept.run("hub", "check", "--forget", "--remove")
    assert code == 0
    assert kept.left() == [whole]
    assert kept.run("hub", "check", "--deep") == (0, "1 attempt, all in the store.\n")


def test_a_deep_check_reads_every_recording(kept: Kept) -> None:
    kept.add(1)
    journal = next((kept.data / "store").rglob("journal.jsonl"))
    data = journal.read_bytes()
    journal.write_bytes(b"x" + data[1:])
    assert kept.run("hub", "check")[0] == 0
    code, said = kept.run("hub", "check", "--deep")
    assert code == 1
    assert "journal.jsonl" in said


def test_a_key_is_made_and_what_to_write_into_the_settings_works(
    kept: Kept, tmp_path: Path
) -> None:
    code, said = kept.run("hub", "key", str(tmp_path / "key"))
    assert code == 0
    kept.set(said[said.index("[encryption]") :])
    hub = open_hub(load_settings(kept.data, environment={}))
    attempt = record(tmp_path / "sealed", uuid=uuid4())
    sealed = attempts.keep(hub, attempt.folder, owner_id=kept.owner, origin="hub")
    with attempts.opened(hub, sealed) as found:
        assert found.state == "complete"
    assert list((kept.data / "store").rglob("*.age")) != []
    hub.database.close()
