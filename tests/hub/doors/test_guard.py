"""Which proxy, which host and which page a request comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from simvoice.hub.app import create_app
from simvoice.hub.doors.guard import origin_of, parse_address, visitor_address
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.settings import load_settings
from tests.hub.conftest import ADDRESS, PROXY, ClientAs, browser


def networks(*given: str) -> list[Any]:
    import ipaddress

    return [ipaddress.ip_network(one) for one in given]


def test_every_page_has_the_headers_of_a_page_over_https(client: TestClient) -> None:
    headers = client.get("/sign-in").headers
    assert "connect-src 'self' wss://hub.test;" in headers["content-security-policy"]
    assert headers["strict-transport-security"].startswith("max-age=")
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "hub.test.evil.example",
        "127.0.0.1",
        "localhost",
        "",
        "hub.test:x",
        "hub test",
    ],
)
def test_another_host_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/sign-in", headers={"host": host})
    assert answer.status_code == 403
    assert "does not answer under this name" in answer.text


@pytest.mark.parametrize("host", ["hub.test", "HUB.TEST", "hub.test:443", "hub.test."])
def test_the_own_name_is_answered(client: TestClient, host: str) -> None:
    assert client.get("/sign-in", headers={"host": host}).status_code == 200


def test_what_is_no_proxy_is_refused(hub: Hub) -> None:
    with TestClient(create_app(hub), base_url=ADDRESS, client=("192.0.2.4", 1)) as stranger:
        answer = stranger.get("/sign-in", headers=PROXY)
    assert (answer.status_code, answer.text) == (403, "This hub answers only through its proxy.")


@pytest.mark.parametrize("proto", ["http", "", "https, http"])
def test_plain_http_through_the_proxy_is_refused(client: TestClient, proto: str) -> None:
    answer = client.get("/sign-in", headers={"x-forwarded-proto": proto})
    assert answer.status_code == 403
    assert "Open this hub with https://" in answer.text


def test_without_a_proxy_forwarded_headers_are_not_believed(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"host": "127.0.0.1"}, environment={})
    claimed = {"host": "127.0.0.1", "x-forwarded-host": "evil.example", **PROXY}
    origin = origin_of(settings, "127.0.0.9", Headers(claimed))
    assert (origin.address, origin.scheme, origin.host) == ("127.0.0.9", "http", "127.0.0.1")


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ([], "10.0.0.1"),
        (["203.0.113.7"], "203.0.113.7"),
        (["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
        (["1.1.1.1", "203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, nonsense"], "10.0.0.1"),
        (["10.0.0.3"], "10.0.0.3"),
    ],
)
def test_the_visitor_is_the_last_address_that_is_no_proxy(
    forwarded: list[str], address: str
) -> None:
    assert visitor_address("10.0.0.1", forwarded, networks("10.0.0.0/8")) == address


@given(st.lists(st.text(max_size=60), max_size=4))
def test_no_forwarded_header_makes_an_address_that_is_none(forwarded: list[str]) -> None:
    found = visitor_address("10.0.0.1", forwarded, networks("10.0.0.0/8"))
    assert parse_address(found) is not None


@given(st.lists(st.ip_addresses(), min_size=1, max_size=5), st.integers(0, 65_535))
def test_an_attacker_cannot_choose_the_address_that_counts(addresses: list[Any], port: int) -> None:
    """What the visitor sends stands before what the proxy adds."""
    real = "203.0.113.7"
    invented = ", ".join(str(one) for one in addresses)
    line = f"{invented}, {real}:{port}"
    assert visitor_address("10.0.0.1", [line], networks("10.0.0.0/8")) == real


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://hub.test", ""])
def test_a_change_from_another_page_is_refused(client_as: ClientAs, origin: str) -> None:
    answer = client_as(Role.LEARNER).post(
        "/account/sign-out-everywhere", headers={"origin": origin}
    )
    assert answer.status_code == 403
    assert answer.text == "This hub takes requests only from its own pages."


def test_a_browser_that_hides_the_page_is_refused(client_as: ClientAs) -> None:
    robin = client_as(Role.LEARNER)
    del robin.headers["origin"]
    answer = robin.post("/account/sign-out-everywhere")
    assert (answer.status_code, "did not say" in answer.text) == (403, True)


@pytest.mark.parametrize("token", ["", "wrong", "wröng", None])
def test_a_change_without_the_token_is_refused(client_as: ClientAs, token: str | None) -> None:
    robin = client_as(Role.LEARNER)
    del robin.headers["x-simvoice-token"]
    form = {} if token is None else {"token": token}
    answer = robin.post("/account/sign-out-everywhere", data=form)
    assert answer.status_code == 403
    assert "This page is too old" in answer.text
    assert robin.get("/account").status_code == 200


def test_the_token_of_another_person_does_not_count(hub: Hub, client_as: ClientAs) -> None:
    robin, kim = client_as(Role.LEARNER), client_as(Role.LEARNER)
    theirs = {"x-simvoice-token": kim.headers["x-simvoice-token"]}
    assert robin.post("/account/sign-out-everywhere", headers=theirs).status_code == 403


def test_a_stranger_needs_a_token_to_sign_in(hub: Hub) -> None:
    with browser(hub) as stranger:
        form = {"login": "robin", "password": "x", "token": "0" * 64}
        assert "This page is too old" in stranger.post("/sign-in", data=form).text


def test_a_token_in_the_address_does_not_count(client_as: ClientAs) -> None:
    robin = client_as(Role.LEARNER)
    token = robin.headers.pop("x-simvoice-token")
    assert robin.post(f"/account/sign-out-everywhere?token={token}").status_code == 403
