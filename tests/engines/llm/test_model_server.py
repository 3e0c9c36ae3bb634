"""`Remote` with llama-cpp-python's server on a free port of this machine."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simvoice.engines.llm.fallback import Fallback
from simvoice.engines.llm.llama import Llama
from simvoice.engines.llm.remote import Remote
from simvoice.engines.llm.server import Server, Timeouts, parse_server
from simvoice.errors import StageFailed
from simvoice.models import manifest
from simvoice.ports import Message, never
from tests.engines.llm.model_server import DiesAt, ModelServer, model_server

pytestmark = pytest.mark.engine

PROMPT = (
    "A quiet room in a clinic. Margaret is waiting for a result; she is afraid.\n"
    "Doctor: Good morning.\nMargaret: Good morning, doctor.\n"
    "Doctor: What worries you most?\nMargaret:"
)
TALK = (
    Message("system", "You are Margaret, who waits for a result in a clinic. Answer briefly."),
    Message("user", "What worries you most?"),
)
SLOW = Timeouts(connect_s=5.0, first_s=60.0, next_s=30.0, whole_s=90.0, read_s=60.0, list_s=30.0)
"""For a busy machine; these tests check order, not speed."""


def weights() -> Path:
    return next(manifest.locate("smollm2-135m").glob("*.gguf"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    log = tmp_path_factory.mktemp("server") / "log"
    # 384 tokens, because with logits_all the server keeps 49,152 logits of every token
    with model_server(
        weights(), log, "--n_ctx", "384", "--logits_all", "true", "--interrupt_requests", "false"
    ) as made:
        yield made


@pytest.fixture
def remote(server: ModelServer) -> Iterator[Remote]:
    made = Remote(Server(server.url, "patient", timeouts=SLOW))
    yield made
    made.close()


def test_the_server_lists_its_models(remote: Remote) -> None:
    assert remote.list_models() == ["patient"]


def test_the_reply_comes_in_pieces(remote: Remote) -> None:
    pieces = list(remote.complete(PROMPT, messages=TALK, max_tokens=12, temperature=0.0))
    assert len(pieces) > 3
    assert "\n" not in "".join(pieces)


def test_a_base_model_continues_a_screenplay_as_the_embedded_model_does(
    remote: Remote, llama: Llama
) -> None:
    as_text = Remote(replace(remote.server, form="screenplay"))
    how = {"max_tokens": 12, "temperature": 0.0}
    embedded = "".join(llama.complete(PROMPT, **how))  # type: ignore[arg-type]
    served = "".join(as_text.complete(PROMPT, messages=TALK, **how))  # type: ignore[arg-type]
    as_text.close()
    assert served.strip().split()[:4] == embedded.strip().split()[:4]


def test_a_barge_in_stops_the_servers_work(remote: Remote, server: ModelServer) -> None:
    barge_in = threading.Event()
    pieces = remote.complete(
        PROMPT, messages=TALK, max_tokens=300, temperature=1.2, cancelled=barge_in.is_set
    )
    next(pieces)
    barge_in.set()
    assert list(pieces) == []
    # The server notices at its next token; a whole reply of 300 would delay the next request.
    assert "".join(remote.complete(PROMPT, messages=TALK, max_tokens=4, temperature=0.0))
    assert "Disconnected from client" in server.logged()


def test_warming_leaves_the_server_little_to_read_before_the_first_word(
    remote: Remote, server: ModelServer
) -> None:
    scene = Message("system", "You are Margaret. " + "It is a quiet morning in the clinic. " * 25)
    how = {"max_tokens": 1, "temperature": 0.0}

    def tokens_read(question: str) -> int:
        list(remote.complete("", messages=(scene, Message("user", question)), **how))  # type: ignore[arg-type]
        return int(re.findall(r"remaining (\d+) prompt tokens", server.logged())[-1])

    list(remote.complete("", messages=TALK, **how))  # type: ignore[arg-type]
    cold = tokens_read("What worries you?")
    list(remote.complete("", messages=TALK, **how))  # type: ignore[arg-type]
    remote.warm("", messages=(scene,))
    warm = tokens_read("Who came with you?")
    assert cold > 200
    assert warm < 30


def test_wrong_probabilities_give_no_ranking(remote: Remote) -> None:
    # SmolLM2 has no token for the beginning of a text, so this server's numbers are shifted by one
    remote.warm(PROMPT, messages=TALK)
    assert remote._ranks is False
    assert remote.rank(PROMPT, ["I'm frightened.", "Purple triangles file the loudly."]) == []


def test_with_a_token_at_the_beginning_the_server_ranks_as_the_embedded_model(
    remote: Remote, llama: Llama
) -> None:
    lines = ["I'm frightened.", "Purple triangles file the loudly."]
    prompt = "<|im_start|>" + PROMPT
    served = [remote._wait(remote._score("patient", prompt, f" {text}"), never) for text in lines]
    embedded = llama.rank(PROMPT, lines)
    assert served == pytest.approx(embedded, abs=0.7)


def test_a_prompt_that_does_not_fit_is_a_refusal(remote: Remote) -> None:
    long = (Message("user", "word " * 1000),)
    with pytest.raises(StageFailed, match=r"refused the request|stopped in the middle"):
        list(remote.complete("", messages=long))
    assert "".join(remote.complete(PROMPT, messages=TALK, max_tokens=4))


def test_the_server_ignores_an_unknown_model_name(server: ModelServer) -> None:
    # llama-cpp-python's server answers to every name; `simvoice doctor` warns about it
    remote = Remote(Server(server.url, "nobody", timeouts=SLOW))
    assert "".join(remote.complete(PROMPT, messages=TALK, max_tokens=4))
    remote.close()


def test_a_server_without_logits_answers_and_does_not_rank(tmp_path: Path) -> None:
    with model_server(
        weights(), tmp_path / "log", "--n_ctx", "256", "--logits_all", "false"
    ) as plain:
        remote = Remote(Server(plain.url, "patient", timeouts=SLOW))
        remote.warm(PROMPT, messages=TALK)
        assert remote._ranks is False
        assert remote.rank(PROMPT, ["Yes.", "No."]) == []
        assert "".join(remote.complete(PROMPT, messages=TALK, max_tokens=4))
        remote.close()


def test_a_server_with_a_key_requires_it(tmp_path: Path) -> None:
    with model_server(weights(), tmp_path / "log", "--n_ctx", "256", "--api_key", "k3y") as locked:
        with_key = Remote(Server(locked.url, "patient", key="k3y", timeouts=SLOW))
        assert "".join(with_key.complete(PROMPT, messages=TALK, max_tokens=4))
        with_key.close()
        without = Remote(Server(locked.url, "patient", timeouts=SLOW))
        with pytest.raises(StageFailed, match="SIMVOICE_LLM_KEY"):
            list(without.complete(PROMPT, messages=TALK, max_tokens=4))
        without.close()


def test_when_the_server_is_killed_the_embedded_model_answers_until_it_is_back(
    tmp_path: Path, llama: Llama
) -> None:
    clock_s = [0.0]
    with model_server(weights(), tmp_path / "log", "--n_ctx", "512") as mortal:
        remote = Remote(Server(mortal.url, "patient", timeouts=SLOW))
        both = Fallback(
            remote, llama, name="the server", first_s=60.0, whole_s=90.0, clock=lambda: clock_s[0]
        )
        both.warm(PROMPT, messages=TALK)
        assert both.is_up
        both._first = DiesAt(remote, mortal, reply=1, piece=3)
        reply = "".join(
            both.complete(PROMPT, messages=TALK, max_tokens=60, temperature=0.0, stop=("\n",))
        )
        both._first = remote
        alone = "".join(llama.complete(PROMPT, max_tokens=40, temperature=0.0))
        assert reply == alone, "half a sentence of the killed server was used"
        assert not both.strong
        (notice,) = both.notices()
        assert "stopped in the middle" in notice or "cannot be reached" in notice
    assert "".join(both.complete(PROMPT, messages=TALK, max_tokens=20))
    assert both.notices() == []
    clock_s[0] += 60.0
    with model_server(weights(), tmp_path / "log2", "--n_ctx", "512", port=mortal.port):
        both.warm(PROMPT, messages=TALK)
        assert both.is_up
        assert "answers again" in both.notices()[0]
        assert "".join(both.complete(PROMPT, messages=TALK, max_tokens=20))
        assert both.strong
    remote.close()


def test_a_missing_server_is_noticed_at_once(server: ModelServer) -> None:
    remote = Remote(parse_server("http://127.0.0.1:9", first_s=30.0))
    with pytest.raises(StageFailed, match="cannot be reached"):
        list(remote.complete(PROMPT, messages=TALK))
    remote.close()
