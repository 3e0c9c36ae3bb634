"""Whatever a browser or a program sends: a sentence within a second, and no error in the log.

The searches are bounded in time (`BUDGET_S` in total), so that they look at something new in each
run of the tests and never take longer. To search longer, set SIMVOICE_FUZZ_S to more seconds.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simvoice.devices.browser import FRAME_BYTES, HEAD, VERSION
from simvoice.record.ratings import load_feedback
from tests.planted.on_page import plant
from tests.web.stand_in import CASE, HOST, LINE, StandIn
from tests.web.test_web_line import OUR_ORIGIN, hello, sound, texts_until, wait_until_open
from tests.web.test_web_security import routes

pytestmark = pytest.mark.slow

BUDGET_S = float(os.environ.get("SIMVOICE_FUZZ_S", "20"))
"""Seconds for all searches of this file together."""

HANG_S = 1.0
"""Longest time for one answer."""


def search(share: float, strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> int:
    """Check examples of a strategy during a share of the budget. Return how many there were."""
    end_s = time.monotonic() + share * BUDGET_S
    count = 0
    has_failed = False

    class Over(BaseException):  # no Exception: hypothesis lets it pass at once
        """The time is used up."""

    def took_s(example: Any) -> float:
        began_s = time.monotonic()
        check(example)
        return time.monotonic() - began_s

    @settings(
        max_examples=1_000_000, deadline=None, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(strategy)
    def run(example: Any) -> None:
        nonlocal count, has_failed
        if time.monotonic() > end_s and not has_failed:  # a failure is made smaller at leisure
            raise Over
        try:
            # what is slow once may have waited for another process
            assert took_s(example) < HANG_S or took_s(example) < HANG_S, "this took too long"
        except Exception:
            has_failed = True
            raise
        count += 1

    with suppress(Over):
        run()
    return count


@pytest.fixture(autouse=True)
def no_error_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


ANY_TEXT = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(exclude_categories=()), max_size=10),  # with lone surrogates
    st.sampled_from(
        ["", "\x00", "\x1b[2J", "NA", "../..", "/etc/passwd", "%00", "=1+1", "x" * 700]
    ),
)

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


def mostly(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return mostly right values, so that the checks behind the first one are reached, too."""
    return st.one_of(right, right, right, ANY_JSON)


# -- the WebSocket ----------------------------------------------------------------------------

HELLO = st.fixed_dictionaries(
    {"type": mostly(st.just("hello")), "token": mostly(st.just("TOKEN"))},
    optional={
        "case": mostly(st.just(CASE.id)),
        "learner": mostly(ANY_TEXT),
        "again": mostly(st.fixed_dictionaries({"attempt": ANY_TEXT, "turn": st.integers()})),
        "headphones": mostly(st.booleans()),
        "microphone": mostly(ANY_TEXT),
        "rate": mostly(st.integers(8_000, 384_000)),
        "echoCancellation": mostly(st.booleans()),
        "other": ANY_JSON,
    },
)

RUBBISH = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=60),
    ANY_JSON.map(json.dumps),
    st.integers(1, 60_000).map(lambda depth: "[" * depth),
    st.integers(1, 60_000).map(lambda depth: '{"type":' * depth),
    st.integers(1, 3_000_000).map(bytes),
)

MESSAGES = st.one_of(
    RUBBISH,
    st.fixed_dictionaries({"type": mostly(st.sampled_from(["lots", "hello", "begun"]))}).map(
        json.dumps
    ),
    st.builds(  # almost sound
        lambda version, count, index, size: (
            HEAD.pack(version, 0, count, index, 0, 0, 0, 0, 0) + bytes(size)
        ),
        mostly(st.just(VERSION)).filter(lambda v: isinstance(v, int) and 0 <= v < 256),
        st.sampled_from([0, 1, 2, 100, 101, 65_535]),
        st.one_of(st.integers(0, 100), st.integers(0, 2**32 - 1)),
        st.one_of(st.just(FRAME_BYTES), st.integers(0, 2_000)),
    ),
)


def send(socket: Any, message: str | bytes) -> None:
    if isinstance(message, bytes):
        socket.send_bytes(message)
    else:
        # a browser cannot send lone surrogates either
        socket.send_text(message.encode("utf-8", "replace").decode())


def test_any_first_message_gets_an_encounter_or_a_sentence(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    def check(first: str | bytes) -> None:
        with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
            send(socket, first)
            answer = json.loads(socket.receive()["text"])
            if answer["type"] == "begun":
                socket.send_text('{"type": "end"}')
                socket.send_bytes(sound(0))
                socket.send_bytes(sound(1))
                texts_until(socket, "finished")
            else:
                assert answer["type"] in {"fault", "busy"}
                assert answer["message"].endswith((".", "list"))
                assert answer["message"][0].isupper() or answer["message"][0] in "'\""
        assert client.app.state.slot.is_free(HANG_S)  # type: ignore[attr-defined]

    hellos = HELLO.map(lambda fields: json.dumps(fields).replace('"TOKEN"', json.dumps(token)))
    assert search(0.2, st.one_of(hellos, hellos, RUBBISH), check) > 20


def test_no_message_ends_an_encounter_by_being_wrong(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    def check(messages: list[str | bytes]) -> None:
        with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
            socket.send_text(hello(token))
            texts_until(socket, "begun")
            wait_until_open(simulator)
            for index in range(6):
                socket.send_bytes(sound(index))
            texts_until(socket, "status")
            for message in messages:
                send(socket, message)
            socket.send_text('{"type": "end"}')
            for index in range(6, 8):
                socket.send_bytes(sound(index))
            finished = texts_until(socket, "finished")
        assert finished[-1]["reason"] == "learner"
        kinds = {each["type"] for each in finished}
        assert kinds <= {"notice", "status", "caption", "finished"}

    assert search(0.35, st.lists(MESSAGES, max_size=5), check) > 20


# -- the pages --------------------------------------------------------------------------------

BODY = st.fixed_dictionaries(
    {},
    optional={
        "rater": mostly(ANY_TEXT),
        "item": mostly(st.sampled_from(["spikes-order", "os12-1-greets"])),
        "value": mostly(st.sampled_from(["met", "not met", "3"])),
        "comment": mostly(ANY_TEXT),
        "why": mostly(ANY_TEXT),
    },
)

BODIES = st.one_of(
    BODY.map(json.dumps),
    BODY.map(json.dumps),
    ANY_JSON.map(json.dumps),
    st.binary(max_size=100),
    st.integers(1, 50_000).map(lambda depth: "[" * depth),
    st.integers(1, 5_000).map(lambda size: '{"why": ' + "9" * size + "}"),
)

PLAIN_TEXT = st.text(max_size=30)
"""Text as an address can carry it."""


def test_any_body_and_any_address_get_a_page_or_a_sentence(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    found = plant(simulator.root)
    bodies = [path for method, path in routes(client, found) if method == "POST"]
    pages = [
        path
        for method, path in routes(client, "ATTEMPT")
        if method == "GET" and not path.endswith((".svg", "/audio"))
    ]
    assert len(bodies) >= 4
    assert len(pages) >= 8
    headers = {"x-simvoice-token": token, "origin": f"http://{HOST}"}

    def check(request: tuple[str, str | bytes, str, str, bool]) -> None:
        post, body, page, name, as_page = request
        accept = {"accept": "text/html" if as_page else "*/*"}
        answers = [client.post(post, content=body, headers=headers | accept)]
        part = quote(name, safe="")
        path = page.replace("ATTEMPT", part or found).replace(CASE.id, part or CASE.id)
        query = {"rater": name, "learner": name, "earlier": name}
        answers.append(client.get(path, params=query, headers=headers | accept))
        for answer in answers:
            assert answer.status_code < 500, answer.text
            assert "Traceback" not in answer.text
            assert answer.headers["x-content-type-options"] == "nosniff"
            if answer.status_code >= 400 and "json" in answer.headers["content-type"]:
                assert set(answer.json()) == {"message"}
        assert load_feedback(simulator.root / found).problems == ()

    requests = st.tuples(
        st.sampled_from(bodies), BODIES, st.sampled_from(pages), PLAIN_TEXT, st.booleans()
    )
    assert search(0.45, requests, check) > 20
