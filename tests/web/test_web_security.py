"""Access control of the server."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from simvoice.web.security import StartKey, is_loopback, is_own_origin, split_host
from tests.web.stand_in import HOST, LINE, StandIn

OUR_ORIGIN = {"origin": f"http://{HOST}"}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "192.168.1.4", "[::2]:80", ""],
)
def test_a_host_that_is_not_loopback_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "simvoice-token" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "127.1.2.3", "[::1]:80"])
def test_a_loopback_host_is_allowed(client: TestClient, start_key: StartKey, host: str) -> None:
    cookie = f"{start_key.cookie_name(host)}={start_key.cookie}"
    answer = client.get("/", headers={"host": host, "cookie": cookie})
    assert answer.status_code == 200


def refusal(socket: WebSocketTestSession) -> str:
    """Return the sentence with which the server refuses a WebSocket before it closes it."""
    fault = socket.receive_json()
    assert (fault["type"], fault["attempt"]) == ("fault", None)
    closed = socket.receive()
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
    assert fault["message"].startswith(closed["reason"])
    return str(fault["message"])


@pytest.fixture
def stranger(client: TestClient) -> TestClient:
    """Another account of this machine: it can reach the server but has no cookie."""
    client.cookies.clear()
    return client


def routes(client: TestClient, attempt: str) -> list[tuple[str, str]]:
    """Return every method and path of the server except static files and the WebSocket."""
    names = {"case_id": "breast-biopsy", "attempt_id": attempt, "learner": "Robin"}
    found = []
    for route in client.app.routes:  # type: ignore[attr-defined]
        for inner in getattr(getattr(route, "original_router", None), "routes", [route]):
            for method in sorted(getattr(inner, "methods", None) or ()):
                path = re.sub(r"{(\w+)[^}]*}", lambda m: names.get(m[1], "1"), inner.path)
                found.append((method, path))
    return found


@pytest.mark.slow
def test_a_stranger_on_this_machine_gets_nothing_from_any_address(
    stranger: TestClient, attempt_id: str, token: str
) -> None:
    asked = routes(stranger, attempt_id)
    assert ("GET", f"/attempts/{attempt_id}/audio") in asked
    assert ("DELETE", f"/attempts/{attempt_id}") in asked
    headers = {"x-simvoice-token": token, **OUR_ORIGIN}
    for method, path in asked:
        answer = stranger.request(method, path, headers=headers, follow_redirects=False)
        assert answer.status_code == 401, (method, path)
        assert "Robin" not in answer.text
        assert "simvoice serve" in answer.text or method == "HEAD"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_stranger_cannot_open_the_conversation(
    stranger: TestClient, simulator: StandIn, token: str
) -> None:
    with stranger.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        assert "Open the whole address that simvoice serve printed" in refusal(socket)
    assert simulator.last is None


def test_a_stranger_is_told_how_to_get_in(stranger: TestClient) -> None:
    answer = stranger.get("/", headers={"accept": "text/html"})
    assert answer.status_code == 401
    assert "needs its key" in answer.text
    assert "simvoice-token" not in answer.text
    assert stranger.get("/static/simvoice.css").status_code == 200


def test_the_key_of_this_start_becomes_a_cookie_and_leaves_the_address(
    stranger: TestClient, start_key: StartKey
) -> None:
    address = start_key.address(f"http://{HOST}/case/breast-biopsy")
    answer = stranger.get(address + "&from=here")
    assert answer.status_code == 200
    assert 'url=/case/breast-biopsy?from=here"' in answer.text
    assert start_key.key not in answer.text
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert start_key.key not in answer.headers["set-cookie"]
    assert stranger.get("/").status_code == 200


@pytest.mark.parametrize("key", ["", "wrong", "é"])
def test_a_wrong_key_gives_no_access(stranger: TestClient, key: str) -> None:
    assert stranger.get("/", params={"key": key}).status_code == 401
    assert stranger.get("/").status_code == 401


def test_the_key_leads_to_no_other_server(stranger: TestClient, start_key: StartKey) -> None:
    answer = stranger.get(f"http://{HOST}//evil.example/?key={start_key.key}")
    assert 'url=/evil.example/"' in answer.text


def test_no_page_shows_the_token_to_a_stranger(stranger: TestClient, token: str) -> None:
    for path in ("/", "/nowhere", "/static/nothing", "/static/simvoice.css", "/attempts/x"):
        for accept in ("text/html", "application/json"):
            assert token not in stranger.get(path, headers={"accept": accept}).text


def test_a_page_of_an_earlier_start_is_told_how_to_get_in(stranger: TestClient) -> None:
    answer = stranger.post("/api/case/breast-biopsy/prepare", headers={"x-simvoice-token": "old"})
    assert answer.status_code == 401
    assert "simvoice serve" in answer.text


@pytest.mark.parametrize("headers", [{}, {"origin": "http://evil.example"}])
def test_a_refusal_carries_the_protecting_headers(
    client: TestClient, headers: dict[str, str]
) -> None:
    answer = client.post("/api/case/breast-biopsy/prepare", headers=headers)
    assert answer.status_code == 403
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["127.0.0.1:80; script-src *", "[::1]evil", "127.0.0.1:x"])
def test_a_host_that_is_no_host_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "script-src" not in answer.headers.get("content-security-policy", "")


def test_two_servers_on_one_machine_keep_their_cookies_apart() -> None:
    assert StartKey.cookie_name("127.0.0.1:8765") != StartKey.cookie_name("127.0.0.1:8766")
    assert StartKey.cookie_name("[::1]:8765") == "simvoice-8765"
    assert StartKey.cookie_name("[::1]") == StartKey.cookie_name("localhost") == "simvoice-80"


def test_the_whole_name_is_taken_from_a_host() -> None:
    assert split_host("[::1]:80") == "::1"
    assert split_host("LOCALHOST:80") == "localhost"
    assert not is_loopback("localhost.")
    assert not is_loopback("0.0.0.0")


def test_an_origin_is_ours_only_with_the_same_host_and_port() -> None:
    assert is_own_origin("http://127.0.0.1:8765", "127.0.0.1:8765")
    assert not is_own_origin("http://127.0.0.1:8766", "127.0.0.1:8765")
    assert not is_own_origin("https://127.0.0.1:8765", "127.0.0.1:8765")
    assert not is_own_origin("http://127.0.0.1:8765.evil.example", "127.0.0.1:8765")
    assert not is_own_origin("null", "127.0.0.1:8765")
    assert not is_own_origin(None, "127.0.0.1:8765")


@pytest.mark.parametrize(
    "origin", [None, "http://evil.example", "http://127.0.0.1:9", "http://localhost:8765", "null"]
)
def test_a_conversation_from_another_origin_is_refused(
    client: TestClient, simulator: StandIn, token: str, origin: str | None
) -> None:
    headers = {} if origin is None else {"origin": origin}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LINE, headers=headers):
        pass
    assert simulator.last is None


def test_a_conversation_on_another_host_is_refused(client: TestClient) -> None:
    headers = {"origin": "http://evil.example"}
    line = "ws://evil.example/line"
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(line, headers=headers):
        pass


@pytest.mark.parametrize(
    "hello",
    [
        '{"type": "hello", "token": "wrong", "case": "breast-biopsy"}',
        '{"type": "hello", "case": "breast-biopsy"}',
        '{"type": "hello", "token": 7, "case": "breast-biopsy"}',
        '{"type": "hello", "token": "é", "case": "breast-biopsy"}',
        "not json",
        "[]",
    ],
)
def test_a_hello_without_the_token_is_refused(
    client: TestClient, simulator: StandIn, hello: str
) -> None:
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello)
        assert "Reload it." in refusal(socket)
    assert simulator.last is None


def test_sound_before_the_hello_is_refused(client: TestClient, simulator: StandIn) -> None:
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_bytes(bytes(664))
        assert "Reload it." in refusal(socket)
    assert simulator.last is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-simvoice-token": "wrong"},
        {"origin": "http://evil.example"},
        {"origin": f"http://{HOST}"},
    ],
)
def test_nothing_is_erased_without_the_token(
    client: TestClient, attempt_id: str, headers: dict[str, str]
) -> None:
    assert client.delete(f"/attempts/{attempt_id}", headers=headers).status_code == 403
    assert attempt_id in client.get("/").text


@pytest.mark.slow
def test_a_token_from_another_site_erases_nothing(
    client: TestClient, attempt_id: str, token: str
) -> None:
    headers = {"origin": "http://evil.example", "x-simvoice-token": token}
    assert client.delete(f"/attempts/{attempt_id}", headers=headers).status_code == 403
    assert attempt_id in client.get("/").text


@pytest.mark.slow
def test_erasing_with_the_token_erases(
    client: TestClient, simulator: StandIn, attempt_id: str, token: str
) -> None:
    headers = {"x-simvoice-token": token, **OUR_ORIGIN}
    assert client.delete(f"/attempts/{attempt_id}", headers=headers).status_code == 200
    assert client.get(f"/attempts/{attempt_id}").status_code == 404
    assert not list(simulator.root.iterdir())


@pytest.mark.parametrize(
    "path",
    [
        "/attempts/..%2F..%2Fetc%2Fpasswd",
        "/attempts/%2E%2E",
        "/attempts/%2E%2E/audio",
        "/attempts/..%5C..%5Cwindows",
        "/attempts/20261122-101530-x-aaaa%00",
        "/static/..%2F..%2F..%2Fpyproject.toml",
        "/static/%2E%2E/app.py",
        "/case/..%2F..%2Fpyproject",
    ],
)
def test_no_address_climbs_out_of_its_folder(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert "[project]" not in answer.text


@pytest.mark.parametrize("path", ["/", "/case/breast-biopsy", "/nowhere", "/api/ready"])
def test_every_page_carries_the_protecting_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "microphone=(self)" in headers["permissions-policy"]
    assert "access-control-allow-origin" not in headers


@pytest.mark.slow
def test_no_page_has_an_inline_script_or_style(client: TestClient, attempt_id: str) -> None:
    for path in ("/", "/case/breast-biopsy", f"/attempts/{attempt_id}", "/nowhere"):
        text = client.get(path, headers={"accept": "text/html"}).text
        assert text.count("<script") == text.count('<script type="module" src="/static/')
        assert "<style" not in text
        assert " style=" not in text
        assert "onclick" not in text


def test_the_generated_documentation_is_not_served(client: TestClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404
