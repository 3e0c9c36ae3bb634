"""The saved state of a station, its roster and its PIN: cut, full, rebooted, guessed."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from simvoice.errors import StorageFull, UsageError
from simvoice.hub_client.station_messages import Phase
from simvoice.station import saved_state
from simvoice.station.pin import FREE, LONGEST_WAIT_S, PinTries, check_wait, is_right
from simvoice.station.roster_store import RosterStore
from simvoice.station.saved_state import SavedStation, StateFile, UsedCode, passed_s
from simvoice.station.view import Begin
from tests.station.desk import Clock, Desk
from tests.station.visits import CODE, Walk, assignment, roster

PIN = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("4711")


def file_in(folder: Path, clock: Clock | None = None) -> StateFile:
    return StateFile(folder, (clock or Clock()).clocks())


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    flow = Walk().talk(assignment()).state
    file_in(tmp_path).save(SavedStation(flow=flow, last_command=7))
    restored = file_in(tmp_path).load()
    assert restored.saved is not None
    assert (restored.saved.flow, restored.saved.last_command) == (flow, 7)
    assert not restored.is_damaged
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_cut_at_any_byte_is_set_aside_and_no_error(tmp_path: Path) -> None:
    file_in(tmp_path).save(SavedStation(flow=Walk().talk(assignment()).state))
    whole = (tmp_path / "state.json").read_bytes()
    for size in range(0, len(whole), 7):
        (tmp_path / "state.json").write_bytes(whole[:size])
        restored = file_in(tmp_path).load()
        assert restored.is_damaged
        assert restored.saved is None
        assert not (tmp_path / "state.json").exists()
    file_in(tmp_path).forget_damaged()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_the_state_before_or_uses_the_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_in(tmp_path)
    monkeypatch.setattr(saved_state, "RESERVED_BYTES", 1000)
    assert file.reserve()
    file.save(SavedStation(last_command=1))
    real = os.pwrite

    def full(fd: int, data: Any, at: int) -> int:
        if (tmp_path / "reserve").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data, at)

    monkeypatch.setattr(os, "pwrite", full)
    file.save(SavedStation(last_command=2))
    assert not (tmp_path / "reserve").exists()
    monkeypatch.setattr(os, "pwrite", _refuse)
    with pytest.raises(StorageFull, match="disk is full"):
        file.save(SavedStation(last_command=3))
    assert not file.reserve()
    monkeypatch.setattr(os, "pwrite", real)
    restored = file.load().saved
    assert restored is not None
    assert restored.last_command == 2


def _refuse(fd: int, data: Any, at: int) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(-1e8, 1e8), st.booleans())
def test_time_passes_forward_whatever_the_machine_believes(
    saved_at_s: float, now_s: float, wall_change_s: float, is_same_boot: bool
) -> None:
    clock = Clock(elapsed_s=now_s, wall_s=1.7e9 + wall_change_s, boot="b")
    saved = SavedStation(boot="b" if is_same_boot else "a", elapsed_s=saved_at_s, wall_s=1.7e9)
    found_s = passed_s(saved, clock.clocks())
    assert found_s >= 0
    if is_same_boot:
        assert found_s == max(0.0, now_s - saved_at_s)  # setting the clock changes nothing
    else:
        assert found_s >= now_s
        assert found_s == max(now_s, wall_change_s) or abs(found_s - wall_change_s) < 1e-3


def test_a_station_whose_disk_refuses_goes_on_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "station", roster(assignment()))
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", _refuse)
        (tmp_path / "station" / "reserve").unlink()
        desk.press(Begin())
        assert desk.phase is Phase.CONSENT
        assert "disk is full" in desk.view.fault
    desk.wait(0.5)
    assert desk.view.fault == ""
    desk.restart()
    assert desk.phase is Phase.CONSENT


# -- roster


def test_the_last_good_roster_is_used_after_a_restart(tmp_path: Path) -> None:
    RosterStore(tmp_path).replace(roster(assignment()))
    again = RosterStore(tmp_path)
    again.load()
    assert again.look_up(CODE).assignment is not None


def test_a_visit_of_another_version_is_reset_and_used_codes_stay_used(tmp_path: Path) -> None:
    used = UsedCode(code=uuid4(), session=uuid4(), expires_at=9e9)
    flow = Walk().talk(assignment()).state
    file_in(tmp_path).save(SavedStation(flow=flow, used=(used,), wrong_pins=7))
    file = tmp_path / "state.json"
    file.write_text(file.read_text().replace('"phase":"encounter"', '"phase":"of a later version"'))
    restored = file_in(tmp_path).load()
    assert restored.is_damaged
    assert restored.saved is not None
    assert (restored.saved.used, restored.saved.wrong_pins) == ((used,), 7)
    assert (restored.saved.flow.phase, restored.saved.flow.visit) == (Phase.RESET, None)


def test_a_damaged_roster_is_replaced_by_the_next_one(tmp_path: Path) -> None:
    store = RosterStore(tmp_path)
    (tmp_path / "roster.json").write_bytes(b"\x00" * 100)
    store.load()
    assert store.trouble
    with pytest.raises(UsageError, match="no list from its hub"):
        store.look_up(CODE)
    store.replace(roster(assignment()))
    assert store.trouble == ""


def test_a_code_can_be_typed_in_many_ways(tmp_path: Path) -> None:
    store = RosterStore(tmp_path)
    store.replace(roster(assignment()))
    for typed in ("cdfh jkmn prtv", "CDFHJKMNPRTV", " cdfh-jkmn-prtv "):
        assert store.look_up(typed).id == store.look_up(CODE).id


def test_an_assignment_that_has_not_opened_or_has_closed_is_refused(tmp_path: Path) -> None:
    store = RosterStore(tmp_path)
    task = assignment().model_copy(update={"opens_at": 100.0, "closes_at": 200.0})
    store.replace(roster(task))
    code = store.look_up(CODE)
    for hub_s, sentence in ((50.0, "not opened"), (250.0, "closed")):
        with pytest.raises(UsageError, match=sentence):
            store.check_usable(code, hub_s, is_used_here=False)
    assert store.check_usable(code, 150.0, is_used_here=False) == task


# -- PIN


def test_ten_wrong_pins_wait_longer_and_longer() -> None:
    tries, waits = PinTries(), []
    for _ in range(10):
        tries = tries.failed(0.0)
        waits.append(tries.left_s(0.0))
    assert waits == [0, 0, 0, 0, 0, 2, 4, 8, 16, 32]
    for _ in range(50):
        tries = tries.failed(0.0)
    assert tries.left_s(0.0) == LONGEST_WAIT_S
    assert tries.left_s(LONGEST_WAIT_S) == 0


def test_a_wait_says_how_long_it_is() -> None:
    with pytest.raises(UsageError, match="Wait 32 seconds"):
        check_wait(PinTries(10, 32.0, 100.0), 100.0)
    check_wait(PinTries(10, 32.0, 100.0), 132.0)


def test_a_pin_is_right_wrong_or_not_set() -> None:
    assert is_right(" 4711 ", PIN)
    assert not is_right("4712", PIN)
    with pytest.raises(UsageError, match="No PIN is set"):
        is_right("4711", "")
    with pytest.raises(UsageError, match="set it again"):
        is_right("4711", "not a hash")


def test_the_wait_after_wrong_pins_is_kept_over_a_restart(tmp_path: Path) -> None:
    desk = Desk(tmp_path, roster(assignment(), pin_hash=PIN))
    for _ in range(FREE + 5):
        desk.clock.pass_(100.0)
        with pytest.raises(UsageError, match="wrong"):
            desk.station.technicians.unlock("0000")
    desk.restart(away_s=1.0)
    with pytest.raises(UsageError, match="Too many wrong PINs"):
        desk.station.technicians.unlock("4711")
    desk.clock.pass_(40.0)
    desk.station.technicians.unlock("4711")
    assert desk.station.keeper.tries == PinTries()
