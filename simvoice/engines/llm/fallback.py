"""Combine two language models: the better one answers while it can, else the embedded one.

The learner notices at most a pause. The first model loses a reply when its first word is late,
when it fails, or when it stops in the middle. It is then not asked for a while, so that the
learner does not wait for it again, and is tried again at a moment when the learner does not wait.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence

from simvoice.errors import StageFailed
from simvoice.ports import Cancelled, LanguageModel, Message, never
from simvoice.sentences import ends_sentence, sentence_starts

RETRY_S = 20.0
"""Seconds without requests after the first model fails; doubled each time, up to `LONGEST_S`."""

LONGEST_S = 300.0

FIRST_S = 1.5
"""Limit for its first word: a server's own limit, and some time for the network."""

WHOLE_S = 3.0
"""Limit for its whole line."""

RANK_S = 0.3
"""Limit for its ranking, which decides a tie; the turn waits no longer (`rank_timeout_s`)."""

SMALL_TOKENS = 40
"""Most tokens requested from the embedded model."""

_MAX_NOTICES = 32
"""Notices kept until `notices` is called."""


class Fallback:
    """Fulfils `ports.LanguageModel`. Not thread-safe, like the two models inside."""

    def __init__(
        self,
        first: LanguageModel,
        second: LanguageModel,
        *,
        name: str,
        first_s: float = FIRST_S,
        whole_s: float = WHOLE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """first: the better model. second: the embedded one. name: of the first, for the record.
        first_s, whole_s: limits for its first word and its whole line. clock: returns seconds.
        """
        self._first = first
        self._second = second
        self.name = name
        self._first_s = first_s
        self._whole_s = whole_s
        self._clock = clock
        self._strong = first.strong
        self._failures = 0
        """Consecutive failures."""
        self._retry_at_s = 0.0
        self._slow_ranks = 0
        """Consecutive rankings that came too late."""
        self._notices: deque[str] = deque(maxlen=_MAX_NOTICES)

    @property
    def strong(self) -> bool:
        """Whether the last reply came from a strong model; see `ports.LanguageModel`."""
        return self._strong

    @property
    def second(self) -> LanguageModel:
        """The embedded model."""
        return self._second

    @property
    def is_up(self) -> bool:
        """Whether the first model is in use."""
        return self._failures == 0

    def notices(self) -> list[str]:
        """Return the failures and recoveries since the last call, one sentence each."""
        notices = list(self._notices)
        self._notices.clear()
        return notices

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        """Have both models evaluate the beginning of the next prompt.

        A first model that failed is tried again here, because the learner does not wait now.
        """
        self._second.warm(prefix, cancelled=cancelled)
        if cancelled() or (not self.is_up and self._clock() < self._retry_at_s):
            return
        try:
            self._first.warm(prefix, messages=messages, cancelled=cancelled)
        except StageFailed as error:
            self._fail(str(error))
            return
        if not cancelled():
            self._recover()

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
        """Yield the first model's reply sentence by sentence, or else the second model's pieces.

        When the first model fails after a whole sentence, the reply ends there. Raises StageFailed
        when both fail.
        """
        if self.is_up:
            self._strong = self._first.strong
            deadline = _Deadline(self._clock, self._first_s, self._whole_s, cancelled)
            pieces = self._first.complete(
                prompt,
                messages=messages,
                max_tokens=max_tokens,
                stop=stop,
                temperature=temperature,
                seed=seed,
                cancelled=deadline,
            )
            replied = False
            with contextlib.closing(self._sentences(pieces, deadline)) as sentences:
                for sentence in sentences:
                    replied = True
                    yield sentence
            if replied or cancelled():
                return
        self._strong = self._second.strong
        yield from self._second.complete(
            prompt,
            max_tokens=min(max_tokens, SMALL_TOKENS),
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
        """Return the first model's ranking; empty when it is late. The second model is not asked.

        After two late rankings in a row it is no longer asked, because every one delays an answer.
        """
        if not self.is_up or self._slow_ranks >= 2:
            return []
        deadline = _Deadline(self._clock, RANK_S, RANK_S, cancelled)
        try:
            scores = self._first.rank(prompt, candidates, messages=messages, cancelled=deadline)
        except StageFailed as error:
            self._fail(str(error))
            return []
        self._slow_ranks = self._slow_ranks + 1 if deadline.is_late else 0
        return [] if deadline() else scores

    def _sentences(self, pieces: Iterator[str], deadline: _Deadline) -> Generator[str, None, None]:
        """Yield whole sentences. When all pieces came in time, the last may be without an end."""
        held, problem = "", ""
        try:
            for piece in pieces:
                deadline.started = deadline.started or bool(piece.strip())
                whole, held = _split(held + piece)
                if whole:
                    yield whole
            if deadline.is_late:
                problem = f"{self.name} did not answer in time"
        except StageFailed as error:
            problem = str(error)
        finally:
            if isinstance(pieces, Generator):
                pieces.close()
        if problem:
            self._fail(problem)
        if held and (not problem or ends_sentence(held)):
            yield held

    def _fail(self, problem: str) -> None:
        pause_s = min(LONGEST_S, RETRY_S * 2**self._failures)
        if self.is_up:
            self._notices.append(f"{problem}; until it answers again, the embedded model speaks")
        self._failures += 1
        self._retry_at_s = self._clock() + pause_s

    def _recover(self) -> None:
        if not self.is_up:
            self._notices.append(f"{self.name} answers again and speaks from now on")
        self._failures = 0
        self._slow_ranks = 0


class _Deadline:
    """A `Cancelled` that also stops the first model when its first word or its line is late."""

    def __init__(
        self, clock: Callable[[], float], first_s: float, whole_s: float, cancelled: Cancelled
    ) -> None:
        self._clock = clock
        self._cancelled = cancelled
        now_s = clock()
        self._first_by_s = now_s + first_s
        self._whole_by_s = now_s + whole_s
        self.started = False
        """The first word has arrived."""
        self.is_late = False

    def __call__(self) -> bool:
        if self._cancelled():
            return True
        by_s = self._whole_by_s if self.started else self._first_by_s
        self.is_late = self.is_late or self._clock() > by_s
        return self.is_late


def _split(text: str) -> tuple[str, str]:
    """Return the sentences that are followed by more text, and the rest."""
    whole = text[: sentence_starts(text)[-1]].rstrip()
    return whole, text[len(whole) :]
