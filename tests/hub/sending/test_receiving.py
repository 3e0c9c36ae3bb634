"""What a hub keeps of what devices send, and what it answers to those that lie or fail."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simvoice.errors import HubError
from simvoice.hub import attempts, courses, erasing, people, releases
from simvoice.hub.app import create_app
from simvoice.hub.doors.rates import UPLOADS, Rates
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.sending import partial_files, receive
from simvoice.hub.storage.tables import AuditEntry, Course, Device, StoredAttempt, Upload
from simvoice.hub_client.connection import (
    HashDiffers,
    HubAway,
    HubBusy,
    HubForgot,
    HubRefused,
    UploadGone,
)
from simvoice.hub_client.outbox import EntryState, ReleasedTo
from simvoice.release.contents import Contents
from simvoice.release.manifest import FileFacts, ReleaseManifest
from simvoice.release.numbers import load_numbers
from simvoice.release.prepare import PreparedRelease
from tests.hub.conftest import PROXY, MachineClock
from tests.hub.sending.conftest import LearnerLaptop, NewLaptop

pytestmark = pytest.mark.slow

TUS = {"Tus-Resumable": "1.0.0"}


def kept(hub: Hub) -> list[StoredAttempt]:
    with hub.database.read() as session:
        return list(session.query(StoredAttempt))


def uploads(hub: Hub) -> list[Upload]:
    with hub.database.read() as session:
        return list(session.query(Upload))


def files_of_uploads(hub: Hub) -> list[Path]:
    folder = hub.settings.data / "uploads"
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def nothing_is_kept(hub: Hub) -> bool:
    return kept(hub) == [] and uploads(hub) == [] and files_of_uploads(hub) == []


def send_all(laptop: LearnerLaptop, prepared: PreparedRelease) -> None:
    with laptop.connection() as line:
        begun = line.begin(prepared.manifest)
        for name, path in prepared.paths.items():
            data = path.read_bytes()
            at = begun.offsets[name]
            while at < len(data):
                at = line.append(prepared.manifest.uuid, name, at, data[at : at + 1_000_000])


# -- what is kept -----------------------------------------------------------------------------


@pytest.mark.parametrize("contents", list(Contents))
def test_an_attempt_arrives_as_it_was_released(
    hub: Hub, laptop: LearnerLaptop, contents: Contents
) -> None:
    laptop.release(contents)
    laptop.run()
    (stored,) = kept(hub)
    assert (stored.id, stored.owner_id, stored.contents) == (laptop.uuid, laptop.person, contents)
    assert stored.origin == "laptop"
    expected = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in laptop.prepared(contents).paths.items()
    }
    with attempts.opened(hub, stored.id) as found:
        assert found.state == "complete"
        there = {path.name: path.read_bytes() for path in found.folder.iterdir()}
        numbers = load_numbers(found.folder)
    arrived = {name: hashlib.sha256(data).hexdigest() for name, data in there.items()}
    assert {name: arrived[name] for name in expected} == expected
    assert numbers is not None
    assert numbers.contents is contents
    assert uploads(hub) == []
    assert files_of_uploads(hub) == []


def test_a_laptop_that_has_to_wait_sends_later(hub: Hub, laptop: LearnerLaptop) -> None:
    hub.rates = Rates(lambda: laptop.now)
    with hub.database.read() as session:
        device = session.query(Device).one().id
    while hub.rates.take(UPLOADS, str(device)) == 0.0:
        pass
    laptop.release(Contents.NUMBERS)
    laptop.sender.step()
    assert "There were too many uploads. Wait 1 second, and" in laptop.outbox.contact().trouble
    laptop.run()
    assert len(kept(hub)) == 1


def test_an_educator_of_the_course_finds_it(hub: Hub, laptop: LearnerLaptop) -> None:
    laptop.release(Contents.WORDS)
    laptop.run()
    with hub.database.read() as session:
        (found,) = releases.released_to(session, laptop.course.id)
        assert (found.attempt.id, found.contents) == (laptop.uuid, Contents.WORDS)


def test_numbers_bring_no_word_to_the_hub(hub: Hub, laptop: LearnerLaptop) -> None:
    laptop.release(Contents.NUMBERS)
    laptop.run()
    said = ("zebrafish", "staging scan", "different", "forty-nine")
    for path in hub.settings.data.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert [word for word in said if word.encode() in data] == [], path


def test_the_trail_names_the_device_and_no_word(hub: Hub, laptop: LearnerLaptop) -> None:
    laptop.release()
    laptop.run()
    with hub.database.read() as session:
        entries = [(entry.who, entry.action) for entry in session.query(AuditEntry)]
    assert ("device Ada's laptop", "receive attempt") in entries
    assert ("device Ada's laptop", "release attempt") in entries


def test_more_of_an_attempt_replaces_less(hub: Hub, laptop: LearnerLaptop) -> None:
    laptop.release(Contents.NUMBERS)
    laptop.run()
    laptop.release(Contents.SOUND)
    laptop.run()
    (stored,) = kept(hub)
    assert stored.contents == Contents.SOUND
    with attempts.opened(hub, stored.id) as found:
        assert found.audio_path is not None
    with hub.database.read() as session:
        (release,) = releases.present_releases(session, stored.id)
        assert release.contents is Contents.SOUND


def test_less_of_an_attempt_sends_nothing_and_limits_the_release(
    hub: Hub, laptop: LearnerLaptop
) -> None:
    laptop.release(Contents.SOUND)
    laptop.run()
    laptop.transport.requests.clear()
    laptop.release(Contents.NUMBERS)
    laptop.run()
    assert not any(each.startswith("PATCH") for each in laptop.transport.requests)
    with hub.database.read() as session:
        (release,) = releases.present_releases(session, laptop.uuid)
        assert release.contents is Contents.NUMBERS


def test_withdrawing_ends_every_release(hub: Hub, laptop: LearnerLaptop) -> None:
    laptop.release()
    laptop.run()
    laptop.outbox.withdraw(laptop.uuid)
    laptop.run()
    with hub.database.read() as session:
        assert releases.present_releases(session, laptop.uuid) == []
    assert len(kept(hub)) == 1  # it stays the learner's own on the hub


def test_withdrawing_a_part_drops_it(hub: Hub, laptop: LearnerLaptop) -> None:
    prepared = laptop.prepared()
    with laptop.connection() as line:
        line.begin(prepared.manifest)
        line.append(laptop.uuid, "journal.jsonl", 0, b"{")
        line.withdraw(laptop.uuid)
        line.withdraw(laptop.uuid)
    assert nothing_is_kept(hub)


def test_every_request_can_be_repeated(hub: Hub, laptop: LearnerLaptop) -> None:
    prepared = laptop.prepared()
    with laptop.connection() as line:
        assert line.begin(prepared.manifest) == line.begin(prepared.manifest)
        send_all(laptop, prepared)
        line.finish(laptop.uuid)
        line.finish(laptop.uuid)
        assert line.begin(prepared.manifest).kept
        assert line.begin(prepared.manifest).kept
    assert len(kept(hub)) == 1
    with hub.database.read() as session:
        assert len(releases.present_releases(session, laptop.uuid)) == 1


# -- lies -------------------------------------------------------------------------------------


def lying(prepared: PreparedRelease, **changes: Any) -> ReleaseManifest:
    """The manifest with other facts about the sound."""
    files = tuple(
        each.model_copy(update=changes) if each.name == "audio.flac" else each
        for each in prepared.manifest.files
    )
    return prepared.manifest.model_copy(update={"files": files})


def test_an_upload_that_lies_about_its_hash_is_dropped(hub: Hub, laptop: LearnerLaptop) -> None:
    prepared = laptop.prepared()
    lie = PreparedRelease(lying(prepared, sha256="0" * 64), prepared.paths)
    send_all(laptop, lie)
    with laptop.connection() as line:
        with pytest.raises(HashDiffers, match=r"audio\.flac is not what was announced"):
            line.finish(laptop.uuid)
        with pytest.raises(UploadGone):
            line.finish(laptop.uuid)
    assert nothing_is_kept(hub)


def test_an_upload_that_is_longer_than_announced_is_cut_off(
    hub: Hub, laptop: LearnerLaptop
) -> None:
    prepared = laptop.prepared()
    with laptop.connection() as line:
        line.begin(lying(prepared, size=1000))
        with pytest.raises(HubRefused, match="1000 bytes by its manifest"):
            line.append(laptop.uuid, "audio.flac", 0, bytes(1001))
        assert line.offset(laptop.uuid, "audio.flac") <= 1000
        line.append(laptop.uuid, "audio.flac", 0, bytes(1000))
        with pytest.raises(HubRefused, match="1000 bytes by its manifest"):
            line.append(laptop.uuid, "audio.flac", 1000, b"x")


def test_an_upload_that_is_shorter_than_announced_is_not_kept(
    hub: Hub, laptop: LearnerLaptop
) -> None:
    prepared = laptop.prepared()
    size = prepared.paths["audio.flac"].stat().st_size
    send_all(laptop, PreparedRelease(lying(prepared, size=size + 1), prepared.paths))
    with laptop.connection() as line, pytest.raises(UploadGone, match="Not all of the files"):
        line.finish(laptop.uuid)
    assert kept(hub) == []


def rewritten(laptop: LearnerLaptop, prepared: PreparedRelease, **files: bytes) -> PreparedRelease:
    """A release in which files have other contents, with true hashes."""
    folder = laptop.folder / "rewritten"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    paths = dict(prepared.paths)
    for name, data in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(data)
        paths[path.name] = path
    facts = tuple(
        FileFacts(
            name=name,
            size=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for name, path in paths.items()
    )
    return PreparedRelease(prepared.manifest.model_copy(update={"files": facts}), paths)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("header_json", b"{}", "its header cannot be read"),
        ("journal_jsonl", b"not a journal\n", "it is not complete"),
        ("closed", b'{"journal_bytes": 999999}', "it is not complete"),
        ("audio_flac", b"not a sound", "it is not complete"),
        ("numbers_json", b"{}", "its numbers cannot be read"),
    ],
)
def test_what_is_no_record_is_not_kept(
    hub: Hub, laptop: LearnerLaptop, name: str, data: bytes, sentence: str
) -> None:
    prepared = rewritten(laptop, laptop.prepared(), **{name: data})
    send_all(laptop, prepared)
    with laptop.connection() as line, pytest.raises(HubRefused, match=f"{sentence}. Nothing was"):
        line.finish(laptop.uuid)
    assert nothing_is_kept(hub)


def test_a_record_of_another_attempt_is_not_kept(hub: Hub, laptop: LearnerLaptop) -> None:
    prepared = laptop.prepared()
    header = json.loads(prepared.paths["header.json"].read_text())
    header["uuid"] = str(uuid4())
    other = rewritten(laptop, prepared, header_json=json.dumps(header).encode())
    send_all(laptop, other)
    with laptop.connection() as line, pytest.raises(HubRefused, match="it is of another attempt"):
        line.finish(laptop.uuid)
    assert nothing_is_kept(hub)


def test_a_release_of_numbers_with_words_in_it_is_not_kept(hub: Hub, laptop: LearnerLaptop) -> None:
    numbers = laptop.prepared(Contents.NUMBERS)
    words = laptop.prepared(Contents.WORDS)
    journal = words.paths["journal.jsonl"].read_bytes()
    closed = words.paths["closed"].read_bytes()
    send_all(laptop, rewritten(laptop, numbers, journal_jsonl=journal, closed=closed))
    with laptop.connection() as line, pytest.raises(HubRefused, match="no journal of what was"):
        line.finish(laptop.uuid)
    assert nothing_is_kept(hub)


# -- who may ----------------------------------------------------------------------------------


def test_a_course_that_one_does_not_learn_in_is_refused(hub: Hub, laptop: LearnerLaptop) -> None:
    with hub.database.begin() as session:
        teacher = people.add(session, hub, login="edo", name="Edo", roles=[Role.EDUCATOR])
        other = courses.create_course(session, "Another", "", teacher.id)
    laptop.release(Contents.SOUND, ReleasedTo(id=other.id, title="Another"))
    laptop.run()
    (entry,) = laptop.outbox.entries()
    assert entry.state is EntryState.REFUSED
    assert "You do not learn in a course of this release" in entry.note
    assert nothing_is_kept(hub)


def test_a_course_that_closes_during_the_upload_is_refused(hub: Hub, laptop: LearnerLaptop) -> None:
    send_all(laptop, laptop.prepared())
    with hub.database.begin() as session:
        course = session.get(Course, laptop.course.id)
        assert course is not None
        course.archived_at = hub.now()
    with laptop.connection() as line, pytest.raises(HubRefused, match="or it is closed"):
        line.finish(laptop.uuid)
    with hub.database.read() as session:
        assert releases.present_releases(session, laptop.uuid) == []


def test_another_persons_attempt_is_refused(hub: Hub, new_laptop: NewLaptop) -> None:
    first, second = new_laptop("ada"), new_laptop("ben")
    first.release()
    first.run()
    second.release()
    second.run()
    (entry,) = second.outbox.entries()
    assert entry.note == "This attempt belongs to another account of the hub."
    second.outbox.withdraw(second.uuid)
    second.run()
    with hub.database.read() as session:
        assert len(releases.present_releases(session, first.uuid)) == 1


def test_a_second_device_waits_for_the_first_and_takes_over_when_it_stays_away(
    hub: Hub, new_laptop: NewLaptop, clock: MachineClock
) -> None:
    first, second = new_laptop(), new_laptop()
    prepared = first.prepared()
    with first.connection() as line:
        line.begin(prepared.manifest)
        line.append(first.uuid, "journal.jsonl", 0, b"{")
    with second.connection() as line:
        with pytest.raises(HubBusy, match="Another device is sending this attempt now"):
            line.begin(prepared.manifest)
        with pytest.raises(UploadGone):
            line.append(first.uuid, "journal.jsonl", 1, b"}")
    clock.go_on(hours=2)
    second.release()
    second.run()
    assert [row.device_id for row in kept(hub)] == [_device(second)]
    with first.connection() as line:
        assert line.begin(prepared.manifest).kept


def _device(laptop: LearnerLaptop) -> UUID:
    pairing = laptop.pairings.pairing()
    assert pairing is not None
    return pairing.device


def test_a_device_of_someone_else_never_takes_over(
    hub: Hub, new_laptop: NewLaptop, clock: MachineClock
) -> None:
    first, second = new_laptop("ada"), new_laptop("ben")
    with first.connection() as line:
        line.begin(first.prepared().manifest)
    clock.go_on(hours=30)
    with second.connection() as line, pytest.raises(HubBusy):
        line.begin(second.prepared().manifest)


def test_both_devices_of_a_person_may_send_the_same_attempt(
    hub: Hub, new_laptop: NewLaptop
) -> None:
    first, second = new_laptop(), new_laptop()
    for each in (first, second):
        each.release()
        each.run()
    assert len(kept(hub)) == 1
    assert [each.outbox.entries()[0].state for each in (first, second)] == [EntryState.SENT] * 2


def test_an_attempt_that_was_erased_is_not_taken_again(hub: Hub, laptop: LearnerLaptop) -> None:
    laptop.release()
    laptop.run()
    attempts.erase(hub, [laptop.uuid], reason="learner")
    laptop.release()
    laptop.run()
    (entry,) = laptop.outbox.entries()
    assert entry.note == "This attempt was erased on the hub, and is not taken again."
    assert nothing_is_kept(hub)


def test_what_is_erased_while_it_is_being_sent_ends_with_a_sentence(
    hub: Hub, laptop: LearnerLaptop
) -> None:
    laptop.release(Contents.WORDS)
    laptop.run()
    prepared = laptop.prepared(Contents.SOUND)
    sound = next(name for name in prepared.paths if name.startswith("audio"))
    with laptop.connection() as line:
        line.begin(prepared.manifest)
        line.append(prepared.manifest.uuid, sound, 0, prepared.paths[sound].read_bytes()[:100_000])
        assert files_of_uploads(hub) != []
        erasing.erase_attempts(hub, [laptop.uuid], reason="learner")
        assert nothing_is_kept(hub)
        with pytest.raises(HubError):
            line.append(prepared.manifest.uuid, sound, 100_000, b"more of it")
        with pytest.raises(HubError, match="was erased on the hub"):
            line.begin(prepared.manifest)
    laptop.release()
    laptop.run()
    assert "was erased on the hub" in laptop.outbox.entries()[0].note
    assert nothing_is_kept(hub)


def test_an_attempt_that_is_erased_on_the_hub_leaves_the_outbox(
    hub: Hub, laptop: LearnerLaptop
) -> None:
    laptop.release()
    laptop.run()
    attempts.erase(hub, [laptop.uuid], reason="learner")
    laptop.now += 86_401.0
    laptop.run()
    assert laptop.outbox.entries() == ()


NOT_HERE = UUID(int=7)
"""An attempt of no device. Not a random one: the processes of pytest have to agree on the tests."""


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/hub"),
        ("POST", "/check"),
        ("PUT", f"/attempts/{NOT_HERE}"),
        ("DELETE", f"/attempts/{NOT_HERE}"),
        ("POST", f"/attempts/{NOT_HERE}/finish"),
        ("OPTIONS", f"/attempts/{NOT_HERE}/files/closed"),
        ("HEAD", f"/attempts/{NOT_HERE}/files/closed"),
        ("PATCH", f"/attempts/{NOT_HERE}/files/closed"),
    ],
)
def test_nobody_without_a_token_sends_anything(
    laptop: LearnerLaptop, method: str, path: str
) -> None:
    browser = laptop.transport.browser
    for token in ("", "Bearer ", "Bearer wrong", "Basic YTpi"):
        headers = {**PROXY, "authorization": token, **TUS}
        answer = browser.request(method, f"/api/device{path}", headers=headers)
        assert answer.status_code == 401, (method, path, token)


def test_a_station_may_not_use_the_addresses_of_a_laptop(hub: Hub, laptop: LearnerLaptop) -> None:
    with hub.database.begin() as session:
        device = session.get(Device, _device(laptop))
        assert device is not None
        device.kind = "station"
    with laptop.connection() as line, pytest.raises(HubRefused, match="Another kind of device"):
        line.begin(laptop.prepared().manifest)


def test_a_person_who_may_not_sign_in_any_more_sends_nothing(
    hub: Hub, laptop: LearnerLaptop
) -> None:
    with hub.database.begin() as session:
        people.disable(session, people.get(session, laptop.person), hub.now())
    with laptop.connection() as line, pytest.raises(HubForgot):
        line.facts()


def test_too_many_uploads_at_once_are_refused(
    hub: Hub, laptop: LearnerLaptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "MOST_UPLOADS", 1)
    manifest = laptop.prepared().manifest
    with laptop.connection() as line:
        line.begin(manifest)
        with pytest.raises(HubAway, match="too many uploads"):
            line.begin(manifest.model_copy(update={"uuid": uuid4()}))


# -- tus --------------------------------------------------------------------------------------


@pytest.fixture
def begun(laptop: LearnerLaptop) -> LearnerLaptop:
    """A laptop that has begun to send."""
    with laptop.connection() as line:
        line.begin(laptop.prepared().manifest)
    return laptop


def ask(
    laptop: LearnerLaptop, method: str, name: str, content: bytes = b"", **headers: str
) -> httpx.Response:
    pairing = laptop.pairings.pairing()
    assert pairing is not None
    given = {"authorization": f"Bearer {pairing.token}", **PROXY}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/api/device/attempts/{laptop.uuid}/files/{name}"
    found = laptop.transport.browser.request(method, path, content=content, headers=given)
    return httpx.Response(found.status_code, headers=dict(found.headers), content=found.content)


def patch(laptop: LearnerLaptop, content: bytes, **changes: str) -> httpx.Response:
    headers = {
        "tus_resumable": "1.0.0",
        "upload_offset": "0",
        "content_type": "application/offset+octet-stream",
    }
    given = {name: value for name, value in (headers | changes).items() if value}
    return ask(laptop, "PATCH", "journal.jsonl", content, **given)


def test_a_hub_speaks_the_core_of_tus(begun: LearnerLaptop) -> None:
    about = ask(begun, "OPTIONS", "journal.jsonl")
    assert about.headers["tus-version"] == "1.0.0"
    assert int(about.headers["tus-max-size"]) == 300_000_000
    first = ask(begun, "HEAD", "journal.jsonl", tus_resumable="1.0.0")
    assert (first.headers["upload-offset"], first.headers["cache-control"]) == ("0", "no-store")
    assert int(first.headers["upload-length"]) > 1000
    stored = patch(begun, b"abc")
    assert (stored.status_code, stored.headers["upload-offset"]) == (204, "3")
    assert stored.headers["tus-resumable"] == "1.0.0"
    again = ask(begun, "HEAD", "journal.jsonl", tus_resumable="1.0.0")
    assert again.headers["upload-offset"] == "3"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"tus_resumable": ""}, 412),
        ({"tus_resumable": "0.2.2"}, 412),
        ({"content_type": "application/json"}, 415),
        ({"upload_offset": ""}, 400),
        ({"upload_offset": "-1"}, 400),
        ({"upload_offset": "1 2"}, 400),
        ({"upload_offset": "1e3"}, 400),
        ({"upload_offset": "1" * 400}, 400),
        ({"upload_offset": "7"}, 409),
    ],
)
def test_requests_that_are_no_tus_change_nothing(
    begun: LearnerLaptop, changes: dict[str, str], status: int
) -> None:
    answer = patch(begun, b"abc", **changes)
    assert answer.status_code == status
    assert answer.json()["message"].endswith(".")
    found = ask(begun, "HEAD", "journal.jsonl", tus_resumable="1.0.0")
    assert found.headers["upload-offset"] == "0"


def test_a_request_that_is_too_large_is_refused(begun: LearnerLaptop) -> None:
    answer = patch(begun, bytes(4 * (1 << 20) + 1))
    assert answer.status_code == 413


@pytest.mark.parametrize("name", ["lock", "reserve", "..%2f..%2fhub.sqlite3", "x.txt", "%00"])
def test_only_the_files_of_the_manifest_have_an_address(
    hub: Hub, begun: LearnerLaptop, name: str
) -> None:
    before = files_of_uploads(hub)
    answer = ask(
        begun,
        "PATCH",
        name,
        b"abc",
        tus_resumable="1.0.0",
        upload_offset="0",
        content_type="application/offset+octet-stream",
    )
    assert answer.status_code == 404
    assert files_of_uploads(hub) == before


def test_a_part_that_arrived_stays_when_the_connection_breaks(
    hub: Hub, begun: LearnerLaptop
) -> None:
    pairing = begun.pairings.pairing()
    assert pairing is not None
    given = {
        **{"host": "hub.test", "authorization": f"Bearer {pairing.token}", **PROXY, **TUS},
        **{"upload-offset": "0", "content-type": "application/offset+octet-stream"},
        "content-length": "1000",
    }
    path = f"/api/device/attempts/{begun.uuid}/files/journal.jsonl"
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "PATCH"},
        **{"scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b""},
        **{"root_path": "", "client": ("127.0.0.1", 1), "server": ("hub.test", 80)},
        "headers": [(k.lower().encode(), v.encode()) for k, v in given.items()],
    }
    messages: Iterator[dict[str, Any]] = iter(
        [
            {"type": "http.request", "body": b"a" * 300, "more_body": True},
            {"type": "http.request", "body": b"b" * 50, "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive_next() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    async def ignore(message: Any) -> None:
        """The other side is gone."""

    asyncio.run(create_app(hub)(scope, receive_next, ignore))  # type: ignore[arg-type]
    assert begun.connection().offset(begun.uuid, "journal.jsonl") == 350


def test_two_requests_never_write_to_one_upload_at_once(hub: Hub, begun: LearnerLaptop) -> None:
    files = receive.partial_upload(hub, begun.uuid)
    with files.locked():
        answer = patch(begun, b"abc")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        with begun.connection() as line, pytest.raises(HubAway):
            line.finish(begun.uuid)
    assert patch(begun, b"abc").status_code == 204


# -- disks, kills, upkeep ---------------------------------------------------------------------


def test_a_disk_without_room_is_said_before_anything_is_sent(
    hub: Hub, laptop: LearnerLaptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "has_space", lambda *_: False)
    laptop.release()
    assert laptop.sender.step() == 60.0
    assert "The disk of the hub is full" in laptop.outbox.contact().trouble
    monkeypatch.undo()
    laptop.now += 60.0
    laptop.run()
    assert len(kept(hub)) == 1


def test_a_disk_that_fills_up_loses_nothing(
    hub: Hub, laptop: LearnerLaptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop.release()
    write, left = partial_files.write_all, 300_000

    def fills_up(fd: int, data: bytes, at: int) -> None:
        nonlocal left
        if len(data) > left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left -= len(data)
        write(fd, data, at)

    monkeypatch.setattr(partial_files, "write_all", fills_up)
    for _ in range(3):
        due_s = laptop.sender.step()
        assert due_s == 60.0
        laptop.now += due_s
    arrived = sum(path.stat().st_size for path in files_of_uploads(hub))
    assert 0 < arrived <= 300_000
    left = 10**9
    laptop.run()
    assert len(kept(hub)) == 1


def test_a_hub_that_was_killed_goes_on_where_it_was(
    hub: Hub, laptop: LearnerLaptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each line of `finish` at which it can be killed."""
    for place in ("_verified", "_keep", "_set_releases", "drop_upload"):
        laptop.release(Contents.SOUND)
        with monkeypatch.context() as patched:
            original = getattr(receive, place)

            def dies(*arguments: Any, _original: Any = original) -> None:
                _original(*arguments)
                raise RuntimeError("killed")

            patched.setattr(receive, place, dies)
            send_all(laptop, laptop.prepared())
            with laptop.connection() as line, pytest.raises(HubAway):
                line.finish(laptop.uuid)
        laptop.run()
        assert len(kept(hub)) == 1, place
        assert uploads(hub) == [], place
        with hub.database.read() as session:
            assert len(releases.present_releases(session, laptop.uuid)) == 1, place
        _forget(hub, laptop)


def _forget(hub: Hub, laptop: LearnerLaptop) -> None:
    """As if the attempt had never come."""
    from simvoice.hub.storage.tables import Erasure

    attempts.erase(hub, [laptop.uuid], reason="learner")
    with hub.database.begin() as session:
        session.query(Erasure).delete()


def test_abandoned_uploads_are_swept_and_others_stay(
    hub: Hub, begun: LearnerLaptop, clock: MachineClock
) -> None:
    patch(begun, b"abc")
    clock.go_on(days=6)
    assert receive.sweep(hub) == 0
    clock.go_on(days=2)
    assert receive.sweep(hub) == 1
    assert nothing_is_kept(hub)
    begun.release()
    begun.run()
    assert len(kept(hub)) == 1


def test_folders_of_no_upload_are_swept_when_they_are_old(hub: Hub, begun: LearnerLaptop) -> None:
    root = hub.settings.data / "uploads"
    for name in (str(uuid4()), f"{uuid4()}.removed", "something else"):
        (root / name).mkdir()
        os.utime(root / name, (time.time() - 7200,) * 2)
    (root / str(uuid4())).mkdir()  # new: its row may come in a moment
    assert receive.sweep(hub) == 2
    assert len(list(root.iterdir())) == 3


def test_an_upload_with_other_files_begins_again(hub: Hub, begun: LearnerLaptop) -> None:
    patch(begun, b"abc")
    other = begun.prepared(Contents.WORDS)
    with begun.connection() as line:
        assert set(line.begin(other.manifest).offsets.values()) == {0}
    assert not any(path.name == "audio.flac" for path in files_of_uploads(hub))


def test_a_manifest_of_another_attempt_is_refused(laptop: LearnerLaptop) -> None:
    manifest = laptop.prepared().manifest
    pairing = laptop.pairings.pairing()
    assert pairing is not None
    answer = laptop.transport.browser.put(
        f"/api/device/attempts/{uuid4()}",
        content=manifest.model_dump_json().encode(),
        headers={**PROXY, "authorization": f"Bearer {pairing.token}"},
    )
    assert answer.status_code == 422
    assert answer.json()["message"] == "The list of files is of another attempt."


# -- any cut ----------------------------------------------------------------------------------


@pytest.mark.slow
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.integers(0, 1_500_000), st.booleans()), max_size=5))
def test_a_real_hub_goes_on_after_any_cut(
    hub: Hub, laptop: LearnerLaptop, cuts: list[tuple[int, bool]]
) -> None:
    """A request reaches the hub in part, or its answer is lost, and the sender starts again."""
    hub.rates = Rates(lambda: laptop.now)
    handle = laptop.transport.handle_request
    laptop.release()
    for after, is_answered in cuts:
        left = after

        def cut(request: httpx.Request, _answered: bool = is_answered) -> httpx.Response:
            nonlocal left
            body = request.read()
            if len(body) <= left:
                left -= len(body)
                return handle(request)
            if request.method == "PATCH":
                part = httpx.Request("PATCH", request.url, headers=request.headers, content=b"")
                part = httpx.Request(
                    "PATCH",
                    request.url,
                    headers={
                        name: value
                        for name, value in request.headers.items()
                        if name != "content-length"
                    },
                    content=body[:left] if not _answered else body,
                )
                handle(part)
            left = 0
            raise httpx.ReadError("cut")

        laptop.transport.handle_request = cut  # type: ignore[method-assign]
        laptop.sender.step()
        laptop.now += 4000.0
    laptop.transport.handle_request = handle  # type: ignore[method-assign]
    laptop.run()
    assert len(kept(hub)) == 1
    with attempts.opened(hub, laptop.uuid) as found:
        sound = laptop.planted.attempt.folder / "audio.flac"
        assert (found.folder / "audio.flac").read_bytes() == sound.read_bytes()
    _forget(hub, laptop)
    laptop.outbox.empty()
