"""Check the language model's server: its address, its models, and the time to its first word."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from simvoice.checkup.checks import Check, Detail, ok, warn
from simvoice.engines.llm.server import LONG_TIMEOUTS, Server
from simvoice.errors import StageFailed
from simvoice.ports import Message

TALK = (
    Message(
        "system",
        "You play Margaret, who has come to a clinic for a result and is afraid of it. Answer as "
        "she would aloud, in one short sentence.",
    ),
    Message("user", "Good morning, please sit down."),
    Message("assistant", "Thank you."),
)
NEXT = Message("user", "How have you been since the test?")
TEXT = (
    "A quiet room in a clinic. Margaret has come for a result and is afraid of it.\n"
    "Doctor: Good morning, please sit down.\nMargaret: Thank you.\n"
)
NEXT_TEXT = "Doctor: How have you been since the test?\nMargaret:"
TOKENS = 24

_NAME = "model server"
_FALLBACK = "until it answers, encounters use the embedded model"


def check_server(
    server: Server, *, quick: bool = False, clock: Callable[[], float] = time.perf_counter
) -> Check:
    """Check a server. quick: only its address and its models. clock: returns seconds."""
    # Import it here: it loads an HTTP library that no other check needs.
    from simvoice.engines.llm.remote import Remote

    # With long timeouts, so that the whole time is measured before it is judged.
    remote = Remote(replace(server, timeouts=LONG_TIMEOUTS))
    facts: dict[str, Detail] = {"url": server.url, "model": server.model or None}
    try:
        offered = remote.list_models()
        facts["offered"] = offered
        if quick:
            return judge_server(server, offered, None, facts)
        remote.warm(TEXT, messages=TALK)
        start_s = clock()
        pieces = remote.complete(
            TEXT + NEXT_TEXT, messages=(*TALK, NEXT), max_tokens=TOKENS, temperature=0.0
        )
        reply = next(iter(pieces), "")
        first_ms = 1000.0 * (clock() - start_s)
        reply += "".join(pieces)
        facts |= {"first_ms": round(first_ms), "whole_ms": round(1000.0 * (clock() - start_s))}
    except StageFailed as error:
        sentence, _, remedy = str(error).partition("; ")
        return warn(_NAME, f"{sentence} ({_FALLBACK})", remedy, **facts)
    finally:
        remote.close()
    if not reply.strip():
        return warn(
            _NAME,
            f"the server at {server.name} gives an empty reply ({_FALLBACK})",
            "choose a model without a thinking phase, or try --llm-form screenplay",
            **facts,
        )
    return judge_server(server, offered, first_ms, facts)


def judge_server(
    server: Server, offered: list[str], first_ms: float | None, facts: dict[str, Detail]
) -> Check:
    """Judge a server. offered: its models. first_ms: to its first word; None when not measured."""
    where = f"the server at {server.name}"
    if server.model and server.model not in offered:
        models = ", ".join(offered[:8]) or "none"
        return warn(
            _NAME,
            f"{where} does not offer {server.model!r}; it offers {models}",
            "choose one of these with --llm-model",
            **facts,
        )
    limit_ms = 1000.0 * server.timeouts.first_s
    if first_ms is not None and first_ms > limit_ms:
        return warn(
            _NAME,
            f"{where} needs {first_ms / 1000:.1f} s for its first word, but encounters wait only "
            f"{limit_ms / 1000:.1f} s ({_FALLBACK})",
            "use a smaller model there, or wait longer with --llm-wait",
            **facts,
        )
    if not offered:
        return warn(_NAME, f"{where} offers no model", "load one there", **facts)
    first = "" if first_ms is None else f" and gives its first word after {first_ms / 1000:.2f} s"
    sentence = f"{where} has {server.model or offered[0]}{first}"
    if not server.is_private:
        return warn(
            _NAME,
            f"{sentence}, but what learners say is sent to it unencrypted",
            "use https, or a network that only the lab uses",
            **facts,
        )
    return ok(_NAME, sentence, **facts)
