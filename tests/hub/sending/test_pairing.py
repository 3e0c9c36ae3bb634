"""Pairing: a device gets a token for a code, and leaves with one press on either side."""

from __future__ import annotations

import contextlib
import hashlib
import stat
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from simvoice.errors import SettingError, SimvoiceError
from simvoice.hub import codes
from simvoice.hub.codes import CodeKind
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.sending import devices
from simvoice.hub.storage.tables import AuditEntry, Device
from simvoice.hub_client.connection import Address, HubAway, HubConnection, HubForgot, HubRefused
from simvoice.hub_client.messages import PairingRequest, UnpairRequest
from simvoice.hub_client.pairing import Leaving, Pairings, device_name, pair, tell_leaving
from simvoice.hub_client.trust import PUBLIC
from tests.hub.conftest import ADDRESS, MachineClock
from tests.hub.sending.conftest import LearnerLaptop, NewLaptop

pytestmark = pytest.mark.slow


def device(hub: Hub, laptop: LearnerLaptop) -> Device:
    with hub.database.read() as session:
        found: Device | None = session.query(Device).filter_by(person_id=laptop.person).one()
    assert found is not None
    return found


def new_code(hub: Hub, laptop: LearnerLaptop) -> str:
    with hub.database.begin() as session:
        visitor = Visitor(person_id=laptop.person, login="ada")
        return devices.new_code(session, hub, visitor).text


def unpaired(laptop: LearnerLaptop) -> Pairings:
    return Pairings(laptop.folder / "another")


def pair_again(laptop: LearnerLaptop, code: str) -> None:
    pair(
        unpaired(laptop),
        Address(ADDRESS, PUBLIC),
        code,
        connect=laptop.connect,
        now="2026-11-29T12:00:00+00:00",
    )


def test_a_code_gives_a_token_that_only_the_laptop_has(hub: Hub, laptop: LearnerLaptop) -> None:
    pairing = laptop.pairings.pairing()
    assert pairing is not None
    assert (pairing.hub, pairing.person) == (hub.settings.title, "Ada")
    assert pairing.name == f"{hub.settings.title} (hub.test)"
    assert pairing.token not in repr(pairing)
    stored = device(hub, laptop)
    assert (stored.kind, stored.name) == ("laptop", "Ada's laptop")
    assert stored.token_hash == hashlib.sha256(pairing.token.encode()).hexdigest()
    with laptop.connection() as line:
        facts = line.facts()
    assert [(each.title, each.educators) for each in facts.courses] == [("Year 3", ("Dr Ito",))]
    assert device(hub, laptop).last_seen_at is not None


def test_the_token_is_in_a_private_file(laptop: LearnerLaptop) -> None:
    path = laptop.pairings.folder / "pairing.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_code_works_once(hub: Hub, laptop: LearnerLaptop) -> None:
    code = new_code(hub, laptop)
    pair_again(laptop, code)
    unpaired(laptop).leave()
    with pytest.raises(HubRefused, match="This code was used before"):
        pair_again(laptop, code)


def test_a_code_can_be_typed_in_any_form(hub: Hub, laptop: LearnerLaptop) -> None:
    pair_again(laptop, f" {new_code(hub, laptop).lower().replace('-', ' ')} ")
    assert unpaired(laptop).pairing() is not None


def test_an_expired_code_gets_a_sentence(
    hub: Hub, laptop: LearnerLaptop, clock: MachineClock
) -> None:
    code = new_code(hub, laptop)
    clock.go_on(minutes=20)
    with pytest.raises(HubRefused, match="This code has expired"):
        pair_again(laptop, code)
    assert unpaired(laptop).pairing() is None


def test_a_newer_code_ends_the_older_one(hub: Hub, laptop: LearnerLaptop) -> None:
    older = new_code(hub, laptop)
    new_code(hub, laptop)
    with pytest.raises(HubRefused, match="This code was withdrawn"):
        pair_again(laptop, older)


def test_codes_that_are_guessed_have_to_wait(hub: Hub, laptop: LearnerLaptop) -> None:
    guess = PairingRequest(code="CCCC-CCCC-CCCC", name="guess")
    with (
        laptop.connect(Address(ADDRESS, PUBLIC), "") as line,
        pytest.raises(HubAway, match="too many tries") as caught,
    ):
        _guess(line, guess)
    assert caught.value.retry_after_s is not None


def _guess(line: HubConnection, guess: PairingRequest) -> None:
    for _ in range(60):
        with contextlib.suppress(HubRefused):
            line.pair(guess)


def test_a_code_for_a_station_is_not_for_a_laptop(hub: Hub, laptop: LearnerLaptop) -> None:
    with hub.database.begin() as session:
        code = codes.make(session, hub, CodeKind.PAIRING).text
    with pytest.raises(HubRefused, match="This code is for a station"):
        pair_again(laptop, code)
    answer = devices.pair(hub, Visitor(), PairingRequest(code=code, kind="station", name="Room 2"))
    assert answer.person == ""


def test_one_machine_has_one_hub(hub: Hub, laptop: LearnerLaptop) -> None:
    with pytest.raises(SettingError, match="paired with a hub already"):
        laptop.pair(new_code(hub, laptop))


def test_a_line_without_a_code_is_refused_here(laptop: LearnerLaptop) -> None:
    with pytest.raises(SettingError, match="the line has no code"):
        pair_again(laptop, " ")


def test_a_person_has_so_many_devices(
    hub: Hub, laptop: LearnerLaptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "MOST_DEVICES", 1)
    with pytest.raises(SimvoiceError, match="You have 1 devices already"):
        new_code(hub, laptop)


# -- leaving ----------------------------------------------------------------------------------


def test_leaving_removes_the_token_at_once_and_tells_the_hub(
    hub: Hub, laptop: LearnerLaptop
) -> None:
    pairing = laptop.pairings.pairing()
    assert pairing is not None
    laptop.pairings.leave()
    assert laptop.pairings.pairing() is None
    texts = [path.read_text() for path in laptop.pairings.folder.glob("*.json")]
    assert not any(pairing.token in text for text in texts)
    assert tell_leaving(laptop.pairings, connect=laptop.connect)
    assert laptop.pairings.leaving() is None
    assert device(hub, laptop).unpaired_at is not None
    assert not tell_leaving(laptop.pairings, connect=laptop.connect)
    with (
        laptop.connect(pairing.address, pairing.token) as line,
        pytest.raises(HubForgot, match="not paired"),
    ):
        line.facts()


def test_a_hub_that_is_away_is_told_later(
    hub: Hub, laptop: LearnerLaptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    laptop.release()
    laptop.pairings.leave()
    laptop.outbox.empty()
    with monkeypatch.context() as patched:
        patched.setattr(laptop.transport, "handle_request", away)
        assert laptop.sender.step() == 5.0
        assert laptop.pairings.leaving() is not None
    laptop.now += 5.0
    laptop.run()
    assert laptop.pairings.leaving() is None
    assert device(hub, laptop).unpaired_at is not None


def test_what_a_laptop_keeps_after_leaving_can_only_end_its_pairing(
    hub: Hub, laptop: LearnerLaptop
) -> None:
    leaving = laptop.pairings.leave()
    assert leaving is not None
    with (
        laptop.connect(leaving.address, leaving.proof) as line,
        pytest.raises(HubForgot),
    ):
        line.facts()


def test_a_wrong_proof_ends_nothing(hub: Hub, laptop: LearnerLaptop) -> None:
    pairing = laptop.pairings.pairing()
    assert pairing is not None
    with laptop.connect(pairing.address, "") as line:
        line.unpair(UnpairRequest(device=pairing.device, proof="0" * 64))
        line.unpair(UnpairRequest(device=uuid4(), proof="0" * 64))
    assert device(hub, laptop).unpaired_at is None


def test_unpairing_on_the_hub_ends_the_pairing_here(hub: Hub, laptop: LearnerLaptop) -> None:
    laptop.release()
    with hub.database.begin() as session:
        visitor = Visitor(person_id=laptop.person, login="ada")
        (shown,) = devices.of_person(session, laptop.person)
        devices.unpair(session, hub, visitor, shown.id)
        assert devices.of_person(session, laptop.person) == []
    laptop.run()
    assert laptop.pairings.pairing() is None
    assert laptop.outbox.entries() == ()


def test_nobody_unpairs_the_device_of_another(hub: Hub, new_laptop: NewLaptop) -> None:
    ada, ben = new_laptop("ada"), new_laptop("ben")
    other, wanted = Visitor(person_id=ben.person, login="ben"), device(hub, ada).id
    with hub.database.begin() as session, pytest.raises(SimvoiceError, match="no such device"):
        devices.unpair(session, hub, other, wanted)


def test_unpairing_drops_what_is_not_complete(hub: Hub, laptop: LearnerLaptop) -> None:
    with laptop.connection() as line:
        line.begin(laptop.prepared().manifest)
    laptop.pairings.leave()
    tell_leaving(laptop.pairings, connect=laptop.connect)
    from tests.hub.sending.test_receiving import uploads

    assert uploads(hub) == []


def test_the_trail_has_pairing_and_leaving(hub: Hub, laptop: LearnerLaptop) -> None:
    laptop.pairings.leave()
    tell_leaving(laptop.pairings, connect=laptop.connect)
    with hub.database.read() as session:
        actions = [entry.action for entry in session.query(AuditEntry)]
    assert actions == ["make pairing code", "pair device", "unpair device"]


# -- files ------------------------------------------------------------------------------------


def test_a_damaged_pairing_gets_a_sentence_and_can_be_left(tmp_path: Path) -> None:
    pairings = Pairings(tmp_path)
    (tmp_path / "pairing.json").write_text("{")
    with pytest.raises(SimvoiceError, match="pair this machine again"):
        pairings.pairing()
    assert pairings.leave() is None
    assert pairings.pairing() is None


def test_leaving_twice_gives_the_older_hub_up(tmp_path: Path) -> None:
    pairings = Pairings(tmp_path)
    assert pairings.leave() is None
    leaving = Leaving(url=ADDRESS, hub="Lab", device=uuid4(), proof="0" * 64, trust=PUBLIC)
    pairings._write("leaving.json", leaving)
    assert pairings.leaving() == leaving
    pairings.left()
    assert pairings.leaving() is None


def test_a_machine_has_a_name() -> None:
    assert 0 < len(device_name()) <= 120
