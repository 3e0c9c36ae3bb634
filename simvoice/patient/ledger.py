"""What the patient feels and knows, as numbers that rules move, each step with its cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, Literal

from simvoice import markup
from simvoice.coding.codebook import EMPATHY
from simvoice.patient.case.fields import Condition
from simvoice.patient.case.schema import Case, CaseFact, CaseLine, Ending, Variant
from simvoice.patient.decisions import LedgerStep, PatientState

# -- ledger -----------------------------------------------------------------------------------


_RULE: Final = "rule:"
"""Before a rule's id where it is counted: a reaction may have the same id."""

FURTHER: Final = 0.5
"""What a further kindness in the same utterance counts: "I can see how hard this is for you" names
a feeling, gives it back and takes up a cue, and is one thing said."""
_KINDNESS: Final = EMPATHY | {"reflection", "empathy", "cue_met", "hold_spared"}

Stimuli = Mapping[str, str]
"""Name of a code or stimulus to the learner's words that show it (may be empty)."""


def start(case: Case, seed: int) -> PatientState:
    """How she is when the learner comes in."""
    ledger = tuple((name, value.start) for name, value in case.ledger.items())
    return PatientState(ledger=ledger, seed=seed)


def value(state: PatientState, name: str) -> float:
    """One value, 0..1."""
    return dict(state.ledger)[name]


def count(state: PatientState, name: str) -> int:
    """How often a rule or reaction has counted."""
    return dict(state.counts).get(name, 0)


def counted(state: PatientState, name: str) -> PatientState:
    """The state after it counted once more."""
    counts = dict(state.counts)
    counts[name] = counts.get(name, 0) + 1
    return replace(state, counts=tuple(sorted(counts.items())))


def rule_count(state: PatientState, rule: str) -> int:
    """How often a rule of the ledger has counted."""
    return count(state, f"{_RULE}{rule}")


def holds(when: Condition, state: PatientState) -> bool:
    """Whether a condition holds now."""
    values = dict(state.ledger)
    return (
        state.beats.issuperset(when.after)
        and state.beats.isdisjoint(when.before)
        and state.disclosed.issuperset(when.told)
        and state.disclosed.isdisjoint(when.untold)
        and set(state.said).issuperset(when.said)
        and set(state.said).isdisjoint(when.unsaid)
        and all(values[name] >= least for name, least in when.at_least.items())
        and all(values[name] <= most for name, most in when.at_most.items())
        and state.turns >= when.turns
        and (when.turns_at_most is None or state.turns <= when.turns_at_most)
        and _counts_fit(when, state)
    )


def _counts_fit(when: Condition, state: PatientState) -> bool:
    return (
        all(rule_count(state, name) >= least for name, least in when.counted.items())
        and (not when.any_counted or any(rule_count(state, name) for name in when.any_counted))
        and not any(rule_count(state, name) for name in when.uncounted)
    )


def is_open(fact: CaseFact, state: PatientState, *, asked: bool) -> bool:
    """Whether a fact may be told now. asked: the learner has just asked for it."""
    if fact.id in state.disclosed:
        return True
    if not state.beats.issuperset(fact.gate.after):
        return False
    if fact.gate.when == "trusted":
        return value(state, "trust") >= (fact.gate.trust or 0.0)
    return asked or fact.gate.when == "volunteered"


def variant(line: CaseLine, state: PatientState) -> Variant | None:
    """The wording that fits her state, None for the plain one."""
    return next((each for each in line.variants if holds(each.when, state)), None)


def apply(
    case: Case, state: PatientState, stimuli: Stimuli
) -> tuple[PatientState, list[LedgerStep]]:
    """Move the ledger by the case's rules; conditions see the state as it was before."""
    values = dict(state.ledger)
    before = state
    steps: list[LedgerStep] = []
    is_kind = False
    for rule in case.rules:
        shown = next((name for name in rule.on if name in stimuli), None)
        if shown is None or any(name in stimuli for name in rule.unless):
            continue
        if not holds(rule.when, before):
            continue
        if rule.at_most is not None and rule_count(state, rule.id) >= rule.at_most:
            continue
        state = counted(state, f"{_RULE}{rule.id}")
        for name, change in rule.moves.items():
            old = values[name]
            if name == "trust" and change > 0.0 and shown in _KINDNESS:
                change = change * FURTHER if is_kind else change
                is_kind = True
            new = _moved(old, change, case.ledger[name].slows_from)
            if new != old:
                values[name] = new
                words, instead = stimuli[shown], markup.plain(rule.instead or "")
                steps.append(LedgerStep(name, old, new, rule.cause, words, instead))
    return replace(state, ledger=tuple(values.items())), steps


def hurts(steps: Iterable[LedgerStep]) -> bool:
    """Whether one of the steps lowered trust or raised distress."""
    return any(
        (each.name == "trust" and each.after < each.before)
        or (each.name == "distress" and each.after > each.before)
        for each in steps
    )


def _moved(old: float, change: float, slows_from: float) -> float:
    """A value after a change, 0..1."""
    if change > 0.0 and old > slows_from:
        change *= (1.0 - old) / (1.0 - slows_from)
    return round(min(1.0, max(0.0, old + change)), 4)


# -- endings ----------------------------------------------------------------------------------
# How the encounter ends.


Trigger = Literal["closing", "time", "overwhelmed", "left"]


def ending_reached(case: Case, state: PatientState, trigger: Trigger) -> Ending | None:
    """The first ending of the case's that fits; only `overwhelmed` may find none."""
    return next(
        (each for each in case.endings if trigger in each.on and holds(each.when, state)), None
    )
