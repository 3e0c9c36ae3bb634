"""The encounter from the patient's side: reflection, turning points, facts told and not told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from simvoice.debrief.model import ShownReflection, ToldFact, TurningPoint, UntoldFact
from simvoice.debrief.moments import TRUST, Exchange, debrief_moment, find_exchanges
from simvoice.display import clock, points
from simvoice.reading.reading import Reading
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
from simvoice.rounding import round_ledger

# -- reflection by the patient ----------------------------------------------------------------


def shown_reflections(
    attempt: Attempt, reading: Reading, exchanges: Sequence[Exchange]
) -> tuple[tuple[ShownReflection, ...], str]:
    """Return the reflection in the record, and a sentence why there is none. One of them is empty.

    A reflection about a move is timed by the words that the move answered. A reflection about the
    ending is timed by the patient's last words.
    """
    found = reading.of(PatientReflection)
    said = found[-1].said if found else ()
    if said:
        begun = {each.move.at_s: each.at_s for each in exchanges}
        return tuple(
            ShownReflection(
                text=each.text,
                why=each.why,
                at_s=_last_s(reading, each)
                if each.at_s is None
                else begun.get(each.at_s, each.at_s),
            )
            for each in said
        ), ""
    return (), _why_not(attempt, attempt.header, asked=bool(found))


def _last_s(reading: Reading, reflection: RecordedReflection) -> float | None:
    """Return the start of the patient's last words, for a reflection about the ending."""
    spoken = [speech.start_s for speech in reading.of(PatientSpeech) if speech.heard]
    return max(spoken, default=None) if reflection.of_ending else None


def _why_not(attempt: Attempt, header: Header, *, asked: bool) -> str:
    name = header.patient_name
    ends = [entry for entry in attempt.entries if isinstance(entry, Ended)]
    if attempt.state == "open":
        return f"When the encounter is over, {name} says how it felt."
    if not ends or ends[-1].reason == "fault":
        return f"The encounter stopped early, so {name} could not say how it felt."
    if asked:
        return f"{name} had nothing to say about how it felt."
    return f"The record does not contain what {name} says about how it felt."


# -- turning points ---------------------------------------------------------------------------

MAX_POINTS: Final = 3
"""Most turning points that are shown."""
LEAST_CHANGE: Final = 0.03
"""Smallest change of trust, 0..1, in one answer of the patient that counts."""

_ROUNDING = 1e-6


def turning_points(
    entries: Sequence[JournalEntry], exchanges: Sequence[Exchange]
) -> tuple[TurningPoint, ...]:
    """Return the three moves that changed trust most, in order of time.

    The steps of trust in one move are added up. A move counts from a change of .03, up or down. Of
    these the three largest are taken, of equal ones the earlier. The causes are those that moved
    trust in the direction of the sum.
    """
    changed = [(_change(each), each) for each in exchanges]
    large = [pair for pair in changed if abs(pair[0]) >= LEAST_CHANGE - _ROUNDING]
    most = sorted(large, key=lambda pair: (-round_ledger(abs(pair[0])), pair[1].at_s))[:MAX_POINTS]
    return tuple(
        _point(entries, change, each) for change, each in sorted(most, key=lambda p: p[1].at_s)
    )


def _change(exchange: Exchange) -> float:
    return sum(step.after - step.before for step in exchange.steps(TRUST))


def _point(entries: Sequence[JournalEntry], change: float, each: Exchange) -> TurningPoint:
    steps = each.steps(TRUST)
    cut_off = any(speech.unsaid for speech in each.answer[-1:])
    along = [step for step in steps if (step.after - step.before) * change > 0.0]
    return TurningPoint(
        moment=debrief_moment(entries, each.at_s, each.end_s),
        rose=change > 0.0,
        before=steps[0].before,
        after=steps[-1].after,
        causes=tuple(dict.fromkeys(step.cause for step in along)),
        words=each.turn.text if each.turn is not None else "",
        answer=f"{each.delivered} …" if cut_off and each.delivered else each.delivered,
    )


# -- facts told and not told ------------------------------------------------------------------

_NAMED = 2
"""Most causes that a sentence names."""

StartTimes = Mapping[float, float]
"""Time of a move to the start of what caused it: the learner's words, or a silence."""


@dataclass(frozen=True, slots=True)
class _Moved:
    at_s: float
    step: LedgerStep

    @property
    def change(self) -> float:
        return self.step.after - self.step.before


def told_and_untold(
    reading: Reading, header: Header, told: Iterable[ToldFact]
) -> tuple[tuple[ToldFact, ...], tuple[UntoldFact, ...]]:
    """Return the facts that were told, with reasons, and the reasons for those that were not."""
    name = header.patient_name
    could = {each.id: each for each in header.tellable}
    moves = reading.of(PatientMove)
    begun = {each.move.at_s: each.at_s for each in find_exchanges(reading)}
    explained = tuple(
        each.model_copy(
            update={
                "text": could[each.fact].text,
                "why": _why(could[each.fact], each, moves, begun, name),
            }
        )
        if each.fact in could
        else each
        for each in told
    )
    told_ids = {each.fact for each in explained}
    untold = [each for each in header.tellable if each.id not in told_ids]
    values = [(move.ledger[TRUST], move.at_s) for move in moves if TRUST in move.ledger]
    highest, _ = max(values, default=(0.0, 0.0))
    beyond = [each for each in untold if each.trust is not None and each.trust > highest]
    within = [each for each in untold if each not in beyond]
    reasons = (
        *(_within_reach(each, values, name) for each in within),
        *_out_of_reach(beyond, values, moves, begun, name),
    )
    # facts that need a question have no moment; their equal sentences come last, once
    return explained, tuple(dict.fromkeys(sorted(reasons, key=lambda each: each.at_s is None)))


def _why(
    fact: Tellable, told: ToldFact, moves: Sequence[PatientMove], begun: StartTimes, name: str
) -> str:
    if fact.when == "volunteered":
        answers = any(m.kind == "answer" and fact.id in m.disclosed for m in moves)
        return "You asked." if answers else "Told without a question."
    if fact.trust is None:
        return "You asked."
    before = [move for move in moves if move.at_s <= told.at_s]
    stood = before[-1].ledger.get(TRUST, 0.0) if before else 0.0
    raised = sorted(_moved(before, begun), key=lambda each: each.change, reverse=True)
    because = _causes([each for each in raised if each.change > 0.0])
    reason = f" What raised trust most: {because}." if because else ""
    return (
        f"{name} tells this from a trust of {points(fact.trust)}; trust was "
        f"{points(stood)}.{reason}"
    )


def _within_reach(fact: Tellable, values: Sequence[tuple[float, float]], name: str) -> UntoldFact:
    """Explain an untold fact whose trust was reached. values: (trust, second) after each move."""
    if fact.trust is None:
        return UntoldFact(why=f"There is something that {name} tells when asked; you did not ask.")
    first_s = next(at for value, at in values if value >= fact.trust)
    return UntoldFact(
        why=f"There is something that {name} was ready to tell from {clock(first_s)} on, when "
        f"trust reached {points(fact.trust)}; none of your questions led to it.",
        at_s=first_s,
    )


def _out_of_reach(
    facts: Sequence[Tellable],
    values: Sequence[tuple[float, float]],
    moves: Sequence[PatientMove],
    begun: StartTimes,
    name: str,
) -> tuple[UntoldFact, ...]:
    """Explain all facts whose trust was never reached, in one sentence: they share the reason."""
    needed = sorted(fact.trust for fact in facts if fact.trust is not None)
    if not needed:
        return ()
    highest, at_s = max(values, default=(0.0, 0.0))
    lost = sorted(_moved(moves, begun), key=lambda each: each.change)
    because = _causes([each for each in lost if each.change < 0.0])
    reason = f" What lowered trust most: {because}." if because else ""
    levels = list(dict.fromkeys(points(level) for level in needed))
    what = "There is something" if len(needed) == 1 else f"There are {len(needed)} things"
    least = " or ".join(part for part in (", ".join(levels[:-1]), levels[-1]) if part)
    return (
        UntoldFact(
            why=f"{what} that {name} tells from a trust of {least}; trust never rose above "
            f"{points(highest)}.{reason}",
            at_s=lost[0].at_s if because else at_s,
        ),
    )


def _moved(moves: Iterable[PatientMove], begun: StartTimes) -> list[_Moved]:
    return [
        _Moved(begun.get(move.at_s, move.at_s), step)
        for move in moves
        for step in move.steps
        if step.name == TRUST
    ]


def _causes(moved: Sequence[_Moved]) -> str:
    """Name the first causes, each once, such as "named a feeling (1:15), asked openly (0:58)"."""
    found: dict[str, float] = {}
    for each in moved:
        found.setdefault(each.step.cause, each.at_s)
    named = [f"{cause} ({clock(at_s)})" for cause, at_s in list(found.items())[:_NAMED]]
    return ", ".join(named)
