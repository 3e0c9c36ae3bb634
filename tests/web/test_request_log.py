"""What the log says of requests, and how a page names its line."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from simvoice.errors import DeviceMissing, StorageFull
from simvoice.web.security import TOKEN_HEADER, StartKey
from tests.log_file import LogFile
from tests.web.stand_in import LINE, StandIn
from tests.web.test_web_line import OUR_ORIGIN, hello, sound, texts_until

MISSING = "20261129-100000-wrist-abcd"
"""The id of an attempt that does not exist."""


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_fault_of_the_server_is_a_page_whose_id_finds_the_line(
    client: TestClient,
    simulator: StandIn,
    logged: LogFile,
    monkeypatch: pytest.MonkeyPatch,
    accept: str,
) -> None:
    def fail(_: str) -> None:
        raise ValueError("Quincy said zebra")

    monkeypatch.setattr(simulator, "attempt", fail)
    answer = client.get(f"/attempts/{MISSING}", headers={"accept": accept})
    assert answer.status_code == 500
    assert answer.headers["x-frame-options"] == "DENY"
    assert "zebra" not in answer.text
    found = re.search(r"under ([0-9a-f]{8})\.", answer.text)
    assert found is not None
    text = logged.text_without_secrets()
    assert f"request={found[1]} The server could not answer a request." in text
    assert "ValueError" in text
    assert "in fail" in text
    assert "WARNING simvoice.web.request_log pid=" in text
    assert f"attempt={MISSING} request={found[1]} GET /attempts/{{attempt_id}} 500" in text


def test_a_known_problem_of_the_server_is_a_page_whose_id_finds_its_place(
    client: TestClient, simulator: StandIn, logged: LogFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> None:
        raise StorageFull("Quincy's disk is full; free some space")

    monkeypatch.setattr(simulator, "attempt", fail)
    answer = client.get(f"/attempts/{MISSING}", headers={"accept": "text/html"})
    assert answer.status_code == 503
    assert "free some space. The log has the details under" in answer.text
    found = re.search(r"under ([0-9a-f]{8})\.", answer.text)
    assert found is not None
    text = logged.text_without_secrets()
    assert f"request={found[1]} refused simvoice.errors.StorageFull at test_request_log.py:" in text


def test_no_key_query_or_name_is_in_the_log(
    client: TestClient, attempt_id: str, start_key: StartKey, token: str, logged: LogFile
) -> None:
    client.get(f"/?key={start_key.key}")
    client.get(f"/attempts/{attempt_id}?name=Quincy")
    client.get("/progress/Quincy?key=marmalade")
    client.get("/attempts/Quincy")
    client.get("/zebra")
    client.request("ZEBRA", "/", headers={TOKEN_HEADER: token})
    client.post(f"/attempts/{attempt_id}/objections", json={"why": "zebra"})
    text = logged.text_without_secrets()
    assert "GET /attempts/{attempt_id} 200" in text
    assert "GET (no route) 404" in text
    assert "(another method) " in text
    assert re.search(r"WARNING .* request=[0-9a-f]{8} POST .* 403 ", text)
    for secret in (start_key.key, start_key.cookie, token):
        assert secret not in text


def test_a_refusal_is_one_warning_and_says_why(client: TestClient, logged: LogFile) -> None:
    assert client.post("/zebra", headers={"origin": "http://quincy.example"}).status_code == 403
    client.cookies.clear()
    assert client.get("/").status_code == 401
    assert client.get("/", headers={"host": "quincy.example"}).status_code == 403
    text = logged.text_without_secrets()
    assert "refused: This request came from another site." in text
    assert "refused: This server answers only at 127.0.0.1 and localhost." in text
    warnings = [line for line in text.splitlines() if " WARNING " in line]
    assert [re.sub(r".*request=\w+ (.*) \d+ ms", r"\1", line) for line in warnings] == [
        "POST (no route) 403",
        "GET (no route) 401",
        "GET (no route) 403",
    ]


def test_an_encounter_on_a_page_leaves_no_word_and_no_pseudonym(
    client: TestClient, simulator: StandIn, token: str, logged: LogFile
) -> None:
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token, learner="Quincy", microphone="Quincy's headset"))
        attempt = texts_until(socket, "begun")[-1]["attempt"]
        socket.send_text('{"type": "zebra"}')
        socket.send_text("marmalade")
        socket.send_bytes(b"zebra")
        socket.send_text('{"type": "end"}')
        socket.send_bytes(sound(0, 9000))
        texts_until(socket, "finished")
    assert simulator.store.open(attempt).header.learner == "Quincy"
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token, learner="Quincy" * 20, rate="zebra"))
        socket.receive()
    text = logged.text_without_secrets()
    assert "the page sent a message of an unknown kind" in text
    assert "a page sent no valid hello" in text
    assert token not in text


def test_an_encounter_that_cannot_begin_is_logged_under_its_request(
    client: TestClient, simulator: StandIn, token: str, logged: LogFile
) -> None:
    simulator.fault = DeviceMissing("there is no microphone called Quincy")
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token))
        texts_until(socket, "fault")
    simulator.fault = ValueError("zebra")
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        socket.send_text(hello(token))
        message = texts_until(socket, "fault")[-1]["message"]
    found = re.search(r"under ([0-9a-f]{8})\.", message)
    assert found is not None
    text = logged.text_without_secrets()
    assert re.search(r"WARNING \S+ \S+ attempt=- request=\w{8} refused simvoice.errors.Dev", text)
    assert f"request={found[1]} The encounter ended with an error.\n  ValueError" in text


def test_an_error_of_a_socket_is_logged_under_its_request_and_closes_it(
    client: TestClient, logged: LogFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ValueError("zebra")

    monkeypatch.setattr("simvoice.web.line.read_hello", fail)
    with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
        assert socket.receive() == {"type": "websocket.close", "code": 1011}
    text = logged.text_without_secrets()
    found = re.search(r"request=(\w{8}) The server could not go on\.\n  ValueError", text)
    assert found is not None
    assert f"request={found[1]} WebSocket /line 1011" in text
