"""Copies of sealed records on a USB stick."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from simvoice.errors import SimvoiceError, StorageFull
from simvoice.release.sealed import STICK_FOLDER as FOLDER
from simvoice.station import stick as stick_module
from simvoice.station.stick import copy_to
from tests.station.sealed_hub import SendingStation


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    made = tmp_path / "stick"
    made.mkdir()
    return made


def names(stick: Path) -> set[str]:
    return {path.name for path in (stick / FOLDER).iterdir()}


def test_what_waits_is_copied_with_an_explanation_and_stays_here(
    sending: SendingStation, stick: Path
) -> None:
    uuids = [sending.seal(), sending.seal()]
    copied = copy_to(sending.outbox, stick)
    assert (copied.new, copied.there, copied.folder) == (2, 0, stick / FOLDER)
    assert copied.sentence == (
        "2 records copied to simvoice-records on the stick. Run “simvoice hub import” with this "
        "folder on the hub."
    )
    assert names(stick) == {"README.txt", *(f"{uuid}.age" for uuid in uuids)}
    for uuid in uuids:
        there = stick / FOLDER / f"{uuid}.age"
        assert there.read_bytes() == sending.outbox.path_of(uuid).read_bytes()
    assert sending.outbox.waiting == 2
    about = (stick / FOLDER / "README.txt").read_text()
    assert "simvoice hub import" in about
    assert "encrypted" in about


def test_a_second_copy_adds_what_is_new(sending: SendingStation, stick: Path) -> None:
    sending.seal()
    copy_to(sending.outbox, stick)
    sending.seal()
    again = copy_to(sending.outbox, stick)
    assert (again.new, again.there) == (1, 1)
    assert "1 record copied" in again.sentence
    assert "(1 more on it before)" in again.sentence


def test_a_copy_that_is_damaged_is_made_again(sending: SendingStation, stick: Path) -> None:
    uuid = sending.seal()
    copy_to(sending.outbox, stick)
    there = stick / FOLDER / f"{uuid}.age"
    there.write_bytes(there.read_bytes()[:100])
    assert copy_to(sending.outbox, stick).new == 1
    assert there.read_bytes() == sending.outbox.path_of(uuid).read_bytes()


def test_what_the_hub_has_is_not_copied(sending: SendingStation, stick: Path) -> None:
    sending.seal()
    sending.run()
    copied = copy_to(sending.outbox, stick)
    assert (copied.new, copied.there) == (0, 0)
    assert copied.sentence == "No record waits; the hub has all of them."
    assert list(stick.iterdir()) == []


def test_a_full_stick_is_said_and_leaves_whole_files_only(
    sending: SendingStation, small_disk: Path
) -> None:
    first = sending.recorded()
    os.truncate(first / "audio.flac", 400_000)
    second = sending.recorded()
    (second / "audio.flac").write_bytes(bytes(3_000_000))
    sending.seal(first)
    sending.now += 1
    sending.seal(second)
    with pytest.raises(StorageFull, match="the stick is full after 1 of 2 records"):
        copy_to(sending.outbox, small_disk)
    assert names(small_disk) == {"README.txt", f"{sending.uuid(first)}.age"}


@pytest.mark.parametrize("number", [errno.EIO, errno.ENODEV, errno.ENOENT])
def test_a_stick_that_is_pulled_out_is_said(
    sending: SendingStation, stick: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    for _ in range(2):
        sending.seal()
        sending.now += 1
    copied = 0
    first = stick_module.shutil.copyfileobj

    def pulled(*given: Any) -> None:
        nonlocal copied
        copied += 1
        if copied == 2:
            raise OSError(number, os.strerror(number))
        first(*given)

    monkeypatch.setattr(stick_module.shutil, "copyfileobj", pulled)
    with pytest.raises(SimvoiceError, match="the stick went away after 1 of 2 records"):
        copy_to(sending.outbox, stick)
    assert len(names(stick)) == 2
    assert sending.outbox.waiting == 2
    assert copy_to(sending.outbox, stick).new == 1


def test_a_stick_that_is_not_there_any_more_is_said(
    sending: SendingStation, tmp_path: Path
) -> None:
    sending.seal()
    with pytest.raises(SimvoiceError, match="the stick is not there any more"):
        copy_to(sending.outbox, tmp_path / "none")


def test_a_stick_that_lies_is_noticed(
    sending: SendingStation, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cheap sticks take more bytes than they have."""
    sending.seal()
    monkeypatch.setattr(
        stick_module.shutil, "copyfileobj", lambda given, out, _length: out.write(b"something")
    )
    with pytest.raises(SimvoiceError, match="does not give back what was written"):
        copy_to(sending.outbox, stick)
    assert names(stick) == {"README.txt"}


def test_a_write_protected_stick_is_said(sending: SendingStation, small_disk: Path) -> None:
    sending.seal()
    command = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(command, check=True)
    with pytest.raises(SimvoiceError, match="remove its write protection"):
        copy_to(sending.outbox, small_disk)
