"""What the patient says once it is over, with the moments it goes back to."""

from __future__ import annotations

from simvoice.conversation.state import Moment
from simvoice.patient.decisions import Decision, Remembered
from simvoice.record.events import Afterwards, Felt


def moments_of(
    decision: Decision, at_s: float, earlier: tuple[Moment, ...] = ()
) -> tuple[Moment, ...]:
    """What a move that begins at `at_s` does to her, cause by cause, what it tells, and what had
    not happened by the `earlier` ones."""
    moved: dict[str, float] = {}
    for step in decision.steps:
        size = abs(step.after - step.before)
        moved[step.cause] = moved.get(step.cause, 0.0) + size
    caused = (Moment(cause, at_s, size) for cause, size in moved.items())
    also = (*decision.opens, *sorted(decision.state.beats - {each.what for each in earlier}))
    return (*caused, *(Moment(what, at_s, 0.0) for what in also))


def afterwards(
    said: tuple[Remembered, ...], moments: tuple[Moment, ...], at_s: float
) -> Afterwards:
    """The entry for the record."""
    felt = tuple(
        Felt(
            text=each.text,
            spoken=each.spoken,
            affect=each.affect,
            why=each.why,
            at_s=_when(each, moments),
            of_ending=each.of_ending,
        )
        for each in said
    )
    return Afterwards(at_s=at_s, said=felt)


def _when(said: Remembered, moments: tuple[Moment, ...]) -> float | None:
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
