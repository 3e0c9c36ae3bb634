"""The patient's reflection after the encounter, with the moments that it refers to."""

from __future__ import annotations

from simvoice.conversation.state import LedgerMoment
from simvoice.patient.decisions import Decision, Reflection
from simvoice.record.events import PatientReflection, RecordedReflection


def ledger_moments(
    decision: Decision, at_s: float, earlier: tuple[LedgerMoment, ...] = ()
) -> tuple[LedgerMoment, ...]:
    """Return the moments of a move that begins at `at_s`.

    They are its changes of the ledger by cause, the facts that it tells, and the beats that are
    not among the `earlier` moments.
    """
    moved: dict[str, float] = {}
    for step in decision.steps:
        size = abs(step.after - step.before)
        moved[step.cause] = moved.get(step.cause, 0.0) + size
    caused = (LedgerMoment(cause, at_s, size) for cause, size in moved.items())
    also = (*decision.discloses, *sorted(decision.state.beats - {each.what for each in earlier}))
    return (*caused, *(LedgerMoment(what, at_s, 0.0) for what in also))


def reflection_entry(
    reflections: tuple[Reflection, ...], moments: tuple[LedgerMoment, ...], at_s: float
) -> PatientReflection:
    """Return the record entry of the patient's reflection at `at_s`, the end of the encounter."""
    recorded = tuple(
        RecordedReflection(
            text=each.text,
            spoken=each.spoken,
            affect=each.affect,
            why=each.why,
            at_s=_referred_time(each, moments),
            of_ending=each.of_ending,
        )
        for each in reflections
    )
    return PatientReflection(at_s=at_s, said=recorded)


def _referred_time(reflection: Reflection, moments: tuple[LedgerMoment, ...]) -> float | None:
    """Return the session seconds that a reflection refers to; None when there is no such moment.

    This is where the patient told its fact. Otherwise it is where its first cause changed the
    ledger most (the earliest of equals) after all of its beats had happened.
    """
    begun = {moment.what: moment.at_s for moment in moments}
    from_s = max((begun.get(beat, 0.0) for beat in reflection.beats), default=0.0)
    for what in (*reflection.facts, *reflection.causes):
        found = [each for each in moments if each.what == what]
        later = [each for each in found if each.at_s >= from_s]
        if found:
            return max(later or found, key=lambda each: (each.moved, -each.at_s)).at_s
    return None
