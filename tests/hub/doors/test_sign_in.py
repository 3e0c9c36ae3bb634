"""Sign in with a password, and sign out."""

from __future__ import annotations

from fastapi.testclient import TestClient

from simvoice.hub import codes, people
from simvoice.hub.codes import CodeKind
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from tests.hub.conftest import PASSWORD, ClientAs, browser, token_of


def add_robin(hub: Hub) -> None:
    with hub.database.begin() as session:
        people.add(
            session, hub, login="Robin", name="Robin Hale", roles=[Role.LEARNER], password=PASSWORD
        )


def test_a_person_signs_in_and_out(hub: Hub, client: TestClient) -> None:
    add_robin(hub)
    form = {"token": token_of(client.get("/sign-in")), "login": "ROBIN", "password": PASSWORD}
    answer = client.post("/sign-in", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-simvoice-session=")
    for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
        assert part in cookie
    page = client.get("/account")
    assert "Robin Hale" in page.text
    client.post("/sign-out", data={"token": token_of(page)})
    assert client.get("/account").headers["location"] == "/sign-in?next=/account"


def test_client_as_is_signed_in(client_as: ClientAs) -> None:
    assert "Educator-0" in client_as(Role.EDUCATOR).get("/account").text


def test_the_address_of_the_first_account_is_of_no_use_when_there_is_one(
    hub: Hub, client: TestClient, client_as: ClientAs
) -> None:
    with hub.database.begin() as session:
        first, second = (codes.make(session, hub, CodeKind.SETUP).text for _ in range(2))
    learner = client_as(Role.LEARNER, login="lena")
    form = {"login": "sam", "name": "Sam Fox", "password": PASSWORD}
    said = learner.get(f"/setup?code={first}").text
    assert "You are signed in as Lena. To make this account signs you out here." in said
    token = token_of(client.get(f"/setup?code={first}"))
    assert client.post("/setup", data={**form, "token": token, "code": first}).is_redirect
    assert client.get(f"/setup?code={second}").headers["location"] == "/"
    with browser(hub) as stranger:
        page = stranger.get(f"/setup?code={second}")
    for answer in (page, learner.post("/setup", data={**form, "login": "kim", "code": second})):
        assert answer.status_code == 403
        assert "It has its first account. Sign in, or ask" in answer.text
