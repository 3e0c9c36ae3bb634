"""A conversation in text, without sound or time: for authors, checks and tests."""

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
from simvoice.patient.retrieval import Embedder
from simvoice.ports import Message


class QueryModel(Protocol):
    """The part of `ports.LanguageModel` that a patient's queries need."""

    @property
    def strong(self) -> bool:
        """Whether what it gave last may be given more room."""
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
        """Yield pieces of the continuation as they come."""
        ...

    def rank(
        self, prompt: str, candidates: Sequence[str], *, messages: Sequence[Message] = ()
    ) -> list[float]:
        """Mean log-probability a token of each candidate."""
        ...


@dataclass(frozen=True, slots=True)
class TextExchange:
    """What the learner did and what the patient did then."""

    learner: str
    """The words, or what was done in brackets: "(silence)"."""
    before: PatientState
    decision: Decision


SILENCE = "(silence)"
"""An entry of a script: the learner says nothing."""
CUTS_IN = "(cuts in) "
"""How an entry begins that interrupts her."""


class TextConversation:
    """One conversation. Every line of hers is heard whole unless the learner cuts in."""

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
        self._unheard: Move | None = None
        self._hold: PlannedHold | None = None
        self._state = patient.start(seed)

    @property
    def state(self) -> PatientState:
        """Her state once her last line was heard whole."""
        if self._unheard is None:
            return self._state
        return self.patient.heard(self._state, self._unheard, self._unheard.text, True)

    def do(self, entry: str) -> Decision:
        """One entry of a script: words, `SILENCE`, or words after `CUTS_IN`."""
        if entry == SILENCE:
            return self.wait()
        cuts_in = entry.startswith(CUTS_IN)
        return self.say(entry.removeprefix(CUTS_IN), cuts_in=cuts_in)

    def open(self) -> Decision:
        """She speaks first."""
        self._settle_heard(False)
        return self._take("(comes in)", self._state, self.patient.open(self._state))

    def say(self, text: str, *, cuts_in: bool = False) -> Decision:
        """The learner says something, over her last line when `cuts_in`."""
        unsaid = self._settle_heard(cuts_in)
        vector = self._embedder.embed([self.patient.focus(text)])[0] if self._embedder else None
        said = LearnerUtterance(
            text,
            vector,
            duration_s=len(text.split()) / 2.5,
            interrupted=bool(unsaid),
            unsaid=unsaid,
            filled_hold=self._hold.beat if self._hold else None,
        )
        before = self._state
        decision = self.patient.hear(before, said)
        if decision.query is not None:
            answer = self._ask(decision.query)
            decision = self.patient.settle(before, decision, answer)
        return self._take(text, before, decision)

    def wait(self, silence_s: float = 10.0) -> Decision:
        """The learner says nothing: an open silence is held, else she prompts."""
        self._settle_heard(False)
        before = self._state
        if self._hold is not None:
            return self._take(SILENCE, before, self.patient.held(before, self._hold.beat))
        return self._take(SILENCE, before, self.patient.prompt(before, silence_s))

    def _take(self, learner: str, before: PatientState, decision: Decision) -> Decision:
        self.exchanges.append(TextExchange(learner, before, decision))
        self._state = decision.state
        self._unheard = decision.move
        self._hold = decision.move.hold
        self.ending = decision.move.ending or self.ending
        return decision

    def _settle_heard(self, cut: bool) -> str:
        """Let her last line sound, or half of it; what she did not get to say."""
        move, self._unheard = self._unheard, None
        if move is None:
            return ""
        words = move.text.split()
        kept = words[: len(words) // 2] if cut else words
        self._state = self.patient.heard(self._state, move, " ".join(kept), not cut)
        if cut:
            self._hold = None
        return " ".join(words[len(kept) :])

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
