"""Sign-ins end when they should, and nothing brings them back."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from simvoice.hub import people, upkeep
from simvoice.hub.app import create_app
from simvoice.hub.doors import sessions
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import SignIn
from tests.hub.conftest import PASSWORD, ClientAs, MachineClock, browser


def is_in(client: TestClient) -> bool:
    return client.get("/account").status_code == 200


def test_the_value_of_a_cookie_is_not_in_the_database(hub: Hub) -> None:
    with hub.database.begin() as session:
        robin = people.add(session, hub, login="robin", name="Robin", roles=[])
        token = sessions.begin_sign_in(session, hub, person_id=robin.id)
        stored = session.scalars(select(SignIn.token_hash)).one()
    assert stored == sessions.token_hash(token)
    assert token not in stored
    assert len(token) >= 43  # 256 bits


def test_without_use_a_sign_in_ends(client_as: ClientAs, clock: MachineClock) -> None:
    robin = client_as(Role.LEARNER)
    for _ in range(3):
        clock.go_on(minutes=119)
        assert is_in(robin)
    clock.go_on(minutes=120)
    assert not is_in(robin)


def test_after_twelve_hours_everyone_signs_in_again(
    client_as: ClientAs, clock: MachineClock
) -> None:
    robin = client_as(Role.LEARNER)
    for _ in range(11):
        clock.go_on(minutes=60)
        assert is_in(robin)
    clock.go_on(minutes=61)
    assert not is_in(robin)


def test_a_clock_that_is_set_back_brings_no_sign_in_back(
    client_as: ClientAs, clock: MachineClock, hub: Hub
) -> None:
    robin = client_as(Role.LEARNER)
    clock.go_on(hours=13)
    hub.now()
    clock.set_back(hours=12, minutes=30)
    assert not is_in(robin)


@pytest.mark.parametrize("value", ["", "x", "ü", "a" * 5000, "'; drop table sign_in; --"])
def test_a_cookie_that_is_none_of_ours_is_a_stranger(hub: Hub, value: str) -> None:
    with browser(hub) as client:
        cookie = f"__Host-simvoice-session={value}".encode()
        assert client.get("/account", headers=[(b"cookie", cookie)]).status_code == 303


def test_a_stranger_is_sent_to_the_sign_in_and_back(client: TestClient) -> None:
    answer = client.get("/account?a=1")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign-in?next=/account%3Fa%3D1",
    )
    answer = client.get("/account", headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["message"]) == (401, "Sign in to open this page.")


@pytest.mark.parametrize(
    "leads", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1", "/a\n"]
)
def test_after_the_sign_in_no_other_site_follows(client: TestClient, leads: str) -> None:
    page = client.get("/sign-in", params={"next": leads}).text
    assert 'name="next" value="/"' in page


def test_signing_out_everywhere_ends_all_browsers(client_as: ClientAs) -> None:
    here, there, other = (client_as(Role.LEARNER, login=name) for name in ("kim", "kim", "lee"))
    assert here.post("/account/sign-out-everywhere").status_code == 303
    assert [is_in(one) for one in (here, there, other)] == [False, False, True]


def test_a_person_ends_one_of_their_browsers_and_no_one_elses(
    client_as: ClientAs, hub: Hub
) -> None:
    here, there, other = (client_as(Role.LEARNER, login=name) for name in ("kim", "kim", "lee"))
    with hub.database.read() as session:
        kim, lee = people.find(session, "kim"), people.find(session, "lee")
        assert kim
        assert lee
        of_kim = sessions.sign_ins_of(session, hub, kim.id)[0].id
        of_lee = sessions.sign_ins_of(session, hub, lee.id)[0].id
    here.post(f"/account/sign-ins/{of_lee}/end")
    here.post(f"/account/sign-ins/{of_kim}/end")
    assert is_in(other)
    assert [is_in(here), is_in(there)].count(True) == 1


def test_a_disabled_person_is_out_at_once(client_as: ClientAs, hub: Hub) -> None:
    robin = client_as(Role.LEARNER, login="robin")
    with hub.database.begin() as session:
        person = people.find(session, "robin")
        assert person
        people.disable(session, person, hub.now())
    assert not is_in(robin)


def test_a_new_password_ends_the_other_browsers(client_as: ClientAs, hub: Hub) -> None:
    here, there = client_as(Role.LEARNER, login="kim"), client_as(Role.LEARNER, login="kim")
    with hub.database.begin() as session:
        kim = people.find(session, "kim")
        assert kim
        kim.password_hash = hub.passwords.hash(PASSWORD)
    wrong = here.post("/account/password", data={"old": "x", "new": "another good password"})
    assert (wrong.status_code, "The present password is wrong." in wrong.text) == (403, True)
    assert is_in(there)
    done = here.post("/account/password", data={"old": PASSWORD, "new": "another good password"})
    assert "Your password is changed" in done.text
    assert [is_in(here), is_in(there)] == [True, False]


def test_a_restored_database_brings_no_sign_in_back(
    client_as: ClientAs, hub: Hub, clock: MachineClock
) -> None:
    robin = client_as(Role.LEARNER)
    upkeep.remember(hub)
    kept = (hub.settings.data / "latest-moment").read_text()
    clock.go_on(minutes=6)
    upkeep.remember(hub)  # since then a person signed out, say; the database of before comes back
    with hub.database.begin() as session:
        session.merge(upkeep.Setting(name="latest_moment", value=kept))
    assert "restored from a backup" in " ".join(upkeep.begin(hub))
    assert not is_in(robin)


def test_after_a_restart_the_time_goes_on_from_the_last_one(hub: Hub, clock: MachineClock) -> None:
    latest = hub.now()
    clock.go_on(days=30)
    upkeep.remember(hub)
    said = " ".join(upkeep.begin(hub))  # with the clock of this machine, 30 days behind
    assert "The clock of this machine is 43" in said  # 43,200 minutes, less the test's seconds
    assert "simvoice hub forget-sign-ins" in said
    assert (hub.now() - latest).days >= 29
    upkeep.accept_clock(hub)
    assert upkeep.begin(hub) == []
    assert (hub.now() - latest).days == 0


def test_expired_sign_ins_leave_the_database(
    client_as: ClientAs, hub: Hub, clock: MachineClock
) -> None:
    client_as(Role.LEARNER)
    clock.go_on(hours=12)
    upkeep.remember(hub)
    with hub.database.read() as session:
        assert list(session.scalars(select(SignIn))) == []


def test_on_loopback_without_tls_the_cookie_is_plain(hub: Hub) -> None:
    """Browsers refuse `__Host-` without TLS; the port keeps programs of one machine apart."""
    plain: dict[str, Any] = {"proxies": (), "public_url": "", "port": 8766}
    hub.settings = hub.settings.model_copy(update=plain)
    with TestClient(create_app(hub), base_url="http://127.0.0.1:8766") as client:
        cookie = client.get("/sign-in").headers["set-cookie"]
    assert cookie.startswith("simvoice-hub-8766-visit=")
    assert "Secure" not in cookie
    assert "strict-transport-security" not in client.headers
