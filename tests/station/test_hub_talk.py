"""What a station and its hub tell each other, with a scripted hub."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import pytest

from simvoice.errors import UsageError
from simvoice.hub_client.connection import HubAway, HubForgot, HubRefused
from simvoice.hub_client.pairing import Pairing, Pairings
from simvoice.hub_client.station_messages import (
    ClaimAnswer,
    ClaimRequest,
    Phase,
    ReportAnswer,
    Roster,
    StationCommand,
    StationReport,
    Verb,
)
from simvoice.hub_client.trust import PUBLIC
from simvoice.station import hub_talk
from simvoice.station.view import Agree, Begin, EnterCode, HandIn
from tests.station.desk import Desk
from tests.station.visits import CODE, assignment, roster

EXAM = assignment()


class ScriptedHub:
    """In place of `StationConnection`: a test sets what it answers."""

    def __init__(self) -> None:
        self.reports: list[StationReport] = []
        self.commands: tuple[StationCommand, ...] = ()
        self.noted: tuple[UUID, ...] = ()
        self.roster_now: Roster | None = None
        self.trouble = ""
        self.clock = 1_800_000_000.0
        self.fault: Exception | None = None
        self.claims: list[ClaimRequest] = []
        self.claim_fault: Exception | None = None
        self.slow: threading.Event | None = None
        self.asked_rosters: list[str] = []

    def __call__(self, *_: Any) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def report_state(self, report: StationReport) -> ReportAnswer:
        if self.fault is not None:
            raise self.fault
        self.reports.append(report)
        return ReportAnswer(
            clock=self.clock,
            roster=self.roster_now.version if self.roster_now else "1",
            commands=self.commands,
            uses=self.noted,
            trouble=self.trouble,
        )

    def roster(self, known: str) -> Roster | None:
        self.asked_rosters.append(known)
        return self.roster_now

    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        self.claims.append(request)
        if self.slow is not None:
            self.slow.wait(60.0)
        if self.claim_fault is not None:
            raise self.claim_fault
        return ClaimAnswer(code=roster(EXAM).codes[0], assignment=EXAM)


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture
def desk(tmp_path: Path, hub: ScriptedHub) -> Desk:
    """A paired station whose hub is scripted."""
    folder = tmp_path / "station"
    Pairings(folder / "paired").store(
        Pairing(
            url="http://127.0.0.1:1",
            hub="Skills lab",
            person="",
            device=uuid4(),
            token="t",
            trust=PUBLIC,
            paired_at="2026-11-30T09:00:00+00:00",
        )
    )
    return Desk(folder, roster(EXAM), connect=hub)


def exchange(desk: Desk, hub: ScriptedHub) -> None:
    desk.station.talk.exchange(hub)  # type: ignore[arg-type]
    desk.work()


def at_code(desk: Desk) -> None:
    desk.press(Begin(), Agree())


def test_a_command_is_done_once_and_its_result_reported(desk: Desk, hub: ScriptedHub) -> None:
    desk.press(Begin())
    hub.commands = (StationCommand(id=5, verb=Verb.RESET), StationCommand(id=4, verb=Verb.END))
    exchange(desk, hub)
    assert desk.phase is Phase.WELCOME
    desk.press(Begin())
    exchange(desk, hub)
    assert desk.phase is Phase.CONSENT
    assert [(one.id, one.done) for one in hub.reports[-1].results] == [(4, False), (5, True)]
    assert "No encounter" in hub.reports[-1].results[0].sentence


def test_a_command_that_a_crash_cut_off_is_not_repeated(desk: Desk, hub: ScriptedHub) -> None:
    desk.station.keeper.begin_command(9)
    desk.restart()
    desk.press(Begin())
    hub.commands = (StationCommand(id=9, verb=Verb.RESET),)
    exchange(desk, hub)
    assert desk.phase is Phase.CONSENT
    exchange(desk, hub)
    assert "started again" in hub.reports[-1].results[0].sentence


def test_a_new_roster_is_fetched_and_kept(desk: Desk, hub: ScriptedHub) -> None:
    exchange(desk, hub)
    assert hub.asked_rosters == []
    hub.roster_now = roster(EXAM, text="PPPP-PPPP-PPPP", version="2")
    exchange(desk, hub)
    assert hub.asked_rosters == ["1"]
    exchange(desk, hub)
    assert hub.asked_rosters == ["1"]
    desk.restart()
    at_code(desk)
    hub.fault = HubAway("away")
    desk.press(EnterCode(text="PPPP-PPPP-PPPP"))
    assert desk.phase is Phase.TERMS


def test_a_use_is_reported_until_the_hub_has_noted_it(
    desk: Desk, hub: ScriptedHub, inline: None
) -> None:
    desk.visit()
    for _ in range(2):
        exchange(desk, hub)
        assert [one.code for one in hub.reports[-1].uses] == [UUID(int=1)]
    hub.noted = (hub.reports[-1].uses[0].session,)
    exchange(desk, hub)
    exchange(desk, hub)
    assert hub.reports[-1].uses == ()
    desk.press(HandIn(answers=("a", "b")))
    desk.wait(30.0)
    at_code(desk)
    desk.clock.pass_(60.0)  # the hub is not near any more
    with pytest.raises(UsageError, match="used before"):
        desk.press(EnterCode(text=CODE))


def test_the_time_of_the_hub_goes_on_while_it_is_away(desk: Desk, hub: ScriptedHub) -> None:
    exchange(desk, hub)
    desk.clock.pass_(3600.0)
    desk.clock.wall_s = 0.0
    assert desk.station.keeper.hub_s() == hub.clock + 3600.0


def test_what_the_hub_finds_wrong_makes_the_light_red(desk: Desk, hub: ScriptedHub) -> None:
    hub.trouble = "Two stations report as A1. Start one of them with another name."
    exchange(desk, hub)
    assert desk.report.reason == desk.view.note == hub.trouble
    assert desk.view.fault == ""  # learners can go on


# -- claims


def test_a_code_is_claimed_while_the_hub_is_near(desk: Desk, hub: ScriptedHub) -> None:
    exchange(desk, hub)
    at_code(desk)
    desk.press(EnterCode(text=CODE))
    assert desk.phase is Phase.TERMS
    assert hub.claims[0].code == CODE
    assert hub.claims[0].session == desk.report.session


def test_the_sentence_of_the_hub_is_shown_for_a_refused_code(desk: Desk, hub: ScriptedHub) -> None:
    exchange(desk, hub)
    at_code(desk)
    hub.claim_fault = HubRefused("This code is in use at B2; go on there, or ask a technician.")
    with pytest.raises(UsageError, match="in use at B2"):
        desk.press(EnterCode(text=CODE))
    assert desk.phase is Phase.CODE


def test_the_list_of_the_station_decides_when_the_hub_is_slow(
    desk: Desk, hub: ScriptedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange(desk, hub)
    at_code(desk)
    monkeypatch.setattr(hub_talk, "CLAIM_WITHIN_S", 0.05)
    hub.slow = threading.Event()
    desk.press(EnterCode(text=CODE))
    hub.slow.set()
    assert desk.phase is Phase.TERMS
    assert len(hub.claims) == 1


def test_no_learner_waits_for_a_hub_that_is_away(desk: Desk, hub: ScriptedHub) -> None:
    exchange(desk, hub)
    desk.clock.pass_(10.0)
    at_code(desk)
    desk.press(EnterCode(text=CODE))
    assert hub.claims == []
    assert desk.phase is Phase.TERMS


# -- the thread


def test_the_thread_reports_says_what_is_wrong_and_comes_back(
    desk: Desk, hub: ScriptedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_talk, "REPORT_EVERY_S", 0.01)
    talk = desk.station.talk
    hub.fault = HubForgot("unknown")
    talk.start()
    try:
        desk.until(lambda: "pair it again" in talk.contact.trouble, "the refusal is shown")
        hub.fault = None
        desk.until(talk.is_near, "the hub is near again")
    finally:
        talk.stop()
    assert hub.reports


def test_a_station_that_is_not_paired_says_so(tmp_path: Path, hub: ScriptedHub) -> None:
    desk = Desk(tmp_path / "station", connect=hub)
    desk.station.unlock("anything")  # nothing is there to protect
    assert "pair it" in desk.station.technician().hub_trouble
    assert desk.report.roster == ""
