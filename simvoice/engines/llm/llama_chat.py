"""A stronger local model, spoken to in the chat template that its own file carries."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import llama_cpp
from jinja2 import TemplateError
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from simvoice.engines import threads as budget
from simvoice.engines.llm.llama import Llama
from simvoice.engines.llm.stop_strings import one_line
from simvoice.errors import ModelAltered
from simvoice.ports import Cancelled, Message, never

SMALL_BATCH = 32
"""A larger model takes a second for this many tokens on two cores: as long as a barge-in or a
question that overtakes may wait."""

_MARK = "\ue000{}\ue001"
_MARKED = re.compile("\ue000(\\d+)\ue001")
"""Stands for a message's text while the template is filled in (characters nobody types)."""

_DAY = "26 Jul 2024"
"""Some templates tell the date. The patient's day is the case's, and a prompt that changes at
midnight would change what she says."""


class ChatLlama(Llama):
    """Fulfils `ports.LanguageModel`; where no messages are given it continues the prompt."""

    strong = True

    def __init__(
        self,
        model: Path,
        threads: int = budget.LLAMA,
        n_ctx: int = 2048,
        batch: int = SMALL_BATCH,
    ) -> None:
        """As `Llama`. Raises ModelAltered when the file carries no chat template that works."""
        super().__init__(model, threads, n_ctx, batch)
        template = llama_cpp.llama_model_chat_template(self._model, None)
        if template is None:
            self.close()
            raise ModelAltered(
                f"{model.name} carries no chat template; choose a model that was made to be "
                "talked with (its name often ends in Instruct)"
            )
        self._bos = self._text_of(llama_cpp.llama_vocab_bos(self._vocab))
        eos = self._text_of(llama_cpp.llama_vocab_eos(self._vocab))
        self._takes_system = True
        try:
            self._format = Jinja2ChatFormatter(template.decode(), eos, self._bos)
            self._takes_system = self._is_taken("system")
            works = self._takes_system or self._is_taken("user")
        except (TemplateError, UnicodeDecodeError):
            works = False
        if not works:
            self.close()
            raise ModelAltered(f"{model.name} carries a chat template that cannot be filled in")

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        """Evaluate the talk so far, which the next messages begin with."""
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
        """Yield pieces of the assistant's next message, one line of it.

        `stop` counts for a prompt without messages. Raises StageFailed.
        """
        if not messages:
            tokens, stops = self._tokenize(prompt, start=True), stop
        else:
            tokens, stops = self._tokens(messages, answer=True), ()
        pieces = self._continue(tokens, max_tokens, stops, temperature, seed, cancelled)
        yield from one_line(pieces) if messages else pieces

    def rank(
        self,
        prompt: str,
        candidates: Sequence[str],
        *,
        messages: Sequence[Message] = (),
        cancelled: Cancelled = never,
    ) -> list[float]:
        """Mean log-probability a token of each candidate as the assistant's next message."""
        if not messages:
            return super().rank(prompt, candidates, cancelled=cancelled)
        return self._rank(self._tokens(messages, answer=True), candidates, "", cancelled)

    # -- the template ---------------------------------------------------------------------

    def _tokens(self, messages: Sequence[Message], *, answer: bool) -> list[int]:
        """The filled template. What people say is never read as a control token of it.

        answer: it ends where the assistant's next message begins.
        """
        shown = messages if self._takes_system else folded(messages)
        text = self._fill([message.role for message in shown], answer)
        tokens: list[int] = []
        for number, part in enumerate(_MARKED.split(text)):
            if number % 2:
                tokens += self._tokenize(shown[int(part)].text, start=False)
            elif part:
                first = not tokens and not (self._bos and part.startswith(self._bos))
                tokens += self._tokenize(part, start=first, special=True)
        return tokens

    def _fill(self, roles: Sequence[str], answer: bool) -> str:
        marked = [{"role": r, "content": _MARK.format(n)} for n, r in enumerate(roles)]
        self._format.add_generation_prompt = answer
        filled = self._format(messages=marked, date_string=_DAY, enable_thinking=False)  # type: ignore[arg-type]
        return str(filled.prompt)

    def _is_taken(self, role: str) -> bool:
        """Whether the template shows a message of this role; some refuse a system message."""
        roles = [role, "user"] if role == "system" else [role]
        with contextlib.suppress(ValueError, TemplateError):
            return _MARK.format(0) in self._fill(roles, True)
        return False

    def _text_of(self, token: int) -> str:
        if token < 0:
            return ""
        return bytes(llama_cpp.llama_vocab_get_text(self._vocab, token)).decode("utf-8", "ignore")


def folded(messages: Sequence[Message]) -> list[Message]:
    """The same with the system's words at the head of the user's first."""
    head = "\n\n".join(message.text for message in messages if message.role == "system")
    others = [message for message in messages if message.role != "system"]
    if not head:
        return others
    if not others or others[0].role != "user":
        return [Message("user", head), *others]
    return [Message("user", f"{head}\n\n{others[0].text}"), *others[1:]]
