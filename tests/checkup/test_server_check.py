"""The check of a language model's server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from simvoice.checkup.checks import Check
from simvoice.checkup.server import TOKENS, check_server, judge_server
from simvoice.engines.llm.server import Server, Timeouts
from tests.engines.llm.model_server import Act, OddHandler, OddServer, free_port, odd_server


def reply(handler: OddHandler, body: dict[str, Any]) -> None:
    handler.begin()
    handler.say("Not so bad.")
    handler.end_reply()


@contextmanager
def server(act: Act = reply, **how: Any) -> Iterator[tuple[Server, OddServer]]:
    with odd_server(act) as odd:
        yield Server(odd.url, **{"model": "patient", **how}), odd


def is_complete(check: Check) -> bool:
    return bool(check.sentence) and (check.state == "ok") == (check.remedy == "")


def test_a_server_that_answers_in_time_passes() -> None:
    with server() as (chosen, odd):
        check = check_server(chosen)
        assert check.state == "ok"
        assert "has patient and gives its first word after 0." in check.sentence
        assert check.facts["offered"] == ["patient"]
        # one request to try ranking, one to warm the prompt, and the measured one
        assert [body["max_tokens"] for body in odd.bodies] == [1, 1, TOKENS]
        assert is_complete(check)


def test_quick_requests_only_the_list_of_models() -> None:
    with server() as (chosen, odd):
        assert check_server(chosen, quick=True).state == "ok"
        assert odd.bodies == []


def test_without_a_configured_model_the_check_names_the_one_in_use() -> None:
    with server(model="") as (chosen, odd):
        odd.models = ["big", "small"]
        assert "has big" in check_server(chosen, quick=True).sentence
        odd.models = []
        assert "offers no model" in check_server(chosen, quick=True).sentence


def test_an_unknown_model_is_a_warning_that_lists_the_models() -> None:
    with server(model="llama") as (chosen, _):
        check = check_server(chosen)
        assert check.state == "warn"
        assert "does not offer 'llama'; it offers patient" in check.sentence
        assert is_complete(check)


def test_a_missing_server_is_a_warning_because_the_embedded_model_answers() -> None:
    check = check_server(Server(f"http://127.0.0.1:{free_port()}/v1"))
    assert check.state == "warn"
    assert "cannot be reached" in check.sentence
    assert "embedded model" in check.sentence
    assert "check that it runs" in check.remedy
    assert is_complete(check)


def test_a_refused_key_is_a_warning_that_names_the_variable() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.give(401, "{}")

    with server(act, key="sk-secret") as (chosen, _):
        check = check_server(chosen)
        assert check.state == "warn"
        assert "SIMVOICE_LLM_KEY" in check.remedy
        assert "sk-secret" not in str(check)


@pytest.mark.slow
def test_a_server_slower_than_the_limit_is_a_warning() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.begin()
        threading.Event().wait(0.3)
        handler.say("Not so bad.")
        handler.end_reply()

    with server(act, timeouts=Timeouts(first_s=0.1)) as (chosen, _):
        check = check_server(chosen)
        assert check.state == "warn"
        assert "0.3 s for its first word, but encounters wait only 0.1 s" in check.sentence
        assert is_complete(check)


def test_an_empty_reply_is_a_warning() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.begin()
        thought = {"choices": [{"delta": {"reasoning_content": "Hm."}, "finish_reason": None}]}
        handler.event(thought)
        handler.end_reply()

    with server(act) as (chosen, _):
        check = check_server(chosen)
        assert check.state == "warn"
        assert "gives an empty reply" in check.sentence
        assert is_complete(check)


def test_speech_sent_unencrypted_is_a_warning() -> None:
    with server() as (chosen, odd):
        far = replace(chosen, url="http://lab:8000/v1")
        check = judge_server(far, odd.models, 80.0, {})
        assert check.state == "warn"
        assert "unencrypted" in check.sentence
        encrypted = judge_server(replace(far, url="https://lab/v1"), odd.models, 80.0, {})
        assert encrypted.state == "ok"
