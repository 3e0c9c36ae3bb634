"""The sheet of a blind rater: words, sound and items, without the machine's judgement.

Nothing here is judged, coded or measured, so the sheet cannot show it. The machine's judgement is
shown beside the rater's only after the rater has finished.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simvoice.debrief.layout import peaks
from simvoice.debrief.model import Debrief, ItemResult
from simvoice.display import count_noun
from simvoice.errors import AttemptError, UsageError
from simvoice.reading.reading import Reading
from simvoice.record.events import (
    Backchannel,
    Header,
    JournalEntry,
    LearnerTurn,
    PatientSpeech,
)
from simvoice.record.ratings import (
    Draft,
    RaterDone,
    Rating,
    add_ratings,
    finish_rating,
    load_draft,
)
from simvoice.record.store import Attempt
from simvoice.safe_text import one_line
from simvoice.scoring.raters.questions import (
    AnswerKind,
    allowed_answers,
    answer_kind,
    instruments_asked,
    items_asked,
    parse_answer,
    rule_for_rater,
)

LONGEST_COMMENT = 1000
"""Most characters of a comment."""
_WORDS = {
    "met": "yes",
    "not met": "no",
    "open": "open",
    "not judged": "cannot judge",
    "counted": "counted",
}


@dataclass(frozen=True, slots=True)
class SheetLine:
    """The words of one speaker, as recognised or delivered."""

    who: str
    """Either "learner" or "patient"."""
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class SheetItem:
    """One item, its allowed answers, and the rater's answer."""

    id: str
    section: str
    text: str
    rule: str
    """The rule in words; empty for an item that is left to humans."""
    kind: AnswerKind
    may_be: str
    answer: str
    """Either "met", "not met", "not judged", a number, or empty."""
    comment: str


@dataclass(frozen=True, slots=True)
class SheetList:
    """One heading or instrument, with its items in sections."""

    name: str
    source: str
    sections: tuple[tuple[str, tuple[SheetItem, ...]], ...]


@dataclass(frozen=True, slots=True)
class BlindSheet:
    """All that the page shows to the rater."""

    attempt: str
    case_id: str
    title: str
    patient_name: str
    rater: str
    when: str
    """ISO 8601; empty when the record does not contain it."""
    duration_s: float
    has_sound: bool
    lines: tuple[SheetLine, ...]
    lists: tuple[SheetList, ...]
    items: int
    answered: int
    done: bool


@dataclass(frozen=True, slots=True)
class ItemComparison:
    """The judgements of one item by the rater and by the machine."""

    item: ItemResult
    yours: str
    """The rater's answer in words; empty without one."""
    machine: str
    same: bool | None
    """None when one of them gave no verdict or no number."""
    comment: str


def blind_sheet(
    attempt: Attempt, reading: Reading, rater: str, draft: Draft | None = None
) -> BlindSheet:
    """Return the sheet that the page shows before the rater has finished.

    draft: the answers so far; those in the folder of the attempt when None.
    """
    draft = draft or load_draft(attempt.folder, rater)
    answers = {each.item: each for each in draft.ratings}
    lists = []
    for each in instruments_asked(attempt.header):
        sections: dict[str, list[SheetItem]] = {}
        for item in each.items:
            rating = answers.get(item.id)
            sections.setdefault(item.section, []).append(
                SheetItem(
                    id=item.id,
                    section=item.section,
                    text=item.text,
                    rule=rule_for_rater(item),
                    kind=answer_kind(item),
                    may_be=allowed_answers(answer_kind(item)),
                    answer=_plain(rating.value) if rating else "",
                    comment=rating.comment if rating else "",
                )
            )
        named = tuple((name, tuple(found)) for name, found in sections.items())
        lists.append(SheetList(each.name, each.source, named))
    items = items_asked(attempt.header)
    return BlindSheet(
        attempt=attempt.id,
        case_id=attempt.header.case_id,
        title=attempt.header.case_title,
        patient_name=attempt.header.patient_name,
        rater=rater,
        when=attempt.started.wall_time if attempt.started else "",
        duration_s=reading.speech_times.end_s,
        has_sound=attempt.audio_path is not None,
        lines=words_of(reading.entries),
        lists=tuple(lists),
        items=len(items),
        answered=len(answers.keys() & items.keys()),
        done=draft.done,
    )


def blind_timeline(attempt: Attempt, reading: Reading) -> dict[str, Any]:
    """Return the data that the page's script draws: both voices and their outline, no marks."""
    spoken = reading.speech_times
    outline = None
    if attempt.audio_path is not None:
        try:
            outline = peaks(*attempt.audio()).model_dump(mode="json")
        except AttemptError:  # the page says that there is no sound
            outline = None
    lanes = (
        ("learner", "Learner", spoken.learner),
        ("patient", attempt.header.patient_name, spoken.patient),
    )
    return {
        "duration_s": spoken.end_s,
        "patient_name": attempt.header.patient_name,
        "lanes": [
            {
                "who": who,
                "name": name,
                "label": name.split(" ")[0],
                "segments": [
                    {"start_s": float(start_s), "end_s": float(end_s), "kind": "speech", "text": ""}
                    for start_s, end_s in voice
                ],
            }
            for who, name, voice in lanes
        ],
        "marks": [],
        "peaks": outline,
        "has_sound": outline is not None,
    }


def store_answer(
    attempt: Attempt, rater: str, item: str, value: str, comment: str, when: datetime
) -> int:
    """Store one answer and return the number of items with an answer.

    A later answer replaces an earlier one. when: with time zone. Raises as `checked_answer`, and
    AttemptError after the rater has finished.
    """
    _check_unfinished(attempt, rater)
    rating = checked_answer(attempt.header, rater, item, value, comment, when)
    add_ratings(attempt.folder, [rating])
    items = items_asked(attempt.header)
    return len({each.item for each in load_draft(attempt.folder, rater).ratings} & items.keys())


def checked_answer(
    header: Header, rater: str, item: str, value: str, comment: str, when: datetime
) -> Rating:
    """Return one answer of a page as a rating. when: with time zone.

    Raises UsageError for an unknown item, an answer that is not allowed and a long comment.
    """
    items = items_asked(header)
    if item not in items:
        raise UsageError(f"there is no item {item[:100] or 'without a name'} here; reload the page")
    kind = answer_kind(items[item])
    given = parse_answer(value, kind)
    if given is None:
        raise UsageError(
            f"{value[:60]!r} is not an answer to this item; allowed: {allowed_answers(kind)}"
        )
    text = one_line(comment)
    if len(text) > LONGEST_COMMENT:
        raise UsageError(
            f"the comment has {len(text)} characters and the limit is {LONGEST_COMMENT}; shorten it"
        )
    return Rating(
        rater=rater,
        item=item,
        value=given,
        comment=text,
        wall_time=when.isoformat(timespec="seconds"),
        source="page",
        blind=True,
    )


def finish(attempt: Attempt, rater: str, when: datetime) -> None:
    """Finish the rating: the answers count and are fixed. The machine's may be shown then.

    Raises UsageError without any answer, and AttemptError if the rating was finished before.
    """
    _check_unfinished(attempt, rater)
    check_has_answers(load_draft(attempt.folder, rater))
    done = RaterDone(done=rater, wall_time=when.isoformat(timespec="seconds"))
    finish_rating(attempt.folder, done)


def check_has_answers(draft: Draft) -> None:
    """Raise UsageError for a rating without any answer, which cannot be finished."""
    if not draft.ratings:
        raise UsageError("no item has an answer yet; rate at least one before you finish")


def compare_with_machine(
    debrief: Debrief, ratings: Iterable[Rating]
) -> tuple[tuple[str, tuple[ItemComparison, ...]], ...]:
    """Compare both judgements by instrument. Only for a rater who has finished."""
    by_item = {each.item: each for each in ratings}
    return tuple(
        (scored.name, tuple(_compare_item(item, by_item.get(item.id)) for item in scored.items))
        for scored in (*debrief.headings, *debrief.instruments)
    )


def describe_agreement(found: Iterable[tuple[str, tuple[ItemComparison, ...]]]) -> str:
    """Return a sentence on how often both gave the same answer."""
    both = [each.same for _, items in found for each in items if each.same is not None]
    if not both:
        return "There is no item that both you and the machine answered."
    total = count_noun(len(both), "item")
    return f"You and the machine gave the same answer on {sum(both)} of {total}."


def _check_unfinished(attempt: Attempt, rater: str) -> None:
    check_unfinished(load_draft(attempt.folder, rater), rater)


def check_unfinished(draft: Draft, rater: str) -> None:
    """Raise AttemptError when the rater has finished: the answers are fixed then."""
    if draft.done:
        raise AttemptError(
            f"{rater} has finished this attempt and seen the machine's judgement, so the answers "
            "can no longer be changed"
        )


def _compare_item(item: ItemResult, rating: Rating | None) -> ItemComparison:
    same: bool | None = None
    if rating is not None and "not judged" not in (rating.value, item.outcome):
        if isinstance(rating.value, str):
            is_verdict = item.outcome in ("met", "not met")
            same = rating.value == item.outcome if is_verdict else None
        elif item.outcome == "counted" and item.value is not None:
            same = abs(rating.value - item.value) < 0.005
    machine = _WORDS[item.outcome]
    if item.outcome == "counted" and item.value is not None:
        machine = _plain(item.value)
    return ItemComparison(
        item=item,
        yours=_WORDS.get(_plain(rating.value), _plain(rating.value)) if rating else "",
        machine="left to humans" if item.human else machine,
        same=same,
        comment=rating.comment if rating else "",
    )


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def words_of(entries: Iterable[JournalEntry]) -> tuple[SheetLine, ...]:
    """Return all words of both speakers, without codes."""
    found = []
    for entry in entries:
        match entry:
            case LearnerTurn() | Backchannel() if entry.text:
                found.append(SheetLine("learner", entry.start_s, entry.end_s, entry.text))
            case PatientSpeech() if entry.heard:
                found.append(SheetLine("patient", entry.start_s, entry.end_s, entry.heard))
    return tuple(sorted(found, key=lambda line: (line.start_s, line.end_s)))
