"""Is anything wrong with what the patient said? Judged apart from the guard, and more coarsely."""

from __future__ import annotations

import re
from collections.abc import Iterator

from simvoice.coding.codebook import QUESTIONS
from simvoice.patient.case.schema import Case, Fact
from simvoice.patient.checking.text_conversation import Exchange
from simvoice.patient.decisions import Decision, PatientState
from simvoice.patient.ledger import is_open
from simvoice.patient.words import content, everyday, stems

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


def faults(case: Case, exchange: Exchange) -> list[tuple[str, str]]:
    """(kind, what) of everything wrong with one exchange, kinds as in `report.Finding`."""
    before, decision = exchange.before, exchange.decision
    text = decision.move.text
    found = [("leak", what) for what in _leaks(case, before, decision)]
    repeat_asked = any(each.name == "repeat_request" for each in decision.codes)
    if text and text in before.spoken and not repeat_asked:
        found.append(("repeat", "said that before"))
    if broken := _MACHINE.search(text):
        found.append(("role_break", f"speaks as a machine ({broken.group()!r})"))
    if decision.move.source == "model":
        found += _of_the_models_making(case, decision.state, text)
    return found


def _of_the_models_making(case: Case, state: PatientState, text: str) -> Iterator[tuple[str, str]]:
    """What nobody wrote is held to what the whole case says, not to what the guard looks at."""
    if spoken := _CLINICIAN.search(text):
        yield "role_break", f"talks like a clinician ({spoken.group()!r})"
    for never in case.improvise.never:
        over = never.before is not None and never.before in state.beats
        if not over and (found := re.search(never.pattern, text, re.IGNORECASE)):
            yield "contradiction", f"the case rules out {found.group()!r}"
    learner = next((said for who, said in reversed(state.transcript) if who == "learner"), "")
    known = set(stems(f"{case.model_dump_json()} {learner}"))
    known |= everyday("function") | everyday("feeling")
    for word in content(text):
        if word not in known:
            yield "unknown_fact", f"says {word!r}, which is nowhere in the case"


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
