"""Sealed records at the hub: from stations and from sticks, once, and for the right person."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from simvoice.errors import RecordingLost, SimvoiceError, StorageFull
from simvoice.hub import assignments, attempts, courses, erasing, releases
from simvoice.hub.doors.access import Visitor
from simvoice.hub.doors.sessions import token_hash
from simvoice.hub.hub import Hub
from simvoice.hub.sending import partial_files, sealed
from simvoice.hub.sending.sealed import Outcome, import_file, kept_aside
from simvoice.hub.storage.tables import (
    AuditEntry,
    Device,
    Erasure,
    OneTimeCode,
    StationVisit,
    StoredAttempt,
    Upload,
)
from simvoice.hub_client.connection import (
    Address,
    HashDiffers,
    HubAway,
    HubConnection,
    HubRefused,
    OffsetMoved,
    UploadGone,
)
from simvoice.hub_client.station_messages import SEALED_NAME
from simvoice.hub_client.trust import PUBLIC
from simvoice.record.answers import OwnAnswer, OwnAnswers, read_answers, write_answers
from simvoice.record.identity import attempt_uuid
from simvoice.record.store import Attempt
from simvoice.release.age import make_identity
from simvoice.release.manifest import SealedFacts, SealedOwner
from simvoice.release.sealed import NotSealed, facts_of, seal, sealed_name
from tests.hub.conftest import ADDRESS, MachineClock, app_of
from tests.hub.sending.conftest import AppTransport
from tests.hub.stations.lab import StationLab, build_lab
from tests.planted.talk import record

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(hub: Hub, client: TestClient, clock: MachineClock) -> StationLab:
    return build_lab(hub, client, clock)


class SendingStation:
    """A paired station that seals records and sends them."""

    def __init__(self, lab: StationLab, folder: Path, client: TestClient, name: str) -> None:
        self.lab, self.hub, self.folder = lab, lab.hub, folder
        self.transport = AppTransport(client)
        self.token = f"token of {name}"
        with self.hub.database.begin() as session:
            device = Device(kind="station", name=name, token_hash=token_hash(self.token))
            session.add(device)
            session.flush()
            self.id = device.id

    def connection(self) -> HubConnection:
        return HubConnection(Address(ADDRESS, PUBLIC), self.token, transport=self.transport)

    def recorded(self, **header: object) -> Attempt:
        return record(self.folder / uuid4().hex, uuid=uuid4(), **header)

    def sealed(
        self, attempt: Attempt | None = None, recipient: str = "", **owner: Any
    ) -> tuple[SealedFacts, Path]:
        attempt = attempt or self.recorded()
        known: dict[str, Any] = {
            **{"code": self.lab.codes[0].id, "assignment": self.lab.exam, "mode": "exam"},
            **{"session": uuid4(), "is_released": True},
            "made_at": self.hub.now().timestamp(),
        }
        file = self.folder / sealed_name(attempt_uuid(attempt.header))
        to = recipient or self.hub.seal_key.recipient
        return seal(attempt.folder, SealedOwner(**{**known, **owner}), to, file), file

    def practice(self, **owner: Any) -> dict[str, Any]:
        """Return what the owner of a practice under a learner's card says."""
        lab = self.lab
        return {
            **{"code": lab.card.id, "assignment": lab.practice, "mode": "practice"},
            **{"is_released": False, **owner},
        }

    def send(self, facts: SealedFacts, file: Path, chunk: int = 150_000) -> None:
        with self.connection() as line:
            begun = line.begin_record(facts)
            if begun.kept:
                return
            data, at = file.read_bytes(), begun.offsets[SEALED_NAME]
            while at < len(data):
                at = line.append_record(facts.uuid, at, data[at : at + chunk])
            line.finish_record(facts.uuid)


@pytest.fixture
def station(lab: StationLab, tmp_path: Path) -> Iterator[SendingStation]:
    proxied = TestClient(app_of(lab.hub), base_url=ADDRESS, client=("127.0.0.1", 50_000))
    with proxied as client:
        yield SendingStation(lab, tmp_path / "station", client, "A1")


def kept(hub: Hub) -> list[StoredAttempt]:
    with hub.database.read() as session:
        return list(session.query(StoredAttempt))


def released_to(hub: Hub, course: UUID) -> list[UUID]:
    with hub.database.read() as session:
        return [each.attempt.id for each in releases.released_to(session, course)]


def plain_files(hub: Hub) -> list[str]:
    """Return what is open outside the store."""
    folders = [hub.settings.data / name for name in ("uploads", "cache", "aside")]
    return [
        path.name
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".age")
    ]


# -- whose it is ------------------------------------------------------------------------------


def test_a_record_arrives_whole_under_its_exam_code_and_is_released_to_the_course(
    lab: StationLab, station: SendingStation
) -> None:
    attempt = station.recorded()
    write_answers(attempt.folder, OwnAnswers(answers=(OwnAnswer(question="?", answer="!"),)))
    facts, file = station.sealed(attempt)
    station.send(facts, file)
    (stored,) = kept(lab.hub)
    assert (stored.id, stored.origin, stored.device_id) == (facts.uuid, "station", station.id)
    assert (stored.owner_id, stored.code_id) == (None, lab.codes[0].id)
    assert stored.assignment_id == lab.exam
    assert released_to(lab.hub, lab.course) == [facts.uuid]
    with attempts.opened(lab.hub, facts.uuid) as found:
        for path in attempt.folder.iterdir():
            if path.name != "lock":
                assert (found.folder / path.name).read_bytes() == path.read_bytes()
        answers = read_answers(found.folder)
    assert answers is not None
    assert answers.answers[0].answer == "!"
    lab.hub.cache.clear()
    assert plain_files(lab.hub) == []


def test_a_practice_under_a_card_is_the_learner_s_and_nobody_else_s(
    lab: StationLab, station: SendingStation
) -> None:
    station.send(*station.sealed(**station.practice()))
    (stored,) = kept(lab.hub)
    assert (stored.owner_id, stored.code_id) == (lab.lena, None)
    assert stored.assignment_id == lab.practice
    assert released_to(lab.hub, lab.course) == []


def test_a_station_cannot_give_an_attempt_to_another_exam_or_course(
    lab: StationLab, station: SendingStation
) -> None:
    """What it says of the assignment of an exam code does not count."""
    with lab.hub.database.begin() as session:
        other = courses.create_course(session, "Elsewhere", "", lab.lena)
        draft = assignments.AssignmentDraft("Exam", "breast-biopsy", assignments.Mode.EXAM)
        exam = assignments.assign(session, other.id, draft, lab.lena)
    station.send(*station.sealed(assignment=exam.id))
    assert [each.assignment_id for each in kept(lab.hub)] == [lab.exam]
    station.send(*station.sealed(**station.practice(assignment=exam.id, is_released=True)))
    assert released_to(lab.hub, other.id) == []
    assert len(kept(lab.hub)) == 2


def test_a_card_at_an_exam_of_its_course_is_released_when_the_learner_began_after_the_terms(
    lab: StationLab, station: SendingStation
) -> None:
    own = station.practice(assignment=lab.exam, mode="exam")
    before, _ = station.sealed(**own)
    station.send(before, station.folder / sealed_name(before.uuid))
    assert released_to(lab.hub, lab.course) == []
    after, file = station.sealed(**{**own, "is_released": True})
    station.send(after, file)
    assert released_to(lab.hub, lab.course) == [after.uuid]


def test_a_code_that_was_used_twice_keeps_both_attempts_and_says_so(
    lab: StationLab, station: SendingStation
) -> None:
    for _ in range(2):
        station.send(*station.sealed())
    assert [each.code_id for each in kept(lab.hub)] == [lab.codes[0].id] * 2
    with lab.hub.database.read() as session:
        assert session.query(StationVisit).count() == 2
        actions = [each.action for each in session.query(AuditEntry)]
        code = session.get(OneTimeCode, lab.codes[0].id)
        assert code is not None
        assert code.used_at is not None
    assert actions.count("use exam code twice") == 1
    assert actions.count("receive attempt") == 2


def test_two_attempts_of_one_visit_are_no_second_use(
    lab: StationLab, station: SendingStation
) -> None:
    visit = uuid4()
    for _ in range(2):
        station.send(*station.sealed(session=visit))
    with lab.hub.database.read() as session:
        assert session.query(StationVisit).count() == 1
        assert "use exam code twice" not in {each.action for each in session.query(AuditEntry)}


def test_the_trail_holds_no_word(lab: StationLab, station: SendingStation) -> None:
    attempt = station.recorded(learner="zebrafish")
    station.send(*station.sealed(attempt))
    with lab.hub.database.read() as session:
        told = [(each.who, each.action, each.detail) for each in session.query(AuditEntry)]
    assert ("device A1", "receive attempt", "exam") in told
    assert "zebrafish" not in str(told)


# -- once -------------------------------------------------------------------------------------


def test_whichever_way_comes_second_changes_nothing(
    lab: StationLab, station: SendingStation
) -> None:
    first, file = station.sealed()
    station.send(first, file)
    assert import_file(lab.hub, file).outcome is Outcome.WAS_HERE
    second, other = station.sealed()
    assert import_file(lab.hub, other).outcome is Outcome.KEPT
    assert import_file(lab.hub, other).outcome is Outcome.WAS_HERE
    station.send(second, other)
    assert {each.id for each in kept(lab.hub)} == {first.uuid, second.uuid}
    assert sorted(released_to(lab.hub, lab.course)) == sorted([first.uuid, second.uuid])
    with lab.hub.database.read() as session:
        assert session.query(Upload).count() == 0


def test_each_request_can_be_repeated(lab: StationLab, station: SendingStation) -> None:
    facts, file = station.sealed()
    data = file.read_bytes()
    with station.connection() as line:
        assert line.begin_record(facts).offsets == {SEALED_NAME: 0}
        assert line.append_record(facts.uuid, 0, data[:1000]) == 1000
        assert line.begin_record(facts).offsets == {SEALED_NAME: 1000}
        assert line.record_offset(facts.uuid) == 1000
        with pytest.raises(OffsetMoved):
            line.append_record(facts.uuid, 0, data[:1000])
        with pytest.raises(UploadGone):
            line.finish_record(facts.uuid)
        line.append_record(facts.uuid, 1000, data[1000:])
        line.finish_record(facts.uuid)
        line.finish_record(facts.uuid)
        assert line.begin_record(facts).kept
        assert [each.state for each in line.check_records([facts.uuid, uuid4()])] == [
            *("kept", "unknown")
        ]
    assert len(kept(lab.hub)) == 1


@pytest.mark.parametrize("place", ["_settle", "_keep", "_discard", "take_in"])
def test_a_hub_that_is_killed_keeps_it_once_and_released(
    lab: StationLab, station: SendingStation, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """After each step at which it can be killed."""
    facts, file = station.sealed()
    original = getattr(sealed, place)

    def dies(*given: Any, **named: Any) -> None:
        original(*given, **named)
        raise RuntimeError("killed")

    monkeypatch.setattr(sealed, place, dies)
    with pytest.raises(HubAway):
        station.send(facts, file)
    monkeypatch.setattr(sealed, place, original)
    station.send(facts, file)
    assert [each.id for each in kept(lab.hub)] == [facts.uuid]
    assert released_to(lab.hub, lab.course) == [facts.uuid]
    assert plain_files(lab.hub) == []
    with lab.hub.database.read() as session:
        assert session.query(Upload).count() == 0
        assert session.query(StationVisit).count() == 1


def test_an_attempt_that_was_erased_is_not_taken_again(
    lab: StationLab, station: SendingStation
) -> None:
    facts, file = station.sealed()
    station.send(facts, file)
    attempts.erase(lab.hub, [facts.uuid], reason="learner")
    with station.connection() as line, pytest.raises(HubRefused, match="was erased"):
        line.begin_record(facts)
    with station.connection() as line:
        assert [each.state for each in line.check_records([facts.uuid])] == ["erased"]
    assert import_file(lab.hub, file).outcome is Outcome.ERASED
    assert kept(lab.hub) == []


# -- what is kept aside -----------------------------------------------------------------------


def test_a_record_of_a_learner_who_has_erased_the_account_is_not_kept(
    lab: StationLab, station: SendingStation
) -> None:
    """It was made before, and arrives after, as from a station that had no network."""
    facts, file = station.sealed(**station.practice())
    erasing.erase_account(lab.hub, Visitor(person_id=lab.lena, login="lena"))
    with pytest.raises(HubRefused, match="was erased"):
        station.send(facts, file)
    assert kept(lab.hub) == []
    assert kept_aside(lab.hub) == []
    with lab.hub.database.read() as session:
        assert session.get(Erasure, facts.uuid) is not None
    assert import_file(lab.hub, file).outcome is Outcome.ERASED


def test_a_record_of_an_unknown_code_waits_sealed_until_the_code_is_known(
    lab: StationLab, station: SendingStation
) -> None:
    code = uuid4()
    facts, file = station.sealed(code=code)
    station.send(facts, file)
    assert kept(lab.hub) == []
    (aside,) = kept_aside(lab.hub)
    assert facts_of(aside) == (facts.size, facts.sha256)
    assert plain_files(lab.hub) == []
    assert import_file(lab.hub, file).outcome is Outcome.ASIDE
    with station.connection() as line:  # the station need not keep it
        assert line.begin_record(facts).kept
    assert "1 sealed record of stations waits" in sealed.start(lab.hub)[0]
    with lab.hub.database.begin() as session:  # a newer database was restored
        expires = lab.codes[0].expires_at
        fields = {"id": code, "code_hash": "x", "kind": "exam", "expires_at": expires}
        session.add(OneTimeCode(**fields, assignment_id=lab.exam))
    assert sealed.start(lab.hub) == []
    assert [each.code_id for each in kept(lab.hub)] == [code]
    assert released_to(lab.hub, lab.course) == [facts.uuid]
    assert kept_aside(lab.hub) == []


def test_a_record_without_a_code_or_of_an_invitation_is_nobody_s(
    lab: StationLab, station: SendingStation
) -> None:
    with lab.hub.database.begin() as session:
        expires = lab.codes[0].expires_at
        other = OneTimeCode(code_hash="y", kind="invitation", expires_at=expires)
        session.add(other)
        session.flush()
        invitation = other.id
    for code in (None, invitation):
        station.send(*station.sealed(code=code))
    assert kept(lab.hub) == []
    assert len(kept_aside(lab.hub)) == 2


# -- what is refused --------------------------------------------------------------------------


def test_a_record_for_another_hub_is_refused_and_stays_at_the_station(
    lab: StationLab, station: SendingStation, tmp_path: Path
) -> None:
    facts, file = station.sealed(recipient=make_identity(tmp_path / "other.key"))
    with pytest.raises(HubRefused, match="sealed for another hub"):
        station.send(facts, file)
    with pytest.raises(RecordingLost, match="sealed for another hub"):
        import_file(lab.hub, file)
    assert (kept(lab.hub), kept_aside(lab.hub), plain_files(lab.hub)) == ([], [], [])


def test_what_was_altered_on_the_way_is_dropped(lab: StationLab, station: SendingStation) -> None:
    facts, file = station.sealed()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    altered = station.folder / "altered.age"
    altered.write_bytes(data)
    with pytest.raises(HashDiffers):
        station.send(facts, altered)
    with pytest.raises(RecordingLost, match="copy it from the station again"):
        import_file(lab.hub, altered)
    station.send(facts, file)
    assert len(kept(lab.hub)) == 1


def test_a_record_under_the_uuid_of_another_is_refused(
    lab: StationLab, station: SendingStation
) -> None:
    facts, file = station.sealed()
    with pytest.raises(HubRefused, match="of another attempt"):
        station.send(facts.model_copy(update={"uuid": uuid4()}), file)
    assert kept(lab.hub) == []


def test_what_is_no_sealed_record_is_refused(
    lab: StationLab, station: SendingStation, tmp_path: Path
) -> None:
    file = tmp_path / "photo.age"
    file.write_bytes(b"not sealed")
    size, digest = facts_of(file)
    with pytest.raises(HubRefused, match="no sealed record, or damaged"):
        station.send(SealedFacts(uuid=uuid4(), size=size, sha256=digest), file)
    for missing in (tmp_path / "missing.age", tmp_path):
        with pytest.raises(NotSealed):
            import_file(lab.hub, missing)


def test_another_station_does_not_touch_an_upload(lab: StationLab, station: SendingStation) -> None:
    facts, file = station.sealed()
    data = file.read_bytes()
    other = SendingStation(lab, station.folder, station.transport.browser, "A2")
    with station.connection() as line:
        line.begin_record(facts)
        line.append_record(facts.uuid, 0, data[:1000])
    with other.connection() as line, pytest.raises(UploadGone):
        line.append_record(facts.uuid, 1000, data[1000:])
    station.send(facts, file)
    assert len(kept(lab.hub)) == 1


# -- faults -----------------------------------------------------------------------------------


def test_a_full_disk_is_said_and_what_arrived_stays(
    lab: StationLab, station: SendingStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, file = station.sealed()
    data = file.read_bytes()
    with station.connection() as line:
        line.begin_record(facts)
        line.append_record(facts.uuid, 0, data)
        monkeypatch.setattr(sealed, "has_space", lambda *_: False)
        with pytest.raises(HubAway, match="disk of the hub is full"):
            line.finish_record(facts.uuid)
        with pytest.raises(StorageFull):
            import_file(lab.hub, file)
        monkeypatch.undo()
        line.finish_record(facts.uuid)
    assert len(kept(lab.hub)) == 1


def test_no_upload_begins_on_a_full_disk(
    lab: StationLab, station: SendingStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial_files, "RESERVE_BYTES", 10**18)
    with pytest.raises(HubAway, match="disk of the hub is full"):
        station.send(*station.sealed())


def test_a_damaged_record_is_kept_as_it_is(lab: StationLab, station: SendingStation) -> None:
    """It is all that there is of this encounter."""
    attempt = station.recorded()
    (attempt.folder / "audio.flac").write_bytes(b"fLaC" + bytes(100))
    station.send(*station.sealed(attempt))
    assert [each.id for each in kept(lab.hub)] == [attempt_uuid(attempt.header)]


def test_what_a_killed_hub_had_opened_is_removed(hub: Hub) -> None:
    left = hub.settings.data / "cache" / "opened" / "left"
    left.mkdir(parents=True)
    (left / "journal.jsonl").write_text("words")
    os.utime(left, (1, 1))
    sealed.start(hub)
    assert not left.exists()


def test_a_fault_of_one_record_does_not_stop_the_others_kept_aside(
    lab: StationLab, station: SendingStation
) -> None:
    good, file = station.sealed()
    folder = sealed.aside_folder(lab.hub)
    folder.mkdir()
    (folder / "a.age").write_bytes(b"damaged")
    shutil.copy(file, folder / sealed_name(good.uuid))
    said = sealed.start(lab.hub)
    assert "1 sealed record" in said[0]
    assert [each.id for each in kept(lab.hub)] == [good.uuid]
    with pytest.raises(SimvoiceError):
        import_file(lab.hub, folder / "a.age")
