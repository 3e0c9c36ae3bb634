"""What the patient says once it is over, with the moments it goes back to."""

from __future__ import annotations

from simvoice.encounter.state import Moment
from simvoice.patient.decisions import Decision, Remembered
from simvoice.record.events import Afterwards, Felt


def moments_of(decision: Decision, at_s: float) -> tuple[Moment, ...]:
    """What a move that begins at `at_s` does to her, cause by cause, and what it tells."""
    moved: dict[str, float] = {}
    for step in decision.steps:
        size = abs(step.after - step.before)
        moved[step.cause] = moved.get(step.cause, 0.0) + size
    told = (Moment(fact, at_s, 0.0) for fact in decision.opens)
    return (*(Moment(cause, at_s, size) for cause, size in moved.items()), *told)


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
        )
        for each in said
    )
    return Afterwards(at_s=at_s, said=felt)


def _when(said: Remembered, moments: tuple[Moment, ...]) -> float | None:
    """Where she told what it comes back to; else where its first cause moved her most, the first
    time of equals."""
    for what in (*said.facts, *said.causes):
        found = [each for each in moments if each.what == what]
        if found:
            return max(found, key=lambda each: (each.moved, -each.at_s)).at_s
    return None
