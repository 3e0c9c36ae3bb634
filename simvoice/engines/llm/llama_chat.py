"""A stronger local model that is prompted with the chat template in its own file."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import llama_cpp
from jinja2 import TemplateError
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from simvoice.engines.llm.llama import Llama
from simvoice.engines.llm.stop_strings import first_line
from simvoice.engines.threads import LLM_THREADS
from simvoice.errors import ModelAltered
from simvoice.ports import Cancelled, Message, never

SMALL_BATCH = 32
"""A larger model takes a second for this many tokens on two cores, the longest that a barge-in or
a newer request may wait."""

_PLACEHOLDER = "\ue000{}\ue001"
_PLACEHOLDERS = re.compile("\ue000(\\d+)\ue001")
"""Stands for the text of a message while the template is filled in; no one types these
characters."""

_DATE = "26 Jul 2024"
"""Some templates state the date. It is fixed, because a prompt that changes at midnight would
change what the patient says."""


class ChatLlama(Llama):
    """A local model with a chat template. Fulfils `ports.LanguageModel`.

    Without messages it continues the prompt, as `Llama` does.
    """

    strong = True

    def __init__(
        self,
        model: Path,
        threads: int = LLM_THREADS,
        n_ctx: int = 2048,
        batch: int = SMALL_BATCH,
    ) -> None:
        """As `Llama`. Raises ModelAltered when the file has no usable chat template."""
        super().__init__(model, threads, n_ctx, batch)
        template = llama_cpp.llama_model_chat_template(self._model, None)
        if template is None:
            self.close()
            raise ModelAltered(
                f"{model.name} has no chat template; choose a model that was trained for "
                "conversations (its name often ends in Instruct)"
            )
        self._bos = self._control_token(llama_cpp.llama_vocab_bos(self._vocab))
        eos = self._control_token(llama_cpp.llama_vocab_eos(self._vocab))
        self._accepts_system = True
        try:
            self._format = Jinja2ChatFormatter(template.decode(), eos, self._bos)
            self._accepts_system = self._accepts("system")
            works = self._accepts_system or self._accepts("user")
        except (TemplateError, UnicodeDecodeError):
            works = False
        if not works:
            self.close()
            raise ModelAltered(
                f"{model.name} has a chat template that cannot be filled in; choose another model"
            )

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        """Evaluate the conversation so far, with which the next messages begin."""
        if not messages:
            super().warm(prefix, cancelled=cancelled)
            return
        self._prepare(self._tokens(messages, answer=False), cancelled)

    def complete(
        self,
        prompt: str,
        *,
        messages: Sequence[Message] = (),
        max_tokens: int = 48,
        stop: Sequence[str] = ("\n",),
        temperature: float = 0.6,
        seed: int = 0,
        cancelled: Cancelled = never,
    ) -> Iterator[str]:
        """Yield pieces of the first line of the assistant's next message.

        `stop` applies only without messages. Raises StageFailed.
        """
        if not messages:
            tokens, stops = self._tokenize(prompt, start=True), stop
        else:
            tokens, stops = self._tokens(messages, answer=True), ()
        pieces = self._generate(tokens, max_tokens, stops, temperature, seed, cancelled)
        yield from first_line(pieces) if messages else pieces

    def rank(
        self,
        prompt: str,
        candidates: Sequence[str],
        *,
        messages: Sequence[Message] = (),
        cancelled: Cancelled = never,
    ) -> list[float]:
        """Return the mean log-probability a token of each candidate as the assistant's message."""
        if not messages:
            return super().rank(prompt, candidates, cancelled=cancelled)
        return self._rank(self._tokens(messages, answer=True), candidates, "", cancelled)

    # -- the template ---------------------------------------------------------------------

    def _tokens(self, messages: Sequence[Message], *, answer: bool) -> list[int]:
        """Return the tokens of the filled template. Control tokens in messages count as text.

        answer: end where the assistant's next message begins.
        """
        accepted = messages if self._accepts_system else merge_system_message(messages)
        text = self._fill([message.role for message in accepted], answer)
        tokens: list[int] = []
        for number, part in enumerate(_PLACEHOLDERS.split(text)):
            if number % 2:
                tokens += self._tokenize(accepted[int(part)].text, start=False)
            elif part:
                first = not tokens and not (self._bos and part.startswith(self._bos))
                tokens += self._tokenize(part, start=first, special=True)
        return tokens

    def _fill(self, roles: Sequence[str], answer: bool) -> str:
        marked = [{"role": r, "content": _PLACEHOLDER.format(n)} for n, r in enumerate(roles)]
        self._format.add_generation_prompt = answer
        filled = self._format(messages=marked, date_string=_DATE, enable_thinking=False)  # type: ignore[arg-type]
        return str(filled.prompt)

    def _accepts(self, role: str) -> bool:
        """Return whether the template shows messages of this role; some refuse system messages."""
        roles = [role, "user"] if role == "system" else [role]
        with contextlib.suppress(ValueError, TemplateError):
            return _PLACEHOLDER.format(0) in self._fill(roles, True)
        return False

    def _control_token(self, token: int) -> str:
        if token < 0:
            return ""
        return bytes(llama_cpp.llama_vocab_get_text(self._vocab, token)).decode("utf-8", "ignore")


def merge_system_message(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with the system's text moved to the start of the first user message."""
    system = "\n\n".join(message.text for message in messages if message.role == "system")
    others = [message for message in messages if message.role != "system"]
    if not system:
        return others
    if not others or others[0].role != "user":
        return [Message("user", system), *others]
    return [Message("user", f"{system}\n\n{others[0].text}"), *others[1:]]
