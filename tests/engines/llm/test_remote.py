"""`Remote` with servers that answer correctly, wrongly, late, or never."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from simvoice.engines.llm.remote import Remote, mean_logprob
from simvoice.engines.llm.server import Server, Timeouts
from simvoice.errors import StageFailed
from simvoice.ports import Message, never
from tests.engines.llm.model_server import Act, OddHandler, OddServer, free_port, odd_server

TALK = (Message("system", "You are Ines."), Message("user", "Do you paint?"))
CALM = Timeouts(
    connect_s=600.0, first_s=600.0, next_s=600.0, whole_s=600.0, read_s=600.0, list_s=600.0
)
"""Longer than any test: a busy machine does not count as a late server."""


@contextmanager
def asking(act: Act, **how: Any) -> Iterator[tuple[Remote, OddServer]]:
    with odd_server(act) as odd:
        remote = Remote(Server(odd.url, **{"model": "patient", "timeouts": CALM, **how}))
        odd.skip = clock_of(remote)
        try:
            yield remote, odd
        finally:
            remote.close()


def clock_of(remote: Remote) -> Callable[[float], None]:
    """Return a function that lets seconds pass at once for the timeouts of a remote model."""
    loop, real, skipped = remote._loop, remote._loop.time, [0.0]
    loop.time = lambda: real() + skipped[0]  # type: ignore[method-assign]

    def skip(seconds: float) -> None:
        skipped[0] += seconds
        loop.call_soon_threadsafe(lambda: None)  # so that it looks at its clock

    return skip


def says(*pieces: str) -> Act:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.begin()
        for piece in pieces:
            handler.say(piece)
        handler.end_reply()

    return act


def hangs(handler: OddHandler, body: dict[str, Any]) -> None:
    """Send one word, then nothing until the client disconnects."""
    handler.begin()
    handler.say("Well, ")
    handler.wait_until_left()


def mute(handler: OddHandler, body: dict[str, Any]) -> None:
    """Accept the request and send nothing, not even a header."""
    handler.wait_until_left()


def reply(remote: Remote, **how: Any) -> str:
    return "".join(remote.complete("Doctor: Do you paint?\nInes:", messages=TALK, **how))


# -- requests and answers ---------------------------------------------------------------------


def test_the_chat_is_sent_with_its_roles_and_the_reply_comes_in_pieces() -> None:
    with asking(says("I ", "used ", "to.")) as (remote, odd):
        pieces = list(remote.complete("…", messages=TALK, max_tokens=9, temperature=0.3, seed=4))
        assert pieces == ["I ", "used ", "to."]
        (body,) = odd.bodies
        assert odd.paths == ["/v1/chat/completions"]
        assert body["messages"] == [
            {"role": "system", "content": "You are Ines."},
            {"role": "user", "content": "Do you paint?"},
        ]
        assert (body["model"], body["max_tokens"], body["temperature"]) == ("patient", 9, 0.3)
        assert (body["seed"], body["stream"]) == (4, True)


def test_only_the_first_line_of_a_chat_reply_is_used() -> None:
    with asking(says("\n\n", "I used to.", "\nDoctor: And now?")) as (remote, _):
        assert reply(remote) == "I used to."


def test_a_base_model_is_asked_to_continue_the_screenplay() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.begin()
        for piece in (" I used", " to.\nDoc", "tor: And"):
            handler.event({"choices": [{"text": piece, "finish_reason": None}]})
        handler.event({"choices": [{"text": "", "finish_reason": "length"}]})

    with asking(act, form="screenplay") as (remote, odd):
        assert reply(remote) == " I used to."
        assert odd.paths == ["/v1/completions"]
        assert odd.bodies[0]["prompt"] == "Doctor: Do you paint?\nInes:"
        assert odd.bodies[0]["stop"] == ["\n"]


def test_without_a_configured_model_the_first_one_offered_is_used() -> None:
    with asking(says("Yes."), model="") as (remote, odd):
        odd.models = ["big", "small"]
        assert (reply(remote), reply(remote)) == ("Yes.", "Yes.")
        assert [body["model"] for body in odd.bodies] == ["big", "big"]
        assert remote.list_models() == ["big", "small"]


def test_a_reply_that_another_clients_request_ended_is_incomplete() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.begin()
        handler.say("I used to pai")
        handler.event("[DONE]")

    with asking(act) as (remote, _):
        assert "stopped in the middle" in failing(remote)


def test_comments_unknown_fields_and_token_counts_are_ignored() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.begin()
        handler.wfile.write(b": ping\r\n\r\nevent: x\r\nid: 3\r\n")
        handler.event({"choices": [{"delta": {"role": "assistant"}, "finish_reason": None}]})
        handler.say("Yes.")
        handler.event({"choices": [], "usage": {"total_tokens": 3}})
        handler.event({"choices": [{"delta": {"content": None}, "finish_reason": "stop"}]})
        handler.event("[DONE]")

    with asking(act) as (remote, _):
        assert reply(remote) == "Yes."


def test_pieces_arrive_whole_however_the_network_splits_them() -> None:
    text = (
        "data: " + '{"choices":[{"delta":{"content":"Très bien, 37 °C."},"finish_reason":"stop"}]}'
    )

    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.begin()
        for byte in f"{text}\n\ndata: [DONE]\n\n".encode():
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()

    with asking(act) as (remote, _):
        assert reply(remote) == "Très bien, 37 °C."


def test_the_key_is_sent_and_shown_nowhere() -> None:
    with asking(says("Yes."), key="sk-secret") as (remote, odd):
        reply(remote)
        assert odd.headers[0]["Authorization"] == "Bearer sk-secret"
        assert "sk-secret" not in repr(remote.server)


def test_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    with asking(says("Yes.")) as (remote, _):
        assert reply(remote) == "Yes."


def test_a_redirect_is_not_followed() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.send_response(307)
        handler.send_header("Location", "/v1/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with asking(act) as (remote, odd), pytest.raises(StageFailed, match="HTTP 307"):
        reply(remote)
    assert odd.paths == ["/v1/chat/completions"]


# -- cancelling -------------------------------------------------------------------------------


def test_closing_the_reply_closes_the_connection_at_once() -> None:
    with asking(hangs) as (remote, odd):
        pieces = remote.complete("…", messages=TALK)
        assert next(pieces) == "Well, "
        pieces.close()  # type: ignore[attr-defined]
        assert odd.hung_up.wait(60.0)


def test_a_barge_in_ends_a_wait_for_the_next_piece() -> None:
    with asking(hangs) as (remote, odd):
        barge_in = threading.Event()
        pieces = remote.complete("…", messages=TALK, cancelled=barge_in.is_set)
        assert next(pieces) == "Well, "
        barge_in.set()
        assert list(pieces) == [], "it waited until the server was late"
        assert odd.hung_up.wait(60.0)


def test_a_barge_in_ends_a_wait_for_the_first_header() -> None:
    with asking(mute) as (remote, odd):
        assert reply(remote, cancelled=lambda: bool(odd.bodies)) == ""
        assert odd.hung_up.wait(60.0)


def test_after_a_cancelled_reply_the_next_one_is_whole() -> None:
    with asking(says("Yes, ", "I do.")) as (remote, _):
        pieces = remote.complete("…", messages=TALK)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        assert reply(remote) == "Yes, I do."


# -- failures ---------------------------------------------------------------------------------


def failing(remote: Remote) -> str:
    with pytest.raises(StageFailed) as caught:
        reply(remote)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert ";" in sentence, "the error names no remedy"
    assert "Do you paint" not in sentence
    return sentence


def endless(handler: OddHandler, body: dict[str, Any]) -> None:
    """Send a word every five seconds, as the client takes them."""
    handler.begin()
    while True:
        handler.say("and ")
        handler.odd.skip(5.0)
        threading.Event().wait(0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "limit"), [(mute, "first_s"), (hangs, "next_s"), (endless, "whole_s")]
)
def test_a_server_that_does_not_answer_in_time_is_an_error(act: Act, limit: str) -> None:
    limits = dict.fromkeys(("connect_s", "first_s", "next_s", "whole_s"), 86_400.0)
    limits |= {"first_s": 100.0} if limit == "whole_s" else {}  # the longer of both holds
    with asking(act, timeouts=Timeouts(**limits | {limit: 100.0})) as (remote, odd):
        odd.step_s = 10.0
        assert "did not answer in time" in failing(remote)
        assert odd.hung_up.wait(60.0)


def test_a_reply_in_too_many_pieces_is_an_error_and_no_endless_wait() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.begin()
        for _ in range(2000):
            handler.say("and ")
        handler.wait_until_left()

    with asking(act) as (remote, odd):
        pieces = remote.complete("x", messages=TALK)
        next(pieces)
        assert odd.hung_up.wait(60.0)  # so that the pieces arrive faster than they are read
        with pytest.raises(StageFailed, match="not OpenAI's protocol"):
            list(pieces)


def test_an_address_without_a_server_is_an_error() -> None:
    remote = Remote(Server(f"http://127.0.0.1:{free_port()}/v1", "patient", timeouts=CALM))
    assert "cannot be reached" in failing(remote)
    with pytest.raises(StageFailed, match="cannot be reached"):
        remote.list_models()
    with pytest.raises(StageFailed, match="cannot be reached"):
        remote.warm("…", messages=TALK)
    remote.close()
    with pytest.raises(StageFailed, match="is closed"):
        reply(remote)


def test_a_connection_that_closes_in_the_middle_is_an_error() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.begin()
        handler.say("Well, I")

    with asking(act) as (remote, _):
        assert "stopped in the middle" in failing(remote)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "does not accept the key"),
        (403, "does not accept the key"),
        (404, "no model 'patient'"),
        (500, "HTTP 500"),
    ],
)
def test_a_refusal_names_a_remedy_and_does_not_repeat_the_servers_text(
    status: int, words: str
) -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.give(status, '{"error": {"message": "Incorrect API key: sk-secret"}}')

    with asking(act, key="sk-secret") as (remote, _):
        sentence = failing(remote)
        assert words in sentence
        assert "sk-" not in sentence


@pytest.mark.parametrize(
    "event",
    ["not json", "[]", "{}", '{"choices": 3}', '{"choices": [{"delta": {"content": 7}}]}',
     '{"error": {"message": "out of memory"}}', "null", '{"choices": [{}]}', "x" * 400_000],
)  # fmt: skip
def test_an_event_that_cannot_be_parsed_is_an_error(event: str) -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.begin()
        handler.event(event)
        handler.end_reply()

    with asking(act) as (remote, _):
        assert "an answer that is not OpenAI's protocol" in failing(remote)


def test_a_page_instead_of_a_stream_is_an_error() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.give(200, "<html><body>It works!</body></html>", "text/html")

    with asking(act) as (remote, _):
        assert "stopped in the middle" in failing(remote)


def test_a_model_list_that_cannot_be_parsed_is_an_error() -> None:
    with asking(says("Yes.")) as (remote, odd):
        odd.models = {"a": 1}  # type: ignore[assignment]
        assert remote.list_models() == ["a"]
        odd.models = 3  # type: ignore[assignment]
        with pytest.raises(StageFailed):
            remote.list_models()


# -- ranking ----------------------------------------------------------------------------------


def echoes(handler: OddHandler, body: dict[str, Any]) -> None:
    """Answer with every character as a token; the longer the text, the likelier each token."""
    tokens = [*body["prompt"], "!"]
    values: list[float | None] = [None] + [-1.0 / len(tokens)] * len(tokens)
    logprobs = {"tokens": tokens, "token_logprobs": values[: len(tokens)]}
    handler.give(200, json.dumps({"choices": [{"text": "", "logprobs": logprobs}]}))


def test_lines_are_ranked_by_the_probability_of_an_echo() -> None:
    with asking(echoes) as (remote, odd):
        assert remote.rank("Ines:", ["Yes."]) == [], "ranked before ranking was tried"
        remote._try_ranking(never)
        odd.prompts.clear()
        short, long = remote.rank("Ines:", ["Yes.", "Not any more, no."])
        assert short < long < 0
        assert set(odd.prompts) == {"Ines: Yes.", "Ines: Not any more, no."}
        assert odd.paths == ["/v1/completions"] * 3


def test_a_server_without_probabilities_is_asked_once() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.give(400, '{"error": "echo is not supported"}')

    with asking(act) as (remote, odd):
        remote._try_ranking(never)
        assert remote.rank("Ines:", ["Yes.", "No."]) == []
        assert len(odd.bodies) == 1


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [mute, says("Five."), None])
def test_a_server_that_cannot_rank_still_answers(ranks: Act | None) -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        if body.get("stream"):
            says("Yes.")(handler, body)
        elif ranks is not None:
            ranks(handler, body)
        else:
            handler.give(200, '{"choices": []}')

    with asking(act) as (remote, odd):
        odd.step_s = 60.0
        remote.warm("Ines:", messages=TALK)
        assert remote.rank("Ines:", ["Yes.", "No."]) == []
        assert reply(remote) == "Yes."


def test_ranking_is_tried_again_after_the_server_was_unavailable() -> None:
    away = [True]

    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        if away[0]:
            handler.give(503, "{}")
        else:
            (says("Yes.") if body.get("stream") else echoes)(handler, body)

    with asking(act) as (remote, _):
        with pytest.raises(StageFailed):
            remote.warm("Ines:", messages=TALK)
        away[0] = False
        remote.warm("Ines:", messages=TALK)
        assert len(remote.rank("Ines:", ["Yes.", "No."])) == 2


def test_ranking_is_tried_once_in_the_first_warm() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        (says("Yes.") if body.get("stream") else echoes)(handler, body)

    with asking(act) as (remote, odd):
        remote.warm("Ines:", messages=TALK)
        remote.warm("Ines:", messages=TALK)
        assert odd.paths == ["/v1/completions", "/v1/chat/completions", "/v1/chat/completions"]
        assert odd.bodies[1]["messages"][-1] == {"role": "user", "content": "…"}
        assert len(remote.rank("Ines:", ["Yes.", "No."])) == 2


def test_a_server_that_finds_counting_to_ten_unlikely_does_not_rank() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        tokens = [*body["prompt"], "!"]
        logprobs = {"tokens": tokens, "token_logprobs": [-10.0] * len(tokens)}
        handler.give(200, json.dumps({"choices": [{"text": "", "logprobs": logprobs}]}))

    with asking(act) as (remote, odd):
        remote._try_ranking(never)
        assert remote.rank("Ines:", ["Yes.", "No."]) == []
        assert len(odd.paths) == 1


def test_the_mean_covers_only_the_tokens_of_the_text() -> None:
    logprobs = {"tokens": ["<s>", "Ines", ":", " Not", " now", ".", " But"],
             "token_logprobs": [None, -9.0, -9.0, -1.0, -2.0, -3.0, -50.0]}  # fmt: skip
    answer = {"choices": [{"logprobs": logprobs}]}
    assert mean_logprob(answer, " Not now.") == pytest.approx(-2.0)
    assert mean_logprob({"choices": [{"logprobs": None}]}, " Not now.") is None


@pytest.mark.slow
def test_closing_leaves_no_task_behind(capfd: pytest.CaptureFixture[str]) -> None:
    with asking(says("I used to.")) as (remote, _):
        remote.warm("…", messages=TALK)
        assert reply(remote) == "I used to."
        pieces = remote.complete("…", messages=TALK)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
    gc.collect()
    assert capfd.readouterr().err == ""
