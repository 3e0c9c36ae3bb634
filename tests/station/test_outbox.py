"""The outbox of a station: what is in it is whole, and nothing is lost at any kill."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import pytest

from simvoice.errors import AttemptError, SimvoiceError, StorageFull
from simvoice.record.identity import attempt_uuid
from simvoice.record.store import Store
from simvoice.release import sealed as sealed_module
from simvoice.release.age import make_identity, read_identities
from simvoice.release.sealed import unseal
from simvoice.station import outbox as outbox_module
from simvoice.station.outbox import KEPT_S, RecordOutbox, RecordState
from tests.station.sealed_hub import SendingStation, new_record, owner


def test_a_sealed_record_waits_and_its_plain_folder_stays(sending: SendingStation) -> None:
    folder = sending.recorded()
    uuid = sending.seal(folder)
    assert uuid == sending.uuid(folder)
    assert sending.outbox.has(uuid)
    assert sending.outbox.waiting == 1
    (found,) = sending.outbox.records()
    assert (found.uuid, found.state, found.sent_bytes) == (uuid, RecordState.WAITING, 0)
    assert sending.files() == {f"{uuid}.age"}
    identities = read_identities(sending.folder / "key-of-the-hub")
    (sending.folder / "place").mkdir()
    opened = unseal(sending.outbox.path_of(uuid), identities, sending.folder / "place")
    assert opened.folder.name == folder.name
    assert sending.outbox.folder.stat().st_mode & 0o777 == 0o700


def test_an_attempt_is_sealed_once_however_often_it_is_asked(sending: SendingStation) -> None:
    folder = sending.recorded()
    sending.seal(folder)
    (first,) = sending.outbox.records()
    sending.seal(folder)
    assert sending.outbox.records() == (first,)
    sending.run()
    sending.seal(folder)
    assert [each.state for each in sending.outbox.records()] == [RecordState.SENT]


def test_nothing_waits_in_an_outbox_that_was_never_used(tmp_path: Path) -> None:
    outbox = RecordOutbox(tmp_path / "outbox")
    assert (outbox.waiting, outbox.records(), outbox.has(UUID(int=1))) == (0, (), False)
    assert not (tmp_path / "outbox").exists()


def test_a_folder_that_is_no_attempt_is_refused(sending: SendingStation) -> None:
    with pytest.raises(AttemptError):
        sending.seal(sending.folder / "hub")
    assert sending.outbox.waiting == 0


# -- kills ------------------------------------------------------------------------------------


def test_a_file_without_a_row_gets_one(sending: SendingStation) -> None:
    """The program was killed after the file had its name."""
    uuid = sending.seal()
    (before,) = sending.outbox.records()
    with sending.outbox._open() as database:
        database.execute("DELETE FROM record")
    assert not sending.outbox.has(uuid)
    assert sending.start() == []
    (after,) = sending.outbox.records()
    assert after.facts == before.facts
    assert sending.outbox.has(uuid)


def test_half_a_file_is_removed_and_sealed_again(sending: SendingStation) -> None:
    folder = sending.recorded()
    uuid = sending.uuid(folder)
    partial = sending.outbox.folder / f"{uuid}.age.partial"
    partial.write_bytes(b"age-encryption.org/v1")
    assert sending.start() == []
    assert not partial.exists()
    assert sending.seal(folder) == uuid
    assert sending.outbox.has(uuid)


def test_a_damaged_file_counts_as_not_there_while_the_plain_record_is(
    sending: SendingStation,
) -> None:
    folder = sending.recorded()
    uuid = sending.seal(folder)
    path = sending.outbox.path_of(uuid)
    path.write_bytes(path.read_bytes()[:-1])
    assert not sending.outbox.has(uuid)
    sending.seal(folder)
    assert sending.outbox.has(uuid)


def test_a_waiting_record_that_the_disk_lost_is_told(sending: SendingStation) -> None:
    uuid = sending.seal()
    sending.outbox.path_of(uuid).unlink()
    assert sending.start() == ["The disk has lost 1 sealed record that waited."]
    assert sending.outbox.records() == ()


@pytest.mark.parametrize("damage", [b"not a database at all" * 50, b"SQLite format 3\x00" * 300])
def test_a_damaged_list_is_made_again_from_the_files(
    sending: SendingStation, damage: bytes
) -> None:
    uuids = {sending.seal(), sending.seal()}
    sending.outbox.path.write_bytes(damage)
    (said,) = sending.start()
    assert said == "The list of waiting records was damaged, and was made again."
    assert {each.uuid for each in sending.outbox.records()} == uuids
    sending.run()
    assert set(sending.hub.kept) == {str(each) for each in uuids}


CHILD = """
import sys
from pathlib import Path
from simvoice.station.outbox import RecordOutbox
from tests.station.sealed_hub import owner

plain, outbox, recipient = Path(sys.argv[1]), RecordOutbox(Path(sys.argv[2])), sys.argv[3]
outbox.open()
print("ready", flush=True)
for folder in sorted(plain.iterdir()):
    outbox.seal(folder, owner(), recipient)
print("done", flush=True)
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_of_sealing_loses_nothing(tmp_path: Path) -> None:
    plain, folder = tmp_path / "attempts", tmp_path / "outbox"
    uuids = set()
    for _ in range(12):
        made = new_record(plain)
        uuids.add(attempt_uuid(Store(plain).open(made.name).header))
    recipient = make_identity(tmp_path / "key")
    dice = random.Random(20261130)
    command = [sys.executable, "-c", CHILD, str(plain), str(folder), recipient]
    kills = 0
    deadline_s = time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline_s, "sealing came to no end in two minutes"
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            if kills < 5:
                time.sleep(dice.random() * 0.12)  # the moment is what is random here
                child.send_signal(signal.SIGKILL)
                kills += 1
                continue
            assert child.stdout.readline() == "done\n"
            break
    outbox = RecordOutbox(folder)
    assert outbox.open() == []
    assert {each.uuid for each in outbox.records()} == uuids
    identities = read_identities(tmp_path / "key")
    for uuid in uuids:
        assert outbox.has(uuid)
        place = tmp_path / str(uuid)
        place.mkdir()
        assert unseal(outbox.path_of(uuid), identities, place).manifest.uuid == uuid
    assert not list(folder.glob("*.partial"))


# -- space ------------------------------------------------------------------------------------


def test_a_record_that_was_sent_goes_after_two_weeks(sending: SendingStation) -> None:
    sending.seal()
    sending.run()
    sending.now += KEPT_S - 10
    sending.run()
    assert len(sending.files()) == 1
    sending.now += 4000
    sending.run()
    assert (sending.files(), sending.outbox.records()) == (set(), ())


def test_space_that_is_short_is_taken_from_records_that_were_sent(
    sending: SendingStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = sending.seal()
    sending.run()
    waiting = sending.seal()
    monkeypatch.setattr(outbox_module, "SPARE_BYTES", 10**18)
    sending.outbox.tidy()
    assert sending.files() == {f"{waiting}.age"}
    assert not sending.outbox.has(sent)


def test_a_full_disk_makes_room_before_it_gives_up(
    sending: SendingStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending.seal()
    sending.run()
    full = True
    first = sealed_module.seal

    def fills(*given: object) -> object:
        nonlocal full
        full = full and bool(sending.files())
        if full:
            raise StorageFull("the disk is full; free some space and continue")
        return first(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox_module, "seal", fills)
    uuid = sending.seal()
    assert sending.files() == {f"{uuid}.age"}


def test_a_disk_without_room_says_so_and_keeps_the_plain_record(
    sending: SendingStation, small_disk: Path
) -> None:
    outbox = RecordOutbox(small_disk / "outbox", lambda: sending.now)
    outbox.open()
    filler = small_disk / "filler"
    filler.write_bytes(bytes(900_000))
    folder = sending.recorded()
    os.truncate(folder / "audio.flac", 300_000)  # a disk of 1 MB has room for it, without filler
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises((StorageFull, SimvoiceError), match="disk"):
        outbox.seal(folder, owner(), sending.recipient)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not list(small_disk.glob("outbox/*.age*"))
    filler.unlink()
    assert outbox.has(outbox.seal(folder, owner(), sending.recipient))


def test_the_files_say_nothing_to_who_finds_them(sending: SendingStation) -> None:
    folder = sending.recorded()
    sending.seal(folder)
    found = [path for path in sending.outbox.folder.iterdir() if path.is_file()]
    header = Store(folder.parent).open(folder.name).header
    for path in found:
        data = path.read_bytes()
        for word in (folder.name, header.case_id, header.patient_name, str(UUID(int=1))):
            assert word.encode() not in data, path.name
        assert path.stat().st_mode & (os.R_OK << 3 | os.R_OK) == 0
