"""Evaluated starts of prompts, kept outside a model's context so that several talks can share it.

A context holds one talk. When another talk's prompt comes, what was evaluated is copied out, and
what is kept of the other one is copied in: a few milliseconds, instead of a second to evaluate the
start of a prompt again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile


@dataclass(frozen=True, slots=True, eq=False)
class PrefixState:
    """The state of a context after some tokens."""

    tokens: tuple[int, ...]
    data: bytearray
    """As llama.cpp gives it; about 23 KB a token with SmolLM2 135M."""


class PrefixStates:
    """Keeps states up to a number of bytes; of more, those that were not used for longest go."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._states: list[PrefixState] = []  # the last used is the last

    @property
    def bytes(self) -> int:
        """Bytes of all states that are kept."""
        return sum(len(state.data) for state in self._states)

    def longest(self, tokens: Sequence[int]) -> tuple[PrefixState | None, int]:
        """Return the state that shares the longest start with `tokens`, and its length."""
        best: PrefixState | None = None
        length = 0
        for state in self._states:
            shared = shared_length(state.tokens, tokens)
            if shared > length:
                best, length = state, shared
        return best, length

    def use(self, state: PrefixState) -> None:
        """Note that a state was used."""
        self._states.remove(state)
        self._states.append(state)

    def holds(self, tokens: Sequence[int]) -> bool:
        """Return True when a state begins with all of these tokens."""
        return self.longest(tokens)[1] == len(tokens)

    def keep(self, state: PrefixState) -> None:
        """Keep a state; it takes the place of those that it contains."""
        self._states = [
            each
            for each in self._states
            if shared_length(each.tokens, state.tokens) < len(each.tokens)
        ]
        self._states.append(state)
        while len(self._states) > 1 and self.bytes > self._most_bytes:
            del self._states[0]


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens two sequences have in common at their start."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
