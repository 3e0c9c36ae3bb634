"""The reflection by the patient: what the patient says after the encounter about how it felt.

The case gives topics and lines (`case.schema.ReflectionTopic`, `ReflectionLine`). What counted in
the encounter, and its ending, decide which lines are said.
"""

from __future__ import annotations

from typing import Literal

from simvoice.patient.case.schema import Case, ReflectionLine
from simvoice.patient.decisions import PatientState, Reflection
from simvoice.patient.ledger import holds, rule_count
from simvoice.patient.voice import mood_of, spoken

MOST_CAUSES = 3
"""Most causes named for one remark; more would explain nothing."""


def reflections(case: Case, state: PatientState, ending: str | None) -> tuple[Reflection, ...]:
    """The remarks that the patient makes, in the order of the topics; empty if the case has none.

    ending: id of the ending that was reached; None for an encounter that broke off.
    """
    lines = (_fitting_line(part.remarks, state, ending) for part in case.afterwards)
    return tuple(_with_reason(case, state, ending, each) for each in lines if each is not None)


def _fitting_line(
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


def _with_reason(
    case: Case, state: PatientState, ending: str | None, remark: ReflectionLine
) -> Reflection:
    named = remark.because or (*remark.when.counted, *remark.when.any_counted)
    by_id = {rule.id: rule for rule in case.rules}
    counted = [by_id[name] for name in named if rule_count(state, name)]
    causes = tuple(dict.fromkeys(rule.cause for rule in counted))[:MOST_CAUSES]
    told = [f"told: {fact.text}" for fact in case.facts if fact.id in remark.when.told]
    return Reflection(
        text=remark.text,
        spoken=spoken(remark.marked, remark.affect, mood_of(state), case.person.bends),
        affect=remark.affect,
        why="; ".join((*told, *causes)) if causes else _circumstance(case, state, ending, remark),
        causes=causes,
        facts=remark.when.told,
        beats=remark.when.after,
        of_ending=bool(remark.endings) and not causes,
    )


def _circumstance(
    case: Case, state: PatientState, ending: str | None, remark: ReflectionLine
) -> str:
    """The reason for a remark that no rule explains: beats, facts told, the ending and ledger
    values."""
    if state.turns == 0:
        return "the learner said nothing"
    labels = {beat.id: beat.label for beat in case.beats}
    facts = {fact.id: fact.text for fact in case.facts}
    parts = [labels[name] for name in remark.when.after if name in labels]
    parts += [f"never {labels[name]}" for name in remark.when.before if name in labels]
    parts += [f"told: {facts[name]}" for name in remark.when.told]
    if remark.endings:
        parts += [f"it ended: {each.title}" for each in case.endings if each.id == ending]
    return "; ".join([*parts, *_values(case, state, remark)]) or "the encounter as a whole"


def _values(case: Case, state: PatientState, remark: ReflectionLine) -> list[str]:
    """The final ledger values that the remark requires, in the words of the case."""
    values = dict(state.ledger)
    ends: list[tuple[str, Literal["low", "high"]]] = [
        *((name, "high") for name in remark.when.at_least),
        *((name, "low") for name in remark.when.at_most if name not in remark.when.at_least),
    ]
    return [
        f"{name} at {values[name]:.2f} at the end, towards "
        f"{getattr(case.ledger[name], side).rstrip('.')!r}"
        for name, side in ends
    ]
