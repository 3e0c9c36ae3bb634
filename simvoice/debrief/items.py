"""The items of a debrief, and objections to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from simvoice.criteria import (
    AnswersRule,
    AvoidsRule,
    CountAnswersRule,
    CountRule,
    ItemIsRule,
    ItemRule,
    OrderRule,
    RatioRule,
    SaysRule,
    parts_of,
)
from simvoice.debrief.model import CueAnswer, ItemResult, Objected, Scored, ShownEvidence
from simvoice.debrief.wording import NOT_ENGLISH, is_english
from simvoice.errors import SimvoiceError, UsageError
from simvoice.record.events import Header, LearnerTurn
from simvoice.record.ratings import Objection, add_objection, load_objections, withdraw_objection
from simvoice.record.store import Attempt
from simvoice.scoring.instruments.cues import Response
from simvoice.scoring.instruments.evidence import RuleVerdict
from simvoice.scoring.instruments.instrument import CRITICAL, Item, headings, items_for
from simvoice.scoring.instruments.judge import Judge, JudgedItem, ScoredInstrument
from simvoice.scoring.metrics.reading import Reading
from simvoice.scoring.raters.human_range import agreement_on, interval_in_words
from simvoice.scoring.raters.questions import critical_and_chosen

# -- items ------------------------------------------------------------------------------------
# The items of a debrief: headings, the case's instruments, and what each cue met.


_BY_WORDS = (
    SaysRule,
    AvoidsRule,
    OrderRule,
    RatioRule,
    AnswersRule,
    CountRule,
    CountAnswersRule,
    ItemIsRule,
)
"""Rules over what the learner's words were taken for; the others go by times and by what the
patient said and felt."""
ROOM: Final = 4
"""Turns of the learner's from which a heading's items can be held against a talk."""
_WORDLESS = frozenset({"silence", "back-channel"})


@dataclass(frozen=True, slots=True)
class Items:
    """Everything of a debrief that is judged item by item."""

    headings: tuple[Scored, ...]
    instruments: tuple[Scored, ...]
    cues: tuple[CueAnswer, ...]
    notes: tuple[str, ...]


def items_of(reading: Reading, header: Header, folder: Path) -> Items:
    """From the record alone. folder: where the learner's objections lie.

    Where the learner's words do not look like English only what rests on times and on the patient
    is judged.
    """
    judge = Judge(reading, header)
    english = is_english(reading.of(LearnerTurn))
    enough = len(reading.of(LearnerTurn)) >= ROOM
    own, lists, unknown = critical_and_chosen(header)
    notes = [
        f"The case names the instrument {name}, which simvoice does not have." for name in unknown
    ]
    objections: dict[str, list[Objected]] = {}
    try:
        for each in load_objections(folder):
            said = Objected(number=each.number, why=each.why)
            objections.setdefault(each.item, []).append(said)
    except SimvoiceError as error:
        notes.append(f"What you objected to cannot be shown: {error}.")
    return Items(
        headings=tuple(
            _scored(s if english else _timed(s), "heading" if enough else "short", objections)
            for s in judge.sheets(headings())
        ),
        instruments=tuple(
            _scored(s if english else _timed(s), "instrument", objections)
            for s in judge.sheets((*own, *lists))
        ),
        cues=tuple(_cue(each if english else _uncoded(each)) for each in judge.responses),
        notes=tuple(notes),
    )


def rests_on_words(item: Item) -> bool:
    """Whether an item is judged by what the learner's words were taken for."""
    rule = item.rule
    return rule is not None and any(isinstance(part, _BY_WORDS) for part in parts_of(rule))


def _timed(sheet: ScoredInstrument) -> ScoredInstrument:
    """Without the judgements that rest on words; a human's items stay a human's."""
    unknown = RuleVerdict("not judged", reason=NOT_ENGLISH)
    judged = tuple(
        replace(each, verdict=unknown) if rests_on_words(each.item) else each
        for each in sheet.judged
    )
    return replace(sheet, judged=judged)


def _uncoded(response: Response) -> Response:
    """Without what its words were taken for; a silence and an acknowledgement need no words."""
    if response.response is None or response.response in _WORDLESS:
        return response
    return replace(
        response, response=None, explicit=None, provides=None, suchman="neither", certainty="low"
    )


def _scored(
    sheet: ScoredInstrument,
    kind: Literal["heading", "short", "instrument"],
    objections: dict[str, list[Objected]],
) -> Scored:
    """short: a heading in a talk of too few turns for a share."""
    source = sheet.instrument
    known = sheet.share_with_interval if kind == "heading" else None
    about = _about(sheet)
    if kind == "short":
        about += f" A talk of less than {ROOM} turns of yours has no share."
    return Scored(
        id=source.id,
        name=source.name,
        kind="instrument" if kind == "instrument" else "heading",
        source=source.source,
        about=about,
        share=None if known is None else known.value,
        interval=None if known is None else (known.low, known.high),
        items=tuple(_result(each, objections.get(each.item.id, [])) for each in sheet.judged),
    )


def _about(sheet: ScoredInstrument) -> str:
    """What the instrument is; of critical items, plainly which were missed."""
    about = " ".join(sheet.instrument.about.split())
    missed = [j.item.text.rstrip(".") for j in sheet.judged if j.verdict.outcome == "not met"]
    if sheet.instrument.id != CRITICAL or not missed:
        return about
    return f"{about} Missed: {'; '.join(missed)}."


def _result(judged: JudgedItem, objections: list[Objected]) -> ItemResult:
    item, verdict = judged.item, judged.verdict
    interval, interval_note = _interval(item.rule, verdict.value)
    return ItemResult(
        id=item.id,
        section=item.section,
        text=item.text,
        outcome=verdict.outcome,
        value=verdict.value,
        interval=interval,
        interval_note=interval_note,
        evidence=tuple(
            ShownEvidence(at_s=e.at_s, end_s=e.end_s, who=e.who, quote=e.quote, shows=e.shows)
            for e in verdict.evidence
        ),
        rule=judged.rule,
        rule_kind=item.rule.kind if item.rule is not None else "",
        reason=verdict.reason,
        certainty=verdict.certainty,
        human=item.human,
        weight=item.weight,
        note=item.note,
        instead=item.instead,
        objections=tuple(objections),
    )


def _interval(rule: ItemRule | None, value: float | None) -> tuple[tuple[float, float] | None, str]:
    """At least as wide as people disagree, and in words; (None, "") where that is not known."""
    known = agreement_on(rule)
    if known is None or value is None:
        return None, ""
    low, high = known.interval(value)
    note = interval_in_words(known, value)
    threshold = rule.at_least if isinstance(rule, RatioRule) else None
    if threshold is not None and low < threshold < high:
        note += " The threshold lies within it, so it is not sure which side of it this is on."
    return (low, high), note


def _cue(response: Response) -> CueAnswer:
    return CueAnswer(
        concern=response.concern_text,
        kind=response.kind,
        at_s=response.cue_start_s,
        end_s=response.cue_end_s,
        words=response.cue,
        response=response.response,
        explicit=response.explicit,
        provides=response.provides,
        suchman=response.suchman,
        answer=response.words,
        answered_s=response.at_s,
        latency_s=response.latency_s,
        certainty=response.certainty,
    )


# -- objecting --------------------------------------------------------------------------------
# A learner's word that an item is wrong: taken, shown, and withdrawn.


LONGEST = 600
"""Characters: a few sentences, about what a minute of writing gives."""


def object_to(attempt: Attempt, item: str, why: str, when: datetime) -> Objected:
    """Keep an objection with its attempt.

    when: with its zone. Raises UsageError for an item that is not there and for words that are
    none or too many.
    """
    if item not in items_for(attempt.header):
        raise UsageError(
            f"there is no item {item[:100] or 'without a name'} in this attempt; "
            f"run: simvoice debrief {attempt.id} --items, to see their names"
        )
    said = " ".join(why.split())
    if not said:
        raise UsageError("say in your own words what is wrong, then send it")
    if len(said) > LONGEST:
        raise UsageError(
            f"your words have {len(said)} characters and {LONGEST} are the most; shorten them"
        )
    wall_time = when.isoformat(timespec="seconds")
    add_objection(attempt.folder, Objection(item=item, why=said, wall_time=wall_time))
    kept = (e for e in reversed(load_objections(attempt.folder)) if (e.item, e.why) == (item, said))
    return Objected(number=next(kept).number, why=said)


def withdraw(attempt: Attempt, number: int, when: datetime) -> None:
    """Take an objection back. Raises AttemptError when none stands under that number."""
    withdraw_objection(attempt.folder, number, when.isoformat(timespec="seconds"))
