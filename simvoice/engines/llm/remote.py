"""A language model on a server that speaks OpenAI's protocol: llama.cpp's, vLLM, and others.

The requests run on an event loop of their own thread, so that a wait of any kind (for the
connection, the first word, the next) can be broken off at once: cancelling closes the connection,
and with it the server's work ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import ssl
import threading
import weakref
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Iterator,
    Sequence,
)
from concurrent.futures import Future
from typing import Any, TypeVar

import httpx

from simvoice.engines.llm.server import Server
from simvoice.engines.llm.stop_strings import StopFilter, one_line
from simvoice.errors import SettingError, StageFailed
from simvoice.ports import Cancelled, Message, never

T = TypeVar("T")

_PROBE = ("one two three four", " five six seven eight nine ten")
_PROBE_LEAST = -3.0
"""Nats a token: every language model counts to ten. llama-cpp-python's server gives each token
the probability of the place behind it when the model has no token for a text's beginning (its
issue 1983); by such numbers the count is as unlikely as noise, about -10."""

_ASK_S = 0.02
"""Between two questions whether anybody still wants the result."""

_MOST_BYTES = 1 << 18
"""Of one answer: a line of hers takes a few thousand."""

_MOST_PIECES = 512
"""Of one answer that may wait for the reader; it asks for less than a hundred tokens."""


class Remote:
    """Fulfils `ports.LanguageModel`. Not for two threads at once."""

    strong = True

    def __init__(self, server: Server) -> None:
        """Opens nothing: the first request does."""
        self.server = server
        self._model = server.model
        try:
            self._client = _client(server)
        except httpx.InvalidURL:
            raise SettingError(
                "the language model's address cannot be used; give it like http://127.0.0.1:8000/v1"
            ) from None
        self._ranks: bool | None = None
        """Whether it gives probabilities of a prompt; None until it was tried."""
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(
            target=self._loop.run_forever, name="simvoice-server", daemon=True
        )
        thread.start()
        self._finalizer = weakref.finalize(self, _close, self._loop, thread, self._client)

    def close(self) -> None:
        """Close all connections; may be called twice."""
        self._finalizer()

    def offered(self) -> list[str]:
        """The models that the server says it has. Raises StageFailed."""
        return self._wait(self._offered(), never) or []

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        """Have the server read this now; it keeps what it has read. Raises StageFailed."""
        untried = self._ranks is None
        if untried:
            # Before the reading: a server with room for one prompt forgets it for the next.
            self._try_ranking(cancelled)
        # Many servers want the user to have had the last word.
        asked = [*messages, Message("user", "…")] if messages else ()
        body = self._body(prefix, asked, 1, (), 0.0, 0)
        limit_s = self.server.patience.read_s
        with contextlib.closing(self._pieces(body, limit_s, cancelled)) as pieces:
            try:
                next(pieces, "")
            except StageFailed:
                # One that cannot be reached has not shown that it cannot rank.
                self._ranks = None if untried else self._ranks
                raise

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
        """Yield pieces as they come: of the assistant's next message, one line of it, or of the
        prompt's continuation where there are no messages or the server is asked for a screenplay.

        Leaving it, or cancelling, closes the connection at once. Raises StageFailed.
        """
        body = self._body(prompt, messages, max_tokens, stop, temperature, seed)
        limit_s = self.server.patience.first_s
        with contextlib.closing(self._pieces(body, limit_s, cancelled)) as pieces:
            yield from one_line(pieces) if self._chats(messages) else _until(pieces, stop)

    def rank(
        self,
        prompt: str,
        candidates: Sequence[str],
        *,
        messages: Sequence[Message] = (),
        cancelled: Cancelled = never,
    ) -> list[float]:
        """Mean log-probability a token of each candidate as the continuation of `prompt`.

        Empty when `warm` found that the server gives no probabilities of a prompt (most do not)
        or none that can be believed, or when cancelled. Raises StageFailed when it cannot be
        reached.
        """
        if not self._ranks or not candidates:
            return []
        joint = "" if prompt[-1:].isspace() else " "
        asked = [(prompt, joint + text.strip()) for text in candidates]
        scores = self._wait(self._rank(asked), cancelled) or []
        found = [score for score in scores if score is not None]
        return found if len(found) == len(candidates) else []

    def _try_ranking(self, cancelled: Cancelled) -> None:
        """While nobody waits: some servers take seconds over it, and cannot be stopped.

        One that can answer and not rank is a good server all the same.
        """
        try:
            found = self._wait(self._rank([_PROBE]), cancelled)
        except StageFailed:
            found = [None]
        if found is not None:
            self._ranks = found[0] is not None and found[0] > _PROBE_LEAST

    # -- on the caller's thread -------------------------------------------------------------

    def _chats(self, messages: Sequence[Message]) -> bool:
        return bool(messages) and self.server.form == "chat"

    def _body(
        self,
        prompt: str,
        messages: Sequence[Message],
        max_tokens: int,
        stop: Sequence[str],
        temperature: float,
        seed: int,
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "max_tokens": max_tokens, "temperature": temperature, "seed": seed, "stream": True,
        }  # fmt: skip
        if self._chats(messages):
            return body | {"messages": [{"role": m.role, "content": m.text} for m in messages]}
        return body | {"prompt": prompt, "stop": list(stop)}

    def _pieces(
        self, body: dict[str, Any], first_s: float, cancelled: Cancelled
    ) -> Generator[str, None, None]:
        arrived: queue.Queue[str | None] = queue.Queue(maxsize=_MOST_PIECES)
        work = self._begin(self._stream(body, first_s, arrived.put_nowait))
        work.add_done_callback(lambda _: _put_last(arrived))
        try:
            while not cancelled():
                try:
                    piece = arrived.get(timeout=_ASK_S)
                except queue.Empty:
                    continue
                if piece is None:
                    if not work.cancelled():
                        work.result()
                    return
                yield piece
        finally:
            work.cancel()

    def _wait(self, work: Coroutine[Any, Any, T], cancelled: Cancelled) -> T | None:
        begun = self._begin(work)
        while not cancelled():
            with contextlib.suppress(TimeoutError):
                return begun.result(timeout=_ASK_S)
            if begun.done():
                return begun.result()
        begun.cancel()
        return None

    def _begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if not self._finalizer.alive:
            work.close()
            raise StageFailed("the connection to the language model's server was closed")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    # -- on the loop ------------------------------------------------------------------------

    async def _stream(
        self, body: dict[str, Any], first_s: float, put: Callable[[str], None]
    ) -> None:
        patience, loop = self.server.patience, asyncio.get_running_loop()
        over_s = loop.time() + max(first_s, patience.whole_s)
        async with self._told_in_words(), asyncio.timeout(first_s) as limit:
            body["model"] = await self._model_name()
            path = "/chat/completions" if "messages" in body else "/completions"
            async with self._client.stream("POST", path, json=body) as response:
                await self._check(response)
                async with contextlib.aclosing(_events(response)) as events:
                    async for data in events:
                        piece, ended = _piece(data)
                        if piece:
                            put(piece)
                            limit.reschedule(min(over_s, loop.time() + patience.next_s))
                        if ended:
                            return
            raise _BrokenOffError

    async def _offered(self) -> list[str]:
        async with self._told_in_words(), asyncio.timeout(self.server.patience.list_s):
            response = await self._client.get("/models")
            await self._check(response)
            return [str(each["id"]) for each in response.json()["data"]]

    async def _model_name(self) -> str:
        """The one that was asked for, or the first there is."""
        if not self._model:
            names = await self._offered()
            if not names:
                raise StageFailed(f"{self._who} offers no model; load one there")
            self._model = names[0]
        return self._model

    async def _rank(self, asked: Sequence[tuple[str, str]]) -> list[float | None]:
        async with self._told_in_words(), asyncio.timeout(self.server.patience.whole_s):
            name = await self._model_name()
            scores = [self._score(name, prompt, text) for prompt, text in asked]
            return list(await asyncio.gather(*scores))

    async def _score(self, name: str, prompt: str, text: str) -> float | None:
        """Mean log-probability a token of `text`; None when the server does not tell."""
        body = {
            "model": name, "prompt": prompt + text, "max_tokens": 1, "temperature": 0.0,
            "echo": True, "logprobs": 1,
        }  # fmt: skip
        response = await self._client.post("/completions", json=body)
        if response.status_code != httpx.codes.OK:
            return None
        return mean_logprob(response.json(), text)

    @contextlib.asynccontextmanager
    async def _told_in_words(self) -> AsyncIterator[None]:
        """Whatever goes wrong is one sentence, without the key and without what was said."""
        try:
            yield
        except TimeoutError:
            raise StageFailed(
                f"{self._who} did not answer in time; see what else it is doing"
            ) from None
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise StageFailed(
                f"{self._who} cannot be reached; see that it runs and that the address is right"
            ) from None
        except (httpx.HTTPError, _BrokenOffError):
            raise StageFailed(f"{self._who} broke off in the middle; see its log") from None
        except (ValueError, KeyError, TypeError, IndexError, queue.Full):
            raise StageFailed(
                f"{self._who} answered what no such server answers; see that the address is right"
            ) from None

    async def _check(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == httpx.codes.OK:
            return
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise StageFailed(f"{self._who} wants another key; put it into SIMVOICE_LLM_KEY")
        if status == httpx.codes.NOT_FOUND:
            raise StageFailed(
                f"{self._who} has no model {self._model!r} or no such address (HTTP 404); "
                "simvoice doctor shows which models it has"
            )
        raise StageFailed(f"{self._who} refused the question (HTTP {status}); see its log")

    @property
    def _who(self) -> str:
        return f"the language model's server at {self.server.name}"


class _BrokenOffError(Exception):
    """The answer ended before it was whole."""


# -- what comes over the line ---------------------------------------------------------------


async def _events(response: httpx.Response) -> AsyncGenerator[str, None]:
    """The data of each server-sent event (WHATWG, "Server-sent events"), one line each here."""
    held, total = b"", 0
    async for chunk in response.aiter_bytes():
        total += len(chunk)
        if total > _MOST_BYTES:
            raise ValueError("more than a line of hers can be")
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[len(b"data:") :].decode().strip()


def _piece(data: str) -> tuple[str, bool]:
    """The text in one event, and whether it is the last one."""
    if data == "[DONE]":
        # The last piece has said why it was the last. Without that, somebody else's question has
        # ended this one: llama-cpp-python's server serves the latest.
        raise _BrokenOffError
    answer = json.loads(data)
    if not answer["choices"]:
        return "", False  # some end with a count of tokens
    choice = answer["choices"][0]
    text = choice["delta"].get("content") if "delta" in choice else choice["text"]
    if text is not None and not isinstance(text, str):
        raise TypeError("text is no text")
    return text or "", choice.get("finish_reason") is not None


def mean_logprob(answer: Any, text: str) -> float | None:
    """Of `text` at the end of an echoed prompt, behind which one token was made; None when not
    given.

    The tokens are counted from the end, because servers differ in what they put at the start.
    """
    given = answer["choices"][0].get("logprobs") or {}
    tokens, values = given.get("tokens") or [], given.get("token_logprobs") or []
    if len(tokens) < 2 or len(tokens) != len(values):
        return None
    length, found = 0, []
    for token, value in zip(reversed(tokens[:-1]), reversed(values[:-1]), strict=True):
        if length >= len(text):
            break
        length += len(token)
        found.append(value)
    if length < len(text.strip()) or any(value is None for value in found):
        return None
    return float(sum(found) / len(found))


def _until(pieces: Iterator[str], stop: Sequence[str]) -> Iterator[str]:
    """Servers end at a stop string themselves; one that does not is cut here."""
    shown = StopFilter(stop)
    for piece in pieces:
        if text := shown.push(piece):
            yield text
        if shown.stopped:
            return
    if rest := shown.flush():
        yield rest


# -- the connection -------------------------------------------------------------------------


def _client(server: Server) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    return httpx.AsyncClient(
        base_url=server.url,
        headers=headers,
        # The event loop's own limits count for everything but the connection.
        timeout=httpx.Timeout(None, connect=server.patience.connect_s),
        # What a learner says goes to this server and nowhere else: through no proxy that the
        # environment names, and not where an answer points to.
        trust_env=False,
        # Questions come minutes apart: a connection that was kept would often be a dead one, and
        # to find that out costs more than to open one.
        limits=httpx.Limits(max_keepalive_connections=0),
        follow_redirects=False,
        verify=ssl.create_default_context() if server.url.startswith("https:") else False,
    )


def _put_last(arrived: queue.Queue[str | None]) -> None:
    with contextlib.suppress(queue.Full):  # then nobody reads any more, or the work has failed
        arrived.put_nowait(None)


def _close(
    loop: asyncio.AbstractEventLoop, thread: threading.Thread, client: httpx.AsyncClient
) -> None:
    async def end() -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await client.aclose()
        await loop.shutdown_asyncgens()

    with contextlib.suppress(TimeoutError):
        asyncio.run_coroutine_threadsafe(end(), loop).result(timeout=2.0)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=2.0)
    if not thread.is_alive():
        loop.close()
