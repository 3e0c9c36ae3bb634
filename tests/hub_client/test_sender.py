"""The sender: everything that is released arrives once, whatever happens on the way."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simvoice.hub_client import sending_loop
from simvoice.hub_client.outbox import EntryState
from simvoice.hub_client.sending_loop import wait_s
from simvoice.record.files import AttemptLock
from simvoice.release.contents import Contents
from tests.hub_client.scripted_hub import COURSE, OTHER, Killed, Laptop, ScriptedHub

ATTEMPT = "20261122-101530-breast-biopsy-k3f9"
SECOND = "20261123-101530-breast-biopsy-m4g8"


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture
def laptop(tmp_path: Path, hub: ScriptedHub) -> Laptop:
    made = Laptop(tmp_path, hub)
    made.source.add(ATTEMPT, audio_flac=bytes(range(256)) * 20)
    return made


def state(laptop: Laptop, attempt: str = ATTEMPT) -> EntryState | None:
    found = laptop.outbox.entry(laptop.source.uuid(attempt))
    return None if found is None else found.state


def sent(hub: ScriptedHub, laptop: Laptop, attempt: str = ATTEMPT) -> bool:
    kept = hub.kept.get(str(laptop.source.uuid(attempt)))
    folder = laptop.source.root / attempt
    return kept is not None and kept.files == {
        each.name: each.read_bytes() for each in folder.iterdir() if each.name in kept.files
    }


def test_nothing_is_sent_without_a_release(laptop: Laptop, hub: ScriptedHub) -> None:
    laptop.run()
    assert hub.requests == []


def test_a_release_arrives_with_all_its_bytes(laptop: Laptop, hub: ScriptedHub) -> None:
    uuid = laptop.release(ATTEMPT)
    laptop.run()
    assert state(laptop) is EntryState.SENT
    assert sent(hub, laptop)
    assert hub.kept[str(uuid)].courses == {str(COURSE.id)}
    assert hub.keeps == 1
    entry = laptop.outbox.entry(uuid)
    assert entry is not None
    assert entry.sent_bytes == entry.total_bytes > 5000


def test_only_what_was_released_is_sent(laptop: Laptop, hub: ScriptedHub) -> None:
    uuid = laptop.release(ATTEMPT, Contents.WORDS)
    laptop.run()
    assert "audio.flac" not in hub.kept[str(uuid)].files


def test_a_later_release_of_more_sends_the_rest(laptop: Laptop, hub: ScriptedHub) -> None:
    uuid = laptop.release(ATTEMPT, Contents.NUMBERS)
    laptop.run()
    laptop.release(ATTEMPT, Contents.SOUND)
    laptop.run()
    assert "audio.flac" in hub.kept[str(uuid)].files


def test_a_release_to_another_course_sends_no_byte_again(laptop: Laptop, hub: ScriptedHub) -> None:
    uuid = laptop.release(ATTEMPT)
    laptop.run()
    hub.requests.clear()
    laptop.release(ATTEMPT, Contents.SOUND, OTHER)
    laptop.run()
    assert hub.kept[str(uuid)].courses == {str(OTHER.id)}
    assert {method for method, _ in hub.requests} <= {"PUT", "POST"}


@pytest.mark.slow
@pytest.mark.parametrize("lost", range(12))
def test_a_lost_answer_changes_nothing(laptop: Laptop, hub: ScriptedHub, lost: int) -> None:
    laptop.release(ATTEMPT)
    count = 0

    def lose(request: httpx.Request) -> None:
        nonlocal count
        hub.loses_answer = count == lost
        count += 1

    hub.fault = lose
    laptop.run()
    assert state(laptop) is EntryState.SENT
    assert sent(hub, laptop)
    assert hub.keeps == 1


CUTS = st.lists(st.tuples(st.integers(0, 4000), st.booleans()), max_size=6)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(CUTS, st.integers(1, 3000))
def test_an_upload_that_is_cut_at_any_byte_goes_on(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[tuple[int, bool]], chunk_bytes: int
) -> None:
    hub = ScriptedHub()
    laptop = Laptop(tmp_path_factory.mktemp("laptop"), hub, chunk_bytes=max(chunk_bytes, 200))
    laptop.source.add(ATTEMPT, audio_flac=bytes(range(256)) * 15, journal_jsonl=b"x" * 777)
    laptop.release(ATTEMPT)
    for after, kills in cuts:
        hub.cut_after, hub.kills = after, kills
        try:
            laptop.sender.step()
        except Killed:
            laptop.start()
        laptop.now += 10.0
    hub.cut_after = None
    laptop.run()
    assert state(laptop) is EntryState.SENT
    assert sent(hub, laptop)
    assert hub.keeps == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507])
def test_a_hub_that_cannot_now_is_asked_later(
    laptop: Laptop, hub: ScriptedHub, status: int
) -> None:
    laptop.release(ATTEMPT)
    hub.fault = lambda request: httpx.Response(status, json={"message": "Not now."})
    assert laptop.sender.step() == 5.0
    assert laptop.outbox.contact().trouble == "Not now."
    assert laptop.sender.step() == 5.0
    assert len(hub.requests) == 1
    hub.fault = lambda request: None
    laptop.now += 5.0
    laptop.run()
    assert sent(hub, laptop)
    assert laptop.outbox.contact().trouble == ""


def test_a_hub_that_asks_for_a_wait_gets_it(laptop: Laptop, hub: ScriptedHub) -> None:
    laptop.release(ATTEMPT)
    hub.fault = lambda request: httpx.Response(
        507, json={"message": "Full."}, headers={"Retry-After": "90"}
    )
    assert laptop.sender.step() == 90.0


def test_no_hub_can_ask_for_a_wait_of_years(laptop: Laptop, hub: ScriptedHub) -> None:
    laptop.release(ATTEMPT)
    hub.fault = lambda request: httpx.Response(
        503, json={"message": "Later."}, headers={"Retry-After": "9999999"}
    )
    assert laptop.sender.step() == 86_400.0


def test_the_waits_grow_to_an_hour_and_differ() -> None:
    assert [wait_s(n, 1.0) for n in (1, 2, 3, 11, 500)] == [5.0, 10.0, 20.0, 3600.0, 3600.0]
    assert wait_s(3, 0.0) == 10.0


def test_a_line_that_breaks_again_and_again_but_brings_something_is_not_given_up(
    laptop: Laptop, hub: ScriptedHub
) -> None:
    laptop.chunk_bytes = 100_000
    laptop.start()
    laptop.release(ATTEMPT)
    for _ in range(5):
        hub.cut_after = 900
        assert laptop.sender.step() == 5.0
        laptop.now += 5.0
    hub.cut_after = None
    laptop.run()
    assert sent(hub, laptop)


@pytest.mark.slow
def test_a_week_without_a_hub_costs_a_request_an_hour_and_no_space(
    laptop: Laptop, hub: ScriptedHub
) -> None:
    laptop.release(ATTEMPT)
    hub.fault = lambda request: httpx.ConnectError("no route")
    began, sizes = laptop.now, []
    while laptop.now < began + 7 * 86_400.0:
        due_s = laptop.sender.step()
        assert due_s is not None
        assert due_s > 0
        laptop.now += due_s
        sizes.append(laptop.pairings.outbox_file.stat().st_size)
    assert len(hub.requests) < 7 * 24 + 20
    assert sizes[20] == sizes[-1]
    hub.fault = lambda request: None
    laptop.run()
    assert sent(hub, laptop)


def test_a_clock_that_was_set_back_delays_nothing_for_long(
    laptop: Laptop, hub: ScriptedHub
) -> None:
    laptop.release(ATTEMPT)
    hub.fault = lambda request: httpx.ConnectError("no route")
    laptop.sender.step()
    hub.fault = lambda request: None
    laptop.now -= 400 * 86_400.0
    due_s = laptop.sender.step()
    assert due_s is not None
    assert due_s <= 86_400.0
    laptop.outbox.try_now()
    laptop.run()
    assert sent(hub, laptop)


def test_a_refusal_is_shown_and_not_repeated(laptop: Laptop, hub: ScriptedHub) -> None:
    hub.erased.add(str(laptop.source.uuid(ATTEMPT)))
    uuid = laptop.release(ATTEMPT)
    laptop.run()
    entry = laptop.outbox.entry(uuid)
    assert entry is not None
    assert entry.state is EntryState.REFUSED
    assert entry.note == "This attempt was erased on the hub, and is not taken again."
    hub.requests.clear()
    laptop.run()
    assert hub.requests == []


def test_one_refusal_does_not_hold_up_the_others(laptop: Laptop, hub: ScriptedHub) -> None:
    laptop.source.add(SECOND)
    hub.erased.add(str(laptop.release(ATTEMPT)))
    laptop.release(SECOND)
    laptop.run()
    assert sent(hub, laptop, SECOND)


def test_an_attempt_that_another_device_sends_waits_and_others_go_on(
    laptop: Laptop, hub: ScriptedHub
) -> None:
    laptop.source.add(SECOND)
    busy = str(laptop.release(ATTEMPT))
    laptop.release(SECOND)

    def fault(request: httpx.Request) -> httpx.Response | None:
        is_busy = request.url.path.endswith(busy)
        said = {"message": "Another device is sending this attempt now."}
        return httpx.Response(423, json=said) if is_busy else None

    hub.fault = fault
    for _ in range(6):
        laptop.sender.step()
    assert sent(hub, laptop, SECOND)
    assert state(laptop) is EntryState.WAITING
    asked = [path for _, path in hub.requests if path.endswith(busy)]
    assert len(asked) == 1
    hub.fault = lambda request: None
    laptop.now += 61.0
    laptop.run()
    assert sent(hub, laptop)


def test_a_withdrawal_before_sending_leaves_nothing(laptop: Laptop, hub: ScriptedHub) -> None:
    uuid = laptop.release(ATTEMPT)
    assert laptop.outbox.withdraw(uuid) is None
    laptop.run()
    assert laptop.outbox.entries() == ()
    assert hub.requests == []


def test_a_withdrawal_during_sending_wins(laptop: Laptop, hub: ScriptedHub) -> None:
    uuid = laptop.release(ATTEMPT)

    def press(request: httpx.Request) -> None:
        if request.method == "PATCH" and "audio" in request.url.path:
            laptop.outbox.withdraw(uuid)

    hub.fault = press
    laptop.sender.step()
    hub.fault = lambda request: None
    assert hub.kept == {}
    laptop.run()
    assert state(laptop) is EntryState.WITHDRAWN
    assert (hub.partial, hub.manifests, hub.kept) == ({}, {}, {})


def test_a_withdrawal_while_the_hub_keeps_it_is_told_next(laptop: Laptop, hub: ScriptedHub) -> None:
    uuid = laptop.release(ATTEMPT)

    def press(request: httpx.Request) -> None:
        if request.url.path.endswith("/finish"):
            laptop.outbox.withdraw(uuid)

    hub.fault = press
    laptop.sender.step()
    hub.fault = lambda request: None
    laptop.run()
    assert state(laptop) is EntryState.WITHDRAWN
    assert hub.kept[str(uuid)].courses == set()


def test_withdrawals_are_told_before_anything_is_sent(laptop: Laptop, hub: ScriptedHub) -> None:
    laptop.release(ATTEMPT)
    laptop.run()
    laptop.source.add(SECOND)
    laptop.release(SECOND)
    laptop.outbox.withdraw(laptop.source.uuid(ATTEMPT))
    hub.requests.clear()
    laptop.sender.step()
    assert [method for method, _ in hub.requests] == ["DELETE"]


def test_an_attempt_that_was_erased_is_not_sent(laptop: Laptop, hub: ScriptedHub) -> None:
    laptop.release(ATTEMPT)
    laptop.source.erase(ATTEMPT)  # by a command, while no page was open
    laptop.run()
    assert laptop.outbox.entries() == ()
    assert not any(method == "PUT" for method, _ in hub.requests)


def test_an_attempt_that_is_erased_while_it_is_sent_leaves_no_parts(
    laptop: Laptop, hub: ScriptedHub
) -> None:
    laptop.release(ATTEMPT)

    def erase(request: httpx.Request) -> None:
        if request.method == "PATCH" and laptop.source.ids() == [ATTEMPT]:
            laptop.source.erase(ATTEMPT)

    hub.fault = erase
    laptop.run()
    assert (hub.partial, hub.manifests, hub.kept) == ({}, {}, {})
    assert state(laptop) in (None, EntryState.WITHDRAWN)


def test_attempts_on_a_disk_that_is_away_stay_released(laptop: Laptop, hub: ScriptedHub) -> None:
    laptop.release(ATTEMPT)
    away = laptop.folder / "away"
    laptop.source.root.rename(away)
    laptop.sender.step()
    away.rename(laptop.source.root)
    laptop.run()
    assert laptop.outbox.entries() != ()


def test_bytes_that_were_spoiled_on_the_way_are_sent_again(
    laptop: Laptop, hub: ScriptedHub
) -> None:
    uuid = str(laptop.release(ATTEMPT))

    def spoil(request: httpx.Request) -> None:
        if request.url.path.endswith("/finish") and hub.keeps == 0 and len(hub.requests) < 20:
            hub.partial[uuid, "audio.flac"][7] ^= 1

    hub.fault = spoil
    laptop.run()
    assert sent(hub, laptop)


def test_bytes_that_are_always_spoiled_are_refused_with_a_sentence(
    laptop: Laptop, hub: ScriptedHub
) -> None:
    uuid = laptop.release(ATTEMPT)

    def spoil(request: httpx.Request) -> None:
        if request.url.path.endswith("/finish"):
            hub.partial[str(uuid), "audio.flac"][7] ^= 1

    hub.fault = spoil
    laptop.run()
    entry = laptop.outbox.entry(uuid)
    assert entry is not None
    assert "is not what was announced" in entry.note
    assert hub.kept == {}


def test_a_hub_that_forgot_the_device_ends_the_pairing(laptop: Laptop, hub: ScriptedHub) -> None:
    laptop.release(ATTEMPT)
    said = {"message": "This device is not paired with this hub; pair it again."}
    hub.fault = lambda request: httpx.Response(401, json=said)
    assert laptop.sender.step() is None
    assert laptop.pairings.pairing() is None
    assert laptop.outbox.entries() == ()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>Sign in to the network</html>"),
        httpx.Response(302, headers={"Location": "https://elsewhere.test/"}),
        httpx.Response(403, text="<html>No</html>"),
        httpx.Response(404, text="Not found"),
        httpx.Response(200, json=[1]),
        httpx.Response(200, json={"kept": "perhaps"}),
        httpx.Response(200, content=b"x" * 1_000_001),
    ],
)
def test_what_is_no_hub_gets_nothing(
    laptop: Laptop, hub: ScriptedHub, answer: httpx.Response
) -> None:
    laptop.release(ATTEMPT)
    hub.fault = lambda request: httpx.Response(
        answer.status_code, content=answer.content, headers=dict(answer.headers)
    )
    assert laptop.sender.step() == 5.0
    assert state(laptop) is EntryState.WAITING
    assert not any(method == "PATCH" for method, _ in hub.requests)


def test_a_redirect_is_not_followed(laptop: Laptop, hub: ScriptedHub) -> None:
    laptop.release(ATTEMPT)
    hosts: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(307, headers={"Location": "https://elsewhere.test/"})

    hub.fault = redirect
    laptop.sender.step()
    assert set(hosts) == {"hub.test"}


def test_a_hub_whose_offsets_run_away_is_left_for_later(laptop: Laptop, hub: ScriptedHub) -> None:
    laptop.release(ATTEMPT)

    def lie(request: httpx.Request) -> httpx.Response | None:
        tus = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
        if request.method == "PATCH":
            return httpx.Response(409, json={"message": "Another."}, headers=tus)
        return httpx.Response(200, headers=tus) if request.method == "HEAD" else None

    hub.fault = lie
    assert laptop.sender.step() == 5.0
    assert len(hub.requests) < 60


# -- a hub restored from a backup -----------------------------------------------------------------


def test_what_a_restored_hub_lost_is_sent_again(laptop: Laptop, hub: ScriptedHub) -> None:
    laptop.release(ATTEMPT)
    laptop.run()
    hub.kept.clear()
    laptop.now += 86_401.0
    laptop.run()
    assert sent(hub, laptop)


def test_a_withdrawal_that_a_restored_hub_forgot_is_told_again(
    laptop: Laptop, hub: ScriptedHub
) -> None:
    uuid = laptop.release(ATTEMPT)
    laptop.run()
    laptop.now += 10.0
    laptop.outbox.withdraw(uuid)
    laptop.run()
    hub.kept[str(uuid)].courses = {str(COURSE.id)}  # as in the backup, released before
    laptop.now += 86_401.0
    laptop.run()
    assert hub.kept[str(uuid)].courses == set()
    assert state(laptop) is EntryState.WITHDRAWN


def test_a_release_that_was_made_on_the_hub_later_stays(laptop: Laptop, hub: ScriptedHub) -> None:
    uuid = laptop.release(ATTEMPT)
    laptop.run()
    laptop.outbox.withdraw(uuid)
    laptop.run()
    kept = hub.kept[str(uuid)]
    kept.courses, kept.changed_at = {str(COURSE.id)}, laptop.now + 5.0
    laptop.now += 86_401.0
    laptop.run()
    assert kept.courses == {str(COURSE.id)}


def test_an_attempt_that_was_erased_on_the_hub_is_not_sent_again(
    laptop: Laptop, hub: ScriptedHub
) -> None:
    uuid = laptop.release(ATTEMPT)
    laptop.run()
    hub.kept.clear()
    hub.erased.add(str(uuid))
    laptop.now += 86_401.0
    laptop.run()
    assert laptop.outbox.entries() == ()


# -- thread ---------------------------------------------------------------------------------------


def test_only_one_process_sends_from_an_outbox(laptop: Laptop, hub: ScriptedHub) -> None:
    laptop.release(ATTEMPT)
    lock = AttemptLock.take(laptop.pairings.folder)
    assert lock is not None
    assert laptop.sender.loop.take_lock() is None
    lock.release()
    taken = laptop.sender.loop.take_lock()
    assert taken is not None
    taken.release()


def test_the_thread_sends_when_it_is_woken_and_ends(
    laptop: Laptop, hub: ScriptedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = threading.Event()
    finish = hub._finish

    def note(uuid: str) -> Any:
        kept.set()
        return finish(uuid)

    monkeypatch.setattr(hub, "_finish", note)
    laptop.sender.start()
    try:
        laptop.release(ATTEMPT)
        laptop.sender.wake()
        assert kept.wait(60.0)
    finally:
        laptop.sender.close()
    assert not any(each.name == "hub-sender" for each in threading.enumerate())


def test_an_idle_thread_looks_once_a_minute(laptop: Laptop) -> None:
    assert sending_loop.IDLE_S == 60.0
    assert laptop.sender.step() is not None  # the daily check, and nothing else
