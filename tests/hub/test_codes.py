"""Codes that somebody types once."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from simvoice.errors import UsageError
from simvoice.hub import codes, people
from simvoice.hub.codes import CodeKind, CodeState, NewCode
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Assignment, Course, OneTimeCode
from simvoice.hub_client.code_hash import ALPHABET, LENGTH, normal, shown
from tests.hub.conftest import PASSWORD, MachineClock, browser, token_of


@pytest.fixture
def assignment(hub: Hub) -> Assignment:
    with hub.database.begin() as session:
        course = Course(title="Skills")
        session.add(course)
        session.flush()
        made = Assignment(course_id=course.id, title="OSCE", case_id="breast-biopsy", mode="exam")
        session.add(made)
    return made


@pytest.fixture
def code(hub: Hub, assignment: Assignment) -> NewCode:
    with hub.database.begin() as session:
        return codes.make_for_exam(session, hub, assignment, ["Candidate 7"], created_by=None)[0]


def use(client: TestClient, text: str) -> tuple[int, str]:
    answer = client.post(
        "/sign-in/code", data={"token": token_of(client.get("/sign-in")), "code": text}
    )
    return answer.status_code, answer.text


def test_a_code_has_no_characters_that_look_alike() -> None:
    for pair in ("0O", "1I", "1L", "IL", "2Z", "5S", "8B", "6G", "UV", "VW"[:0]):
        assert len(set(pair) & set(ALPHABET)) <= 1
    assert not set("AEIOU") & set(ALPHABET)
    assert len(ALPHABET) ** LENGTH > 2**51


def test_only_a_keyed_hash_is_stored(hub: Hub, code: NewCode) -> None:
    with hub.database.read() as session:
        stored = session.scalars(select(OneTimeCode)).one()
    assert re.fullmatch(r"[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}", code.text)
    assert stored.code_hash == hub.keys.sign("code", code.text.replace("-", ""))


@given(st.text(max_size=200))
def test_what_is_typed_is_a_possible_code_or_nothing(typed: str) -> None:
    found = normal(typed)
    assert found == "" or (len(found) == LENGTH and set(found) <= set(ALPHABET))


@given(st.text(ALPHABET, min_size=LENGTH, max_size=LENGTH), st.data())
def test_spaces_dashes_and_case_do_not_matter(typed: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, LENGTH))
    between = data.draw(st.sampled_from([" ", "-", " - ", "\t"]))
    written = (typed[:at] + between + typed[at:]).lower()
    assert normal(written) == normal(shown(typed)) == typed


def test_a_code_lets_one_candidate_in_once(client: TestClient, code: NewCode, hub: Hub) -> None:
    assert use(client, code.text.lower())[0] == 303
    answer = client.get("/account", headers={"accept": "application/json"})
    assert answer.status_code == 403
    assert "only the encounter that it is for" in answer.json()["message"]
    with browser(hub) as other:
        status, page = use(other, code.text)
    assert status == 403
    assert "This code was used before, and it lets you in once. It opens your debrief here" in page


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("unknown", "This code is not known here; check each character"),
        ("short", "This code is not known here; check each character"),
        ("expired", "This code has expired; ask your educator for a new one."),
        ("revoked", "This code was withdrawn; ask your educator for a new one."),
        ("pairing", "This code is not known here"),
    ],
)
def test_a_code_that_does_not_work_is_one_sentence(
    client: TestClient, code: NewCode, hub: Hub, clock: MachineClock, change: str, sentence: str
) -> None:
    text = code.text
    with hub.database.begin() as session:
        if change == "unknown":
            text = "CCCC-CCCC-CCCC"
        elif change == "short":
            text = text[:-1]
        elif change == "expired":
            clock.go_on(days=7)
        elif change == "revoked":
            stored = codes.get(session, code.id)
            assert stored is not None
            codes.revoke(session, hub, stored)
        else:
            text = codes.make(session, hub, CodeKind.PAIRING).text
    status, page = use(client, text)
    assert status == 403
    assert sentence in page


def test_a_clock_that_is_set_back_brings_no_code_back(
    client: TestClient, code: NewCode, hub: Hub, clock: MachineClock
) -> None:
    clock.go_on(days=8)
    hub.now()
    clock.set_back(days=5)
    assert "This code has expired" in use(client, code.text)[1]


def test_a_revoked_code_ends_the_sign_in(client: TestClient, code: NewCode, hub: Hub) -> None:
    assert use(client, code.text)[0] == 303
    as_json = {"accept": "application/json"}
    assert client.get("/account", headers=as_json).status_code == 403
    with hub.database.begin() as session:
        stored = codes.get(session, code.id)
        assert stored is not None
        codes.revoke(session, hub, stored)
    assert client.get("/account", headers=as_json).status_code == 401


def test_the_states_of_codes_are_listed(
    hub: Hub, assignment: Assignment, clock: MachineClock
) -> None:
    with hub.database.begin() as session:
        made = codes.make_for_exam(session, hub, assignment, ["a", "b", "c", ""], created_by=None)
        codes.redeem(session, hub, CodeKind.EXAM, made[0].text)
        stored = codes.get(session, made[1].id)
        assert stored is not None
        codes.revoke(session, hub, stored)
        found = codes.of_assignment(session, assignment.id)
        states = [codes.state(one, hub.now()) for one in found]
        clock.go_on(days=8)
        later = codes.state(found[2], hub.now())
    assert states == [CodeState.USED, CodeState.REVOKED, CodeState.OPEN]
    assert later is CodeState.EXPIRED


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [([], "1 to 500"), (["", " "], "1 to 500"), (["7", "8", "7 "], "'7' is in the list twice")],
)
def test_candidates_that_cannot_be_told_apart_are_refused(
    hub: Hub, assignment: Assignment, labels: list[str], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence), hub.database.begin() as session:
        codes.make_for_exam(session, hub, assignment, labels, created_by=None)


def test_a_code_that_has_expired_before_it_is_made_is_refused(hub: Hub) -> None:
    past = hub.now() - timedelta(seconds=1)
    with pytest.raises(UsageError, match="later time"), hub.database.begin() as session:
        codes.make(session, hub, CodeKind.PAIRING, expires_at=past)


# -- invitations and the first account


def invite(hub: Hub) -> tuple[UUID, str]:
    with hub.database.begin() as session:
        robin = people.add(session, hub, login="robin", name="Robin", roles=[Role.LEARNER])
        made = codes.make(session, hub, CodeKind.INVITATION, person_id=robin.id)
    return robin.id, made.text


def test_an_invited_person_chooses_a_password(client: TestClient, hub: Hub) -> None:
    _, text = invite(hub)
    answer = client.post(
        "/sign-in/code", data={"token": token_of(client.get("/sign-in")), "code": text}
    )
    there = answer.headers["location"]
    assert there.startswith("/invitation?code=")
    form = {"token": token_of(client.get(there)), "code": text, "password": "weak"}
    assert "at least 10 characters" in client.post("/invitation", data=form).text
    form["password"] = PASSWORD
    assert client.post("/invitation", data=form).status_code == 303
    assert "robin" in client.get("/account").text
    with browser(hub) as other:
        assert "used before" in other.get(there).text


def test_an_invitation_of_a_disabled_person_lets_nobody_in(client: TestClient, hub: Hub) -> None:
    robin, text = invite(hub)
    token = token_of(client.get(f"/invitation?code={text}"))
    with hub.database.begin() as session:
        people.disable(session, people.get(session, robin), hub.now())
    form = {"token": token, "code": text, "password": PASSWORD}
    assert "This account is disabled." in client.post("/invitation", data=form).text


def test_the_first_account_is_made_once(client: TestClient, hub: Hub) -> None:
    with hub.database.begin() as session:
        text = codes.make(session, hub, CodeKind.SETUP).text
    assert "not known here" in client.get("/setup?code=CCCC-CCCC-CCCC").text
    page = client.get(f"/setup?code={text}")
    form = {"token": token_of(page), "code": text, "login": "Sam", "name": "Sam Fox"}
    assert "at least 10" in client.post("/setup", data={**form, "password": "x"}).text
    assert client.post("/setup", data={**form, "password": PASSWORD}).status_code == 303
    with hub.database.read() as session:
        sam = people.find(session, "sam")
    assert sam is not None
    assert people.roles_of(sam) == {Role.TECHNICIAN, Role.EDUCATOR}
    with browser(hub) as other:
        for code in (text, "CCCC-CCCC-CCCC"):
            assert "It has its first account." in other.get(f"/setup?code={code}").text
