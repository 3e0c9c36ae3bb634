"""Pages of technicians and researchers: people, devices, operations, audit and the export."""

from __future__ import annotations

import csv
import html

import pytest
from fastapi.testclient import TestClient

from simvoice.hub import codes, people, server
from simvoice.hub.codes import CodeKind
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Device
from simvoice.release.contents import Contents
from tests.hub.conftest import PRINTED_CODE, ClientAs
from tests.hub.pages.town import WORDS_OF_RECORD, Town

pytestmark = pytest.mark.slow


@pytest.fixture
def tech(town: Town, client_as: ClientAs) -> TestClient:
    return client_as(login="tech")


def text_of(browser: TestClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


# -- people


def test_a_person_is_invited_with_a_code_for_their_password(tech: TestClient, town: Town) -> None:
    form = {"name": "Kim Li", "login": "Kim@example.edu", "roles": ["learner", "educator"]}
    sheet = tech.post("/people", data=form)
    assert sheet.status_code == 200
    code = PRINTED_CODE.search(sheet.text)
    assert code is not None
    with town.hub.database.begin() as session:
        found = people.find(session, "kim@example.edu")
        assert found is not None
        assert people.roles_of(found) == {Role.LEARNER, Role.EDUCATOR}
        invitation = codes.look_up(session, town.hub, CodeKind.INVITATION, code[0])
        assert invitation.person_id == found.id
    assert "invited" in text_of(tech, "/people?find=kim")


def test_a_login_that_is_taken_is_said_and_the_form_keeps_what_was_typed(
    tech: TestClient, town: Town
) -> None:
    refused = tech.post("/people", data={"name": "Other Lena", "login": "lena"})
    assert refused.status_code == 422
    assert "is taken" in refused.text
    assert 'value="Other Lena"' in refused.text


def test_people_are_found_by_a_part_of_name_or_login(tech: TestClient, town: Town) -> None:
    page = text_of(tech, "/people?find=hadd")
    assert "Edo Haddad" in page
    assert "Lena Fuchs" not in page
    assert "No name or login contains “100%”." in text_of(tech, "/people?find=100%25")


def test_a_long_list_has_pages(tech: TestClient, town: Town) -> None:
    with town.hub.database.begin() as session:
        for number in range(60):
            login = f"s{number:02}"
            people.add(session, town.hub, login=login, name=f"Student {login}", roles=())
    first = text_of(tech, "/people?find=student")
    assert "Student s49" in first
    assert "Student s50" not in first
    assert "/people?find=student&page=1" in first
    second = text_of(tech, "/people?find=student&page=1")
    assert "Student s50" in second
    assert text_of(tech, "/people?page=-3")
    assert text_of(tech, "/people?page=9999999999999")


def test_roles_are_changed_and_the_last_technician_stays(tech: TestClient, town: Town) -> None:
    path = f"/people/{town.people['lena']}/roles"
    done = tech.post(path, data={"roles": ["learner", "researcher"]})
    assert "The roles are saved." in text_of(tech, done.headers["location"])
    assert tech.post(path, data={"roles": ["owner"]}).status_code == 422
    with town.hub.database.begin() as session:
        people.set_roles(session, people.get(session, town.people["all"]), [Role.LEARNER])
    refused = tech.post(f"/people/{town.people['tech']}/roles", data={"roles": ["learner"]})
    assert refused.status_code == 422
    assert "last technician" in refused.text


def test_a_disabled_person_is_out_at_once_and_can_come_back(
    tech: TestClient, town: Town, client_as: ClientAs
) -> None:
    lena = client_as(login="lena")
    assert lena.get("/attempts").status_code == 200
    path = f"/people/{town.people['lena']}"
    done = tech.post(f"{path}/disable")
    assert "cannot sign in" in text_of(tech, done.headers["location"])
    assert lena.get("/attempts").status_code == 303
    assert tech.post(f"{path}/enable").status_code == 303
    assert client_as(login="lena").get("/attempts").status_code == 200


def test_a_new_invitation_ends_the_one_before(tech: TestClient, town: Town) -> None:
    path = f"/people/{town.people['lena']}/invite"
    first, second = (PRINTED_CODE.search(tech.post(path).text) for _ in range(2))
    assert first is not None
    assert second is not None
    with town.hub.database.begin() as session:
        with pytest.raises(Exception, match="withdrawn"):
            codes.look_up(session, town.hub, CodeKind.INVITATION, first[0])
        codes.look_up(session, town.hub, CodeKind.INVITATION, second[0])


# -- devices


def test_a_person_pairs_and_unpairs_their_own_laptop(
    town: Town, client_as: ClientAs, tech: TestClient
) -> None:
    lena, ayo = client_as(login="lena"), client_as(login="ayo")
    page = text_of(lena, "/devices")
    assert "Lena's laptop" in page
    assert "All devices of this server" not in page
    assert "Lena's laptop" not in text_of(ayo, "/devices")
    assert PRINTED_CODE.search(lena.post("/devices/code").text)
    assert ayo.post(f"/devices/{town.device}/unpair").status_code == 404
    assert lena.post(f"/devices/{town.device}/unpair").status_code == 303
    assert "No laptop is paired" in text_of(lena, "/devices")


def test_a_technician_sees_and_unpairs_every_device(tech: TestClient, town: Town) -> None:
    page = text_of(tech, "/devices")
    assert "Lena's laptop" in page
    assert "Lena Fuchs" in page
    assert PRINTED_CODE.search(tech.post("/devices/station-code").text)
    assert tech.post(f"/devices/{town.device}/unpair").status_code == 303
    with town.hub.database.read() as session:
        found = session.get(Device, town.device)
        assert found is not None
        assert found.unpaired_at is not None


def test_only_a_technician_pairs_a_station(town: Town, client_as: ClientAs) -> None:
    for login in ("lena", "edo", "rosa"):
        assert client_as(login=login).post("/devices/station-code").status_code == 403


# -- operations and audit


def test_operations_show_how_much_and_no_name_of_a_learner(tech: TestClient, town: Town) -> None:
    page = text_of(tech, "/operations")
    assert "attempts kept" in page
    assert "Free space for the data folder" in page
    for name in ("Lena Fuchs", "Ruth Calder", "biopsy"):
        assert name not in page


def test_the_audit_trail_is_searched(tech: TestClient, town: Town, client_as: ClientAs) -> None:
    edo = client_as(login="edo")
    edo.post("/courses", data={"title": "Year 5"})
    assert "make course" in text_of(tech, "/audit")
    assert "make course" in text_of(tech, "/audit?find=EDO")
    assert "No entry contains “nothing of it”." in text_of(tech, "/audit?find=nothing of it")


# -- the export


def export(browser: TestClient) -> list[dict[str, str]]:
    answer = browser.get("/research/numbers.csv")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(answer.text.splitlines()))


@pytest.mark.parametrize("contents", Contents)
def test_the_numbers_of_released_attempts_are_exported_without_name_and_word(
    town: Town, client_as: ClientAs, contents: Contents
) -> None:
    rosa = client_as(login="rosa")
    assert export(rosa) == []
    town.release(contents)
    rows = export(rosa)
    assert {"talk_share", "response_latency"} <= {row["metric"] for row in rows}
    assert {row["month"] for row in rows} == {"2026-11"}
    written = rosa.get("/research/numbers.csv").text
    for private in (*WORDS_OF_RECORD, "Lena", "lena", str(town.attempt), "Ruth", "2026-11-22"):
        assert private not in written
    again = export(rosa)
    assert rows[0]["learner"] != again[0]["learner"]  # files cannot be joined
    assert "1 attempt is released now" in text_of(rosa, "/")


def test_what_is_not_released_any_more_is_not_exported(town: Town, client_as: ClientAs) -> None:
    given = town.release(Contents.SOUND)
    client_as(login="lena").post(f"/releases/{given}/revoke")
    assert export(client_as(login="rosa")) == []


# -- a hub that holds no encounter


def test_a_hub_for_stations_alone_assigns_the_cases_that_they_hold(
    town: Town, client_as: ClientAs
) -> None:
    town.hub.settings = town.hub.settings.model_copy(update={"encounters": 0})
    server._begin_encounters(town.hub)
    edo, lena = client_as(login="edo"), client_as(login="lena")
    form = f"/courses/{town.course}/assign"
    assert 'value="breast-biopsy"' in text_of(edo, form)
    made = edo.post(form, data={"case_id": "breast-biopsy", "mode": "exam"})
    assert (made.status_code, text_of(edo, made.headers["location"]) != "") == (303, True)
    assert "The result of a biopsy" not in text_of(lena, "/practice")  # no encounter is held here
    town.hub.encounters.stop()
