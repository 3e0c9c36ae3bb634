"""Why the patient told something, or never did: what trust was, and what had moved it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from simvoice.debrief.model import Kept, Told
from simvoice.debrief.moments import exchanges
from simvoice.debrief.wording import clock
from simvoice.record.events import Header, LedgerStep, PatientMove, Tellable
from simvoice.scoring.metrics.reading import Reading

TRUST = "trust"
_NAMED = 2
"""Causes that a sentence names."""

Begun = Mapping[float, float]
"""When she moved to when what moved her began: the learner's words, or the silence."""


@dataclass(frozen=True, slots=True)
class _Moved:
    at_s: float
    step: LedgerStep

    @property
    def change(self) -> float:
        return self.step.after - self.step.before


def told_and_kept(
    reading: Reading, header: Header, told: Iterable[Told]
) -> tuple[tuple[Told, ...], tuple[Kept, ...]]:
    """What was told, with why; and for what was not, why not."""
    could = {each.id: each for each in header.tellable}
    moves = reading.of(PatientMove)
    begun = {each.move.at_s: each.at_s for each in exchanges(reading)}
    said = tuple(
        each.model_copy(
            update={
                "text": could[each.fact].text,
                "why": _why(could[each.fact], each, moves, begun),
            }
        )
        if each.fact in could
        else each
        for each in told
    )
    names = {each.fact for each in said}
    untold = [each for each in header.tellable if each.id not in names]
    values = [(move.ledger[TRUST], move.at_s) for move in moves if TRUST in move.ledger]
    highest, _ = max(values, default=(0.0, 0.0))
    beyond = [each for each in untold if each.trust is not None and each.trust > highest]
    within = [each for each in untold if each not in beyond]
    kept = (*(_kept(each, values) for each in within), *_out_of_reach(beyond, values, moves, begun))
    # the nearest miss first; what nobody asked for says the same each time and comes last, once
    return said, tuple(dict.fromkeys(sorted(kept, key=lambda each: each.at_s is None)))


def _why(fact: Tellable, told: Told, moves: Sequence[PatientMove], begun: Begun) -> str:
    if fact.when == "volunteered":
        return "Told freely."
    if fact.trust is None:
        return "You asked."
    before = [move for move in moves if move.at_s <= told.at_s]
    stood = before[-1].ledger.get(TRUST, 0.0) if before else 0.0
    raised = sorted(_moved(before, begun), key=lambda each: each.change, reverse=True)
    because = _causes([each for each in raised if each.change > 0.0])
    reason = f" What had raised it most: {because}." if because else ""
    return f"Told from a trust of {100 * fact.trust:.0f} on; it stood at {100 * stood:.0f}.{reason}"


def _kept(fact: Tellable, values: Sequence[tuple[float, float]]) -> Kept:
    """Of a fact within reach. values: (trust, when) after each move."""
    if fact.trust is None:
        return Kept(why="Something is told to whoever asks for it; nobody did.")
    first_s = next(at for value, at in values if value >= fact.trust)
    return Kept(
        why=f"Something would have been told from {clock(first_s)} on, when trust had reached "
        f"{100 * fact.trust:.0f}; nothing that was asked led there.",
        at_s=first_s,
    )


def _out_of_reach(
    facts: Sequence[Tellable],
    values: Sequence[tuple[float, float]],
    moves: Sequence[PatientMove],
    begun: Begun,
) -> tuple[Kept, ...]:
    """Once for all facts that trust never came up to: why is the same for each."""
    asked = sorted(fact.trust for fact in facts if fact.trust is not None)
    if not asked:
        return ()
    highest, at_s = max(values, default=(0.0, 0.0))
    lost = sorted(_moved(moves, begun), key=lambda each: each.change)
    because = _causes([each for each in lost if each.change < 0.0])
    reason = f" What cost most: {because}." if because else ""
    levels = list(dict.fromkeys(f"{100 * level:.0f}" for level in asked))
    what = "Something is told from" if len(asked) == 1 else f"{len(asked)} things are told from"
    least = " and ".join(part for part in (", ".join(levels[:-1]), levels[-1]) if part)
    return (
        Kept(
            why=f"{what} a trust of {least} on; it never rose above {100 * highest:.0f}.{reason}",
            at_s=lost[0].at_s if because else at_s,
        ),
    )


def _moved(moves: Iterable[PatientMove], begun: Begun) -> list[_Moved]:
    return [
        _Moved(begun.get(move.at_s, move.at_s), step)
        for move in moves
        for step in move.steps
        if step.name == TRUST
    ]


def _causes(moved: Sequence[_Moved]) -> str:
    """The first few, each cause once: "cut her off (1:15), talked into her silence (0:58)"."""
    found: dict[str, float] = {}
    for each in moved:
        found.setdefault(each.step.cause, each.at_s)
    named = [f"{cause} ({clock(at_s)})" for cause, at_s in list(found.items())[:_NAMED]]
    return ", ".join(named)
