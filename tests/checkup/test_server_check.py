"""What the doctor says of a language model's server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from simvoice.checkup import server as checkup
from simvoice.checkup.checks import Check
from simvoice.checkup.server import check_server
from simvoice.engines.llm.server import Server, Timeouts
from tests.engines.llm.model_server import Act, OddHandler, OddServer, free_port, odd_server


def well(handler: OddHandler, body: dict[str, Any]) -> None:
    handler.begin()
    handler.say("Not so bad.")
    handler.end_reply()


@contextmanager
def server(act: Act = well, **how: Any) -> Iterator[tuple[Server, OddServer]]:
    with odd_server(act) as odd:
        yield Server(odd.url, **{"model": "patient", **how}), odd


def is_complete(check: Check) -> bool:
    return bool(check.sentence) and (check.state == "ok") == (check.remedy == "")


def test_one_that_answers_soon_is_good() -> None:
    with server() as (chosen, odd):
        check = check_server(chosen)
        assert check.state == "ok"
        assert "has patient and begins to speak after 0." in check.sentence
        assert check.facts["offered"] == ["patient"]
        # to read what the measured question begins with, whether it ranks, and the question
        assert [body["max_tokens"] for body in odd.bodies] == [1, 1, checkup.TOKENS]
        assert is_complete(check)


def test_quick_asks_it_nothing_but_what_it_has() -> None:
    with server() as (chosen, odd):
        assert check_server(chosen, quick=True).state == "ok"
        assert odd.bodies == []


def test_without_a_name_it_says_which_model_it_will_be() -> None:
    with server(model="") as (chosen, odd):
        odd.models = ["big", "small"]
        assert "has big" in check_server(chosen, quick=True).sentence
        odd.models = []
        assert "offers no model" in check_server(chosen, quick=True).sentence


def test_a_model_that_it_does_not_offer_is_named_with_those_it_does() -> None:
    with server(model="llama") as (chosen, _):
        check = check_server(chosen)
        assert check.state == "warn"
        assert "does not offer 'llama'; it offers patient" in check.sentence
        assert is_complete(check)


def test_nobody_there_is_a_doubt_because_the_embedded_model_speaks() -> None:
    check = check_server(Server(f"http://127.0.0.1:{free_port()}/v1"))
    assert check.state == "warn"
    assert "cannot be reached" in check.sentence
    assert "embedded model" in check.sentence
    assert "see that it runs" in check.remedy
    assert is_complete(check)


def test_a_key_that_it_refuses_is_named_by_where_it_goes() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.give(401, "{}")

    with server(act, key="sk-secret") as (chosen, _):
        check = check_server(chosen)
        assert check.state == "warn"
        assert "SIMVOICE_LLM_KEY" in check.remedy
        assert "sk-secret" not in str(check)


def test_one_that_is_slower_than_it_is_waited_for_is_a_doubt() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.begin()
        threading.Event().wait(0.3)
        handler.say("Not so bad.")
        handler.end_reply()

    with server(act, timeouts=Timeouts(first_s=0.1)) as (chosen, _):
        check = check_server(chosen)
        assert check.state == "warn"
        assert "0.3 s to its first word, and is waited for 0.1 s" in check.sentence
        assert is_complete(check)


def test_one_that_says_nothing_aloud_is_a_doubt() -> None:
    def act(handler: OddHandler, body: dict[str, Any]) -> None:
        handler.begin()
        thought = {"choices": [{"delta": {"reasoning_content": "Hm."}, "finish_reason": None}]}
        handler.event(thought)
        handler.end_reply()

    with server(act) as (chosen, _):
        check = check_server(chosen)
        assert check.state == "warn"
        assert "nothing to say" in check.sentence
        assert is_complete(check)


def test_words_that_leave_the_machine_unencrypted_are_a_doubt() -> None:
    with server() as (chosen, odd):
        far = replace(chosen, url="http://lab:8000/v1")
        check = checkup._judged(far, odd.models, 80.0, {})
        assert check.state == "warn"
        assert "unencrypted" in check.sentence
        near = checkup._judged(replace(far, url="https://lab/v1"), odd.models, 80.0, {})
        assert near.state == "ok"
