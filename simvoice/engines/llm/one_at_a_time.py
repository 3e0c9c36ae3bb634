"""A language model that several threads may use: one waits for the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from simvoice.ports import Cancelled, LanguageModel, Message, never


class OneAtATime:
    """Fulfils `ports.LanguageModel`. Thread-safe, around a model that is not."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._using = threading.Lock()

    @property
    def strong(self) -> bool:
        """As the model inside."""
        return self._model.strong

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        """As the model inside."""
        with self._using:
            self._model.warm(prefix, messages=messages, cancelled=cancelled)

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
        """As the model inside. Other threads wait until the iterator has ended or is closed."""
        with self._using:
            yield from self._model.complete(
                prompt,
                messages=messages,
                max_tokens=max_tokens,
                stop=stop,
                temperature=temperature,
                seed=seed,
                cancelled=cancelled,
            )

    def rank(
        self,
        prompt: str,
        candidates: Sequence[str],
        *,
        messages: Sequence[Message] = (),
        cancelled: Cancelled = never,
    ) -> list[float]:
        """As the model inside."""
        with self._using:
            return self._model.rank(prompt, candidates, messages=messages, cancelled=cancelled)
