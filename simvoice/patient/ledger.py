"""The ledger: trust, distress and understanding as numbers, the rules that change them, and
conditions on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, Literal

from simvoice import markup
from simvoice.coding.codebook import EMPATHY
from simvoice.patient.case.fields import Condition
from simvoice.patient.case.schema import COMPLETE, Case, CaseFact, CaseLine, Ending, Variant
from simvoice.patient.decisions import LedgerStep, PatientState
from simvoice.rounding import round_ledger

_RULE: Final = "rule:"
"""Prefix of a rule's id in the counts, because a reaction may have the same id."""

FURTHER_KINDNESS: Final = 0.5
"""Factor for a further kindness in the same utterance. "I can see how hard this is for you" names a
feeling, gives it back and meets a cue, but is one statement."""
_KINDNESS: Final = EMPATHY | {"reflection", "empathy", "cue_met", "hold_spared"}

_UNHEARD: Final = frozenset({"interruption", "dodge"})
"""Stimuli of a turn in which the patient is not heard."""

Stimuli = Mapping[str, str]
"""Name of each code or stimulus to the learner's words that show it (may be empty)."""


def start(case: Case, seed: int) -> PatientState:
    """The state of the patient when the learner comes in."""
    ledger = tuple((name, value.start) for name, value in case.ledger.items())
    return PatientState(ledger=ledger, seed=seed)


def value(state: PatientState, name: str) -> float:
    """A value of the ledger, 0..1."""
    return dict(state.ledger)[name]


def count(state: PatientState, name: str) -> int:
    """How often a reaction (by id) or a rule (by prefixed id) has counted."""
    return dict(state.counts).get(name, 0)


def count_once_more(state: PatientState, name: str) -> PatientState:
    """The state after the rule or reaction `name` counted once more."""
    counts = dict(state.counts)
    counts[name] = counts.get(name, 0) + 1
    return replace(state, counts=tuple(sorted(counts.items())))


def rule_count(state: PatientState, rule: str) -> int:
    """How often a rule of the ledger has counted."""
    return count(state, f"{_RULE}{rule}")


def holds(when: Condition, state: PatientState) -> bool:
    """Whether a condition holds in this state."""
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
    """Whether the gate of a fact is open. asked: the learner has just asked for it."""
    if fact.id in state.disclosed:
        return True
    if not state.beats.issuperset(fact.gate.after):
        return False
    if fact.gate.when == "trusted":
        return value(state, "trust") >= (fact.gate.trust or 0.0)
    return asked or fact.gate.when == "volunteered"


def variant(line: CaseLine, state: PatientState) -> Variant | None:
    """The variant of a line that fits the state; None for the plain wording."""
    return next((each for each in line.variants if holds(each.when, state)), None)


def apply(
    case: Case, state: PatientState, stimuli: Stimuli
) -> tuple[PatientState, list[LedgerStep]]:
    """Change the ledger by the rules of the case; conditions see the state before the turn.

    Returns the new state and every change. A turn that cuts the patient off, or steps over the
    patient's question, earns no trust, however kind its words are.
    """
    earns = _UNHEARD.isdisjoint(stimuli)
    values = dict(state.ledger)
    initial = state
    steps: list[LedgerStep] = []
    had_kindness = False
    for rule in case.rules:
        shown = next((name for name in rule.on if name in stimuli), None)
        if shown is None or any(name in stimuli for name in rule.unless):
            continue
        if not holds(rule.when, initial):
            continue
        if rule.at_most is not None and rule_count(state, rule.id) >= rule.at_most:
            continue
        state = count_once_more(state, f"{_RULE}{rule.id}")
        for name, change in rule.moves.items():
            if name == "trust" and change > 0.0 and not earns:
                continue
            old = values[name]
            if name == "trust" and change > 0.0 and shown in _KINDNESS:
                change = change * FURTHER_KINDNESS if had_kindness else change
                had_kindness = True
            new = _changed(old, change, case.ledger[name].slows_from)
            if new != old:
                values[name] = new
                step = LedgerStep(
                    name,
                    old,
                    new,
                    rule.cause,
                    words=stimuli[shown],
                    instead=markup.plain(rule.instead or ""),
                    suggests=rule.suggests or "",
                    after_you=case.format >= COMPLETE,
                )
                steps.append(step)
    return replace(state, ledger=tuple(values.items())), steps


def hurts(steps: Iterable[LedgerStep]) -> bool:
    """Whether a step lowered trust or raised distress."""
    return any(
        (each.name == "trust" and each.after < each.before)
        or (each.name == "distress" and each.after > each.before)
        for each in steps
    )


def _changed(old: float, change: float, slows_from: float) -> float:
    """A value after a change, 0..1; see `LedgerValue.slows_from`."""
    if change > 0.0 and old > slows_from:
        change *= (1.0 - old) / (1.0 - slows_from)
    return round_ledger(min(1.0, max(0.0, old + change)))


# -- endings ----------------------------------------------------------------------------------


Trigger = Literal["closing", "time", "overwhelmed", "left"]


def ending_reached(case: Case, state: PatientState, trigger: Trigger) -> Ending | None:
    """The first ending of the case that fits. Only `overwhelmed` may have none."""
    return next(
        (each for each in case.endings if trigger in each.on and holds(each.when, state)), None
    )
