"""The brief of an attempt: all that progress needs, as a page of JSON."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from simvoice.debrief.model import Debrief, Scored
from simvoice.debrief.moments import TRUST, find_exchanges
from simvoice.debrief.own_moments import choose_moments
from simvoice.debrief.suggestions import find_mistakes
from simvoice.debrief.wording import is_english
from simvoice.errors import AttemptError
from simvoice.reading.reading import Reading
from simvoice.record.events import Hold, LearnerTurn, PatientMove, RetryOrigin
from simvoice.record.reflection import read_reflection
from simvoice.record.store import Attempt
from simvoice.rounding import Seconds
from simvoice.scoring.instruments.instrument import CRITICAL
from simvoice.scoring.metrics.definitions import followed
from simvoice.scoring.raters.human_range import human_agreements
from simvoice.strict_model import StrictModel
from simvoice.suggestion_kinds import kind_seen_in, suggestion_kinds


class BriefHeading(StrictModel):
    """One heading in one attempt: its items by outcome, as (text, weight)."""

    id: str
    name: str
    has_share: bool
    """False when less than half of the weight could be judged."""
    met: tuple[tuple[str, float], ...]
    not_met: tuple[tuple[str, float], ...]
    not_judged: tuple[tuple[str, float], ...]


class BriefNumber(StrictModel):
    """One metric in one attempt."""

    key: str
    value: float | None
    low: float | None
    high: float | None
    reason: str
    """Why there is no value; empty when there is one."""


class Advice(StrictModel):
    """A suggestion of a debrief."""

    kind: str
    """Id of the kind in `data/suggestions.toml`, or of a critical item."""
    title: str
    again_turn: int | None
    """Turn of the checkpoint to retry from; None without one."""


class AdviceEvent(StrictModel):
    """One event that matters for a suggestion: it was followed, or the mistake happened."""

    kind: str
    """Id of the kind in `data/suggestions.toml`."""
    at_s: float
    what: Literal["done", "amiss", "amiss by the ledger"]
    """The last two may show the same mistake."""


class Brief(StrictModel):
    """The brief of one finished attempt."""

    attempt: str
    learner: str
    """The pseudonym; empty without one."""
    case_id: str
    case_title: str
    case_sha256: str
    patient_name: str
    when: str
    """ISO 8601 with time zone; empty when the record does not contain it."""
    length_s: Seconds
    reason: str
    """Why it ended (`record.events.Ended.reason`); empty without an end."""
    simvoice: str
    """The version of simvoice that recorded and coded it."""
    recogniser: str
    """Hash of the speech recognition model; empty when the record does not contain it."""
    again: RetryOrigin | None
    is_part: bool
    """As `record.events.Header.is_part`."""
    awaits_reflection: bool = False
    """The learner has not read the debrief: own words about moments of it come first."""
    english: bool
    """False when the words are not English and could not be judged."""
    turns: int
    """Number of the learner's turns with words."""
    headings: tuple[BriefHeading, ...]
    critical: dict[str, str]
    """Outcome of each critical item of the case, by the id of the item."""
    counts: dict[str, int]
    """Number of occurrences of each code that `scoring.raters.human_range` needs."""
    numbers: tuple[BriefNumber, ...]
    trust: tuple[float, float] | None
    """(first, last) trust, 0..1; None when the record has no ledger."""
    advice: tuple[Advice, ...]
    did: tuple[AdviceEvent, ...]
    """In order of time."""


def build_brief(attempt: Attempt, reading: Reading, debrief: Debrief) -> Brief:
    """Build the brief of an attempt from its reading and its debrief."""
    header, ended = attempt.header, attempt.ended
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
        length_s=debrief.duration_s,
        reason=ended.reason if ended else "",
        simvoice=header.simvoice,
        recogniser=header.models.get("stt", ""),
        again=header.again,
        is_part=header.is_part,
        awaits_reflection=_awaits_reflection(attempt, reading),
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
            BriefNumber(
                key=n.key,
                value=n.value,
                low=n.low,
                high=n.high,
                reason="" if n.value is not None else n.shown,
            )
            for n in debrief.numbers
            if n.key in followed()
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


def _awaits_reflection(attempt: Attempt, reading: Reading) -> bool:
    if not attempt.header.options.reflects:
        return False
    try:
        found = read_reflection(attempt.folder)
    except AttemptError:  # it keeps nobody from the debrief
        return False
    return bool(choose_moments(reading, attempt.header)) if found is None else not found.is_over


def _heading(scored: Scored) -> BriefHeading:
    def items_with(outcome: str) -> tuple[tuple[str, float], ...]:
        return tuple((i.text, i.weight) for i in scored.items if i.outcome == outcome)

    return BriefHeading(
        id=scored.id,
        name=scored.name,
        has_share=scored.share is not None,
        met=items_with("met"),
        not_met=items_with("not met"),
        not_judged=(*items_with("open"), *items_with("not judged")),
    )


def _counts(reading: Reading) -> dict[str, int]:
    wanted = {code for each in human_agreements().values() for code in (*each.over, *each.under)}
    found = Counter(c.code for turn in reading.of(LearnerTurn) for c in turn.codes)
    return {code: found[code] for code in sorted(wanted)}


def _did(reading: Reading, debrief: Debrief) -> tuple[AdviceEvent, ...]:
    """Return what was done, by codes of words, silences and answers to cues, and the mistakes."""
    found: list[AdviceEvent] = []
    for kind in suggestion_kinds():
        codes = frozenset(kind.done)
        found += [
            AdviceEvent(kind=kind.id, at_s=turn.start_s, what="done")
            for turn in reading.of(LearnerTurn)
            for code in turn.codes
            if code.code in codes
        ]
    silence, about_cues = kind_seen_in("silences").id, kind_seen_in("cues").id
    found += [
        AdviceEvent(kind=silence, at_s=hold.start_s, what="done")
        for hold in reading.of(Hold)
        if hold.outcome == "held"
    ]
    found += [
        AdviceEvent(kind=about_cues, at_s=cue.at_s, what="done")
        for cue in debrief.cues
        if cue.provides
    ]
    mistakes = find_mistakes(reading, debrief.patient_name, find_exchanges(reading), debrief.cues)
    found += [
        AdviceEvent(
            kind=m.kind, at_s=m.at_s, what="amiss by the ledger" if m.by_ledger else "amiss"
        )
        for m in mistakes
    ]
    return tuple(sorted(found, key=lambda each: (each.at_s, each.kind, each.what)))
