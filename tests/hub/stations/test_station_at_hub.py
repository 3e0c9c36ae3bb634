"""A real station and a real hub, over HTTP: what one says, the other understands.

The patient is scripted; the station's threads work when the test says so (`tests.station.desk`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simvoice.errors import UsageError
from simvoice.hub import codes
from simvoice.hub.codes import CodeKind
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.sending import devices
from simvoice.hub.stations import lab_settings
from simvoice.hub.stations.roster import lab_facts
from simvoice.hub.stations.tiles import StationTile, tile
from simvoice.hub.storage.tables import Device, OneTimeCode, StationVisit
from simvoice.hub.supplies.authority import pairing_line
from simvoice.hub_client.station_connection import StationConnection
from simvoice.hub_client.station_messages import Accommodations, Phase, Verb
from simvoice.station.view import (
    AcceptTerms,
    Agree,
    EnterCode,
    EnterRoom,
    Leave,
    MicrophonePassed,
)
from tests.hub.pages.served import ServedTown, served_town
from tests.station.desk import Desk

pytestmark = pytest.mark.slow

TECHNICIAN = Visitor(login="tech")
PIN = "407193"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedTown]:
    with served_town(tmp_path_factory.mktemp("town")) as running:
        yield running


class StationAtHub:
    """A station that was just paired, as a technician would pair it."""

    def __init__(self, folder: Path, served: ServedTown) -> None:
        self.hub: Hub = served.town.hub
        self.exam = served.town.exam
        with self.hub.database.begin() as session:
            code = codes.make(session, self.hub, CodeKind.PAIRING).text
            lab_settings.set_pin(session, self.hub, TECHNICIAN, PIN)
        self.hub.stations.facts.forget()
        self.desk = Desk(folder)
        self.desk.clock.wall_s = time.time()
        self.desk.station.pair(str(pairing_line(self.hub.settings, served.address, code)))
        pairing = self.desk.station.talk.pairing()
        assert pairing is not None
        self.address, self.token, self.id = pairing.address, pairing.token, pairing.device
        self.talk()

    def talk(self, rounds: int = 2) -> None:
        """Let the station report, and do what the hub answers."""
        with StationConnection(self.address, self.token) as connection:
            for _ in range(rounds):
                self.desk.station.talk.exchange(connection)
                self.desk.work()

    def tile(self) -> StationTile:
        with self.hub.database.read() as session:
            device = session.get(Device, self.id)
        assert device is not None
        now = self.hub.stations.now(self.id, self.hub.now())
        return tile(device, now, lab_facts(self.hub), self.hub.now())

    def new_code(self, label: str) -> codes.NewCode:
        with self.hub.database.begin() as session:
            made = codes.make(
                session, self.hub, CodeKind.EXAM, assignment_id=self.exam, label=label
            )
        self.hub.stations.facts.forget()
        self.talk()
        return made

    def is_used(self, made: codes.NewCode) -> bool:
        with self.hub.database.read() as session:
            found = session.get(OneTimeCode, made.id)
            assert found is not None
            return found.used_at is not None

    def visits(self, made: codes.NewCode) -> list[bool]:
        """Of each visit under a code, whether it has begun."""
        with self.hub.database.read() as session:
            found = session.query(StationVisit).filter_by(code_id=made.id)
            return [each.begun_at is not None for each in found]

    def unpair(self) -> None:
        technician = Visitor(login="tech", roles=frozenset({Role.TECHNICIAN}))
        with self.hub.database.begin() as session:
            devices.unpair(session, self.hub, technician, self.id)


@pytest.fixture
def station(tmp_path: Path, served: ServedTown) -> Iterator[StationAtHub]:
    made = StationAtHub(tmp_path / "station", served)
    yield made
    made.unpair()  # the next one has its name


def test_a_station_that_was_paired_is_free_and_knows_the_pin(station: StationAtHub) -> None:
    shown = station.tile()
    assert (shown.name, shown.light_words, shown.reason) == ("A1", "Free", "")
    assert "List of codes" in dict(shown.facts)
    assert dict(shown.facts)["List of codes"] == "up to date"
    with pytest.raises(UsageError, match="wrong"):
        station.desk.station.unlock("407194")
    station.desk.station.unlock(PIN)


def test_a_candidate_who_is_signed_in_from_afar_does_the_exam(station: StationAtHub) -> None:
    made = station.new_code("afar")
    now = station.hub.now()
    station.hub.stations.press(
        station.id,
        Verb.SIGN_IN,
        now,
        code=made.id,
        accommodations=Accommodations(time_factor=1.5, captions=True),
    )
    station.talk()
    assert station.desk.phase is Phase.CONSENT  # only the learner agrees
    assert station.tile().doing == "Exam · breast-biopsy · Candidate afar"
    assert station.tile().command.startswith("Sign in: Signed in")
    assert station.desk.view.accommodations == Accommodations(time_factor=1.5, captions=True)
    assert station.visits(made) == [False]
    station.desk.press(Agree(), AcceptTerms(), MicrophonePassed())
    station.hub.stations.press(station.id, Verb.HOLD, station.hub.now())
    station.talk()
    assert station.tile().is_held
    station.hub.stations.press(station.id, Verb.RESUME, station.hub.now())
    station.talk()
    station.desk.press(EnterRoom())
    station.desk.talk()
    for _ in range(5):  # a report that found the hub busy is made again
        station.talk()
        if station.visits(made) == [True]:
            break
    assert station.visits(made) == [True]
    (sealed,) = station.desk.outbox.contents()
    assert sealed.recipient == station.hub.seal_key.recipient
    assert (sealed.owner.code, sealed.owner.assignment) == (made.id, station.exam)


def test_a_code_is_asked_of_the_hub_and_given_back_by_who_leaves(station: StationAtHub) -> None:
    made = station.new_code("leaves")
    station.desk.arrive()
    station.talk()
    station.desk.press(EnterCode(text=made.text.lower()))
    assert station.desk.phase is Phase.TERMS
    assert station.visits(made) == [False]
    assert station.is_used(made)
    station.desk.press(Leave())
    station.talk()
    assert station.visits(made) == []
    assert not station.is_used(made)
    station.desk.arrive()
    station.talk()
    with pytest.raises(UsageError, match="not known"):
        station.desk.press(EnterCode(text="CDFH-JKMN-PRTV"))


def test_a_code_that_began_without_network_is_used_when_it_is_back(station: StationAtHub) -> None:
    made = station.new_code("offline")
    station.desk.wait(60)  # no report is answered for so long
    station.desk.visit(made.text)
    assert station.visits(made) == []
    station.talk()
    assert station.visits(made) == [True]
    assert station.is_used(made)
    assert station.desk.report.uses == ()
