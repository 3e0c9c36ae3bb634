"""A language model that continues a screenplay: llama.cpp, with the prompt kept in its cache.

Sequence 0 of the cache holds the last prompt. A new prompt costs only the tokens after the part
that both have in common. Candidates are ranked in further sequences that share the cells of
sequence 0, so ranking does not change it. When several encounters share the model, the prompts of
the others are kept outside (`prefix_states`).
"""

from __future__ import annotations

import codecs
import ctypes
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from simvoice.engines.llm.prefix_states import PrefixState, PrefixStates, shared_length
from simvoice.engines.llm.stop_strings import StopFilter
from simvoice.engines.model_folder import REMEDY, need_file, need_one
from simvoice.engines.threads import LLM_THREADS
from simvoice.errors import ModelAltered, StageFailed
from simvoice.ports import Cancelled, Message, never

BATCH = 128
"""Tokens evaluated between two checks for cancellation."""

SEQUENCES = 9
"""One for the prompt, eight for candidates that are ranked together."""

SWAP_TOKENS = 48
"""A kept prompt is copied in when it saves at least so many tokens: copying takes as long as
evaluating a dozen."""

MIN_P = 0.05
"""Tokens less likely than this share of the likeliest are not sampled (Nguyen et al. 2024)."""

Logits = NDArray[np.float32]


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _discard_log(level: int, text: bytes, data: ctypes.c_void_p) -> None:
    """Discard llama.cpp's log, which is long; errors come back as return values."""


class Llama:
    """A local model without a chat template. Fulfils `ports.LanguageModel`.

    Use one instance for each family of prompts. Not thread-safe.
    """

    strong = False
    """It continues a screenplay; small models can do no more (docs/choosing-the-language-model)."""

    def __init__(
        self,
        model: Path,
        threads: int = LLM_THREADS,
        n_ctx: int = 2048,
        batch: int = BATCH,
        kept_bytes: int = 0,
    ) -> None:
        """model: a gguf file, or a folder with one. n_ctx: tokens of prompt and reply together.
        batch: tokens evaluated between two checks for cancellation. kept_bytes: memory for the
        prompts of other talks; 0 for a model that serves one talk at a time.

        Raises ModelMissing when the file is missing, ModelAltered when it cannot be read,
        StageFailed when it does not fit in memory.
        """
        what = "the language model"
        path = (
            need_file(what, model) if model.suffix == ".gguf" else need_one(what, model, "*.gguf")
        )
        llama_cpp.llama_log_set(_discard_log, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        weights = _load(path)
        self._model = weights.pointer
        self._context = llama_cpp.llama_init_from_model(self._model, _settings(threads, n_ctx))
        if not self._context:
            raise StageFailed(f"{path.name} does not fit in memory; choose a smaller profile")
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self._vocab_size = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self._batch = llama_cpp.llama_batch_init(n_ctx, 0, 1)
        self._n_ctx = n_ctx
        self._step = batch
        self._cached: list[int] = []
        self._kept = PrefixStates(kept_bytes) if kept_bytes else None
        self._logits: Logits | None = None
        self.evaluated = 0
        """Tokens evaluated so far; tests see here what the cache saves."""
        self._finalizer = weakref.finalize(self, _free, self._batch, self._context, weights)

    def close(self) -> None:
        """Free the context, and the model unless another one uses it; can be called twice."""
        self._finalizer()

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        """Evaluate `prefix`, so that a prompt that begins with it needs less time."""
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
        """Yield pieces of the continuation as they are generated, up to the first stop string.

        Equal seeds give equal texts; temperature 0 takes the likeliest token. `messages` are
        ignored. Raises StageFailed when prompt and reply do not fit the window.
        """
        tokens = self._tokenize(prompt, start=True)
        yield from self._generate(tokens, max_tokens, stop, temperature, seed, cancelled)

    def _generate(
        self,
        tokens: list[int],
        max_tokens: int,
        stop: Sequence[str],
        temperature: float,
        seed: int,
        cancelled: Cancelled,
    ) -> Iterator[str]:
        self._check_fit(len(tokens), max_tokens)
        if not self._prepare(tokens, cancelled):
            return
        random = np.random.default_rng(seed)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        stop_filter = StopFilter(stop)
        for _ in range(max_tokens):
            if cancelled() or self._logits is None:
                return
            token = _sample(self._logits, temperature, random)
            if llama_cpp.llama_vocab_is_eog(self._vocab, token):
                break
            if piece := stop_filter.push(decoder.decode(self._token_text(token))):
                yield piece
            if stop_filter.stopped:
                return
            self._extend([token])
        if rest := stop_filter.flush():
            yield rest

    def next_token_probs(self, prompt: str) -> NDArray[np.float32]:
        """Return the probability of each token as the next one, float32 [vocabulary]."""
        self._prepare(self._tokenize(prompt, start=True), never)
        assert self._logits is not None
        return np.exp(_log_softmax(self._logits)).astype(np.float32)

    def find_tokens(self, matches: Callable[[str], bool]) -> NDArray[np.int64]:
        """Return the ids of the tokens whose text matches, and of those that end a generation."""
        found = [
            token
            for token in range(self._vocab_size)
            if llama_cpp.llama_vocab_is_eog(self._vocab, token)
            or matches(self._token_text(token).decode("utf-8", "ignore"))
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
        """Return the mean log-probability a token of each candidate as continuation of `prompt`.

        A space is inserted between the two where neither has one. An empty candidate, and those
        not reached before cancelling, get -inf. Raises StageFailed.
        """
        separator = "" if prompt[-1:].isspace() else " "
        return self._rank(self._tokenize(prompt, start=True), candidates, separator, cancelled)

    def _rank(
        self, prompt: list[int], candidates: Sequence[str], separator: str, cancelled: Cancelled
    ) -> list[float]:
        scores = [-np.inf] * len(candidates)
        if not self._prepare(prompt, cancelled):
            return scores
        tokens = [
            self._tokenize(separator + text.lstrip() if text.strip() else "", start=False)
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
        """Make sequence 0 hold exactly these tokens; return False when cancelled."""
        self._check_fit(len(tokens))
        shared = self._swap(tokens, shared_length(tokens, self._cached))
        if shared == len(tokens) == len(self._cached) and self._logits is not None:
            return True
        # When all tokens are cached, evaluate the last one again: its logits are needed.
        shared = min(shared, len(tokens) - 1)
        llama_cpp.llama_memory_seq_rm(self._memory, 0, shared, -1)
        del self._cached[shared:]
        self._logits = None
        for start in range(shared, len(tokens), self._step):
            if cancelled():
                return False
            self._extend(tokens[start : start + self._step])
        return True

    def _swap(self, tokens: Sequence[int], shared: int) -> int:
        """Put the kept prompt that shares most with `tokens` into sequence 0, if it saves enough.

        shared: tokens that sequence 0 shares. Returns the number that it shares afterwards.
        """
        if self._kept is None:
            return shared
        if len(self._cached) - shared >= SWAP_TOKENS and not self._kept.holds(self._cached):
            self._keep()
        state, length = self._kept.longest(tokens)
        if state is None or length - shared < SWAP_TOKENS:
            return shared
        self._kept.use(state)
        source = (ctypes.c_uint8 * len(state.data)).from_buffer(state.data)
        if not llama_cpp.llama_state_seq_set_data(self._context, source, len(state.data), 0):
            self._clear_cache()
            return 0
        self._cached = list(state.tokens)
        self._logits = None
        return length

    def _keep(self) -> None:
        """Copy sequence 0 out of the context."""
        assert self._kept is not None
        size = llama_cpp.llama_state_seq_get_size(self._context, 0)
        data = bytearray(size)
        target = (ctypes.c_uint8 * size).from_buffer(data)
        if llama_cpp.llama_state_seq_get_data(self._context, target, size, 0) == size:
            self._kept.keep(PrefixState(tuple(self._cached), data))

    def _check_fit(self, tokens: int, reply_tokens: int = 0) -> None:
        if tokens + reply_tokens > self._n_ctx:
            raise StageFailed(
                f"a prompt of {tokens} tokens does not fit the language model's window of "
                f"{self._n_ctx}; shorten the script"
            )

    def _extend(self, tokens: Sequence[int]) -> None:
        """Evaluate tokens at the end of sequence 0, and keep the logits of the last one."""
        self._logits = None
        first = len(self._cached)
        rows = self._decode([(t, first + i, 0) for i, t in enumerate(tokens)], [len(tokens) - 1])
        self._cached.extend(tokens)
        self._logits = rows[0]

    def _decode(
        self, entries: Sequence[tuple[int, int, int]], wanted: Sequence[int]
    ) -> list[Logits]:
        """Return the logits of the wanted entries. entries: token, position, sequence."""
        batch, with_logits = self._batch, set(wanted)
        batch.n_tokens = len(entries)
        for index, (token, position, sequence) in enumerate(entries):
            batch.token[index] = token
            batch.pos[index] = position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = index in with_logits
        if llama_cpp.llama_decode(self._context, batch) != 0:
            self._clear_cache()
            raise StageFailed("the language model failed on a prompt; start the encounter again")
        self.evaluated += len(entries)
        return [self._logits_of(index) for index in wanted]

    def _logits_of(self, index: int) -> Logits:
        pointer = llama_cpp.llama_get_logits_ith(self._context, index)
        return np.ctypeslib.as_array(pointer, shape=(self._vocab_size,)).copy()

    def _clear_cache(self) -> None:
        llama_cpp.llama_memory_clear(self._memory, True)
        self._cached.clear()
        self._logits = None

    # -- ranking --------------------------------------------------------------------------

    def _groups(self, tokens: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Yield groups of candidates, by index, that fit into the window beside the prompt."""
        free = self._n_ctx - len(self._cached)
        group: list[int] = []
        used = 0
        for index, candidate in enumerate(tokens):
            if not candidate or len(candidate) > free:
                continue
            if len(group) == SEQUENCES - 1 or used + len(candidate) > free:
                yield group
                group, used = [], 0
            group.append(index)
            used += len(candidate)
        if group:
            yield group

    def _score(self, candidates: Sequence[Sequence[int]]) -> list[float]:
        """Return mean log-probabilities; the candidates' sequences share the prompt's cells."""
        start, before = len(self._cached), self._logits
        assert before is not None
        entries: list[tuple[int, int, int]] = []
        owners: list[int] = []
        for number, candidate in enumerate(candidates):
            llama_cpp.llama_memory_seq_cp(self._memory, 0, number + 1, 0, -1)
            # The last token needs no evaluation: its probability comes from the one before.
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
        """special: read control tokens in the text; only a chat template may contain them."""
        raw = text.encode()
        size = len(raw) + 8
        tokens = (llama_cpp.llama_token * size)()
        count = llama_cpp.llama_tokenize(self._vocab, raw, len(raw), tokens, size, start, special)
        if count <= 0 and start:
            raise StageFailed("the language model was given an empty prompt; check the case")
        return list(tokens[:count]) if count > 0 else []

    def _token_text(self, token: int) -> bytes:
        size = 256
        text = ctypes.create_string_buffer(size)
        count = llama_cpp.llama_token_to_piece(self._vocab, token, text, size, 0, False)
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


class _Weights:
    """A model that is loaded. The contexts of one file share it, which saves its size in memory."""

    def __init__(self, path: Path) -> None:
        self.pointer = llama_cpp.llama_model_load_from_file(
            str(path).encode(), llama_cpp.llama_model_default_params()
        )
        if not self.pointer:
            raise ModelAltered(f"{path.name} cannot be read as a model; {REMEDY}")
        weakref.finalize(self, llama_cpp.llama_model_free, self.pointer)


_loading = threading.Lock()
_loaded: weakref.WeakValueDictionary[tuple[str, int, int], _Weights] = weakref.WeakValueDictionary()


def _load(path: Path) -> _Weights:
    """Return the model in a file. Raises ModelAltered when it cannot be read as one."""
    try:
        about = path.stat()
    except OSError as error:
        raise ModelAltered(f"{path.name} cannot be read as a model; {REMEDY}") from error
    key = (str(path.resolve()), about.st_size, about.st_mtime_ns)
    with _loading:
        weights = _loaded.get(key)
        if weights is None:
            weights = _loaded[key] = _Weights(path)
        return weights


def _free(batch: Any, context: Any, weights: _Weights) -> None:
    """Free a context. The weights are freed when the last context that uses them is."""
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)


def _log_softmax(logits: Logits) -> Logits:
    shifted = logits - logits.max()
    normalised: Logits = shifted - np.log(np.exp(shifted).sum(dtype=np.float64)).astype(np.float32)
    return normalised


def _sample(logits: Logits, temperature: float, random: np.random.Generator) -> int:
    if temperature <= 0.0:
        return int(logits.argmax())
    # MIN_P applies before the temperature, so a high temperature never admits unlikely tokens.
    likely = np.flatnonzero(logits >= logits.max() + np.log(MIN_P))
    weights = np.exp((logits[likely] - logits.max()).astype(np.float64) / temperature)
    return int(random.choice(likely, p=weights / weights.sum()))
