"""What technicians see and do on the pages of stations, and the cards of learners."""

from __future__ import annotations

import html
import json
import re
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from simvoice.hub import audit, codes
from simvoice.hub.codes import CodeKind
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.stations import lab_settings
from simvoice.hub.stations.tiles import by_name
from simvoice.hub.storage.tables import OneTimeCode
from simvoice.hub_client.station_messages import (
    Accommodations,
    Light,
    LoopBack,
    OnCrash,
    Phase,
    StationCommand,
    Verb,
)
from tests.hub.conftest import PRINTED_CODE, ClientAs, MachineClock
from tests.hub.stations.lab import ScriptedStation, StationLab

pytestmark = pytest.mark.slow


SCRIPT = {"accept": "application/json"}


@pytest.fixture
def tech(lab: StationLab, client_as: ClientAs) -> TestClient:
    return client_as(Role.TECHNICIAN, login="tech")


def tiles(tech: TestClient) -> dict[str, dict[str, Any]]:
    answer = tech.get("/stations/state", headers=SCRIPT)
    assert answer.status_code == 200, answer.text
    return {each["name"]: each for each in answer.json()["stations"]}


def press(tech: TestClient, station: ScriptedStation, verb: Verb, **more: str) -> str:
    answer = tech.post(
        f"/stations/{station.id}/command", data={"verb": verb, **more}, headers=SCRIPT
    )
    return json.dumps(answer.json())


def entries(hub: Hub, action: str) -> list[str]:
    with hub.database.read() as session:
        found = audit.entries(session, audit.AuditFilter(action=action))
        return [f"{each.who}: {each.detail}" for each in found]


# -- the grid


def test_a_tile_says_how_a_room_is(
    lab: StationLab, tech: TestClient, a1: ScriptedStation, clock: MachineClock
) -> None:
    assert tiles(tech)["A1"]["light_words"] == "Not reachable"
    a1.report(roster=a1.roster().version, free_bytes=10**11)
    free = tiles(tech)["A1"]
    assert (free["light_words"], free["left"], free["notes"]) == ("Free", "", [])
    a1.visit(Phase.ENCOUNTER, lab.codes[0].id)
    a1.report(mode="exam", case="breast-biopsy", left_s=462.0, level_dbfs=-30.0)
    talking = tiles(tech)["A1"]
    assert (talking["light_words"], talking["state"]) == ("Talking", "Talks with the patient")
    assert talking["doing"] == "Exam · breast-biopsy · Candidate 1"
    assert (talking["left"], talking["level"], talking["is_held"]) == ("7:42", 0.5, False)
    clock.go_on(seconds=2)
    assert tiles(tech)["A1"]["left"] == "7:40"
    a1.report(light=Light.WAITING, preparing="The patient is being prepared. About 20 seconds.")
    waits = tiles(tech)["A1"]
    assert (waits["light_words"], waits["state"]) == ("Waiting", "Waits for the patient")
    assert waits["notes"][0].endswith("About 20 seconds.")
    a1.report(is_held=True, left_s=460.0)
    clock.go_on(seconds=3)
    assert (tiles(tech)["A1"]["left"], tiles(tech)["A1"]["is_held"]) == ("7:40", True)
    clock.go_on(seconds=10)
    assert tiles(tech)["A1"]["light"] == "away"


def test_a_tile_says_that_the_code_is_asked_for_again_and_the_technician_can_go_on(
    lab: StationLab, tech: TestClient, a1: ScriptedStation
) -> None:
    a1.visit(Phase.ENCOUNTER, lab.codes[0].id)
    a1.report(mode="exam", case="breast-biopsy", left_s=300.0, asks_code=True)
    off = tiles(tech)["A1"]
    assert off["state"] == "Asks for the code again"
    assert any("enters the code again" in each for each in off["notes"])
    assert "confirm" not in press(tech, a1, Verb.ADVANCE)  # no encounter ends by it
    assert [each.verb for each in a1.report().commands] == [Verb.ADVANCE]
    a1.report(phase=Phase.TERMS)
    assert Verb.ADVANCE in tiles(tech)["A1"]["verbs"]
    a1.report(asks_code=False)
    on = tiles(tech)["A1"]
    assert (on["state"], Verb.ADVANCE in on["verbs"]) == ("Reads the terms", False)
    assert not any("code again" in each for each in on["notes"])


def test_the_grid_shows_no_name_of_a_learner(
    lab: StationLab, tech: TestClient, a1: ScriptedStation
) -> None:
    a1.visit(Phase.ENCOUNTER, lab.card.id)
    shown = tiles(tech)["A1"]
    assert shown["doing"] == "A learner's card"
    for path in ("/stations", f"/stations/{a1.id}", "/stations/state"):
        page = tech.get(path).text
        assert "Lena" not in page
        assert str(lab.lena) not in page


def test_a_tile_says_what_a_technician_should_know(
    lab: StationLab, tech: TestClient, a1: ScriptedStation, clock: MachineClock
) -> None:
    facts = {
        **{"version": "0.0.9", "waiting": 3, "free_bytes": 900_000_000},
        **{"models": ("whisper",), "roster": "an older one"},
        "loop_back": LoopBack(at=1e9, is_good=False, level_dbfs=None, delay_s=None),
        "clock": lab.hub.now().timestamp() + 190,
    }
    a1.report(**facts)
    clock.go_on(seconds=40)
    a1.report(clock=lab.hub.now().timestamp() + 190)
    notes = " ".join(tiles(tech)["A1"]["notes"])
    for said in (
        "Runs simvoice 0.0.9; 0.1.0 is wanted.",
        "Its clock is 3 minutes 10 seconds ahead.",
        "It works with an older list of codes.",
        "Models are missing or altered: whisper.",
        "Only 900 MB of its disk are free.",
        "3 records still to send.",
        "The last loop-back test failed.",
    ):
        assert said in notes


def test_a_fault_and_a_second_name_are_red(
    tech: TestClient, a1: ScriptedStation, a2: ScriptedStation
) -> None:
    a1.report(light=Light.RED, reason="The microphone is gone.")
    assert (tiles(tech)["A1"]["light"], tiles(tech)["A1"]["reason"]) == (
        "red",
        "The microphone is gone.",
    )
    a1.report(light=Light.GREEN, reason="")
    a2.report(name="A1")
    answer = tech.get("/stations/state", headers=SCRIPT).json()["stations"]
    assert [each["light"] for each in answer] == ["red", "red"]
    assert all("Two stations report as A1" in each["reason"] for each in answer)


def test_what_a_station_says_is_text_and_no_markup(tech: TestClient, a1: ScriptedStation) -> None:
    attack = "<script>alert(1)</script>\u202e"
    a1.report(light=Light.RED, reason=attack, errors=(attack,), case=attack, name="<b>A1")
    page = tech.get(f"/stations/{a1.id}").text
    assert "<script>alert" not in page
    assert "<b>A1" not in page


def test_numbers_that_cannot_be_shown_do_no_harm(tech: TestClient, a1: ScriptedStation) -> None:
    body = a1.now().model_dump_json()
    for value in ("1e400", "-1e400", "NaN"):
        changed = re.sub(r'"(left_s|level_dbfs|clock)":[^,}]*', rf'"\1":{value}', body)
        a1.client.post("/api/station/report", content=changed, headers=a1.headers)
        assert tech.get("/stations").status_code == 200


def test_a10_comes_after_a2() -> None:
    assert sorted(["A10", "b1", "A2", "a1", "7", "A"], key=by_name) == [
        *("7", "A", "a1", "A2", "A10", "b1")
    ]


# -- commands


def test_a_press_reaches_the_station_and_is_in_the_audit_trail(
    lab: StationLab, tech: TestClient, a1: ScriptedStation
) -> None:
    a1.visit(Phase.DOOR)
    assert "sent" in press(tech, a1, Verb.HOLD)
    (command,) = a1.report().commands
    assert command.verb is Verb.HOLD
    assert tiles(tech)["A1"]["command"] == "Hold the clock: sent…"
    assert entries(lab.hub, "hold station") == ["tech: A1"]


@pytest.mark.parametrize(
    ("verb", "phase", "asks"),
    [
        (Verb.RESET, Phase.WELCOME, True),
        (Verb.END, Phase.ENCOUNTER, True),
        (Verb.START_AGAIN, Phase.ENCOUNTER, True),
        (Verb.ADVANCE, Phase.ENCOUNTER, True),
        (Verb.ADVANCE, Phase.DOOR, False),
        (Verb.HOLD, Phase.ENCOUNTER, False),
    ],
)
def test_what_cannot_be_taken_back_asks_once(
    tech: TestClient, a1: ScriptedStation, verb: Verb, phase: Phase, asks: bool
) -> None:
    a1.visit(phase)
    there = f"/stations/{a1.id}/confirm?verb={verb.replace(' ', '+')}"
    form = tech.post(f"/stations/{a1.id}/command", data={"verb": verb})
    assert form.headers["location"] == (there if asks else "/stations")
    assert (there in press(tech, a1, verb)) == asks
    if not asks:
        return
    assert a1.report().commands == ()
    question = tech.get(there).text
    assert 'name="sure" value="yes"' in question
    tech.post(f"/stations/{a1.id}/command", data={"verb": verb, "sure": "yes"})
    assert [each.verb for each in a1.report().commands] == [verb]


def test_a_press_that_cannot_be_sent_is_a_sentence(tech: TestClient, a1: ScriptedStation) -> None:
    assert "cannot be reached now" in press(tech, a1, Verb.HOLD)
    answer = tech.post(f"/stations/{a1.id}/command", data={"verb": "hold"})
    assert answer.status_code == 422
    assert "cannot be reached now" in answer.text
    assert "no such command" in tech.post(f"/stations/{a1.id}/command", data={"verb": "x"}).text


def test_a_candidate_is_signed_in_from_afar(
    lab: StationLab, tech: TestClient, a1: ScriptedStation
) -> None:
    a1.report()
    page = tech.get(f"/stations/{a1.id}").text
    assert 'label="Year 3: Winter exam"' in page
    form = {"code": str(lab.codes[1].id), "time_factor": "1.5", "captions": "yes"}
    assert tech.post(f"/stations/{a1.id}/sign-in", data=form).status_code == 303
    (command,) = a1.report().commands
    assert command == StationCommand(
        id=command.id,
        verb=Verb.SIGN_IN,
        code=lab.codes[1].id,
        accommodations=Accommodations(time_factor=1.5, captions=True),
    )
    (entry,) = entries(lab.hub, "sign in at station")
    assert entry == "tech: A1, candidate 2, 1.5 times the time, captions"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"code": ""}, "Choose a candidate, or what is changed for the learner."),
        ({"code": "00000000-0000-0000-0000-000000000000"}, "Choose a candidate from the list."),
        ({"code": "the card"}, "Choose a candidate from the list."),
        ({"code": "used"}, "The code of candidate 1 cannot be used any more."),
        ({"code": "open", "time_factor": "9"}, "Choose one of the offered values for more time."),
    ],
)
def test_a_sign_in_that_cannot_be_is_refused_in_a_sentence(
    lab: StationLab, tech: TestClient, a1: ScriptedStation, given: dict[str, str], said: str
) -> None:
    with lab.hub.database.begin() as session:
        codes.redeem(session, lab.hub, CodeKind.EXAM, lab.codes[0].text)
    a1.report()
    known = {"the card": lab.card.id, "used": lab.codes[0].id, "open": lab.codes[1].id}
    form = {**given, "code": str(known.get(given["code"], given["code"]))}
    answer = tech.post(f"/stations/{a1.id}/sign-in", data=form)
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)
    assert a1.report().commands == ()


def test_accommodations_are_set_for_whoever_is_at_a_station(
    lab: StationLab, tech: TestClient, a1: ScriptedStation
) -> None:
    a1.visit(Phase.DOOR)
    form = {"code": "", "patience_factor": "2", "typed": "yes"}
    assert tech.post(f"/stations/{a1.id}/sign-in", data=form).status_code == 303
    (command,) = a1.report().commands
    assert (command.verb, command.code) == (Verb.SIGN_IN, None)
    assert command.accommodations == Accommodations(patience_factor=2.0, typed=True)
    (entry,) = entries(lab.hub, "set accommodations at station")
    assert entry.startswith("tech: A1, the patient waits 2 times as long")


@pytest.mark.parametrize("phase", list(Phase))
def test_the_buttons_are_those_that_the_station_would_obey(
    tech: TestClient, a1: ScriptedStation, phase: Phase
) -> None:
    a1.visit(phase)
    a1.report(left_s=None if phase is Phase.WELCOME else 60.0)
    can = set(tiles(tech)["A1"]["verbs"])
    assert ("advance" in can) == (phase not in {"welcome", "consent", "code", "terms", "reset"})
    assert ("end" in can) == (phase in {"encounter", "test"})
    assert ("hold" in can) == (phase != "welcome")
    assert "reset" in can


def test_an_unpaired_station_is_gone(
    lab: StationLab, tech: TestClient, a1: ScriptedStation
) -> None:
    a1.report()
    tech.post(f"/devices/{a1.id}/unpair")
    assert tiles(tech) == {}
    assert tech.get(f"/stations/{a1.id}").status_code == 404
    assert a1.post("report", a1.now()).status_code == 401


# -- settings


def settings_form(**changes: Any) -> dict[str, Any]:
    return {
        **{"consent": "We record your voice.", "honour": "", "practice_without_code": "yes"},
        **{"on_crash": "end", "consent_s": "60", "code_s": "60", "microphone_s": "60"},
        **{"debrief_s": "600", "thanks_s": "7.5", "practice_cases": ["breast-biopsy"]},
        **changes,
    }


def test_settings_are_kept_and_reach_the_stations(
    lab: StationLab, tech: TestClient, a1: ScriptedStation
) -> None:
    answer = tech.post("/stations/settings", data=settings_form())
    assert answer.status_code == 303
    found = a1.roster().settings
    assert (found.consent, found.on_crash) == ("We record your voice.", OnCrash.END)
    assert (found.thanks_s, found.practice_cases) == (7.5, ("breast-biopsy",))
    assert found.practice_without_code
    assert not found.speak_announcements
    assert "We record your voice." in tech.get("/stations/settings").text
    assert entries(lab.hub, "change settings of stations") == ["tech: "]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"consent_s": "5"}, "“Consent and honour code” needs 10 seconds or more."),
        ({"debrief_s": "9999"}, "“Debrief of a practice” can have 7200 seconds at most."),
        ({"code_s": "soon"}, "“Typing the code” needs a number of seconds."),
        ({"thanks_s": "nan"}, "“Thanks after an exam” "),
        ({"consent": "x" * 4001}, "A text for the consent page can have 4000 characters."),
        ({"on_crash": "x"}, "Choose what becomes of an encounter that was cut off."),
    ],
)
def test_a_setting_that_cannot_be_is_said_and_the_form_keeps_the_rest(
    tech: TestClient, lab: StationLab, changes: dict[str, str], said: str
) -> None:
    answer = tech.post("/stations/settings", data=settings_form(honour="On my honour.", **changes))
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)
    assert "On my honour." in answer.text
    with lab.hub.database.read() as session:
        assert lab_settings.station_settings(session).honour == ""


def test_a_pin_is_set_when_it_was_typed_twice(
    lab: StationLab, tech: TestClient, a1: ScriptedStation
) -> None:
    refused = tech.post("/stations/pin", data={"pin": "407193", "again": "407139"})
    assert "Both PINs must be the same." in refused.text
    refused = tech.post("/stations/pin", data={"pin": "1234", "again": "1234"})
    assert "6 to 12 digits" in refused.text
    assert tech.post("/stations/pin", data={"pin": "407193", "again": "407193"}).status_code == 303
    assert lab.hub.passwords.verify(a1.roster().pin_hash, "407193")
    assert "407193" not in tech.get("/stations/settings").text


# -- cards


def cards_of(lab: StationLab) -> list[tuple[UUID | None, bool]]:
    with lab.hub.database.read() as session:
        found = session.query(OneTimeCode).filter_by(kind="learner").order_by("created_at")
        return [(each.person_id, each.revoked_at is None) for each in found]


def test_a_technician_prints_a_card_and_the_earlier_one_ends(
    lab: StationLab, tech: TestClient, a1: ScriptedStation
) -> None:
    sheet = tech.post("/stations/cards", data={"whose": "named", "logins": "LENA\n"})
    assert sheet.status_code == 200
    assert "Lena Fuchs" in sheet.text
    assert "Type this code at a station." in sheet.text
    (text,) = PRINTED_CODE.findall(sheet.text)
    assert cards_of(lab) == [(lab.lena, False), (lab.lena, True)]
    assert "withdrawn" in str(a1.claim(lab.card.text))
    assert not isinstance(a1.claim(text), str)
    assert entries(lab.hub, "make card") == ["tech: "]


def test_cards_for_all_are_for_those_who_have_none(
    lab: StationLab, tech: TestClient, client_as: ClientAs
) -> None:
    said = tech.post("/stations/cards", data={"whose": "all"})
    assert said.status_code == 422
    assert "Every learner has a card." in said.text
    for login in ("ayo", "bea"):
        client_as(Role.LEARNER, login=login)
    sheet = tech.post("/stations/cards", data={"whose": "all"}).text
    assert len(PRINTED_CODE.findall(sheet)) == 2
    assert "Lena" not in sheet


@pytest.mark.parametrize("logins", ["", "nobody", "edo", "\n".join(map(str, range(501)))])
def test_cards_for_people_who_are_no_learners_are_refused(
    lab: StationLab, tech: TestClient, logins: str
) -> None:
    answer = tech.post("/stations/cards", data={"whose": "named", "logins": logins})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert cards_of(lab) == [(lab.lena, True)]


def test_a_learner_renews_the_own_card(
    lab: StationLab, client_as: ClientAs, a1: ScriptedStation
) -> None:
    lena = client_as(login="lena")
    assert "If the card is lost" in lena.get("/account").text
    (text,) = PRINTED_CODE.findall(lena.post("/account/card").text)
    assert cards_of(lab) == [(lab.lena, False), (lab.lena, True)]
    assert not isinstance(a1.claim(text), str)


def test_a_card_is_no_way_into_the_hub(lab: StationLab, client: TestClient) -> None:
    token = re.search(r'name="token" value="(\w+)"', client.get("/sign-in").text)
    assert token is not None
    answer = client.post("/sign-in/code", data={"token": token[1], "code": lab.card.text})
    assert "It works at a station" in html.unescape(answer.text)
    assert answer.status_code != 303
