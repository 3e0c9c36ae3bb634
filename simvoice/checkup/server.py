"""The language model's server: is it there, has it the model, how soon does it begin to speak?"""

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
_ELSE = "until it answers, encounters use the embedded model"


def check_server(
    server: Server, *, quick: bool = False, clock: Callable[[], float] = time.perf_counter
) -> Check:
    """quick: only whether it is there and has the model. clock: seconds."""
    # loads an HTTP library, which nothing else in a check needs
    from simvoice.engines.llm.remote import Remote

    # measured in full, however long it takes, and judged afterwards
    remote = Remote(replace(server, timeouts=LONG_TIMEOUTS))
    facts: dict[str, Detail] = {"url": server.url, "model": server.model or None}
    try:
        offered = remote.list_models()
        facts["offered"] = offered
        if quick:
            return _judged(server, offered, None, facts)
        remote.warm(TEXT, messages=TALK)
        begun_s = clock()
        pieces = remote.complete(
            TEXT + NEXT_TEXT, messages=(*TALK, NEXT), max_tokens=TOKENS, temperature=0.0
        )
        said = next(iter(pieces), "")
        first_ms = 1000.0 * (clock() - begun_s)
        said += "".join(pieces)
        facts |= {"first_ms": round(first_ms), "whole_ms": round(1000.0 * (clock() - begun_s))}
    except StageFailed as error:
        sentence, _, remedy = str(error).partition("; ")
        return warn(_NAME, f"{sentence} ({_ELSE})", remedy, **facts)
    finally:
        remote.close()
    if not said.strip():
        return warn(
            _NAME,
            f"{_where(server)} has nothing to say when it is asked ({_ELSE})",
            "choose a model without a phase of thinking, or try --llm-form screenplay",
            **facts,
        )
    return _judged(server, offered, first_ms, facts)


def _judged(
    server: Server, offered: list[str], first_ms: float | None, facts: dict[str, Detail]
) -> Check:
    where = _where(server)
    if server.model and server.model not in offered:
        has = ", ".join(offered[:8]) or "none"
        return warn(
            _NAME,
            f"{where} does not offer {server.model!r}; it offers {has}",
            "give one of these to --llm-model",
            **facts,
        )
    limit_ms = 1000.0 * server.timeouts.first_s
    if first_ms is not None and first_ms > limit_ms:
        return warn(
            _NAME,
            f"{where} takes {first_ms / 1000:.1f} s to its first word, and is waited for "
            f"{limit_ms / 1000:.1f} s ({_ELSE})",
            "use a smaller model there, or wait longer with --llm-wait",
            **facts,
        )
    soon = "" if first_ms is None else f" and begins to speak after {first_ms / 1000:.2f} s"
    sentence = f"{where} has {server.model or (offered or ['no model'])[0]}{soon}"
    if not offered:
        return warn(_NAME, f"{where} offers no model", "load one there", **facts)
    if not server.is_private:
        return warn(
            _NAME,
            f"{sentence}, but what learners say goes there unencrypted",
            "use https, or a network that only the lab is on",
            **facts,
        )
    return ok(_NAME, sentence, **facts)


def _where(server: Server) -> str:
    return f"the server at {server.name}"
