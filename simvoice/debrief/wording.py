"""Sentences and titles that page and terminal share, and whether a transcript is English."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from simvoice.coding.grade import Grade
from simvoice.debrief.model import (
    CueAnswer,
    Debrief,
    ItemResult,
    Number,
    Scored,
)
from simvoice.display import count_noun, duration, figure, points
from simvoice.record.events import LearnerTurn
from simvoice.scoring.instruments.evidence import GUESSING
from simvoice.scoring.metrics.quantities import quantity
from simvoice.scoring.metrics.registry import Measured


def format_measured(measured: Measured) -> str:
    """Return the value of a metric with its unit, or the reason why there is none."""
    if measured.value is None:
        return measured.reason
    return quantity(measured.unit, measured.value)


# -- sentences of page and terminal -----------------------------------------------------------

RETRY_SCOPE: Final = "The numbers cover this retry only, not what was said before it."

UNSURE: Final = "recognition unsure"
"""Mark of an utterance whose words speech recognition was unsure of."""


UNSURE_COUNT: Final = "unsure"
"""Said instead of a count when nothing that it counts is certain, and some of it is possible."""

NOT_COMPARED: Final = "not yet compared"
"""Said of an item that no human rater has answered, so that machine and people cannot be compared.
"""


@dataclass(frozen=True, slots=True)
class SectionTitles:
    """The titles of a debrief's sections."""

    felt: str
    turning_points: str
    conversation: str
    silences: str
    unsaid: str
    suggestions: str
    keep: str
    comparison: str
    transcript: str
    ledger: str
    told: str
    numbers: str
    judged: str


def section_titles(patient_name: str) -> SectionTitles:
    """Return the titles for a debrief of an encounter with this patient."""
    return SectionTitles(
        felt=f"How it felt for {patient_name}",
        turning_points=f"Where {patient_name}'s trust changed most",
        conversation="The conversation",
        silences="Silences",
        unsaid=f"What {patient_name} could not finish saying",
        suggestions="What to try next",
        keep="What to keep doing",
        comparison="The two attempts compared",
        transcript="Transcript",
        ledger=f"How {patient_name} changed",
        told=f"What {patient_name} told you, and why",
        numbers="Numbers",
        judged="What could be judged",
    )


def tally(scored: Scored) -> str:
    """Return the outcomes of the items: `3 of 5 met, 1 open, 2 not judged, 1 for a human`.

    Each is counted under the outcome that its own line shows (`outcome_words`).
    """
    own = [item for item in scored.items if not item.human]
    unsure = sum(item.outcome == "counted" and counted(item) == UNSURE_COUNT for item in own)
    found = Counter(item.outcome for item in own)
    return tally_items(
        found["met"],
        found["not met"],
        found["not judged"],
        counted=found["counted"] - unsure,
        unsure=unsure,
        open_=found["open"],
        human=sum(item.human for item in scored.items),
    )


def items_by_outcome(scored: Scored) -> str:
    """Return the items by outcome: `Met: said hello; asked why. Not judged: let him finish.`"""
    parts = []
    for outcome in ("met", "not met", "open", "not judged"):
        had = (i for i in scored.items if i.outcome == outcome and not i.human)
        if texts := [item.text.rstrip(".") for item in had]:
            parts.append(f"{outcome.capitalize()}: {'; '.join(texts)}.")
    return " ".join(parts)


def tally_items(
    met: int,
    not_met: int,
    not_judged: int,
    *,
    counted: int = 0,
    unsure: int = 0,
    open_: int = 0,
    human: int = 0,
) -> str:
    """Return how many items had each outcome: `3 of 5 met, 1 open, 1 counted, 2 not judged`.

    unsure: those that count something, where nothing counted is certain.
    human: those that are always left to a human; they are in no other number.
    Items are counted, never weighed, and never shown as a percentage: so few of them are no grade.
    """
    of = met + not_met + open_
    parts = [f"{met} of {of} met"] if of else []
    parts += [f"{open_} open"] if open_ else []
    parts += [f"{counted} counted"] if counted else []
    parts += [f"{unsure} unsure"] if unsure else []
    parts += [f"{not_judged} not judged"] if not_judged else []
    parts += [f"{human} for a human"] if human else []
    return ", ".join(parts)


def judged_items(debrief: Debrief) -> tuple[ItemResult, ...]:
    """Return the items of all lists that were judged, each wording once, in the lists' order."""
    judged = (i for i in _every_item(debrief) if i.outcome in {"met", "not met"})
    return tuple({item.text: item for item in judged}.values())


def how_many_judged(debrief: Debrief) -> str:
    """Return how many items were met or not met: `2 of 41 items were judged.`

    Items that are left to humans, and numbers without a threshold, are left out.
    """
    asked = [i for i in _every_item(debrief) if not i.human and i.outcome != "counted"]
    judged = sum(item.outcome in ("met", "not met") for item in asked)
    if not judged:
        return f"None of the {count_noun(len(asked), 'item')} was judged."
    return (
        f"{judged} of {count_noun(len(asked), 'item')} {'was' if judged == 1 else 'were'} judged."
    )


_LEAST_SHARING = 2
"""Fewest items that make a reason one that is said once."""


def shared_reason(items: Sequence[ItemResult]) -> str:
    """Return the reason why most of the items that are not judged are not; empty if none is shared.

    A list says it once (`shared_reason_in_words`), and not below each of these items.
    """
    reasons = Counter(item.reason for item in items if item.outcome == "not judged" and item.reason)
    found = reasons.most_common(1)
    return found[0][0] if found and found[0][1] >= _LEAST_SHARING else ""


def shared_reason_in_words(items: Sequence[ItemResult]) -> str:
    """Return the sentence that says a shared reason once; empty without one."""
    reason = shared_reason(items).rstrip(".")
    return f"Not judged where no other reason is given: {reason}." if reason else ""


def _every_item(debrief: Debrief) -> Iterator[ItemResult]:
    for scored in (*debrief.headings, *debrief.instruments):
        yield from scored.items


HALF_PAGE_NUMBERS: Final = (
    "learner_turns",
    "learner_speech",
    "patient_speech",
    "longest_silence",
    "interruptions",
)
"""Keys of the numbers of half a page: how much there was."""


def numbers_of_half_page(debrief: Debrief) -> tuple[Number, ...]:
    """Return how much there was, in counts and seconds, without what did not happen."""
    by_key = {number.key: number for number in debrief.numbers if number.value}
    return tuple(by_key[key] for key in HALF_PAGE_NUMBERS if key in by_key)


def tally_cues(cues: Sequence[CueAnswer]) -> str:
    """Return how many cues and concerns certainly got an answer that provides space, and how many
    are open: `2 of 5 given space, 1 open`."""
    sure = [cue for cue in cues if cue.grade == "certain"]
    given = f"{sum(cue.provides is True for cue in sure)} of {len(cues)} given space"
    return f"{given}, {len(cues) - len(sure)} open" if len(sure) < len(cues) else given


def cue_answer(cue: CueAnswer) -> str:
    """Return the learner's answer to a cue, its code and its delay; a question about an answer
    whose code is only possible."""
    if cue.answered_s is None:
        return "You said nothing after it."
    said = f"“{cue.answer}” " if cue.answer else ""
    if cue.response is None or cue.grade == "possible":
        after = f", {_delay(cue.latency_s)}" if cue.latency_s is not None else ""
        return f"You said next{after}: {said}Did this take up what was shown?"
    space = f"{'provides' if cue.provides else 'reduces'} space"
    parts = [space if cue.explicit is None else f"{cue.response}: {space}"]
    if cue.explicit:
        parts.append("explicit")
    if cue.suchman != "neither":
        parts.append(cue.suchman)
    if cue.latency_s is not None:
        parts.append(_delay(cue.latency_s))
    return f"{said}{', '.join(parts)}."


def _delay(latency_s: float) -> str:
    """Return when an answer began: `after 1.2 s`, or `0.60 s before this ended`."""
    if latency_s < 0.0:
        return f"{duration(-latency_s)} before this ended"
    return f"after {duration(latency_s)}"


def counted(item: ItemResult) -> str:
    """Return the number of a counted item: `3`; `at least 1` where more is possible."""
    if item.value is None:
        return ""
    if item.least is None or item.most is None:
        return figure(item.value)
    if not item.most and item.rule_kind == "count":
        return "none recognised"
    # the same words twice in a turn are one code, so only "none" is exact
    if figure(item.least) == figure(item.most) and (not item.most or item.rule_kind != "count"):
        return figure(item.value)
    return f"at least {figure(item.least)}" if item.least else UNSURE_COUNT


def outcome_words(item: ItemResult) -> str:
    """Return the outcome of an item in few words: `met`, `open`, `not recognised`, `at least 2`.

    Of what was not in the learner's words it says no more than that it was not recognised.
    """
    if item.human:
        return "for a human"
    if item.outcome == "counted":
        return counted(item)
    if item.rule_kind == "avoids" and item.outcome == "met":
        return f"met, {figure(item.value)} recognised" if item.value else "met, none recognised"
    return "not recognised" if item.is_unrecognised else item.outcome


def cannot_tell(item: ItemResult) -> str:
    """Return why an item is open without a question about certain words, a sentence; else empty."""
    asks = any(each.grade == "possible" for each in item.evidence)
    if item.outcome != "open" or asks:
        return ""
    return "simvoice cannot tell from your words"


def taken_as(causes: Sequence[str]) -> str:
    """Return what the patient took something as: `taken as “named a feeling”`."""
    return f"taken as {' and '.join(f'“{cause}”' for cause in causes)}"


def cause_named(causes: Sequence[str], grade: Grade) -> str:
    """Return what the patient took something as, after a comma; empty where the learner's words are
    not certain to be that: a debrief then says what changed, and quotes the words."""
    return f", {taken_as(causes)}" if grade == "certain" else ""


def moved(before: float, after: float) -> str:
    """Return a change of the ledger in points: `rose from 40 to 55`. before, after: 0..1."""
    way = "fell" if after < before else "rose"
    return f"{way} from {points(before)} to {points(after)}"


def not_told(count: int) -> str:
    """Return how many facts the patient did not tell, as a sentence without its full stop."""
    return f"{count_noun(count, 'fact')} {'was' if count == 1 else 'were'} not told"


# -- English ----------------------------------------------------------------------------------

LEAST_WORDS: Final = 20
"""Fewest words that are judged."""
LEAST_SHARE: Final = 0.10
"""Smallest share of function words in an English text. In the labelled English utterances no twenty
words in a row have a smaller share, and together they have more than three times as many."""
LEAST_SHARE_UNSURE: Final = 0.20
"""The same when speech recognition was unsure in more than half of the turns."""

NOT_ENGLISH: Final = (
    "the recognised words do not look like English, the only language that simvoice knows"
)
"""The reason why an item was not judged, as a clause."""

_ENGLISH_WORDS = """
the and you your that this it it's i'm are have with what for but they she he's his my there about
would can will how when from don't know just been were like can't that's you're i'll we'll i've
there's it'll we're
"""
_ENGLISH: Final = frozenset(_ENGLISH_WORDS.split())
"""Function words that occur almost only in English."""
_SHARED_WORDS = "to i we is do he of her not be has if or"
_SHARED: Final = frozenset(_SHARED_WORDS.split())
"""Function words that are also common in another language (Polish, Italian, Dutch, German, Danish).
They count only up to the number of the words above."""


def is_english(turns: Sequence[LearnerTurn]) -> bool:
    """Whether the learner's words look like English; True for fewer than `LEAST_WORDS` words."""
    words = [w for turn in turns for w in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", turn.text)]
    if len(words) < LEAST_WORDS:
        return True
    plain = [word.lower().replace("’", "'") for word in words]
    english = sum(word in _ENGLISH for word in plain)
    shared = sum(word in _SHARED for word in plain)
    share = (english + min(english, shared)) / len(plain)
    unsure = median(turn.avg_logprob for turn in turns) < GUESSING
    return share >= (LEAST_SHARE_UNSURE if unsure else LEAST_SHARE)
