"""What a browser or a program may send to the pages and to the WebSocket of an encounter.

Every message gets a sentence or an answer within a second, and no error reaches the log.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi.testclient import TestClient
from hypothesis import strategies as st

from simvoice.devices.browser import FRAME_BYTES, HEAD, VERSION
from simvoice.record.ratings import load_feedback
from simvoice.web.app import create_app
from simvoice.web.security import StartKey
from tests.fuzz.search import Target
from tests.planted.on_page import plant
from tests.web.stand_in import CASE, HOST, LINE, StandIn
from tests.web.test_web_line import OUR_ORIGIN, hello, sound, texts_until, wait_until_open
from tests.web.test_web_security import routes

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


HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("range", "cookie", "host", "origin", "accept", "content-type", "content-length"),
            *("if-range", "if-none-match", "if-modified-since", "x-simvoice-token", "upgrade"),
            *("transfer-encoding", "expect", "accept-encoding", "connection", "x-forwarded-for"),
        ]
    ),
    st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60),
        st.sampled_from(
            [
                *("bytes=0-", "bytes=-1", "bytes=5-2", "bytes=a-b", "bytes=0-0,2-3,-1", "bytes="),
                *("items=0-1", "bytes=" + "0-0," * 900, "bytes=" + "9" * 5000 + "-", "*/*;q=x"),
                *("127.0.0.1", "localhost:99999", "[::1", "a=b; c", ";" * 900, "chunked"),
                *("text/html", "application/json; charset=zz", "multipart/form-data", "-1"),
            ]
        ),
    ),
    max_size=3,
)
"""Names and values that a header can carry."""


class LoggedErrors(logging.Handler):
    """Collects what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record."""
        self.lines.append(self.format(record))

    def check(self) -> None:
        """Fail when anything was logged since the last call."""
        lines, self.lines = self.lines, []
        assert lines == []


@contextmanager
def web_targets(folder: Path) -> Iterator[list[Target]]:
    """Give the targets of a server with the stand-in simulator, while it runs."""
    simulator, start_key = StandIn(folder / "attempts"), StartKey()
    cookies = {start_key.cookie_name(HOST): start_key.cookie}
    app = create_app(simulator, start_key)
    logged = LoggedErrors()
    logging.getLogger().addHandler(logged)
    try:
        with TestClient(
            app, base_url=f"http://{HOST}", cookies=cookies, raise_server_exceptions=False
        ) as client:
            yield _targets(client, simulator, app.state.token, logged)
    finally:
        logging.getLogger().removeHandler(logged)


def _targets(
    client: TestClient, simulator: StandIn, token: str, logged: LoggedErrors
) -> list[Target]:
    found = plant(simulator.root)

    def forget() -> None:
        """Remove what was recorded: the first page reads every attempt of the folder."""
        for each in simulator.root.iterdir():
            if each.is_dir() and each.name != found:
                shutil.rmtree(each)

    def first_message(first: str | bytes) -> None:
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
        assert client.app.state.slot.is_free(60.0)  # type: ignore[attr-defined]
        forget()
        logged.check()

    def messages(given: list[str | bytes]) -> None:
        with client.websocket_connect(LINE, headers=OUR_ORIGIN) as socket:
            socket.send_text(hello(token))
            texts_until(socket, "begun")
            wait_until_open(simulator)
            for index in range(6):
                socket.send_bytes(sound(index))
            texts_until(socket, "status")
            for message in given:
                send(socket, message)
            socket.send_text('{"type": "end"}')
            for index in range(6, 8):
                socket.send_bytes(sound(index))
            finished = texts_until(socket, "finished")
        assert finished[-1]["reason"] == "learner"
        kinds = {each["type"] for each in finished}
        assert kinds <= {"notice", "status", "caption", "finished"}
        assert client.app.state.slot.is_free(60.0)  # type: ignore[attr-defined]
        forget()
        logged.check()

    bodies = [path for method, path in routes(client, found) if method == "POST"]
    pages = [
        path
        for method, path in routes(client, "ATTEMPT")
        if method == "GET" and not path.endswith((".svg", "/audio"))
    ]
    assert len(bodies) >= 4
    assert len(pages) >= 8
    headers = {"x-simvoice-token": token, "origin": f"http://{HOST}"}

    def request(given: tuple[str, str | bytes, str, str, bool]) -> None:
        post, body, page, name, as_page = given
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
        logged.check()

    def head(given: tuple[str, dict[str, str]]) -> None:
        path, more = given
        encoded = {name: value.encode("latin-1") for name, value in more.items()}
        answer = client.get(path.replace("ATTEMPT", found), headers=encoded)
        assert answer.status_code < 500, answer.text
        logged.check()

    hellos = HELLO.map(lambda fields: json.dumps(fields).replace('"TOKEN"', json.dumps(token)))
    requests = st.tuples(
        st.sampled_from(bodies), BODIES, st.sampled_from(pages), PLAIN_TEXT, st.booleans()
    )
    quick = ["/", "/api/ready", "/attempts/ATTEMPT/audio", "/attempts/ATTEMPT/timeline"]
    statics = ["/static/simvoice.css", "/static/../../etc/passwd", "/static/%00"]
    heads = st.tuples(st.sampled_from([*quick, *statics]), HEADERS)
    return [
        Target(FIRST_MESSAGE, st.one_of(hellos, hellos, RUBBISH), first_message, weight=3.0),
        Target(LATER_MESSAGES, st.lists(MESSAGES, max_size=5), messages, weight=5.0),
        Target(REQUESTS, requests, request, weight=6.0),
        Target(HEADS, heads, head, weight=3.0),
    ]


FIRST_MESSAGE = "first message of a page"
LATER_MESSAGES = "messages during an encounter"
REQUESTS = "bodies and addresses of requests"
HEADS = "headers of requests"
