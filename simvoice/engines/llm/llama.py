"""A language model that continues a screenplay: llama.cpp, with the prompt kept in its cache.

Sequence 0 holds the prompt that was evaluated last. A new prompt costs only the tokens after
what the two have in common. Candidates are ranked in sequences beside it that share its cells,
so that ranking leaves it as it was.
"""

from __future__ import annotations

import codecs
import ctypes
import weakref
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from simvoice.engines import threads as budget
from simvoice.engines.llm.stop_strings import StopFilter
from simvoice.engines.model_folder import REMEDY, need_file, need_one
from simvoice.errors import ModelAltered, StageFailed
from simvoice.ports import Cancelled, Message, never

BATCH = 128
"""Tokens evaluated between two questions whether anybody still wants the result, as a rule."""

SEQUENCES = 9
"""One for the prompt, eight for candidates ranked together."""

MIN_P = 0.05
"""Tokens less likely than this share of the likeliest are not sampled (Nguyen et al. 2024)."""

Logits = NDArray[np.float32]


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _say_nothing(level: int, text: bytes, data: ctypes.c_void_p) -> None:
    """llama.cpp writes pages about each load; what matters comes back as a return value."""


class Llama:
    """Fulfils `ports.LanguageModel`. One prompt family an instance; not for two threads at once."""

    strong = False
    """It continues a screenplay, and small models do no more (docs/choosing-the-language-model)."""

    def __init__(
        self,
        model: Path,
        threads: int = budget.LLAMA,
        n_ctx: int = 2048,
        batch: int = BATCH,
    ) -> None:
        """model: a gguf file, or a folder that holds one. n_ctx: tokens of prompt and reply.

        Raises ModelMissing when it is not there, ModelAltered when it cannot be read.
        """
        what = "the language model"
        path = (
            need_file(what, model) if model.suffix == ".gguf" else need_one(what, model, "*.gguf")
        )
        llama_cpp.llama_log_set(_say_nothing, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_model_load_from_file(
            str(path).encode(), llama_cpp.llama_model_default_params()
        )
        if not self._model:
            raise ModelAltered(f"{path.name} cannot be read as a model; {REMEDY}")
        self._context = llama_cpp.llama_init_from_model(self._model, _settings(threads, n_ctx))
        if not self._context:
            llama_cpp.llama_model_free(self._model)
            raise StageFailed(f"{path.name} does not fit in memory; choose a smaller profile")
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self._words = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self._batch = llama_cpp.llama_batch_init(n_ctx, 0, 1)
        self._n_ctx = n_ctx
        self._step = batch
        self._cached: list[int] = []
        self._logits: Logits | None = None
        self.evaluated = 0
        """Tokens evaluated so far, to see what the cache saved."""
        self._finalizer = weakref.finalize(self, _free, self._batch, self._context, self._model)

    def close(self) -> None:
        """Free the model; may be called twice."""
        self._finalizer()

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        """Evaluate `prefix` now, so that a prompt that begins with it starts at once."""
        self._prepare(self._tokenize(prefix, start=True), cancelled)

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
        """Yield pieces of the continuation as they come, up to the first stop string.

        The same seed gives the same text; temperature 0 takes the likeliest token. `messages`
        are for other models. Raises StageFailed when prompt and reply do not fit the window.
        """
        tokens = self._tokenize(prompt, start=True)
        yield from self._continue(tokens, max_tokens, stop, temperature, seed, cancelled)

    def _continue(
        self,
        tokens: list[int],
        max_tokens: int,
        stop: Sequence[str],
        temperature: float,
        seed: int,
        cancelled: Cancelled,
    ) -> Iterator[str]:
        if len(tokens) + max_tokens > self._n_ctx:
            raise StageFailed(
                f"a prompt of {len(tokens)} tokens does not fit the language model's window of "
                f"{self._n_ctx}; shorten the script"
            )
        if not self._prepare(tokens, cancelled):
            return
        chance = np.random.default_rng(seed)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        shown = StopFilter(stop)
        for _ in range(max_tokens):
            if cancelled() or self._logits is None:
                return
            token = _sample(self._logits, temperature, chance)
            if llama_cpp.llama_vocab_is_eog(self._vocab, token):
                break
            if piece := shown.push(decoder.decode(self._piece(token))):
                yield piece
            if shown.stopped:
                return
            self._extend([token])
        if rest := shown.flush():
            yield rest

    def next_token(self, prompt: str) -> NDArray[np.float32]:
        """The probability of every token as the next one, float32 [vocabulary]."""
        self._prepare(self._tokenize(prompt, start=True), never)
        assert self._logits is not None
        return np.exp(_log_softmax(self._logits)).astype(np.float32)

    def tokens_that(self, wanted: Callable[[str], bool]) -> NDArray[np.int64]:
        """Ids of the tokens whose text is wanted, and of those that end a generation."""
        found = [
            token
            for token in range(self._words)
            if llama_cpp.llama_vocab_is_eog(self._vocab, token)
            or wanted(self._piece(token).decode("utf-8", "ignore"))
        ]
        return np.array(found, dtype=np.int64)

    def rank(
        self,
        prompt: str,
        candidates: Sequence[str],
        *,
        messages: Sequence[Message] = (),
        cancelled: Cancelled = never,
    ) -> list[float]:
        """Mean log-probability a token of each candidate as the continuation of `prompt`.

        A space is put between the two where neither has one. An empty candidate, and those not
        reached before cancelling, get -inf. Raises StageFailed.
        """
        joint = "" if prompt[-1:].isspace() else " "
        return self._rank(self._tokenize(prompt, start=True), candidates, joint, cancelled)

    def _rank(
        self, prompt: list[int], candidates: Sequence[str], joint: str, cancelled: Cancelled
    ) -> list[float]:
        scores = [-np.inf] * len(candidates)
        if not self._prepare(prompt, cancelled):
            return scores
        tokens = [
            self._tokenize(joint + text.lstrip() if text.strip() else "", start=False)
            for text in candidates
        ]
        for group in self._groups(tokens):
            if cancelled():
                break
            for index, score in zip(
                group, self._score([tokens[index] for index in group]), strict=True
            ):
                scores[index] = score
        return scores

    # -- the cache ------------------------------------------------------------------------

    def _prepare(self, tokens: list[int], cancelled: Cancelled) -> bool:
        """Bring sequence 0 to exactly these tokens; False when cancelled on the way."""
        if len(tokens) > self._n_ctx:
            raise StageFailed(
                f"a prompt of {len(tokens)} tokens does not fit the language model's window of "
                f"{self._n_ctx}; shorten the script"
            )
        pairs = zip(tokens, self._cached, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        if same == len(tokens) == len(self._cached) and self._logits is not None:
            return True
        # The last token is evaluated again when all are known: its logits are needed.
        same = min(same, len(tokens) - 1)
        llama_cpp.llama_memory_seq_rm(self._memory, 0, same, -1)
        del self._cached[same:]
        self._logits = None
        for start in range(same, len(tokens), self._step):
            if cancelled():
                return False
            self._extend(tokens[start : start + self._step])
        return True

    def _extend(self, tokens: Sequence[int]) -> None:
        """Evaluate tokens after what sequence 0 holds, and keep the logits of the last."""
        self._logits = None
        first = len(self._cached)
        rows = self._decode([(t, first + i, 0) for i, t in enumerate(tokens)], [len(tokens) - 1])
        self._cached.extend(tokens)
        self._logits = rows[0]

    def _decode(
        self, entries: Sequence[tuple[int, int, int]], wanted: Sequence[int]
    ) -> list[Logits]:
        """entries: token, position, sequence. Returns the logits of the wanted entries."""
        batch, asked = self._batch, set(wanted)
        batch.n_tokens = len(entries)
        for index, (token, position, sequence) in enumerate(entries):
            batch.token[index] = token
            batch.pos[index] = position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = index in asked
        if llama_cpp.llama_decode(self._context, batch) != 0:
            self._forget()
            raise StageFailed("the language model failed on a prompt; start the encounter again")
        self.evaluated += len(entries)
        return [self._row(index) for index in wanted]

    def _row(self, index: int) -> Logits:
        pointer = llama_cpp.llama_get_logits_ith(self._context, index)
        return np.ctypeslib.as_array(pointer, shape=(self._words,)).copy()

    def _forget(self) -> None:
        llama_cpp.llama_memory_clear(self._memory, True)
        self._cached.clear()
        self._logits = None

    # -- ranking --------------------------------------------------------------------------

    def _groups(self, tokens: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Indices of candidates that fit beside the prompt together."""
        room = self._n_ctx - len(self._cached)
        group: list[int] = []
        used = 0
        for index, candidate in enumerate(tokens):
            if not candidate or len(candidate) > room:
                continue
            if len(group) == SEQUENCES - 1 or used + len(candidate) > room:
                yield group
                group, used = [], 0
            group.append(index)
            used += len(candidate)
        if group:
            yield group

    def _score(self, candidates: Sequence[Sequence[int]]) -> list[float]:
        """Mean log-probabilities; the candidates' sequences share the prompt's cells."""
        start, before = len(self._cached), self._logits
        assert before is not None
        entries: list[tuple[int, int, int]] = []
        owners: list[int] = []
        for number, candidate in enumerate(candidates):
            llama_cpp.llama_memory_seq_cp(self._memory, 0, number + 1, 0, -1)
            # What follows the last token is nobody's question.
            for offset, token in enumerate(candidate[:-1]):
                entries.append((token, start + offset, number + 1))
                owners.append(number)
        first = _log_softmax(before)
        totals = [float(first[candidate[0]]) for candidate in candidates]
        rows = self._decode(entries, range(len(entries))) if entries else []
        for (_, position, _), owner, row in zip(entries, owners, rows, strict=True):
            following = candidates[owner][position - start + 1]
            totals[owner] += float(_log_softmax(row)[following])
        for number in range(len(candidates)):
            llama_cpp.llama_memory_seq_rm(self._memory, number + 1, -1, -1)
        return [total / len(c) for total, c in zip(totals, candidates, strict=True)]

    # -- text -----------------------------------------------------------------------------

    def _tokenize(self, text: str, *, start: bool, special: bool = False) -> list[int]:
        raw = text.encode()
        room = len(raw) + 8
        found = (llama_cpp.llama_token * room)()
        # What people say is never read as a control token; only a chat template has some.
        count = llama_cpp.llama_tokenize(self._vocab, raw, len(raw), found, room, start, special)
        if count <= 0 and start:
            raise StageFailed("the language model was given an empty prompt; check the case")
        return list(found[:count]) if count > 0 else []

    def _piece(self, token: int) -> bytes:
        room = 256
        text = ctypes.create_string_buffer(room)
        count = llama_cpp.llama_token_to_piece(self._vocab, token, text, room, 0, False)
        return text.raw[: max(0, count)]


def _settings(threads: int, n_ctx: int) -> Any:
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx = n_ctx
    settings.n_batch = n_ctx
    settings.n_ubatch = min(n_ctx, 256)
    settings.n_threads = threads
    settings.n_threads_batch = threads
    settings.n_seq_max = SEQUENCES
    settings.kv_unified = True  # sequences share the prompt's cells
    settings.no_perf = True
    return settings


def _free(batch: Any, context: Any, model: Any) -> None:
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)


def _log_softmax(logits: Logits) -> Logits:
    shifted = logits - logits.max()
    normed: Logits = shifted - np.log(np.exp(shifted).sum(dtype=np.float64)).astype(np.float32)
    return normed


def _sample(logits: Logits, temperature: float, chance: np.random.Generator) -> int:
    if temperature <= 0.0:
        return int(logits.argmax())
    # The cut is made before the temperature, so that warmth never lets nonsense in.
    likely = np.flatnonzero(logits >= logits.max() + np.log(MIN_P))
    weights = np.exp((logits[likely] - logits.max()).astype(np.float64) / temperature)
    return int(chance.choice(likely, p=weights / weights.sum()))
