"""Does a case hold? Probes, and seeded conversations with learners of every kind, in text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simvoice.coding.codebook import QUESTIONS
from simvoice.patient import guard
from simvoice.patient.case import Case, Fact
from simvoice.patient.decisions import Decision, PatientState, Said
from simvoice.patient.index import CaseIndex, Embedder, exemplars
from simvoice.patient.ledger import is_open
from simvoice.patient.mind import Patient
from simvoice.patient.suite import Learner, Suite
from simvoice.patient.talk import CUTS_IN, SILENCE, Exchange, Model, Talk

CONVERSATIONS = 120
QUICK_CONVERSATIONS = 27
MODEL_EVERY = 8
"""One conversation in so many uses the language model: it is a hundred times slower."""
DEAD_END = 3
"""Silences in a row in answer to words: nothing the learner says moves anything."""

Progress = Callable[[int, int], None]
"""Called with conversations done and in all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a conversation showed."""

    kind: str
    """leak, role_break, repeat, contradiction or dead_end."""
    learner: str
    seed: int
    said: str
    line: str
    what: str


@dataclass(frozen=True, slots=True)
class Miss:
    """A probe that was answered wrongly."""

    ask: str
    expected: tuple[str, ...]
    got: str | None
    text: str


@dataclass(slots=True)
class Report:
    """What a check found."""

    case: str
    probes: int = 0
    misses: list[Miss] = field(default_factory=list)
    conversations: int = 0
    turns: int = 0
    improvised: int = 0
    refused: int = 0
    """Lines of the model's that the guard turned down."""
    findings: list[Finding] = field(default_factory=list)
    endings: Counter[str] = field(default_factory=Counter)
    by_learner: dict[str, dict[str, float]] = field(default_factory=dict)
    unexpected_endings: list[str] = field(default_factory=list)
    unreached: tuple[str, ...] = ()

    @property
    def right_answer_rate(self) -> float:
        """Share of probes answered with an expected line, 0..1; 1 when there are none."""
        return 1.0 - len(self.misses) / self.probes if self.probes else 1.0

    def count(self, kind: str) -> int:
        """Findings of one kind."""
        return sum(each.kind == kind for each in self.findings)

    @property
    def passed(self) -> bool:
        """Whether the case may be offered."""
        clean = not any(map(self.count, ("leak", "role_break", "repeat", "dead_end")))
        rate = self.count("contradiction") / max(1, self.turns)
        right = self.right_answer_rate >= 0.9 - 1e-9
        return clean and rate <= 0.005 and right and not self.unexpected_endings

    def to_json(self) -> dict[str, Any]:
        """For `cases check --json`."""
        return {
            "passed": self.passed,
            "right_answer_rate": round(self.right_answer_rate, 4),
            "probes": self.probes,
            "leaks": self.count("leak"),
            "role_breaks": self.count("role_break"),
            "contradiction_rate": round(self.count("contradiction") / max(1, self.turns), 5),
            "repeats": self.count("repeat"),
            "dead_ends": self.count("dead_end"),
            "turns": self.turns,
            "conversations": self.conversations,
            "improvised": self.improvised,
            "refused_by_guard": self.refused,
            "endings": dict(self.endings.most_common()),
            "unexpected_endings": self.unexpected_endings,
            "by_learner": self.by_learner,
            "unreached": list(self.unreached),
            "misses": [
                {"ask": m.ask, "expected": list(m.expected), "got": m.got} for m in self.misses
            ],
            "findings": [
                {"kind": f.kind, "learner": f.learner, "seed": f.seed, "said": f.said,
                 "line": f.line, "what": f.what}
                for f in self.findings
            ],
        }  # fmt: skip


class _Remembering:
    """An embedder that embeds each text once: conversations repeat their words."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, NDArray[np.float32]] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if new:
            self._known.update(zip(new, self._embedder.embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])


def check(
    case: Case,
    suite: Suite | None,
    embedder: Embedder | None,
    model: Model | None = None,
    *,
    conversations: int = CONVERSATIONS,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Probe a case and play seeded conversations against it."""
    remembering = _Remembering(embedder) if embedder else None
    index = CaseIndex.build(case, remembering) if remembering else None
    patient = Patient(case, index)
    report = Report(case.id)
    said: set[str] = set()
    if suite is not None:
        _probe(patient, suite, remembering, report)
        learners = suite.learners
        tallies: dict[str, list[PatientState]] = {each.kind: [] for each in learners}
        for seed in range(conversations if learners else 0):
            learner = learners[seed % len(learners)]
            speaks = model if seed // len(learners) % MODEL_EVERY == 0 else None
            talk = _converse(patient, suite, learner, remembering, speaks, seed)
            _judge(talk, learner, seed, report)
            tallies[learner.kind].append(talk.state)
            said |= set(talk.state.said)
            progress(seed + 1, conversations)
        report.by_learner = {kind: _means(states) for kind, states in tallies.items() if states}
    report.unreached = tuple(line.id for line in case.lines if line.id not in said)
    return report


def _probe(patient: Patient, suite: Suite, embedder: Embedder | None, report: Report) -> None:
    report.probes = len(suite.probes)
    for probe in suite.probes:
        vector = embedder.embed([patient.focus(probe.ask)])[0] if embedder else None
        decision = patient.hear(probe.put(patient.start(0)), Said(probe.ask, vector))
        if decision.move.line_id not in probe.expect:
            miss = Miss(probe.ask, probe.expect, decision.move.line_id, decision.move.text)
            report.misses.append(miss)


def _converse(
    patient: Patient,
    suite: Suite,
    learner: Learner,
    embedder: Embedder | None,
    model: Model | None,
    seed: int,
) -> Talk:
    talk = Talk(patient, embedder, model, seed=seed)
    talk.open()
    for entry in script(patient.case, suite, learner, seed):
        talk.do(entry)
        if talk.ending:
            break
    return talk


def script(case: Case, suite: Suite, learner: Learner, seed: int) -> list[str]:
    """What this learner does in the conversation with this seed."""
    if learner.ordered:
        return [*learner.start, *learner.middle, *learner.end]
    rng = Random(f"{case.id}/{learner.kind}/{seed}")
    questions = [probe.ask for probe in suite.probes] + [text for _, text in exemplars(case)]
    left = list(learner.middle)
    middle: list[str] = []
    for _ in range(learner.turns):
        if rng.random() < learner.silences:
            middle.append(SILENCE)
            continue
        if rng.random() < learner.questions:
            entry = rng.choice(questions)
        else:
            left = left or list(learner.middle)
            entry = left.pop(rng.randrange(len(left)))
        if learner.joined > 1:
            more = [rng.choice(learner.middle) for _ in range(learner.joined - 1)]
            entry = " ".join([entry, *more])
        if not entry.startswith("(") and rng.random() < learner.cuts_in:
            entry = CUTS_IN + entry
        middle.append(entry)
    return [*learner.start, *middle, *learner.end]


def _judge(talk: Talk, learner: Learner, seed: int, report: Report) -> None:
    case = talk.patient.case
    ending = talk.ending or talk.patient.ending(talk.state, "left") or "none"
    report.conversations += 1
    report.turns += len(talk.exchanges)
    report.endings[ending] += 1
    if learner.ends and ending not in learner.ends:
        report.unexpected_endings.append(f"{learner.kind} ({seed}): {ending}")
    silent = 0
    for exchange in talk.exchanges:
        decision = exchange.decision
        report.improvised += decision.move.source == "model"
        report.refused += decision.move.source == "fallback"
        for kind, what in _faults(case, exchange):
            report.findings.append(
                Finding(kind, learner.kind, seed, exchange.learner, decision.move.text, what)
            )
        silent = silent + 1 if _ignored(exchange) else 0
        if silent == DEAD_END:
            what = f"{DEAD_END} turns in a row without a word"
            report.findings.append(
                Finding("dead_end", learner.kind, seed, exchange.learner, "", what)
            )


def _faults(case: Case, exchange: Exchange) -> list[tuple[str, str]]:
    before, decision = exchange.before, exchange.decision
    text = decision.move.text
    found = [("leak", what) for what in _leaks(case, before, decision)]
    repeat_asked = any(each.name == "repeat_request" for each in decision.codes)
    if text and text in before.spoken and not repeat_asked:
        found.append(("repeat", "said that before"))
    if decision.move.source == "model":
        verdict = guard.judge(case, before, text)
        kind = "contradiction" if "contradicts" in verdict.reason else "role_break"
        # what the learner says now may open a beat; the state after is the one that counts
        if verdict.text is None and guard.judge(case, decision.state, text).text is None:
            found.append((kind, verdict.reason))
    return found


def _leaks(case: Case, before: PatientState, decision: Decision) -> list[str]:
    line = next((each for each in case.lines if each.id == decision.move.line_id), None)
    names = {each.name for each in decision.codes}
    asked = not QUESTIONS.isdisjoint(names) or "elicit" in names or "repeat_request" in names
    found = []
    for fact in case.facts:
        if fact.gate.when == "volunteered" or fact.id in before.disclosed:
            continue
        # an answer that is all but an exemplar counts as asked for
        asked_for = asked or (line is not None and bool(line.exemplars))
        if is_open(fact, decision.state, asked=asked_for):
            continue
        if (line is not None and fact.id in line.tells) or _mentions(fact, decision.move.text):
            found.append(f"told {fact.id!r} before its gate")
    return found


def _mentions(fact: Fact, text: str) -> bool:
    return any(re.search(mention, text, re.IGNORECASE) for mention in fact.mentions)


def _ignored(exchange: Exchange) -> bool:
    """Words of some weight that she answered with nothing."""
    if exchange.learner.startswith("(") and not exchange.learner.startswith(CUTS_IN):
        return False
    acknowledged = any(each.name == "acknowledge" for each in exchange.decision.codes)
    return exchange.decision.move.kind == "silent" and not acknowledged


def _means(states: Sequence[PatientState]) -> dict[str, float]:
    ledgers = [dict(state.ledger) for state in states]
    means = {
        name: round(sum(ledger[name] for ledger in ledgers) / len(ledgers), 3)
        for name in ledgers[0]
    }
    told = sum(len(state.disclosed) for state in states) / len(states)
    return {**means, "facts_told": round(told, 2), "conversations": float(len(states))}
