"""How it felt, in her own words: from what counted in the encounter and where it left her."""

from __future__ import annotations

from typing import Literal

from simvoice.patient.case.schema import Case, ReflectionLine
from simvoice.patient.decisions import PatientState, Reflection
from simvoice.patient.ledger import holds, rule_count
from simvoice.patient.voice import mood_of, spoken

AMONG_OTHERS = 3
"""Causes named for one remark at the most: more explain nothing."""


def reflections(case: Case, state: PatientState, ending: str | None) -> tuple[Reflection, ...]:
    """What she says when she is asked afterwards, in order; empty where the case has no words.

    ending: id of the ending reached; None for an encounter that broke off.
    """
    said = (_remark(part.remarks, state, ending) for part in case.afterwards)
    return tuple(_remembered(case, state, ending, each) for each in said if each is not None)


def _remark(
    remarks: tuple[ReflectionLine, ...], state: PatientState, ending: str | None
) -> ReflectionLine | None:
    return next(
        (
            each
            for each in remarks
            if holds(each.when, state) and (not each.endings or ending in each.endings)
        ),
        None,
    )


def _remembered(
    case: Case, state: PatientState, ending: str | None, remark: ReflectionLine
) -> Reflection:
    named = remark.because or (*remark.when.counted, *remark.when.any_counted)
    by_id = {rule.id: rule for rule in case.rules}
    counted = [by_id[name] for name in named if rule_count(state, name)]
    causes = tuple(dict.fromkeys(rule.cause for rule in counted))[:AMONG_OTHERS]
    return Reflection(
        text=remark.text,
        spoken=spoken(remark.marked, remark.affect, mood_of(state), case.person.bends),
        affect=remark.affect,
        why="; ".join(causes) or _circumstance(case, state, ending, remark),
        causes=causes,
        facts=remark.when.told,
        beats=remark.when.after,
        of_ending=bool(remark.endings) and not causes,
    )


def _circumstance(
    case: Case, state: PatientState, ending: str | None, remark: ReflectionLine
) -> str:
    """Where no rule is the reason: the moments that had come, what was told, where it ended."""
    if state.turns == 0:
        return "the learner said nothing"
    labels = {beat.id: beat.label for beat in case.beats}
    facts = {fact.id: fact.text for fact in case.facts}
    parts = [labels[name] for name in remark.when.after if name in labels]
    parts += [f"never {labels[name]}" for name in remark.when.before if name in labels]
    parts += [f"told: {facts[name]}" for name in remark.when.told]
    if remark.endings:
        parts += [f"it ended: {each.title}" for each in case.endings if each.id == ending]
    return "; ".join([*parts, *_values(case, state, remark)]) or "how the whole of it was"


def _values(case: Case, state: PatientState, remark: ReflectionLine) -> list[str]:
    """Where the values that the remark asks for stood at the end, in the case's words."""
    values = dict(state.ledger)
    ends: list[tuple[str, Literal["low", "high"]]] = [
        *((name, "high") for name in remark.when.at_least),
        *((name, "low") for name in remark.when.at_most if name not in remark.when.at_least),
    ]
    return [
        f"{name} at {values[name]:.2f} in the end, towards "
        f"{getattr(case.ledger[name], side).rstrip('.')!r}"
        for name, side in ends
    ]
