"""A conversation in text, without sound and without time: for authors, checks and tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from simvoice.patient.decisions import (
    Answer,
    Decision,
    Improvise,
    LearnerUtterance,
    Move,
    PatientState,
    PlannedHold,
    Query,
    Rank,
)
from simvoice.patient.mind import Patient
from simvoice.ports import Embedder, Message


class QueryModel(Protocol):
    """The part of `ports.LanguageModel` that a patient's queries need."""

    @property
    def strong(self) -> bool:
        """Whether the last answer came from a stronger model, which has more latitude."""
        ...

    def complete(
        self,
        prompt: str,
        *,
        messages: Sequence[Message] = (),
        max_tokens: int = 48,
        stop: Sequence[str] = ("\n",),
        temperature: float = 0.6,
        seed: int = 0,
    ) -> Iterator[str]:
        """Yield pieces of the continuation as they are generated."""
        ...

    def rank(
        self, prompt: str, candidates: Sequence[str], *, messages: Sequence[Message] = ()
    ) -> list[float]:
        """The mean log-probability per token of each candidate."""
        ...


@dataclass(frozen=True, slots=True)
class TextExchange:
    """One action of the learner and the patient's decision."""

    learner: str
    """The learner's words, or an action in brackets: "(silence)"."""
    before: PatientState
    decision: Decision


SILENCE = "(silence)"
"""The entry of a script for a learner who says nothing."""
CUTS_IN = "(cuts in) "
"""The start of an entry that interrupts the patient."""


class TextConversation:
    """One conversation. Every line of the patient is delivered whole unless the learner interrupts
    it."""

    def __init__(
        self,
        patient: Patient,
        embedder: Embedder | None = None,
        model: QueryModel | None = None,
        *,
        seed: int = 0,
    ) -> None:
        self.patient = patient
        self.exchanges: list[TextExchange] = []
        self.ending: str | None = None
        self._embedder = embedder
        self._model = model
        self._undelivered: Move | None = None
        self._hold: PlannedHold | None = None
        self._state = patient.start(seed)

    @property
    def state(self) -> PatientState:
        """The patient's state once the last line is delivered whole."""
        if self._undelivered is None:
            return self._state
        return self.patient.record_delivery(
            self._state, self._undelivered, self._undelivered.text, True
        )

    def do(self, entry: str) -> Decision:
        """Perform one entry of a script: words, `SILENCE`, or words after `CUTS_IN`."""
        if entry == SILENCE:
            return self.wait()
        cuts_in = entry.startswith(CUTS_IN)
        return self.say(entry.removeprefix(CUTS_IN), cuts_in=cuts_in)

    def open(self) -> Decision:
        """Let the patient say the opening line."""
        self._deliver_last_line(False)
        return self._record("(comes in)", self._state, self.patient.open(self._state))

    def say(self, text: str, *, cuts_in: bool = False) -> Decision:
        """Let the learner say something, and interrupt the patient's last line if `cuts_in`."""
        unsaid = self._deliver_last_line(cuts_in)
        embedding = self._embedder.embed([self.patient.focus(text)])[0] if self._embedder else None
        utterance = LearnerUtterance(
            text,
            embedding,
            duration_s=len(text.split()) / 2.5,
            interrupted=bool(unsaid),
            unsaid=unsaid,
            filled_hold=self._hold.beat if self._hold else None,
        )
        before = self._state
        decision = self.patient.respond(before, utterance)
        if decision.query is not None:
            answer = self._ask(decision.query)
            decision = self.patient.settle(before, decision, answer)
        return self._record(text, before, decision)

    def wait(self, silence_s: float = 10.0) -> Decision:
        """Let the learner say nothing: a hold is left to stand, or else the patient prompts."""
        self._deliver_last_line(False)
        before = self._state
        if self._hold is not None:
            return self._record(SILENCE, before, self.patient.silence_held(before, self._hold.beat))
        return self._record(SILENCE, before, self.patient.break_silence(before, silence_s))

    def _record(self, learner: str, before: PatientState, decision: Decision) -> Decision:
        self.exchanges.append(TextExchange(learner, before, decision))
        self._state = decision.state
        self._undelivered = decision.move
        self._hold = decision.move.hold
        self.ending = decision.move.ending or self.ending
        return decision

    def _deliver_last_line(self, cut: bool) -> str:
        """Deliver the last line, or half of it if `cut`; returns the words that were not
        delivered."""
        move, self._undelivered = self._undelivered, None
        if move is None:
            return ""
        words = move.text.split()
        delivered = words[: len(words) // 2] if cut else words
        self._state = self.patient.record_delivery(self._state, move, " ".join(delivered), not cut)
        if cut:
            self._hold = None
        return " ".join(words[len(delivered) :])

    def _ask(self, query: Query) -> Answer:
        if self._model is None:
            return Answer()
        if isinstance(query, Rank):
            scores = self._model.rank(query.prompt, query.candidates, messages=query.messages)
            return Answer(scores=tuple(scores))
        assert isinstance(query, Improvise)
        pieces = self._model.complete(
            query.prompt,
            messages=query.messages,
            max_tokens=query.max_tokens,
            stop=query.stop,
            temperature=query.temperature,
            seed=self._state.seed,
        )
        text = "".join(pieces)
        return Answer(text=text, strong=self._model.strong)
