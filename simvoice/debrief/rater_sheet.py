"""What a rater sees who must not know what the machine says: the words, the sound, the items.

Nothing here is judged, coded or measured, so nothing of it can be shown: the machine's judgement
is put beside the rater's only after they have finished.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simvoice.debrief.layout import peaks
from simvoice.debrief.model import Debrief, ItemResult
from simvoice.debrief.wording import in_words
from simvoice.errors import AttemptError, UsageError
from simvoice.record.events import Backchannel, JournalEntry, LearnerTurn, PatientSpeech
from simvoice.record.ratings import RaterDone, Rating, add_ratings, finish_rating, load_draft
from simvoice.record.store import Attempt
from simvoice.scoring.metrics.reading import read
from simvoice.scoring.raters.questions import (
    AnswerKind,
    allowed_answers,
    answer_kind,
    instruments_asked,
    items_asked,
    parse_answer,
    rule_for_rater,
)

LONGEST_RATER = 60
LONGEST_COMMENT = 1000
"""Characters."""
_WORDS = {"met": "yes", "not met": "no", "not judged": "cannot judge", "counted": "counted"}


@dataclass(frozen=True, slots=True)
class SheetLine:
    """Somebody's words, as they were heard."""

    who: str
    """learner or patient."""
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One item, what an answer to it may be, and the rater's answer."""

    id: str
    section: str
    text: str
    rule: str
    """In words; empty where it is left to humans."""
    kind: AnswerKind
    may_be: str
    answer: str
    """met, not met, not judged, a number, or empty."""
    comment: str


@dataclass(frozen=True, slots=True)
class List:
    """One heading or instrument."""

    name: str
    source: str
    sections: tuple[tuple[str, tuple[Asked, ...]], ...]


@dataclass(frozen=True, slots=True)
class BlindSheet:
    """What the rater is given."""

    attempt: str
    case_id: str
    title: str
    patient_name: str
    rater: str
    when: str
    """ISO 8601; empty when the record does not say."""
    duration_s: float
    has_sound: bool
    lines: tuple[SheetLine, ...]
    lists: tuple[List, ...]
    items: int
    answered: int
    done: bool


@dataclass(frozen=True, slots=True)
class Beside:
    """One item as the rater and as the machine judged it."""

    item: ItemResult
    yours: str
    """In words; empty where the rater gave no answer."""
    machine: str
    same: bool | None
    """None where one of them gave no verdict or no number."""
    comment: str


def rater_of(text: str) -> str:
    """A rater's pseudonym. Raises UsageError for one that cannot be used."""
    rater = " ".join(text.split())
    if not rater:
        raise UsageError("say who rates: any name that stays the same, such as rater 7")
    if len(rater) > LONGEST_RATER or not rater.isprintable():
        raise UsageError(
            f"a rater's name has at most {LONGEST_RATER} letters; choose a shorter one"
        )
    if rater.lower() == "machine":
        raise UsageError("a rater is a human; choose another name")
    return rater


def blind_sheet(attempt: Attempt, rater: str) -> BlindSheet:
    """Everything that the page shows before the rater has finished."""
    draft = load_draft(attempt.folder, rater)
    said = {each.item: each for each in draft.ratings}
    lists = []
    for each in instruments_asked(attempt.header):
        sections: dict[str, list[Asked]] = {}
        for item in each.items:
            rating = said.get(item.id)
            sections.setdefault(item.section, []).append(
                Asked(
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
        lists.append(List(each.name, each.source, named))
    there = items_asked(attempt.header)
    return BlindSheet(
        attempt=attempt.id,
        case_id=attempt.header.case_id,
        title=attempt.header.case_title,
        patient_name=attempt.header.patient_name,
        rater=rater,
        when=attempt.started.wall_time if attempt.started else "",
        duration_s=attempt.duration_s,
        has_sound=attempt.audio_path is not None,
        lines=_lines(attempt.entries),
        lists=tuple(lists),
        items=len(there),
        answered=len(said.keys() & there.keys()),
        done=draft.done,
    )


def blind_timeline(attempt: Attempt) -> dict[str, Any]:
    """What the page's script draws: both voices and their outline, without a single mark."""
    spoken = read(attempt).speech_times
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
        "duration_s": attempt.duration_s,
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


def keep_answer(
    attempt: Attempt, rater: str, item: str, value: str, comment: str, when: datetime
) -> int:
    """Keep one answer; returns how many of the items have one. A later answer takes its place.

    when: with its zone. Raises UsageError for what cannot be used, AttemptError after the end.
    """
    _still_rating(attempt, rater)
    there = items_asked(attempt.header)
    if item not in there:
        raise UsageError(f"there is no item {item[:100] or 'without a name'} here; reload the page")
    kind = answer_kind(there[item])
    given = parse_answer(value, kind)
    if given is None:
        raise UsageError(
            f"{value[:60]!r} is no answer to this item; it takes {allowed_answers(kind)}"
        )
    said = " ".join(comment.split())
    if len(said) > LONGEST_COMMENT:
        raise UsageError(
            f"the comment has {len(said)} characters and {LONGEST_COMMENT} are the most; shorten it"
        )
    rating = Rating(
        rater=rater,
        item=item,
        value=given,
        comment=said,
        wall_time=when.isoformat(timespec="seconds"),
        source="page",
        blind=True,
    )
    add_ratings(attempt.folder, [rating])
    return len({each.item for each in load_draft(attempt.folder, rater).ratings} & there.keys())


def finish(attempt: Attempt, rater: str, when: datetime) -> None:
    """From now on the answers count, stay as they are, and the machine's may be shown.

    Raises UsageError when there is no answer yet, AttemptError when it was finished before.
    """
    _still_rating(attempt, rater)
    if not load_draft(attempt.folder, rater).ratings:
        raise UsageError("no item has an answer yet; rate at least one before you finish")
    done = RaterDone(done=rater, wall_time=when.isoformat(timespec="seconds"))
    finish_rating(attempt.folder, done)


def beside(
    debrief: Debrief, ratings: Iterable[Rating]
) -> tuple[tuple[str, tuple[Beside, ...]], ...]:
    """The machine's judgement beside the rater's, by instrument; only for one who has finished."""
    said = {each.item: each for each in ratings}
    return tuple(
        (scored.name, tuple(_beside(item, said.get(item.id)) for item in scored.items))
        for scored in (*debrief.headings, *debrief.instruments)
    )


def tally(found: Iterable[tuple[str, tuple[Beside, ...]]]) -> str:
    """How often both said the same, in a sentence."""
    told = [each.same for _, items in found for each in items if each.same is not None]
    if not told:
        return "There is no item on which both of you gave an answer."
    return (
        f"You and the machine gave the same answer on {sum(told)} of {in_words(len(told), 'item')}."
    )


def _still_rating(attempt: Attempt, rater: str) -> None:
    if load_draft(attempt.folder, rater).done:
        raise AttemptError(
            f"{rater} has finished this attempt and has seen what the machine says, so the answers "
            "stay as they are"
        )


def _beside(item: ItemResult, rating: Rating | None) -> Beside:
    same: bool | None = None
    if rating is not None and "not judged" not in (rating.value, item.outcome):
        if isinstance(rating.value, str):
            same = rating.value == item.outcome if item.outcome != "counted" else None
        elif item.outcome == "counted" and item.value is not None:
            same = abs(rating.value - item.value) < 0.005
    machine = _WORDS[item.outcome]
    if item.outcome == "counted" and item.value is not None:
        machine = _plain(item.value)
    return Beside(
        item=item,
        yours=_WORDS.get(_plain(rating.value), _plain(rating.value)) if rating else "",
        machine="left to humans" if item.human else machine,
        same=same,
        comment=rating.comment if rating else "",
    )


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _lines(entries: Iterable[JournalEntry]) -> tuple[SheetLine, ...]:
    """Every word that was heard, and nothing of what it was taken for."""
    found = []
    for entry in entries:
        match entry:
            case LearnerTurn() | Backchannel() if entry.text:
                found.append(SheetLine("learner", entry.start_s, entry.end_s, entry.text))
            case PatientSpeech() if entry.heard:
                found.append(SheetLine("patient", entry.start_s, entry.end_s, entry.heard))
    return tuple(sorted(found, key=lambda line: (line.start_s, line.end_s)))
