"""A language model on a server with OpenAI's protocol: llama.cpp's, vLLM, and others.

The requests run on an event loop in a separate thread, so that any wait (for the connection, the
first word, the next one) can be cancelled at once. Cancelling closes the connection, which also
ends the server's work.
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

from simvoice.engines.llm.server import ADDRESS_EXAMPLE, Server
from simvoice.engines.llm.stop_strings import StopFilter, first_line
from simvoice.errors import SettingError, StageFailed
from simvoice.ports import Cancelled, Message, never

T = TypeVar("T")

_PROBE = ("one two three four", " five six seven eight nine ten")
_PROBE_MIN = -3.0
"""Nats a token, which every language model reaches for counting to ten. When the model has no
token for the beginning of a text, llama-cpp-python's server gives each token the probability of
the next position (its issue 1983), and the count scores about -10, like noise."""

_POLL_S = 0.02
"""Interval between two checks for cancellation."""

_MAX_BYTES = 1 << 18
"""Limit of one answer; a line of the patient takes a few thousand."""

_MAX_PIECES = 512
"""Limit of unread pieces of one answer; a request asks for less than a hundred tokens."""


_WRONG_SHAPE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
"""What reading an answer as OpenAI's protocol raises when it is something else."""


class Remote:
    """A language model on a server. Fulfils `ports.LanguageModel`. Not thread-safe."""

    strong = True

    def __init__(self, server: Server) -> None:
        """Opens no connection; the first request does. Raises SettingError for a bad address."""
        self.server = server
        self._model = server.model
        try:
            self._client = _client(server)
        except httpx.InvalidURL:
            raise SettingError(
                f"the language model's address cannot be used; {ADDRESS_EXAMPLE}"
            ) from None
        self._ranks: bool | None = None
        """Whether the server gives probabilities of a prompt; None before `warm` tried it."""
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(
            target=self._loop.run_forever, name="simvoice-server", daemon=True
        )
        thread.start()
        self._finalizer = weakref.finalize(self, _close, self._loop, thread, self._client)

    def close(self) -> None:
        """Close all connections; can be called twice."""
        self._finalizer()

    def list_models(self) -> list[str]:
        """Return the names of the models that the server offers. Raises StageFailed."""
        return self._wait(self._list_models(), never) or []

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        """Have the server evaluate the beginning of the next prompt, which it then keeps in its
        cache. Raises StageFailed."""
        untried = self._ranks is None
        if untried:
            # Try this first: a server that caches one prompt would lose the prefix.
            self._try_ranking(cancelled)
        # Many servers require the last message to be the user's.
        padded = [*messages, Message("user", "…")] if messages else ()
        body = self._body(prefix, padded, 1, (), 0.0, 0)
        limit_s = self.server.timeouts.read_s
        with contextlib.closing(self._pieces(body, limit_s, cancelled)) as pieces:
            try:
                next(pieces, "")
            except StageFailed:
                # A server that could not be reached may still be able to rank.
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
        """Yield pieces as they arrive: the first line of the assistant's next message, or the
        continuation of the prompt when there are no messages or the form is a screenplay.

        Closing the iterator, or cancelling, closes the connection at once. Raises StageFailed.
        """
        body = self._body(prompt, messages, max_tokens, stop, temperature, seed)
        limit_s = self.server.timeouts.first_s
        with contextlib.closing(self._pieces(body, limit_s, cancelled)) as pieces:
            yield from first_line(pieces) if self._is_chat(messages) else _until(pieces, stop)

    def rank(
        self,
        prompt: str,
        candidates: Sequence[str],
        *,
        messages: Sequence[Message] = (),
        cancelled: Cancelled = never,
    ) -> list[float]:
        """Return the mean log-probability a token of each candidate as continuation of `prompt`.

        Empty when cancelled, and when `warm` found that the server gives no probabilities of a
        prompt (most servers do not) or wrong ones. Raises StageFailed when the server cannot be
        reached.
        """
        if not self._ranks or not candidates:
            return []
        separator = "" if prompt[-1:].isspace() else " "
        pairs = [(prompt, separator + text.strip()) for text in candidates]
        answers = self._wait(self._rank(pairs), cancelled) or []
        scores = [score for score in answers if score is not None]
        return scores if len(scores) == len(candidates) else []

    def _try_ranking(self, cancelled: Cancelled) -> None:
        """Find out whether the server can rank, while the learner does not wait.

        Some servers take seconds for it and cannot be cancelled. A failure is no error, because a
        server that cannot rank can still answer.
        """
        try:
            scores = self._wait(self._rank([_PROBE]), cancelled)
        except StageFailed:
            scores = [None]
        if scores is not None:
            self._ranks = scores[0] is not None and scores[0] > _PROBE_MIN

    # -- on the caller's thread -------------------------------------------------------------

    def _is_chat(self, messages: Sequence[Message]) -> bool:
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
        if self._is_chat(messages):
            return body | {"messages": [{"role": m.role, "content": m.text} for m in messages]}
        return body | {"prompt": prompt, "stop": list(stop)}

    def _pieces(
        self, body: dict[str, Any], first_s: float, cancelled: Cancelled
    ) -> Generator[str, None, None]:
        arrived: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        def put(piece: str) -> None:
            if arrived.qsize() >= _MAX_PIECES:
                raise ValueError("the answer has more pieces than any line of a patient")
            arrived.put(piece)

        work = self._submit(self._stream(body, first_s, put))
        work.add_done_callback(lambda _: arrived.put(None))
        try:
            while not cancelled():
                try:
                    piece = arrived.get(timeout=_POLL_S)
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
        """Return the result of the work; None when cancelled."""
        future = self._submit(work)
        while not cancelled():
            with contextlib.suppress(TimeoutError):
                return future.result(timeout=_POLL_S)
            if future.done():
                return future.result()
        future.cancel()
        return None

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if not self._finalizer.alive:
            work.close()
            raise StageFailed(
                "the connection to the language model's server is closed; start the encounter again"
            )
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    # -- on the event loop ------------------------------------------------------------------

    async def _stream(
        self, body: dict[str, Any], first_s: float, put: Callable[[str], None]
    ) -> None:
        timeouts, loop = self.server.timeouts, asyncio.get_running_loop()
        whole_by_s = loop.time() + max(first_s, timeouts.whole_s)
        async with self._translate_errors(), asyncio.timeout(first_s) as limit:
            body["model"] = await self._model_name()
            path = "/chat/completions" if "messages" in body else "/completions"
            async with self._client.stream("POST", path, json=body) as response:
                self._check_status(response)
                async with contextlib.aclosing(_events(response)) as events:
                    async for data in events:
                        piece, ended = _parse_event(data)
                        if piece:
                            put(piece)
                            limit.reschedule(min(whole_by_s, loop.time() + timeouts.next_s))
                        if ended:
                            return
            raise _IncompleteError

    async def _list_models(self) -> list[str]:
        async with self._translate_errors(), asyncio.timeout(self.server.timeouts.list_s):
            response = await self._client.get("/models")
            self._check_status(response)
            return [str(each["id"]) for each in response.json()["data"]]

    async def _model_name(self) -> str:
        """Return the configured model, or the first that the server offers."""
        if not self._model:
            names = await self._list_models()
            if not names:
                raise StageFailed(f"{self._where} offers no model; load one there")
            self._model = names[0]
        return self._model

    async def _rank(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        async with self._translate_errors(), asyncio.timeout(self.server.timeouts.whole_s):
            name = await self._model_name()
            scores = [self._score(name, prompt, text) for prompt, text in pairs]
            return list(await asyncio.gather(*scores))

    async def _score(self, name: str, prompt: str, text: str) -> float | None:
        """Return the mean log-probability a token of `text`; None when the server gives none."""
        body = {
            "model": name, "prompt": prompt + text, "max_tokens": 1, "temperature": 0.0,
            "echo": True, "logprobs": 1,
        }  # fmt: skip
        response = await self._client.post("/completions", json=body)
        if response.status_code != httpx.codes.OK:
            return None
        return mean_logprob(response.json(), text)

    @contextlib.asynccontextmanager
    async def _translate_errors(self) -> AsyncIterator[None]:
        """Raise every error as StageFailed with one sentence, without the key and the prompt."""
        try:
            yield
        except TimeoutError:
            raise StageFailed(
                f"{self._where} did not answer in time; check its load and its log"
            ) from None
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise StageFailed(
                f"{self._where} cannot be reached; check that it runs and that the address is right"
            ) from None
        except (httpx.HTTPError, _IncompleteError):
            raise StageFailed(
                f"{self._where} stopped in the middle of its answer; see its log"
            ) from None
        except _WRONG_SHAPE:
            raise StageFailed(
                f"{self._where} sent an answer that is not OpenAI's protocol; "
                "check that the address is right"
            ) from None

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == httpx.codes.OK:
            return
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise StageFailed(
                f"{self._where} does not accept the key; put the right one into SIMVOICE_LLM_KEY"
            )
        if status == httpx.codes.NOT_FOUND:
            raise StageFailed(
                f"{self._where} has no model {self._model!r} or no such address (HTTP 404); "
                "simvoice doctor shows which models it has"
            )
        raise StageFailed(f"{self._where} refused the request (HTTP {status}); see its log")

    @property
    def _where(self) -> str:
        return f"the language model's server at {self.server.name}"


class _IncompleteError(Exception):
    """The answer ended before it was complete."""


# -- parsing the answers --------------------------------------------------------------------


async def _events(response: httpx.Response) -> AsyncGenerator[str, None]:
    """Yield the data of each server-sent event (WHATWG, "Server-sent events"), one line each."""
    held, total = b"", 0
    async for chunk in response.aiter_bytes():
        total += len(chunk)
        if total > _MAX_BYTES:
            raise ValueError("the answer is longer than any line of a patient")
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[len(b"data:") :].decode().strip()


def _parse_event(data: str) -> tuple[str, bool]:
    """Return the text of one event, and whether it is the last one."""
    if data == "[DONE]":
        # A complete answer gives a finish reason before this. Without one, another client's
        # request has ended this one: llama-cpp-python's server serves the latest request.
        raise _IncompleteError
    answer = json.loads(data)
    if not answer["choices"]:
        return "", False  # some servers end with a token count
    choice = answer["choices"][0]
    text = choice["delta"].get("content") if "delta" in choice else choice["text"]
    if text is not None and not isinstance(text, str):
        raise TypeError("the text is not a string")
    return text or "", choice.get("finish_reason") is not None


def mean_logprob(answer: Any, text: str) -> float | None:
    """Return the mean log-probability a token of `text`; None when the answer gives none.

    answer: to a request that echoes the prompt, which ends in `text`, and generates one token.
    Tokens are counted from the end, because servers add different tokens at the start.
    """
    logprobs = answer["choices"][0].get("logprobs") or {}
    tokens, values = logprobs.get("tokens") or [], logprobs.get("token_logprobs") or []
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
    """End at a stop string, for servers that do not do so themselves."""
    stop_filter = StopFilter(stop)
    for piece in pieces:
        if text := stop_filter.push(piece):
            yield text
        if stop_filter.stopped:
            return
    if rest := stop_filter.flush():
        yield rest


# -- the connection -------------------------------------------------------------------------


def _client(server: Server) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    return httpx.AsyncClient(
        base_url=server.url,
        headers=headers,
        # `asyncio.timeout` limits everything but connecting.
        timeout=httpx.Timeout(None, connect=server.timeouts.connect_s),
        # What learners say must reach this server only: use no proxy from the environment, and
        # follow no redirect.
        trust_env=False,
        # Requests come minutes apart. A kept connection would often be dead, and finding that out
        # takes longer than opening a new one.
        limits=httpx.Limits(max_keepalive_connections=0),
        follow_redirects=False,
        verify=ssl.create_default_context() if server.url.startswith("https:") else False,
    )


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
