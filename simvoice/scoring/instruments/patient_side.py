"""What the patient told, said and felt, from the journal: what the rules about the patient ask.

All of this is exact, because the record has every decision and what was delivered of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from simvoice.criteria.encounter import Evidence, JudgedSilence
from simvoice.record.events import Hold, JournalEntry, LearnerTurn, PatientMove, PatientSpeech
from simvoice.scoring.instruments.evidence import silence_evidence

BROKEN_S = 1.0
"""Largest time between the end of a silence and the start of the turn that broke it, seconds."""
_TRUST = "trust"
_ROUNDING = 1e-6


def facts_told(entries: Sequence[JournalEntry]) -> dict[str, Evidence]:
    """Each fact that was told, with the line that told it.

    A fact counts as told by the first move that opens it and whose line was delivered to its end.
    """
    complete = {e.turn: e for e in reversed(_delivered_speech(entries)) if not e.unsaid}
    told: dict[str, Evidence] = {}
    for move in entries:
        if isinstance(move, PatientMove) and move.turn in complete:
            for fact in move.disclosed:
                told.setdefault(fact, _quote(complete[move.turn]))
    return told


def first_delivered(lines: Collection[str], entries: Sequence[JournalEntry]) -> Evidence | None:
    """The first of these lines that was delivered, whole or in part; None when none was."""
    said = (_quote(e) for e in _delivered_speech(entries) if e.line_id in lines)
    return next(said, None)


def silences_kept(after: Collection[str], entries: Sequence[JournalEntry]) -> list[JudgedSilence]:
    """The silences that the patient left after these beats or lines; after any when empty."""
    holds = [e for e in entries if isinstance(e, Hold) and (not after or e.beat in after)]
    return [_judged_silence(hold, entries) for hold in holds]


def _judged_silence(hold: Hold, entries: Sequence[JournalEntry]) -> JudgedSilence:
    if broken_with_care(hold, entries):
        evidence = silence_evidence(hold, "broken with words that raised trust")
        return JudgedSilence("broken with care", evidence)
    return JudgedSilence(hold.outcome, silence_evidence(hold))


def broken_with_care(hold: Hold, entries: Sequence[JournalEntry]) -> bool:
    """Whether the learner broke a silence with words that raised the patient's trust."""
    turns = [e for e in entries if isinstance(e, LearnerTurn)]
    broke = min(turns, key=lambda turn: abs(turn.start_s - hold.end_s), default=None)
    if hold.outcome != "filled" or broke is None or abs(broke.start_s - hold.end_s) > BROKEN_S:
        return False
    moves = (
        e
        for e in entries
        if isinstance(e, PatientMove) and e.turn == broke.turn and e.at_s >= broke.start_s
    )
    answer = min(moves, key=lambda move: move.at_s, default=None)
    steps = answer.steps if answer is not None else ()
    return sum(each.after - each.before for each in steps if each.name == _TRUST) > _ROUNDING


def ledger_values(value: str, entries: Iterable[JournalEntry]) -> list[float]:
    """A value of the ledger after each of the patient's moves, 0..1; empty for an unknown one."""
    moves = (e for e in entries if isinstance(e, PatientMove))
    return [move.ledger[value] for move in moves if value in move.ledger]


def ledger_start(value: str, entries: Iterable[JournalEntry]) -> float | None:
    """A value of the ledger before the patient's first move, 0..1; None for an unknown one."""
    first = next((e for e in entries if isinstance(e, PatientMove) and value in e.ledger), None)
    if first is None:
        return None
    own = (step.before for step in first.steps if step.name == value)
    return next(own, first.ledger[value])


def _delivered_speech(entries: Sequence[JournalEntry]) -> list[PatientSpeech]:
    return [e for e in entries if isinstance(e, PatientSpeech) and e.heard]


def _quote(speech: PatientSpeech) -> Evidence:
    return Evidence(speech.start_s, speech.end_s, "patient", speech.heard, "what the patient said")
