"""What progress needs of one attempt: a page of JSON instead of its journal and its sound."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from simvoice.debrief.model import Debrief, DebriefPart, Scored
from simvoice.debrief.moments import TRUST, exchanges
from simvoice.debrief.suggestions import suggestion_kinds, went_amiss
from simvoice.debrief.wording import is_english
from simvoice.record.events import Hold, LearnerTurn, PatientMove, RetryOrigin
from simvoice.record.store import Attempt
from simvoice.scoring.instruments.instrument import CRITICAL
from simvoice.scoring.metrics.reading import Reading, read
from simvoice.scoring.raters.human_range import human_agreements

NUMBERS = (
    "talk_share",
    "longest_monologue",
    "response_latency",
    "interruptions",
    "backchannels",
    "silences",
    "longest_silence",
)
"""Metrics that are followed over time: those a debrief begins with, and a few like them, of which
calibration knows how far two encounters alike differ. None needs words: how many of them are
recognised differs more from one encounter to the next than calibration plants."""


class HeadingOf(DebriefPart):
    """One heading in one attempt: the items by what came of them, as (text, weight)."""

    id: str
    name: str
    has_share: bool
    """False where less than half of the weight could be judged."""
    met: tuple[tuple[str, float], ...]
    not_met: tuple[tuple[str, float], ...]
    not_judged: tuple[tuple[str, float], ...]


class NumberOf(DebriefPart):
    """One metric in one attempt."""

    key: str
    value: float | None
    low: float | None
    high: float | None
    reason: str
    """Why there is no value; empty when there is one."""


class Advice(DebriefPart):
    """What a debrief suggested."""

    kind: str
    """By the id of `debrief/data/suggestions.toml`, or of a critical item."""
    title: str
    again_turn: int | None
    """The checkpoint its button began another go at."""


class Did(DebriefPart):
    """One time that something was done that a debrief may suggest, or went amiss."""

    kind: str
    """By the id of `debrief/data/suggestions.toml`."""
    at_s: float
    what: Literal["done", "amiss", "amiss by the ledger"]
    """The last two are views of the same thing."""


class Brief(DebriefPart):
    """One finished attempt."""

    attempt: str
    learner: str
    """The pseudonym; empty when none."""
    case_id: str
    case_title: str
    case_sha256: str
    patient_name: str
    when: str
    """ISO 8601 with zone; empty when the record does not say."""
    length_s: float
    reason: str
    """Why it ended (`record.events.Ended.reason`); empty when no end was written."""
    simvoice: str
    """The version that recorded and coded it."""
    recogniser: str
    """The model that made the words, by its hash; empty when the record does not say."""
    again: RetryOrigin | None
    english: bool
    """False where its words could not be judged."""
    turns: int
    """Of the learner's, with words."""
    headings: tuple[HeadingOf, ...]
    critical: dict[str, str]
    """What came of each item that the case's author holds critical, by its id."""
    counts: dict[str, int]
    """How often each code was found, of those that `scoring.agreed` needs."""
    numbers: tuple[NumberOf, ...]
    trust: tuple[float, float] | None
    """(first, last), 0..1; None when the record has no ledger."""
    advice: tuple[Advice, ...]
    did: tuple[Did, ...]
    """In order of time."""


def brief_of(attempt: Attempt, debrief: Debrief) -> Brief:
    """From an attempt and its debrief."""
    header, ended = attempt.header, attempt.ended
    reading = read(attempt)
    english = is_english(reading.of(LearnerTurn))
    trust = [m.ledger[TRUST] for m in reading.of(PatientMove) if TRUST in m.ledger]
    return Brief(
        attempt=attempt.id,
        learner=header.learner,
        case_id=header.case_id,
        case_title=header.case_title,
        case_sha256=header.case_sha256,
        patient_name=header.patient_name,
        when=debrief.when,
        length_s=round(debrief.duration_s, 3),
        reason=ended.reason if ended else "",
        simvoice=header.simvoice,
        recogniser=header.models.get("stt", ""),
        again=header.again,
        english=english,
        turns=sum(bool(turn.text) for turn in reading.of(LearnerTurn)),
        headings=tuple(_heading(each) for each in debrief.headings),
        critical={
            item.id: item.outcome
            for each in debrief.instruments
            if each.id == CRITICAL
            for item in each.items
        },
        counts=_counts(reading) if english else {},
        numbers=tuple(
            NumberOf(
                key=n.key,
                value=n.value,
                low=n.low,
                high=n.high,
                reason="" if n.value is not None else n.shown,
            )
            for n in debrief.numbers
            if n.key in NUMBERS
        ),
        trust=(trust[0], trust[-1]) if trust else None,
        advice=tuple(
            Advice(
                kind=each.kind,
                title=each.title,
                again_turn=each.moment.again_turn if each.moment else None,
            )
            for each in debrief.suggestions
        ),
        did=_did(reading, debrief) if english else (),
    )


def _heading(scored: Scored) -> HeadingOf:
    def of(outcome: str) -> tuple[tuple[str, float], ...]:
        return tuple((i.text, i.weight) for i in scored.items if i.outcome == outcome)

    return HeadingOf(
        id=scored.id,
        name=scored.name,
        has_share=scored.share is not None,
        met=of("met"),
        not_met=of("not met"),
        not_judged=of("not judged"),
    )


def _counts(reading: Reading) -> dict[str, int]:
    wanted = {code for each in human_agreements().values() for code in (*each.over, *each.under)}
    found = Counter(c.code for turn in reading.of(LearnerTurn) for c in turn.codes)
    return {code: found[code] for code in sorted(wanted)}


def _did(reading: Reading, debrief: Debrief) -> tuple[Did, ...]:
    """What was done, by the codes of the words, the silences and the answers to cues; and what
    went amiss, as suggestions count it."""
    found: list[Did] = []
    for kind in suggestion_kinds():
        codes = frozenset(kind.done)
        found += [
            Did(kind=kind.id, at_s=turn.start_s, what="done")
            for turn in reading.of(LearnerTurn)
            for code in turn.codes
            if code.code in codes
        ]
    found += [
        Did(kind="silence", at_s=hold.start_s, what="done")
        for hold in reading.of(Hold)
        if hold.outcome == "held"
    ]
    found += [Did(kind="cue", at_s=cue.at_s, what="done") for cue in debrief.cues if cue.provides]
    amiss = went_amiss(reading, debrief.patient_name, exchanges(reading), debrief.cues)
    found += [
        Did(kind=a.kind, at_s=a.at_s, what="amiss by the ledger" if a.by_ledger else "amiss")
        for a in amiss
    ]
    return tuple(sorted(found, key=lambda each: (each.at_s, each.kind, each.what)))
