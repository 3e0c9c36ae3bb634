"""The encounter as the patient felt it: words afterwards, turning points, trust."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from simvoice.debrief.model import ShownReflection, ToldFact, TurningPoint, UntoldFact
from simvoice.debrief.moments import TRUST, Exchange, exchanges, moment
from simvoice.debrief.wording import clock
from simvoice.record.events import (
    Ended,
    Header,
    JournalEntry,
    LedgerStep,
    PatientMove,
    PatientReflection,
    PatientSpeech,
    RecordedReflection,
    Tellable,
)
from simvoice.record.store import Attempt
from simvoice.scoring.metrics.reading import Reading

# -- felt -------------------------------------------------------------------------------------
# How it felt, in the patient's own words; or why the record does not hold that.


def reflections_of(
    attempt: Attempt, answered: Sequence[Exchange]
) -> tuple[tuple[ShownReflection, ...], str]:
    """(what she says, why there is nothing): one of the two is empty. Nothing is made up.

    The record names the moves it goes back to; to be listened to are the words they answered, and
    for how it ended the last that she said.
    """
    found = [entry for entry in attempt.entries if isinstance(entry, PatientReflection)]
    said = found[-1].said if found else ()
    if said:
        begun = {each.move.at_s: each.at_s for each in answered}
        return tuple(
            ShownReflection(
                text=each.text,
                why=each.why,
                at_s=_last_s(attempt, each)
                if each.at_s is None
                else begun.get(each.at_s, each.at_s),
            )
            for each in said
        ), ""
    return (), _why_not(attempt, attempt.header, asked=bool(found))


def _last_s(attempt: Attempt, remark: RecordedReflection) -> float | None:
    """When her last words began, for a remark that stands on how it ended."""
    spoken = [e.start_s for e in attempt.entries if isinstance(e, PatientSpeech) and e.heard]
    return max(spoken, default=None) if remark.of_ending else None


def _why_not(attempt: Attempt, header: Header, *, asked: bool) -> str:
    name = header.patient_name
    ends = [entry for entry in attempt.entries if isinstance(entry, Ended)]
    if attempt.state == "open":
        return f"{name} says how it felt when the encounter is over."
    if not ends or ends[-1].reason == "fault":
        return f"The encounter broke off, so {name} did not come to say how it felt."
    if asked:
        return f"{name} had nothing to say afterwards about how it felt."
    return f"The record does not hold what {name} would say about how it felt."


# -- turning ----------------------------------------------------------------------------------
# The turning points: where the patient's trust rose or fell most.


MOST: Final = 3
"""Turning points that are shown."""
LEAST_CHANGE: Final = 0.03
"""Trust, 0..1, by which one answer of hers has to rise or fall to count."""

_ROUNDING = 1e-6


def turning_points(
    entries: Sequence[JournalEntry], answered: Sequence[Exchange]
) -> tuple[TurningPoint, ...]:
    """The three moves that changed trust most, in order of time.

    The rule: all steps of trust in one move are added up; a move counts from a change of .03 on, up
    or down; of these the three greatest are taken, the earlier one where two are equal. The causes
    are those that moved trust the way it went.
    """
    changed = [(_change(each), each) for each in answered]
    great = [pair for pair in changed if abs(pair[0]) >= LEAST_CHANGE - _ROUNDING]
    most = sorted(great, key=lambda pair: (-round(abs(pair[0]), 4), pair[1].at_s))[:MOST]
    return tuple(
        _point(entries, change, each) for change, each in sorted(most, key=lambda p: p[1].at_s)
    )


def _change(exchange: Exchange) -> float:
    return sum(step.after - step.before for step in exchange.of(TRUST))


def _point(entries: Sequence[JournalEntry], change: float, each: Exchange) -> TurningPoint:
    steps = each.of(TRUST)
    cut_off = any(speech.unsaid for speech in each.answer[-1:])
    along = [step for step in steps if (step.after - step.before) * change > 0.0]
    return TurningPoint(
        moment=moment(entries, each.at_s, each.end_s),
        rose=change > 0.0,
        before=steps[0].before,
        after=steps[-1].after,
        causes=tuple(dict.fromkeys(step.cause for step in along)),
        words=each.turn.text if each.turn is not None else "",
        answer=f"{each.heard} …" if cut_off and each.heard else each.heard,
    )


# -- patient view -----------------------------------------------------------------------------
# Why the patient told something, or never did: what trust was, and what had moved it.


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
    reading: Reading, header: Header, told: Iterable[ToldFact]
) -> tuple[tuple[ToldFact, ...], tuple[UntoldFact, ...]]:
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


def _why(fact: Tellable, told: ToldFact, moves: Sequence[PatientMove], begun: Begun) -> str:
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


def _kept(fact: Tellable, values: Sequence[tuple[float, float]]) -> UntoldFact:
    """Of a fact within reach. values: (trust, when) after each move."""
    if fact.trust is None:
        return UntoldFact(why="Something is told to whoever asks for it; nobody did.")
    first_s = next(at for value, at in values if value >= fact.trust)
    return UntoldFact(
        why=f"Something would have been told from {clock(first_s)} on, when trust had reached "
        f"{100 * fact.trust:.0f}; nothing that was asked led there.",
        at_s=first_s,
    )


def _out_of_reach(
    facts: Sequence[Tellable],
    values: Sequence[tuple[float, float]],
    moves: Sequence[PatientMove],
    begun: Begun,
) -> tuple[UntoldFact, ...]:
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
        UntoldFact(
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
