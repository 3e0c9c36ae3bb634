"""A patient for measuring the floor: she tells long, plain sentences and has no other will."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from simvoice.coding import coder
from simvoice.coding.questions import ends_asking
from simvoice.patient.decisions import (
    Answer,
    Decision,
    Move,
    PatientState,
    Remembered,
    Said,
)
from simvoice.ports import Message

SHORT = "I see."

LONG = (
    "Well it began in the spring, when I was out in the garden most of the day, and I noticed that "
    "my arm was heavy in the evening, heavier than it ought to be, so I told my sister about it, "
    "and she said that I should rest more, which I did for a week or two, and then we both forgot "
    "about it, because there was so much else to do that summer, with the house and the children.",
    "After that nothing happened for a long time, we had the neighbours over and we painted the "
    "kitchen, and my brother came to stay with his two dogs, who slept under the table, and in the "
    "morning we would all walk down to the water together, whatever the weather was, and come back "
    "for a late breakfast with eggs and bread and plenty of coffee, and nobody was in a hurry.",
    "My husband drives the school bus, he has done it for eleven years, and he knows all of the "
    "children by name, and they bring him drawings, which he puts up in the hall, so that when you "
    "come into our house you see horses and houses and rockets and a very large yellow sun, and he "
    "always says that it is the best gallery in the county, and that nobody ever has to pay.",
)


class Teller:
    """Fulfils `encounter.state.Mind`: answers each turn with the next of her lines."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = tuple(lines)

    def _next(self, state: PatientState, reason: str) -> Decision:
        text = self._lines[state.turns % len(self._lines)]
        after = replace(state, turns=state.turns + 1)
        return Decision(after, Move("answer", text, f"line-{state.turns}"), reason)

    def start(self, seed: int) -> PatientState:
        """Nothing moves her."""
        return PatientState(ledger=(("trust", 0.5),), seed=seed)

    def open(self, state: PatientState) -> Decision:
        """The next line."""
        return self._next(state, "nobody spoke")

    def hear(self, state: PatientState, said: Said) -> Decision:
        """The next line; she knows a question when she hears one."""
        asks = ends_asking(said.text, coder.code(said.text))
        return replace(self._next(state, "the learner spoke"), hands_over=asks)

    def settle(self, state_before: PatientState, decision: Decision, answer: Answer) -> Decision:
        """She asks no model."""
        return replace(decision, query=None)

    def held(self, state: PatientState, beat: str) -> Decision:
        """She keeps no silences."""
        return self._next(state, "silence")

    def prompt(self, state: PatientState, silence_s: float) -> Decision:
        """The next line."""
        return self._next(state, "silence")

    def time_up(self, state: PatientState) -> Decision:
        """She has time."""
        return self._next(state, "time")

    def confused(self, state: PatientState) -> Decision:
        """The next line."""
        return self._next(state, "the learner was not understood")

    def ending(self, state: PatientState, trigger: Literal["left"]) -> str | None:
        """She has no endings."""
        return None

    def afterwards(self, state: PatientState, ending: str | None) -> tuple[Remembered, ...]:
        """It was nothing to her."""
        return ()

    def messages_so_far(self, state: PatientState) -> tuple[Message, ...]:
        """She asks the model nothing."""
        return ()

    def prompt_so_far(self, state: PatientState) -> str:
        """She asks no model."""
        return ""

    def heard(
        self, state: PatientState, move: Move, heard_text: str, complete: bool
    ) -> PatientState:
        """She remembers nothing."""
        return state
