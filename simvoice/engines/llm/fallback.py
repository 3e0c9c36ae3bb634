"""Two language models as one: the better one speaks while it can, else the embedded one does.

The learner hears at most a pause. The first is given up for a reply when its first word is late,
when it fails, or when it stops in the middle; it is then left alone for a while, so that nobody
waits for it again and again, and tried again while nobody waits for anything.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence

from simvoice.errors import StageFailed
from simvoice.ports import Cancelled, LanguageModel, Message, never

RETRY_S = 20.0
"""How long the first is left alone after it failed; doubled each time, up to `LONGEST_S`."""

LONGEST_S = 300.0

FIRST_S = 1.5
"""Its first word has to be there by then: what a server is given, and some of the way."""

WHOLE_S = 3.0
"""Its line has to be whole by then."""

RANK_S = 0.3
"""Its opinion on a tie has to be there by then: the floor waits no longer (`rank_timeout_s`)."""

SMALL_TOKENS = 40
"""What the embedded model is asked for at most, however much the other was."""

_MOST_NOTICES = 32
"""Kept for the record until somebody asks."""

_SENTENCE = re.compile(r"[.?!…]+[\"'”’)]*(?=\s|$)")


class Fallback:
    """Fulfils `ports.LanguageModel`. Not for two threads at once, like the two behind it."""

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
        """name: what the first one is called in the record. first_s, whole_s: seconds until its
        first word and its whole line. clock: seconds.
        """
        self._first = first
        self._second = second
        self.name = name
        self._first_s = first_s
        self._whole_s = whole_s
        self._clock = clock
        self._strong = first.strong
        self._failures = 0
        """In a row."""
        self._retry_at_s = 0.0
        self._slow_ranks = 0
        self._notices: deque[str] = deque(maxlen=_MOST_NOTICES)

    @property
    def strong(self) -> bool:
        """Whether the last reply was the first one's."""
        return self._strong

    @property
    def is_up(self) -> bool:
        """Whether the first one is the one that is asked now."""
        return self._failures == 0

    def notices(self) -> list[str]:
        """What has happened since the last call, one sentence each."""
        found = list(self._notices)
        self._notices.clear()
        return found

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        """Both read what the next question begins with; one that failed is tried again here,
        because nobody waits now."""
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
        """Yield the first one's reply sentence by sentence, or else the second one's pieces.

        A first one that stops after a whole sentence has said enough. Raises StageFailed when
        neither can.
        """
        if self.is_up:
            self._strong = self._first.strong
            watch = _Watch(self._clock, self._first_s, self._whole_s, cancelled)
            pieces = self._first.complete(
                prompt,
                messages=messages,
                max_tokens=max_tokens,
                stop=stop,
                temperature=temperature,
                seed=seed,
                cancelled=watch,
            )
            said_some = False
            with contextlib.closing(self._sentences(pieces, watch)) as sentences:
                for sentence in sentences:
                    said_some = True
                    yield sentence
            if said_some or cancelled():
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
        """The first one's opinion, if it comes soon enough to count; the second has none."""
        if not self.is_up or self._slow_ranks >= 2:
            return []
        watch = _Watch(self._clock, RANK_S, RANK_S, cancelled)
        try:
            scores = self._first.rank(prompt, candidates, messages=messages, cancelled=watch)
        except StageFailed as error:
            self._fail(str(error))
            return []
        # One that is always too slow would only hold the answers up.
        self._slow_ranks = self._slow_ranks + 1 if watch.is_late else 0
        return [] if watch() else scores

    # -- inside ---------------------------------------------------------------------------

    def _sentences(self, pieces: Iterator[str], watch: _Watch) -> Generator[str, None, None]:
        """Whole sentences as they come. The last may be without an end when all came in time."""
        held, failed = "", ""
        try:
            for piece in pieces:
                watch.begun = watch.begun or bool(piece.strip())
                whole, held = _split(held + piece)
                if whole:
                    yield whole
            if watch.is_late:
                failed = f"{self.name} did not answer in time"
        except StageFailed as error:
            failed = str(error)
        finally:
            if isinstance(pieces, Generator):
                pieces.close()
        if failed:
            self._fail(failed)
        if held and (not failed or _is_whole(held)):
            yield held

    def _fail(self, what: str) -> None:
        pause_s = min(LONGEST_S, RETRY_S * 2**self._failures)
        if self.is_up:
            self._notices.append(f"{what}; until it answers again, the embedded model speaks")
        self._failures += 1
        self._retry_at_s = self._clock() + pause_s

    def _recover(self) -> None:
        if not self.is_up:
            self._notices.append(f"{self.name} answers again and speaks from now on")
        self._failures = 0
        self._slow_ranks = 0


class _Watch:
    """Tells the first one to stop: nobody wants its reply, or it is late."""

    def __init__(
        self, clock: Callable[[], float], first_s: float, whole_s: float, cancelled: Cancelled
    ) -> None:
        self._clock = clock
        self._cancelled = cancelled
        now_s = clock()
        self._first_by_s = now_s + first_s
        self._whole_by_s = now_s + whole_s
        self.begun = False
        """A first word is there."""
        self.is_late = False

    def __call__(self) -> bool:
        if self._cancelled():
            return True
        by_s = self._whole_by_s if self.begun else self._first_by_s
        self.is_late = self.is_late or self._clock() > by_s
        return self.is_late


def _is_whole(text: str) -> bool:
    return any(found.end() == len(text.rstrip()) for found in _SENTENCE.finditer(text.rstrip()))


def _split(text: str) -> tuple[str, str]:
    """Up to the end of the last whole sentence that something follows, and the rest."""
    ends = [found.end() for found in _SENTENCE.finditer(text) if found.end() < len(text)]
    return (text[: ends[-1]], text[ends[-1] :]) if ends else ("", text)
