"""The items of a debrief, and objections to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from simvoice.coding.grade import sentence_of
from simvoice.criteria import ItemRule, RatioRule
from simvoice.debrief.limits import MIN_TURNS as MIN_TURNS
from simvoice.debrief.limits import Limits, find_limits
from simvoice.debrief.model import CueAnswer, ItemResult, Objected, Scored, ShownEvidence
from simvoice.errors import SimvoiceError, UsageError
from simvoice.reading.reading import Reading
from simvoice.record.events import Header
from simvoice.record.ratings import Objection, add_objection, load_objections, withdraw_objection
from simvoice.record.store import Attempt
from simvoice.safe_text import one_line
from simvoice.scoring.instruments.cues import WORDLESS, Response
from simvoice.scoring.instruments.instrument import CRITICAL, headings, items_for
from simvoice.scoring.instruments.judge import Judge, JudgedItem, ScoredInstrument
from simvoice.scoring.raters.human_range import agreement_on, interval_in_words
from simvoice.scoring.raters.questions import critical_and_chosen, resolve_rule

# -- judging ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Items:
    """The parts of a debrief that are judged item by item."""

    headings: tuple[Scored, ...]
    instruments: tuple[Scored, ...]
    cues: tuple[CueAnswer, ...]
    notes: tuple[str, ...]


def judge_items(reading: Reading, header: Header, folder: Path) -> Items:
    """Judge all items of an attempt from its record. folder: contains the learner's objections.

    Where little was said, said in another language or broken off, only what happened is judged
    (`limits.Limits`).
    """
    judge = Judge(reading, header)
    limits = find_limits(reading)
    enough = limits.turns >= MIN_TURNS
    own, lists, unknown = critical_and_chosen(header)
    notes = [
        f"The case names the instrument {name}, which simvoice does not have." for name in unknown
    ]
    objections: dict[str, list[Objected]] = {}
    try:
        for each in load_objections(folder):
            objected = Objected(number=each.number, why=each.why)
            objections.setdefault(each.item, []).append(objected)
    except SimvoiceError as error:
        notes.append(f"Your objections cannot be shown: {error}.")
    return Items(
        headings=tuple(
            _scored(_within(s, limits), "heading" if enough else "short", objections)
            for s in judge.score_all(headings())
        ),
        instruments=tuple(
            _scored(_within(s, limits), "instrument", objections)
            for s in judge.score_all((*own, *lists))
        ),
        cues=tuple(_cue(_uncoded(each) if limits.words else each) for each in judge.responses),
        notes=tuple(notes),
    )


def _within(sheet: ScoredInstrument, limits: Limits) -> ScoredInstrument:
    """Remove the judgements that the encounter does not allow."""
    judged = tuple(
        replace(each, verdict=limits.on(each.item, each.verdict)) for each in sheet.judged
    )
    return replace(sheet, judged=judged)


def _uncoded(response: Response) -> Response:
    """Remove the code of a response. A silence or a backchannel needs no words and stays."""
    if response.response is None or response.response in WORDLESS:
        return response
    return replace(
        response,
        response=None,
        explicit=None,
        provides=None,
        suchman="neither",
        certainty="low",
        grade="possible",
    )


def _scored(
    sheet: ScoredInstrument,
    kind: Literal["heading", "short", "instrument"],
    objections: dict[str, list[Objected]],
) -> Scored:
    """Convert to the debrief's type. short: a heading without a share, because of too few turns."""
    source = sheet.instrument
    known = sheet.share_with_interval if kind == "heading" else None
    return Scored(
        id=source.id,
        name=source.name,
        kind="instrument" if kind == "instrument" else "heading",
        source=source.source,
        about=_about(sheet),
        share=None if known is None else known.value,
        interval=None if known is None else (known.low, known.high),
        items=tuple(_result(each, objections.get(each.item.id, [])) for each in sheet.judged),
    )


def _about(sheet: ScoredInstrument) -> str:
    """Return what the instrument is; for critical items also which ones were missed."""
    about = " ".join(sheet.instrument.about.split())
    missed = [j.item.text.rstrip(".") for j in sheet.judged if j.verdict.outcome == "not met"]
    if sheet.instrument.id != CRITICAL or not missed:
        return about
    return f"{about} Missed: {'; '.join(missed)}."


def _result(judged: JudgedItem, objections: list[Objected]) -> ItemResult:
    item, verdict = judged.item, judged.verdict
    rule = resolve_rule(item)
    interval, interval_note = _interval(item.rule, verdict.value)
    return ItemResult(
        id=item.id,
        section=item.section,
        text=item.text,
        outcome=verdict.outcome,
        value=verdict.value,
        least=verdict.least,
        most=verdict.most,
        interval=interval,
        interval_note=interval_note,
        evidence=tuple(
            ShownEvidence(
                at_s=e.at_s, end_s=e.end_s, who=e.who, quote=e.quote, shows=e.shows, grade=e.grade
            )
            for e in verdict.evidence
        ),
        rule=judged.rule,
        rule_kind=rule.kind if rule is not None else "",
        reason=verdict.reason,
        certainty=verdict.certainty,
        human=item.human,
        weight=item.weight,
        note=item.note,
        instead=item.instead,
        objections=tuple(objections),
    )


def _interval(rule: ItemRule | None, value: float | None) -> tuple[tuple[float, float] | None, str]:
    """Return an interval at least as wide as people disagree, and a note; (None, "") if unknown."""
    known = agreement_on(rule)
    if known is None or value is None:
        return None, ""
    low, high = known.interval(value)
    note = interval_in_words(known, value)
    threshold = rule.at_least if isinstance(rule, RatioRule) else None
    if threshold is not None and low < threshold < high:
        note += " The threshold is inside the interval, so the judgement is uncertain."
    return (low, high), note


def _cue(response: Response) -> CueAnswer:
    return CueAnswer(
        concern=response.concern_text,
        kind=response.kind,
        at_s=response.cue_start_s,
        end_s=response.cue_end_s,
        words=response.cue,
        response=response.response,
        explicit=None if response.said and not response.explicit else response.explicit,
        provides=response.provides,
        suchman=response.suchman,
        answer=(
            sentence_of(response.words, response.said)
            if response.grade == "certain"
            else response.said
        ),
        answered_s=response.at_s,
        latency_s=response.latency_s,
        certainty=response.certainty,
        grade=response.grade,
    )


# -- objections -------------------------------------------------------------------------------

LONGEST_OBJECTION = 600
"""Most characters of an objection: a few sentences, about one minute of writing."""


def object_to(attempt: Attempt, item: str, why: str, when: datetime) -> Objected:
    """Store an objection with its attempt.

    when: with time zone. Raises UsageError for an unknown item, and for an empty or too long text.
    """
    if item not in items_for(attempt.header):
        raise UsageError(
            f"there is no item {item[:100] or 'without a name'} in this attempt; "
            f"to see all items run: simvoice debrief {attempt.id} --items"
        )
    text = one_line(why)
    if not text:
        raise UsageError("write in your own words what is wrong, then send it")
    if len(text) > LONGEST_OBJECTION:
        raise UsageError(
            f"your text has {len(text)} characters and the limit is {LONGEST_OBJECTION}; shorten it"
        )
    wall_time = when.isoformat(timespec="seconds")
    add_objection(attempt.folder, Objection(item=item, why=text, wall_time=wall_time))
    stored = reversed(load_objections(attempt.folder))
    number = next(e.number for e in stored if (e.item, e.why) == (item, text))
    return Objected(number=number, why=text)


def withdraw(attempt: Attempt, number: int, when: datetime) -> None:
    """Withdraw an objection. Raises AttemptError if there is none with this number."""
    withdraw_objection(attempt.folder, number, when.isoformat(timespec="seconds"))
