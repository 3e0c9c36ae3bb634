"""What the patient says once it is over, with the moments it goes back to."""

from __future__ import annotations

from simvoice.conversation.state import LedgerMoment
from simvoice.patient.decisions import Decision, Reflection
from simvoice.record.events import PatientReflection, RecordedReflection


def ledger_moments(
    decision: Decision, at_s: float, earlier: tuple[LedgerMoment, ...] = ()
) -> tuple[LedgerMoment, ...]:
    """What a move that begins at `at_s` does to her, cause by cause, what it tells, and what had
    not happened by the `earlier` ones."""
    moved: dict[str, float] = {}
    for step in decision.steps:
        size = abs(step.after - step.before)
        moved[step.cause] = moved.get(step.cause, 0.0) + size
    caused = (LedgerMoment(cause, at_s, size) for cause, size in moved.items())
    also = (*decision.opens, *sorted(decision.state.beats - {each.what for each in earlier}))
    return (*caused, *(LedgerMoment(what, at_s, 0.0) for what in also))


def reflection_entry(
    said: tuple[Reflection, ...], moments: tuple[LedgerMoment, ...], at_s: float
) -> PatientReflection:
    """The entry for the record."""
    felt = tuple(
        RecordedReflection(
            text=each.text,
            spoken=each.spoken,
            affect=each.affect,
            why=each.why,
            at_s=_when(each, moments),
            of_ending=each.of_ending,
        )
        for each in said
    )
    return PatientReflection(at_s=at_s, said=felt)


def _when(said: Reflection, moments: tuple[LedgerMoment, ...]) -> float | None:
    """Where she told what it comes back to; else where its first cause moved her most, the first
    time of equals, once all had happened that it is said after."""
    begun = {moment.what: moment.at_s for moment in moments}
    from_s = max((begun.get(beat, 0.0) for beat in said.beats), default=0.0)
    for what in (*said.facts, *said.causes):
        found = [each for each in moments if each.what == what]
        later = [each for each in found if each.at_s >= from_s]
        if found:
            return max(later or found, key=lambda each: (each.moved, -each.at_s)).at_s
    return None
