"""Ask the patient of a draft, and say why each answer is given."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simvoice.errors import UsageError
from simvoice.patient.case.fields import PartId
from simvoice.patient.case.schema import Case, CaseFact
from simvoice.patient.checking.text_conversation import SILENCE, TextConversation, TextExchange
from simvoice.patient.decisions import PatientState
from simvoice.patient.ledger import is_open
from simvoice.patient.mind import Patient
from simvoice.patient.policy import POSSIBLE, WORDS_ALONE
from simvoice.patient.retrieval import CaseIndex, LineMatcher, Match
from simvoice.ports import Embedder

MOST_TURNS: Final = 60
"""Turns of a conversation on the page."""
LONGEST_TURN: Final = 1_000
_SHOWN: Final = 3
"""Lines that are shown with their likeness."""
_KEPT_TEXTS: Final = 20_000
"""Embeddings that are kept: 30 MB."""


class KeptEmbeddings:
    """An embedder that keeps what it has embedded, so that a changed draft costs what is new.

    Thread-safe.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._lock = threading.Lock()
        self._known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector for each text: float32 [n, d]."""
        with self._lock:
            new = list(dict.fromkeys(text for text in texts if text not in self._known))
            if new:
                self._known.update(zip(new, self._embedder.embed(new), strict=True))
            found = np.stack([self._known[text] for text in texts])
            while len(self._known) > _KEPT_TEXTS:
                self._known.popitem(last=False)
        return found


@dataclass(frozen=True, slots=True)
class Alike:
    """A line that answers something like what was asked."""

    line: PartId
    text: str
    likeness: float
    """0..1."""
    closed: str
    """Why the patient does not tell it now, as a sentence; empty when nothing stands against it."""


@dataclass(frozen=True, slots=True)
class AskedTurn:
    """What was said to the patient, and the answer."""

    said: str
    answer: str
    line: PartId | None
    reason: str
    """Why this answer, in words."""
    codes: tuple[str, ...]
    """What the learner's words do."""
    changes: tuple[str, ...]
    """What they changed: "trust 0.40 to 0.48, because the learner met a feeling in words"."""
    alike: tuple[Alike, ...]
    """The lines that were most alike, the best first."""
    silent_s: float
    """The silence that follows; 0 without one."""
    ending: str
    """Title of the ending that was reached; empty without one."""
    has_no_answer: bool
    """No line of the case answers it."""
    ledger: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return it for a page."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "codes": list(self.codes),
            "changes": list(self.changes),
            "alike": [{**asdict(each), "likeness": round(each.likeness, 2)} for each in self.alike],
        }


_PLAIN = (
    *("said", "answer", "line", "reason", "silent_s", "ending"),
    *("has_no_answer", "ledger"),
)


class Asked:
    """The patient of one draft, for any number of conversations in text."""

    def __init__(self, case: Case, embedder: Embedder | None) -> None:
        """embedder: None where no model is installed; words alone decide then."""
        self.case = case
        self._embedder = embedder
        index = CaseIndex.build(case, embedder) if embedder is not None else None
        self._patient = Patient(case, index)
        self._matcher = LineMatcher(case, index)

    def talk(self, said: Sequence[str]) -> list[AskedTurn]:
        """Return a whole conversation: the opening line, and an answer to each turn.

        said: words, "(silence)", or words after "(cuts in) ". The same words give the same
        answers. Raises UsageError for too many or too long ones.
        """
        if len(said) > MOST_TURNS:
            raise UsageError("this conversation is long enough; begin again")
        if any(len(each) > LONGEST_TURN for each in said):
            raise UsageError(f"one turn has at most {LONGEST_TURN:,} letters; say it in several")
        if self._embedder is not None:
            self._embedder.embed([self._patient.focus(each) for each in said] or [""])
        talk = TextConversation(self._patient, self._embedder)
        talk.open()
        for each in said:
            if talk.ending:
                break
            talk.do(each.strip() or SILENCE)
        return [self._turn(exchange) for exchange in talk.exchanges]

    def _turn(self, exchange: TextExchange) -> AskedTurn:
        decision = exchange.decision
        is_said = not exchange.learner.startswith("(")
        matches = self._matches(decision.state, exchange.learner) if is_said else []
        ending = next((e.title for e in self.case.endings if e.id == decision.move.ending), "")
        scale = 1.0 if self._embedder is not None else WORDS_ALONE
        best = matches[0].score if matches else 0.0
        asks = any(each.name.startswith("question_") for each in decision.codes)
        pooled = set(self.case.pools.unknown) | set(self.case.pools.unclear)
        gives_up = decision.move.kind == "clarify" and decision.move.line_id in pooled
        return AskedTurn(
            said=exchange.learner,
            answer=decision.move.text,
            line=decision.move.line_id,
            reason=decision.reason,
            codes=tuple(dict.fromkeys(each.name.replace("_", " ") for each in decision.codes)),
            changes=tuple(
                f"{step.name} {step.before:.2f} to {step.after:.2f}: {step.cause}"
                for step in decision.steps
            ),
            alike=tuple(self._alike(decision.state, match) for match in matches[:_SHOWN]),
            silent_s=decision.move.hold.window_s if decision.move.hold else 0.0,
            ending=ending,
            has_no_answer=is_said and (gives_up or (asks and best < POSSIBLE * scale)),
            ledger={name: round(value, 2) for name, value in decision.state.ledger},
        )

    def _matches(self, state: PatientState, text: str) -> list[Match]:
        vector = None
        if self._embedder is not None:
            vector = self._embedder.embed([self._patient.focus(text)])[0]
        return self._matcher.ranked(state, text, vector)

    def _alike(self, state: PatientState, match: Match) -> Alike:
        line, closed = match.reply.line, ""
        if match.reply.how == "told":
            closed = "It was said before."
        elif match.reply.how == "instead":
            asked = next(
                each
                for each in self.case.lines
                if each.instead == line.id and not self._matcher.gates_open(state, each, asked=True)
            )
            line = asked
            facts = [fact for fact in self.case.facts if fact.id in asked.tells]
            closed = " ".join(
                self._why_closed(fact, state)
                for fact in facts
                if not is_open(fact, state, asked=True)
            )
        return Alike(line.id, line.text, min(1.0, max(0.0, match.score)), closed)

    def _why_closed(self, fact: CaseFact, state: PatientState) -> str:
        gate, trust = fact.gate, dict(state.ledger)["trust"]
        missing = [
            beat.label
            for beat in self.case.beats
            if beat.id in gate.after and beat.id not in state.beats
        ]
        if missing:
            return f"“{fact.text}” is told only after: {missing[0]}."
        if gate.trust is not None and trust < gate.trust:
            return f"“{fact.text}” takes a trust of {gate.trust:.2f}; it is {trust:.2f} now."
        return f"“{fact.text}” is not told yet."
