"""The encounter from the patient's side: reflection, turning points, facts told and not told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from simvoice.debrief.model import ShownReflection, ToldFact, TurningPoint, UntoldFact
from simvoice.debrief.moments import (
    TRUST,
    Exchange,
    debrief_moment,
    find_exchanges,
    trust_change,
    whole_sentences,
)
from simvoice.debrief.wording import cause_named
from simvoice.display import clock
from simvoice.reading.reading import Reading
from simvoice.record.events import (
    Ended,
    Header,
    JournalEntry,
    LearnerTurn,
    LedgerStep,
    PatientMove,
    PatientReflection,
    PatientSpeech,
    RecordedReflection,
    Tellable,
)
from simvoice.record.store import Attempt
from simvoice.rounding import round_ledger
from simvoice.scoring.instruments.judge import Judge

# -- reflection by the patient ----------------------------------------------------------------

_UNDONE: Final = re.compile(
    r"\byou (?:did not|didn't|never) (?:ask|say|tell)|"
    r"\b(?:nobody|no one)(?:'d| had)? (?:ask|said|told)"
)
"""What the learner did not do, in a remark about the end: it may have been done in words that the
simulation does not know, so the remark is not shown."""


def shown_reflections(
    attempt: Attempt, reading: Reading, exchanges: Sequence[Exchange]
) -> tuple[tuple[ShownReflection, ...], str]:
    """Return what of the reflection in the record is certain, and a sentence why there is none. One
    of them is empty.

    A remark is shown where the record has the moment that it is about: a change of the ledger by a
    rule that the remark names, for words that certainly do what the rule says; a fact that was
    told; or the end of the encounter. Each moment has one remark, the first.
    """
    found = reading.of(PatientReflection)
    said = found[-1].said if found else ()
    judge = Judge(reading, attempt.header)
    by_moment: dict[tuple[float | None, str], ShownReflection] = {}
    for remark in said:
        shown = _shown_reflection(remark, attempt.header, reading, exchanges, judge)
        if shown is not None:
            by_moment.setdefault((shown.at_s, shown.words), shown)
    if by_moment:
        return tuple(by_moment.values()), ""
    if said:
        name = attempt.header.patient_name
        return (), f"No moment of the record is certain to be what {name} would speak of."
    return (), _why_not(attempt, attempt.header, asked=bool(found))


def reflection_as_shown(attempt: Attempt, reading: Reading) -> tuple[JournalEntry, ...]:
    """Return the journal with the reflection that the debrief shows, to be heard."""
    felt, _ = shown_reflections(attempt, reading, find_exchanges(reading))
    texts = {each.text for each in felt}
    return tuple(
        entry.model_copy(update={"said": tuple(s for s in entry.said if s.text in texts)})
        if isinstance(entry, PatientReflection)
        else entry
        for entry in attempt.entries
    )


def _shown_reflection(
    remark: RecordedReflection,
    header: Header,
    reading: Reading,
    exchanges: Sequence[Exchange],
    judge: Judge,
) -> ShownReflection | None:
    """Return a remark with its moment; None where no moment of the record is certain."""
    causes = remark.why.split("; ")
    told = {f"told: {fact.text}": fact.id for fact in header.tellable}
    if named := [told[cause] for cause in causes if cause in told]:
        for speech, facts in _told_by(reading):
            if not facts.isdisjoint(named):
                why = f"After {header.patient_name} had said this."
                return _about(remark, why, speech.start_s, speech.heard)
        return None
    by_cause = [_first_by(cause, exchanges) for cause in causes]
    found = [each for each in by_cause if each is not None]
    if len(found) == len(causes) and all(each.grade_of(step) == "certain" for each, step in found):
        if not all(judge.earns_credit(each.at_s, step.words) for each, step in found):
            return None
        each, step = found[0]
        what = "your words" if step.words else "a silence"
        why = f"After {what}{cause_named([step.cause], 'certain')}."
        text = each.turn.text if each.turn is not None else ""
        return _about(remark, why, each.at_s, whole_sentences(each.words_of(step), text))
    last = max(
        (speech for speech in reading.of(PatientSpeech) if speech.heard),
        key=lambda speech: speech.start_s,
        default=None,
    )
    is_shown = remark.of_ending and _UNDONE.search(remark.text.lower()) is None
    if is_shown and last is not None and _is_certain_end(reading, judge):
        why = f"About the end, after {header.patient_name}'s last words."
        return _about(remark, why, last.start_s, last.heard)
    return None


def _about(remark: RecordedReflection, why: str, at_s: float, words: str) -> ShownReflection:
    return ShownReflection(text=remark.text, why=why, at_s=at_s, words=words)


def _first_by(cause: str, exchanges: Sequence[Exchange]) -> tuple[Exchange, LedgerStep] | None:
    """Return the first exchange in which a cause changed the ledger, surest first."""
    steps = [(e, step) for e in exchanges for step in e.move.steps if step.cause == cause]
    return min(steps, key=lambda pair: pair[0].grade_of(pair[1]) != "certain", default=None)


def _is_certain_end(reading: Reading, judge: Judge) -> bool:
    """Whether the patient chose the end, or the learner certainly left the patient with a question
    or a cue."""
    ends = reading.of(Ended)
    if ends and ends[-1].reason == "patient":
        return True
    left = judge.left_abruptly
    return left is not None and left.grade == "certain"


def _told_by(reading: Reading) -> Iterator[tuple[PatientSpeech, frozenset[str]]]:
    """Yield the patient's utterances with the facts that their moves tell."""
    disclosed = {move.turn: frozenset(move.disclosed) for move in reading.of(PatientMove)}
    for speech in reading.of(PatientSpeech):
        if speech.heard and not speech.unsaid:
            yield speech, disclosed.get(speech.turn, frozenset())


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
    changed = [(trust_change(each), each) for each in exchanges]
    large = [pair for pair in changed if abs(pair[0]) >= LEAST_CHANGE - _ROUNDING]
    most = sorted(large, key=lambda pair: (-round_ledger(abs(pair[0])), pair[1].at_s))[:MAX_POINTS]
    return tuple(
        _point(entries, change, each) for change, each in sorted(most, key=lambda p: p[1].at_s)
    )


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
        grade="certain" if all(each.grade_of(s) == "certain" for s in along) else "possible",
        words=each.turn.text if each.turn is not None else "",
        answer=f"{each.delivered} …" if cut_off and each.delivered else each.delivered,
    )


# -- facts told and not told ------------------------------------------------------------------

_NAMED = 2
"""Most losses of trust that a sentence names."""


def told_and_untold(
    reading: Reading, header: Header, told: Iterable[ToldFact]
) -> tuple[tuple[ToldFact, ...], tuple[UntoldFact, ...]]:
    """Return the facts that were told, with reasons, and the reasons for those that were not."""
    name = header.patient_name
    could = {each.id: each for each in header.tellable}
    moves = reading.of(PatientMove)
    explained = tuple(
        each.model_copy(
            update={
                "text": could[each.fact].text,
                "why": _why(could[each.fact], each, reading, name),
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
        *_out_of_reach(beyond, values, find_exchanges(reading), name),
    )
    # facts that need a question have no moment; their equal sentences come last, once
    return explained, tuple(dict.fromkeys(sorted(reasons, key=lambda each: each.at_s is None)))


def _why(fact: Tellable, told: ToldFact, reading: Reading, name: str) -> str:
    """Return what the learner had said before a fact was told, and the trust that it needed."""
    before = [turn for turn in reading.of(LearnerTurn) if turn.start_s < told.at_s]
    last = max(before, key=lambda turn: turn.start_s, default=None)
    parts = [f"You had said: “{last.text}”"] if last is not None else []
    if fact.trust is not None:
        parts.append(f"{name} tells this only when there is trust enough.")
    return " ".join(parts)


def _within_reach(fact: Tellable, values: Sequence[tuple[float, float]], name: str) -> UntoldFact:
    """Explain an untold fact whose trust was reached. values: (trust, second) after each move."""
    asked = f" Asking opens it: “{fact.asked_by}”" if fact.asked_by else ""
    if fact.trust is None:
        return UntoldFact(why=f"There is something that {name} tells when asked.{asked}")
    first_s = next(at for value, at in values if value >= fact.trust)
    return UntoldFact(
        why=f"From {clock(first_s)} on there was trust enough for something more.{asked}"
        f"{_needs(fact)}",
        at_s=first_s,
    )


def _needs(fact: Tellable) -> str:
    """What must have happened first, in the words of the case."""
    if not fact.after:
        return ""
    named = " and ".join(f"“{each}”" for each in fact.needs)
    return f" It comes after this: {named}." if named else " Something else must happen first."


def _out_of_reach(
    facts: Sequence[Tellable],
    values: Sequence[tuple[float, float]],
    exchanges: Sequence[Exchange],
    name: str,
) -> tuple[UntoldFact, ...]:
    """Explain all facts whose trust was never reached, in one sentence: they share the reason."""
    if not facts:
        return ()
    _, at_s = max(values, default=(0.0, 0.0))
    lost = sorted((e for e in exchanges if trust_change(e) < -_ROUNDING), key=trust_change)[:_NAMED]
    reason = f" Trust fell most at {' and '.join(map(_loss, lost))}." if lost else ""
    what = "There is something" if len(facts) == 1 else f"There are {len(facts)} things"
    causes = dict.fromkeys(cause for fact in facts for cause in fact.earned_by)
    named = ", ".join(f"“{cause}”" for cause in causes)
    earned = f" What earns most of it here: {named}." if named else ""
    return (
        UntoldFact(
            why=f"{what} that {name} tells only with more trust than there was.{earned}{reason}",
            at_s=lost[0].at_s if lost else at_s,
        ),
    )


def _loss(exchange: Exchange) -> str:
    """When trust fell, and what the patient took the learner's words as where that is certain."""
    down = [step for step in exchange.steps(TRUST) if step.after < step.before]
    sure = all(exchange.grade_of(step) == "certain" for step in down)
    causes = list(dict.fromkeys(step.cause for step in down))
    return f"{clock(exchange.at_s)}{cause_named(causes, 'certain' if sure else 'possible')}"
