"""Sign-in at a provider of OpenID Connect: a real provider, in a process of its own."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from simvoice.hub import people
from simvoice.hub.doors.access import NoAccess
from simvoice.hub.doors.openid import Flow, Identity, flow_cookie, read_flow
from simvoice.hub.doors.openid_sign_in import person_of
from simvoice.hub.hub import Hub
from simvoice.hub.keys import Keys
from simvoice.hub.roles import Role
from simvoice.hub.settings import OpenIdSettings
from simvoice.hub.storage.tables import Account
from tests.hub.conftest import ADDRESS, browser

HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parent / "oidc" / "provider.mjs"
INSTALLED = HERE.parents[1] / "npm" / "node_modules" / "oidc-provider"
ANSWER = f"{ADDRESS}/sign-in/provider/answer"


def openid(issuer: str, **fields: object) -> OpenIdSettings:
    given = {
        "issuer": issuer,
        "client_id": "hub",
        "client_secret": "a secret of the tests",
        "roles": {"teachers": ["educator"], "staff": ["technician"]},
        "everyone": ["learner"],
        **fields,
    }
    return OpenIdSettings.model_validate(given)


@pytest.fixture(scope="module", params=["groups in the token", "groups elsewhere"])
def issuer(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a running provider."""
    node = shutil.which("node")
    if node is None or not INSTALLED.is_dir():
        pytest.fail("The provider is not installed; run: npm ci --prefix tests/npm")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [node, str(SCRIPT), str(port), ANSWER, request.param]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stdout is not None
        try:
            assert running.stdout.readline() == "ready\n", "the provider does not start"
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()


@pytest.fixture
def with_provider(hub: Hub, issuer: str) -> Hub:
    hub.settings = hub.settings.model_copy(update={"openid": openid(issuer)})
    return hub


def at_the_provider(address: str, login: str) -> str:
    """Sign in at the provider and agree; return the address to which it sends the browser."""
    with httpx.Client(timeout=60) as person:
        answer = person.get(address)
        for _ in range(12):
            there = answer.headers.get("location")
            if there is not None and there.startswith(ADDRESS):
                return str(there)
            if there is not None:
                answer = person.get(answer.url.join(there))
                continue
            form = re.search(r'action="([^"]+)" method="post"', answer.text)
            assert form is not None, answer.text
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert prompt is not None
            fields = {"prompt": prompt[1], "login": login, "password": "any"}
            answer = person.post(answer.url.join(unescape(form[1])), data=fields)
    pytest.fail("the provider did not send the browser back")


def begin(client: TestClient, go_to: str = "/account") -> str:
    answer = client.get("/sign-in/provider", params={"next": go_to})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def come_back(client: TestClient, address: str) -> httpx.Response:
    parts = urlsplit(address)
    answer: httpx.Response = client.get(f"{parts.path}?{parts.query}")
    return answer


def sign_in(client: TestClient, login: str, groups: str = "") -> httpx.Response:
    """Sign a person in whom the provider knows as a member of these groups."""
    there = begin(client)
    parts = urlsplit(there)
    httpx.put(f"{parts.scheme}://{parts.netloc}/groups/{login}?{groups}").raise_for_status()
    return come_back(client, at_the_provider(there, login))


def person(hub: Hub, login: str) -> Account:
    with hub.database.read() as session:
        found = people.find(session, login)
        assert found is not None
        return found


@pytest.mark.slow
def test_a_person_of_the_institution_signs_in(with_provider: Hub, client: TestClient) -> None:
    assert "Sign in with your institution" in client.get("/sign-in").text
    answer = sign_in(client, "kim", "teachers,staff,others")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert "kim of the provider" in client.get("/account").text
    kim = person(with_provider, "kim")
    assert people.roles_of(kim) == {Role.LEARNER, Role.EDUCATOR, Role.TECHNICIAN}
    assert kim.subject == "kim"
    assert kim.password_hash is None


@pytest.mark.slow
def test_roles_follow_the_groups_at_each_sign_in(with_provider: Hub, client: TestClient) -> None:
    sign_in(client, "kim", "teachers")
    first = person(with_provider, "kim")
    assert people.roles_of(first) == {Role.LEARNER, Role.EDUCATOR}
    sign_in(client, "kim")
    again = person(with_provider, "kim")
    assert (again.id, people.roles_of(again)) == (first.id, {Role.LEARNER})


@pytest.mark.slow
def test_a_local_account_of_the_same_name_is_not_given_away(
    with_provider: Hub, client: TestClient
) -> None:
    with with_provider.database.begin() as session:
        local = people.add(session, with_provider, login="kim", name="Kim", roles=[Role.TECHNICIAN])
    sign_in(client, "kim")
    assert person(with_provider, "kim@127.0.0.1").id != local.id
    assert people.roles_of(person(with_provider, "kim@127.0.0.1")) == {Role.LEARNER}


@pytest.mark.slow
def test_a_person_without_a_role_is_told_so(hub: Hub, client: TestClient, issuer: str) -> None:
    hub.settings = hub.settings.model_copy(update={"openid": openid(issuer, everyone=[])})
    answer = sign_in(client, "kim", "others")
    assert answer.status_code == 403
    assert "Your account of 127.0.0.1 has no role on this server." in answer.text
    with hub.database.read() as session:
        assert people.find(session, "kim") is None


@pytest.mark.slow
def test_the_answer_counts_once_and_in_its_own_browser(
    with_provider: Hub, client: TestClient
) -> None:
    answer = at_the_provider(begin(client), "kim")
    with browser(with_provider) as other:
        assert "begun in another browser" in come_back(other, answer).text
        begin(other)
        assert "begun in another browser" in come_back(other, answer).text
    kept = client.cookies["__Host-simvoice-provider"]
    assert come_back(client, answer).status_code == 303
    client.cookies.set("__Host-simvoice-provider", kept, domain="hub.test")
    assert "could not be checked" in come_back(client, answer).text


@pytest.mark.slow
def test_a_changed_answer_is_refused(with_provider: Hub, client: TestClient) -> None:
    there = at_the_provider(begin(client), "kim")
    query = dict(parse_qsl(urlsplit(there).query))
    assert {"code", "state", "iss"} <= query.keys()
    for name, sentence in (
        ("state", "begun in another browser"),
        ("iss", "came from another provider"),
        ("code", "could not be checked"),
    ):
        answer = client.get("/sign-in/provider/answer", params={**query, name: "changed"})
        assert sentence in answer.text, name
    gone = {"state": query["state"], "error": "access_denied", "error_description": "<b>No</b>"}
    answer = client.get("/sign-in/provider/answer", params=gone)
    assert "did not sign you in (&lt;b&gt;No&lt;/b&gt;)" in answer.text


@pytest.mark.slow
def test_the_secret_of_another_client_is_refused(hub: Hub, client: TestClient, issuer: str) -> None:
    wrong = openid(issuer, client_secret="wrong")
    hub.settings = hub.settings.model_copy(update={"openid": wrong})
    assert "could not be checked" in sign_in(client, "kim").text


def test_a_provider_that_is_away_is_one_sentence(hub: Hub, client: TestClient) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = openid(f"http://127.0.0.1:{closed.getsockname()[1]}")
    hub.settings = hub.settings.model_copy(update={"openid": away})
    answer = client.get("/sign-in/provider")
    assert answer.status_code == 503
    assert "The sign-in of your institution cannot be reached now." in answer.text


def test_without_a_provider_there_is_no_such_sign_in(client: TestClient) -> None:
    assert "no sign-in at another place" in client.get("/sign-in/provider").text
    assert "begun in another browser" in client.get("/sign-in/provider/answer?code=a").text


# -- the flow's cookie

KEYS = Keys(b"k" * 32)


@given(st.text(max_size=100))
def test_a_flow_is_read_as_it_was_written(go_to: str) -> None:
    go_to = go_to.encode("utf-8", "replace").decode()
    flow = Flow("secret", 1000, go_to)
    assert read_flow(KEYS, flow_cookie(KEYS, flow), 1000.5) == flow


@given(st.text(max_size=200))
def test_a_flow_that_the_hub_did_not_write_is_refused(cookie: str) -> None:
    with pytest.raises(NoAccess, match="Begin again"):
        read_flow(KEYS, cookie, 1000.0)


@pytest.mark.parametrize("now", [999.0, 1601.0])
def test_a_flow_ends_after_ten_minutes(now: float) -> None:
    with pytest.raises(NoAccess, match="too long ago"):
        read_flow(KEYS, flow_cookie(KEYS, Flow("secret", 1000, "/")), now)


# -- accounts


def test_a_disabled_person_cannot_come_in_through_the_provider(hub: Hub) -> None:
    settings = openid("https://login.example.edu")
    identity = Identity("https://login.example.edu", "1", "kim", "Kim", frozenset())
    with hub.database.begin() as session:
        kim = person_of(session, hub, settings, identity)
        people.disable(session, kim, hub.now())
    with pytest.raises(NoAccess, match="disabled"), hub.database.begin() as session:
        person_of(session, hub, settings, identity)


def test_the_same_subject_of_another_issuer_is_another_person(hub: Hub) -> None:
    settings = openid("https://login.example.edu")
    with hub.database.begin() as session:
        made = {
            person_of(session, hub, settings, Identity(issuer, "1", "kim", "Kim", frozenset())).id
            for issuer in ("https://login.example.edu", "https://login.example.com")
        }
    assert len(made) == 2


@pytest.mark.parametrize("login", ["", " ", "a", "k i m", "x" * 500, "\u202ekim", "é" * 130])
def test_everyone_gets_a_login(hub: Hub, login: str) -> None:
    settings = openid("https://login.example.edu")
    with hub.database.begin() as session:
        identity = Identity("https://login.example.edu", "1", login, "", frozenset())
        assert person_of(session, hub, settings, identity).login


def test_the_last_technician_stays_one(hub: Hub) -> None:
    settings = openid("https://login.example.edu")
    staff = Identity("https://login.example.edu", "1", "kim", "Kim", frozenset({"staff"}))
    left = Identity("https://login.example.edu", "1", "kim", "Kim", frozenset())
    with hub.database.begin() as session:
        person_of(session, hub, settings, staff)
        kim = person_of(session, hub, settings, left)
        assert people.roles_of(kim) == {Role.LEARNER, Role.TECHNICIAN}
