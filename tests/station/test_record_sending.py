"""How a station sends its sealed records: exactly once, whatever happens on the way."""

from __future__ import annotations

import threading

import httpx
import pytest

from simvoice.hub_client.outbox_file import Contact
from simvoice.hub_client.sending_loop import SendingLoop
from simvoice.record.files import AttemptLock
from simvoice.station.outbox import RecordState
from simvoice.station.sending import CHECK_S, LONGEST_ASKED_S, LONGEST_WAIT_S
from tests.hub_client.scripted_hub import Killed
from tests.station.sealed_hub import SealedHub, SendingStation, said


def sent(station: SendingStation) -> dict[str, bytes]:
    return {uuid: kept.files["sealed"] for uuid, kept in station.hub.kept.items()}


def test_all_records_arrive_with_all_their_bytes(sending: SendingStation) -> None:
    uuids = [sending.seal(), sending.seal()]
    sending.run()
    assert sent(sending) == {str(uuid): sending.outbox.path_of(uuid).read_bytes() for uuid in uuids}
    assert sending.outbox.waiting == 0
    assert sending.hub.keeps == 2
    assert {each.state for each in sending.outbox.records()} == {RecordState.SENT}


@pytest.mark.parametrize("cut_after", [0, 1, 99_999, 100_000, 100_001, 250_000])
def test_a_connection_that_breaks_goes_on_where_it_was(
    sending: SendingStation, cut_after: int
) -> None:
    uuid = sending.seal()
    sending.hub.cut_after = cut_after
    sending.run()
    assert list(sent(sending)) == [str(uuid)]
    patched = [path for method, path in sending.hub.requests if method == "PATCH"]
    size = sending.outbox.path_of(uuid).stat().st_size
    assert len(patched) <= size // 100_000 + 3  # nothing that arrived was sent again


@pytest.mark.parametrize("at", range(5))
def test_a_lost_answer_changes_nothing(sending: SendingStation, at: int) -> None:
    sending.seal()
    count = 0

    def loses(request: httpx.Request) -> None:
        nonlocal count
        sending.hub.loses_answer = count == at
        count += 1

    sending.hub.fault = loses  # type: ignore[assignment]
    sending.run()
    assert sending.hub.keeps == 1
    assert sending.outbox.waiting == 0


@pytest.mark.parametrize("cut_after", [0, 100_000, 230_000])
def test_a_program_that_is_killed_while_it_sends_goes_on(
    sending: SendingStation, cut_after: int
) -> None:
    sending.seal()
    sending.hub.cut_after, sending.hub.kills = cut_after, True
    with pytest.raises(Killed):
        sending.run()
    assert sending.start() == []
    sending.run()
    assert sending.hub.keeps == 1


@pytest.mark.slow
def test_a_hub_that_is_away_for_hours_is_asked_at_most_once_a_minute(
    sending: SendingStation,
) -> None:
    sending.seal()
    back_at = sending.now + 6 * 3600
    asked = []

    def away(request: httpx.Request) -> httpx.Response | Exception | None:
        asked.append(sending.now)
        return httpx.ConnectError("no route") if sending.now < back_at else None

    sending.hub.fault = away
    while sending.now < back_at:
        due_s = sending.sender.step()
        assert due_s is not None
        assert due_s <= LONGEST_WAIT_S
        sending.now += due_s
    assert len(asked) < 6 * 60 + 10
    assert sending.outbox.contact().trouble
    sending.run()
    assert sending.hub.keeps == 1
    assert sending.outbox.contact() == Contact(0, 0.0, sending.outbox.contact().last_contact_at)


def test_a_clock_that_was_set_back_delays_nothing_for_long(sending: SendingStation) -> None:
    sending.seal()
    sending.hub.fault = lambda request: httpx.ConnectError("no route")
    sending.sender.step()
    sending.now -= 3 * 86_400
    due_s = sending.sender.step()
    assert due_s is not None
    assert due_s <= LONGEST_ASKED_S
    sending.hub.fault = lambda request: None
    sending.run()
    assert sending.hub.keeps == 1


def test_bytes_that_were_spoiled_on_the_way_are_sent_again(sending: SendingStation) -> None:
    sending.seal()
    has_spoiled = False

    def spoils(request: httpx.Request) -> httpx.Response | None:
        nonlocal has_spoiled
        if request.method == "POST" and request.url.path.endswith("/finish") and not has_spoiled:
            has_spoiled = True
            for part in sending.hub.partial.values():
                part[0] ^= 1
        return None

    sending.hub.fault = spoils  # type: ignore[assignment]
    sending.run()
    assert sending.hub.keeps == 1


def test_a_file_that_the_disk_has_altered_is_not_sent(sending: SendingStation) -> None:
    uuid = sending.seal()
    path = sending.outbox.path_of(uuid)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    sending.run()
    (found,) = sending.outbox.records()
    assert found.state is RecordState.REFUSED
    assert "check the disk" in found.note
    assert sending.outbox.waiting == 1


# -- what the hub says ------------------------------------------------------------------------


def test_a_record_that_is_refused_stays_and_is_tried_again(sending: SendingStation) -> None:
    sending.hub.refuses = "The record was sealed for another hub."
    uuid = sending.seal()
    other = sending.recorded()
    sending.run()
    (found,) = sending.outbox.records()
    assert (found.state, found.note) == (RecordState.REFUSED, sending.hub.refuses)
    assert sending.outbox.waiting == 1
    assert len(sending.files()) == 1
    sending.hub.refuses = ""
    sending.seal(other)  # the others are not held up
    sending.run()
    sending.now += CHECK_S
    sending.run()
    assert str(uuid) in sending.hub.kept
    assert sending.outbox.waiting == 0


def test_a_record_that_came_on_a_stick_counts_as_sent(sending: SendingStation) -> None:
    uuid = sending.seal()
    sending.hub.refuses = "The hub takes nothing now."
    sending.run()
    sending.hub.refuses = ""
    sending.hub.kept[str(uuid)] = None  # type: ignore[assignment]
    sending.hub._known = lambda each: {"uuid": each, "state": "kept"}  # type: ignore[method-assign]
    sending.now += CHECK_S
    sending.run()
    assert sending.outbox.waiting == 0
    assert sending.hub.keeps == 0


@pytest.mark.parametrize("is_sent", [True, False])
def test_what_was_erased_on_the_hub_is_erased_here(sending: SendingStation, is_sent: bool) -> None:
    uuid = sending.seal()
    if is_sent:
        sending.run()
        sending.hub.kept.clear()
        sending.now += CHECK_S
    sending.hub.erased.add(str(uuid))
    sending.run()
    assert (sending.outbox.records(), sending.files()) == ((), set())


def test_a_hub_that_was_restored_from_a_backup_gets_the_records_again(
    sending: SendingStation,
) -> None:
    uuids = {str(sending.seal()) for _ in range(3)}
    sending.run()
    lost = min(uuids)
    del sending.hub.kept[lost]
    sending.now += CHECK_S
    sending.run()
    assert set(sending.hub.kept) == uuids
    assert sending.hub.keeps == 4


def test_a_busy_record_does_not_hold_up_the_others(sending: SendingStation) -> None:
    first, second = sending.seal(), sending.seal()
    sending.hub.fault = lambda request: (
        said(423, "Another device is sending this attempt now.")
        if str(first) in request.url.path and sending.now < 1_800_000_100.0
        else None
    )
    sending.run()
    assert set(sending.hub.kept) == {str(first), str(second)}


def test_a_station_that_the_hub_has_unpaired_keeps_its_records(sending: SendingStation) -> None:
    uuid = sending.seal()
    pairing = sending.pairings.pairing()
    assert pairing is not None
    sending.hub.fault = lambda request: said(401, "This device is not paired with this hub.")
    sending.run()
    assert sending.pairings.pairing() is None
    assert sending.outbox.has(uuid)
    sending.hub.fault = lambda request: None
    sending.pairings.store(pairing)  # paired again
    sending.run()
    assert list(sending.hub.kept) == [str(uuid)]


# -- thread -----------------------------------------------------------------------------------


def test_only_one_process_sends(sending: SendingStation) -> None:
    lock = AttemptLock.take(sending.pairings.folder)
    assert lock is not None
    assert sending.sender.loop.take_lock() is None
    lock.release()


def test_the_thread_sends_as_soon_as_a_record_is_sealed_and_ends(
    sending: SendingStation, sealed_hub: SealedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = threading.Event()
    finish = sealed_hub._finish

    def note(uuid: str) -> httpx.Response:
        answer = finish(uuid)
        kept.set()
        return answer

    monkeypatch.setattr(sealed_hub, "_finish", note)
    assert isinstance(sending.sender.loop, SendingLoop)
    sending.sender.start()
    try:
        sending.seal()
        assert kept.wait(60.0), "the record was not sent within 60 s"
    finally:
        sending.sender.close()
    assert not any(each.name == "hub-sender" for each in threading.enumerate())
