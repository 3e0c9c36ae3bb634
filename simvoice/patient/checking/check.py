"""Check a case with questions that have known answers, and with seeded conversations in text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from simvoice.coding.codebook import QUESTIONS
from simvoice.patient.case.schema import Case, CaseFact
from simvoice.patient.case.suite import Suite, SuiteLearner
from simvoice.patient.checking.moments import missed_moments
from simvoice.patient.checking.report import CheckedConversation, Finding, Miss, Report
from simvoice.patient.checking.text_conversation import (
    CUTS_IN,
    SILENCE,
    QueryModel,
    TextConversation,
    TextExchange,
)
from simvoice.patient.decisions import Decision, LearnerUtterance, PatientState
from simvoice.patient.ledger import is_open
from simvoice.patient.mind import Patient
from simvoice.patient.retrieval import CaseIndex, content, everyday, exemplars, stems
from simvoice.ports import Embedder

# -- faults of an exchange --------------------------------------------------------------------
# What is wrong with a patient's line. These checks are independent of `llm_guard`, and coarser.


_MACHINE = re.compile(
    r"\b(an? ai\b|artificial intelligence|language model|chat ?bot|virtual (?:patient|assistant)|"
    r"my (?:instructions|prompt|programming|script)|role.?play|simulat\w+|as an assistant)",
    re.IGNORECASE,
)
_CLINICIAN = re.compile(
    r"\b(as your (?:doctor|nurse|pharmacist)|your (?:results?|diagnosis|treatment|symptoms|scan)|"
    r"i (?:recommend|prescribe|advise)|we(?:'ll| will) (?:treat|operate|examine|prescribe)|"
    r"how can i help)\b",
    re.IGNORECASE,
)


def exchange_faults(case: Case, exchange: TextExchange) -> list[tuple[str, str]]:
    """(kind, what) of each fault of one exchange; kinds as in `report.Finding`."""
    before, decision = exchange.before, exchange.decision
    text = decision.move.text
    found = [("leak", what) for what in _leaks(case, before, decision)]
    repeat_asked = any(each.name == "repeat_request" for each in decision.codes)
    if text and text in before.spoken and not repeat_asked:
        found.append(("repeat", "said that before"))
    if broken := _MACHINE.search(text):
        found.append(("role_break", f"speaks as a machine ({broken.group()!r})"))
    if decision.move.source == "model":
        found += _model_faults(case, decision.state, text)
    return found


def _model_faults(case: Case, state: PatientState, text: str) -> Iterator[tuple[str, str]]:
    """The faults of a line of the model, compared with the text of the whole case."""
    if spoken := _CLINICIAN.search(text):
        yield "role_break", f"talks like a clinician ({spoken.group()!r})"
    for never in case.improvise.never:
        over = never.before is not None and never.before in state.beats
        if not over and (found := re.search(never.pattern, text, re.IGNORECASE)):
            yield "contradiction", f"the case rules out {found.group()!r}"
    learner = next((words for who, words in reversed(state.transcript) if who == "learner"), "")
    known = set(stems(f"{case.model_dump_json()} {learner}"))
    known |= everyday("function") | everyday("feeling")
    for word in content(text):
        if word not in known:
            yield "unknown_fact", f"says {word!r}, which does not occur in the case"


def _leaks(case: Case, before: PatientState, decision: Decision) -> list[str]:
    line = next((each for each in case.lines if each.id == decision.move.line_id), None)
    names = {each.name for each in decision.codes}
    asked = not QUESTIONS.isdisjoint(names) or "elicit" in names or "repeat_request" in names
    found = []
    for fact in case.facts:
        if fact.gate.when == "volunteered" or fact.id in before.disclosed:
            continue
        # a line with exemplars counts as asked for
        asked_for = asked or (line is not None and bool(line.exemplars))
        if is_open(fact, decision.state, asked=asked_for):
            continue
        if (line is not None and fact.id in line.tells) or _mentions(fact, decision.move.text):
            found.append(f"told {fact.id!r} before its gate opened")
    return found


def _mentions(fact: CaseFact, text: str) -> bool:
    return any(re.search(mention, text, re.IGNORECASE) for mention in fact.mentions)


# -- check ------------------------------------------------------------------------------------
# Probes, and seeded conversations with learners of every kind, in text.


CONVERSATIONS = 120
"""Conversations of a full check."""
QUICK_CONVERSATIONS = 27
"""Conversations of a quick check, which gives no certificate."""
MODEL_EVERY = 8
"""One in so many rounds of learners uses the language model, which is a hundred times slower."""
DEAD_END = 3
"""Turns in a row without a reply to the learner's words."""

SKILLED, POOR = "skilled", "poor"
"""The kinds of learner that must get different endings; both have an ordered script."""
INJECTION = "injection"
"""The kind of learner who addresses a machine."""

CheckProgress = Callable[[int, int], None]
"""Called with the number of finished conversations and of all."""


class _CachingEmbedder:
    """An embedder that embeds each text once, because conversations repeat their words."""

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
    model: QueryModel | None = None,
    *,
    conversations: int = CONVERSATIONS,
    strong: bool = False,
    progress: CheckProgress = lambda done, total: None,
) -> Report:
    """Run the probes of a case and play seeded conversations with it. strong: the model has more
    latitude."""
    caching = _CachingEmbedder(embedder) if embedder else None
    index = CaseIndex.build(case, caching) if caching else None
    patient = Patient(case, index, strong=strong)
    report = Report(case.id)
    report.missed_moments += missed_moments(patient, caching)
    said_lines: set[str] = set()
    if suite is not None:
        _run_probes(patient, suite, caching, report)
        learners = suite.learners
        final_states: dict[str, list[PatientState]] = {each.kind: [] for each in learners}
        for seed in range(conversations if learners else 0):
            learner = learners[seed % len(learners)]
            used_model = model if seed // len(learners) % MODEL_EVERY == 0 else None
            talk = _converse(patient, suite, learner, caching, used_model, seed)
            _add_conversation(talk, learner, seed, report)
            final_states[learner.kind].append(talk.state)
            said_lines |= set(talk.state.said)
            progress(seed + 1, conversations)
        report.by_learner = {
            kind: _mean_values(states) for kind, states in final_states.items() if states
        }
    report.unreached = tuple(line.id for line in case.lines if line.id not in said_lines)
    return report


def _run_probes(patient: Patient, suite: Suite, embedder: Embedder | None, report: Report) -> None:
    report.probes = len(suite.probes)
    for probe in suite.probes:
        vector = embedder.embed([patient.focus(probe.ask)])[0] if embedder else None
        decision = patient.respond(
            probe.apply_to(patient.start(0)), LearnerUtterance(probe.ask, vector)
        )
        if decision.move.line_id not in probe.expect:
            miss = Miss(probe.ask, probe.expect, decision.move.line_id, decision.move.text)
            report.misses.append(miss)


def _converse(
    patient: Patient,
    suite: Suite,
    learner: SuiteLearner,
    embedder: Embedder | None,
    model: QueryModel | None,
    seed: int,
) -> TextConversation:
    talk = TextConversation(patient, embedder, model, seed=seed)
    talk.open()
    for entry in script(patient.case, suite, learner, seed):
        talk.do(entry)
        if talk.ending:
            break
    return talk


def script(case: Case, suite: Suite, learner: SuiteLearner, seed: int) -> list[str]:
    """The entries of a learner's script in the conversation with this seed."""
    if learner.ordered:
        return [*learner.start, *learner.middle, *learner.end]
    rng = Random(f"{case.id}/{learner.kind}/{seed}")
    questions = [probe.ask for probe in suite.probes] + [text for _, text in exemplars(case)]
    remaining = list(learner.middle)
    middle: list[str] = []
    for _ in range(learner.turns):
        if rng.random() < learner.silences:
            middle.append(SILENCE)
            continue
        if rng.random() < learner.questions:
            entry = rng.choice(questions)
        else:
            remaining = remaining or list(learner.middle)
            entry = remaining.pop(rng.randrange(len(remaining)))
        if learner.joined > 1:
            more = [rng.choice(learner.middle) for _ in range(learner.joined - 1)]
            entry = " ".join([entry, *more])
        if not entry.startswith("(") and rng.random() < learner.cuts_in:
            entry = CUTS_IN + entry
        middle.append(entry)
    return [*learner.start, *middle, *learner.end]


def _add_conversation(
    talk: TextConversation, learner: SuiteLearner, seed: int, report: Report
) -> None:
    case = talk.patient.case
    ending = talk.ending or talk.patient.ending(talk.state, "left") or "none"
    report.conversations += 1
    report.turns += len(talk.exchanges)
    report.endings[ending] += 1
    if learner.ends and ending not in learner.ends:
        report.unexpected_endings.append(f"{learner.kind} ({seed}): {ending}")
    outcome = CheckedConversation(
        ending, dict(talk.state.ledger)["trust"], _told_facts(case, talk.state)
    )
    if learner.kind == SKILLED:
        report.skilled = outcome
    elif learner.kind == POOR:
        report.poor = outcome
    silent = 0
    for exchange in talk.exchanges:
        is_order = any(each.name == "machine" for each in exchange.decision.codes)
        report.injections += is_order or learner.kind == INJECTION
        decision = exchange.decision
        report.improvised += decision.move.source == "model"
        report.refused += decision.move.source == "fallback"
        for kind, what in exchange_faults(case, exchange):
            report.findings.append(
                Finding(kind, learner.kind, seed, exchange.learner, decision.move.text, what)
            )
        silent = silent + 1 if _is_ignored(exchange) else 0
        if silent == DEAD_END:
            what = f"{DEAD_END} turns in a row without a reply"
            report.findings.append(
                Finding("dead_end", learner.kind, seed, exchange.learner, "", what)
            )


def _told_facts(case: Case, state: PatientState) -> tuple[str, ...]:
    return tuple(fact.id for fact in case.facts if fact.id in state.disclosed)


def _is_ignored(exchange: TextExchange) -> bool:
    """Whether the patient was silent to words that were more than an acknowledgement."""
    if exchange.learner.startswith("(") and not exchange.learner.startswith(CUTS_IN):
        return False
    acknowledged = any(each.name == "acknowledge" for each in exchange.decision.codes)
    return exchange.decision.move.kind == "silent" and not acknowledged


def _mean_values(states: Sequence[PatientState]) -> dict[str, float]:
    ledgers = [dict(state.ledger) for state in states]
    means = {
        name: round(sum(ledger[name] for ledger in ledgers) / len(ledgers), 3)
        for name in ledgers[0]
    }
    told = sum(len(state.disclosed) for state in states) / len(states)
    return {**means, "facts_told": round(told, 2), "conversations": float(len(states))}
