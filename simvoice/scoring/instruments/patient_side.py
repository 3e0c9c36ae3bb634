"""Judge rules about the patient: facts told, lines delivered, ledger values, silences.

All of these are exact, because the record has every decision and what was delivered of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simvoice import criteria as r
from simvoice.record.events import Hold, JournalEntry, LearnerTurn, PatientMove, PatientSpeech
from simvoice.scoring.instruments.evidence import (
    MOST_EVIDENCE,
    Evidence,
    ItemOutcome,
    RuleVerdict,
    silence_evidence,
)

BROKEN_S = 1.0
"""Largest time between the end of a silence and the start of the turn that broke it, seconds."""
_TRUST = "trust"
_ROUNDING = 1e-6


def judge_patient_rule(
    rule: r.ToldRule | r.HearsRule | r.ReachedRule | r.SilenceRule | r.LedgerValueRule,
    entries: Sequence[JournalEntry],
) -> RuleVerdict:
    """Judge a rule from the journal alone."""
    match rule:
        case r.ToldRule():
            return _told(rule, entries)
        case r.HearsRule():
            return _lines_delivered([rule.lines], entries)
        case r.ReachedRule():
            return _lines_delivered(rule.lines, entries)
        case r.SilenceRule():
            return _silence(rule, entries)
        case r.LedgerValueRule():
            return _ledger(rule, entries)


def _delivered_speech(entries: Sequence[JournalEntry]) -> list[PatientSpeech]:
    return [e for e in entries if isinstance(e, PatientSpeech) and e.heard]


def _told(rule: r.ToldRule, entries: Sequence[JournalEntry]) -> RuleVerdict:
    """A fact counts as told by the first move that opens it and whose line was delivered to its
    end."""
    complete = {e.turn: e for e in reversed(_delivered_speech(entries)) if not e.unsaid}
    told: dict[str, PatientSpeech] = {}
    for move in entries:
        if isinstance(move, PatientMove) and move.turn in complete:
            for fact in move.disclosed:
                told.setdefault(fact, complete[move.turn])
    wanted = [told[fact] for fact in rule.facts if fact in told]
    return _met(len(wanted) == len(rule.facts), (_quote(each) for each in wanted))


def _lines_delivered(
    groups: Sequence[Sequence[str]], entries: Sequence[JournalEntry]
) -> RuleVerdict:
    """Whether at least one line of each group was delivered."""
    if not groups:
        return RuleVerdict("not judged", reason="the record does not say which lines belong to it")
    firsts = [
        next((e for e in _delivered_speech(entries) if e.line_id in lines), None)
        for lines in groups
    ]
    return _met(None not in firsts, (_quote(each) for each in firsts if each is not None))


def _silence(rule: r.SilenceRule, entries: Sequence[JournalEntry]) -> RuleVerdict:
    holds = [e for e in entries if isinstance(e, Hold) and (not rule.after or e.beat in rule.after)]
    if not holds:
        return RuleVerdict("not judged", reason="no occasion: the patient kept no such silence")
    stood = [each for each in holds if each.outcome == "held"]
    with_care = [each for each in holds if each not in stood and broken_with_care(each, entries)]
    filled = [each for each in holds if each not in stood and each not in with_care]
    is_met = bool(stood) if rule.outcome == "held" else not filled
    shown = [*map(silence_evidence, stood if is_met else filled)]
    if is_met or not filled:
        shown += (
            silence_evidence(each, "broken with words that raised trust") for each in with_care
        )
    return _met(is_met, shown)


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


def _ledger(rule: r.LedgerValueRule, entries: Sequence[JournalEntry]) -> RuleVerdict:
    moves = [e for e in entries if isinstance(e, PatientMove) and rule.value in e.ledger]
    if not moves:
        return RuleVerdict("not judged", reason="the record does not say what the patient felt")
    fits = [_within(rule, move.ledger[rule.value]) for move in moves]
    is_met = {"end": fits[-1], "ever": any(fits), "always": all(fits)}[rule.when]
    value = moves[-1].ledger[rule.value]
    if rule.when == "ever" and is_met:
        value = moves[fits.index(True)].ledger[rule.value]
    if rule.when == "always" and not is_met:
        value = moves[fits.index(False)].ledger[rule.value]
    return RuleVerdict("met" if is_met else "not met", (), "high", value)


def _within(rule: r.LedgerValueRule, value: float) -> bool:
    high_enough = rule.at_least is None or value >= rule.at_least
    return high_enough and (rule.at_most is None or value <= rule.at_most)


def _met(is_met: bool, evidence: Iterable[Evidence]) -> RuleVerdict:
    outcome: ItemOutcome = "met" if is_met else "not met"
    return RuleVerdict(outcome, tuple(evidence)[:MOST_EVIDENCE], "high")


def _quote(speech: PatientSpeech) -> Evidence:
    return Evidence(speech.start_s, speech.end_s, "patient", speech.heard, "what the patient said")
