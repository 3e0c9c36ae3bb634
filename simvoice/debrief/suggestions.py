"""What to try next: at most two things, each with a sentence; or what to keep doing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from pydantic import Field

from simvoice.debrief.items import ROOM
from simvoice.debrief.model import (
    CueAnswer,
    DebriefMoment,
    DebriefPart,
    Scored,
    ShownEvidence,
    Suggestion,
)
from simvoice.debrief.moments import (
    TRUST,
    Exchange,
    in_sentences,
    last_opportunity,
    moment,
    opportunity_for,
)
from simvoice.debrief.wording import clock, sentences_of
from simvoice.record.events import Ended, Hold, JournalEntry, LearnerTurn, LedgerStep
from simvoice.scoring.instruments.instrument import CRITICAL
from simvoice.scoring.instruments.patient_side import BROKEN_S, broken_with_care
from simvoice.scoring.metrics.reading import Reading

# -- kinds ------------------------------------------------------------------------------------
# The kinds of suggestions, as they lie in `data/suggestions.toml`.


OTHER: Final = "other"
"""The kind of a cause that fits none."""

_QUOTE: Final = range(3, 13)
"""How many words are given back: fewer say too little, and more would not be said aloud."""


class SuggestionKind(DebriefPart):
    """One thing to try, and what asks for it."""

    id: str
    title: str
    causes: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    """Codes of words that do it; empty where it is done by not doing something."""
    mended: tuple[str, ...] = ()
    """Codes of the learner's next words that mend it, where they raised trust."""
    sentence: str = Field(min_length=1)
    plain: str = ""

    def title_for(self, name: str) -> str:
        """name: the patient's."""
        return self.title.replace("{name}", name)

    def sentence_after(self, words: str = "") -> str:
        """A sentence to try. words: what the patient had said, as it was heard; of a longer speech
        the last sentence of fit length is given back."""
        if "{quote}" not in self.sentence:
            return self.sentence
        for each in reversed(sentences_of(words)):
            if len(each.split()) in _QUOTE:
                return self.sentence.replace("{quote}", each)
        return self.plain


@cache
def suggestion_kinds() -> tuple[SuggestionKind, ...]:
    """All kinds, in the order of the file."""
    path = files("simvoice.debrief") / "data" / "suggestions.toml"
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(SuggestionKind.model_validate(each) for each in raw["kind"])


def kind_of(cause: str, codes: Iterable[str] = ()) -> SuggestionKind:
    """The kind of a cause that lowered trust. codes: of the learner's words behind it."""
    by_cause = (k for k in suggestion_kinds() if any(re.search(p, cause) for p in k.causes))
    found = frozenset(codes)
    by_code = (k for k in suggestion_kinds() if found.intersection(k.codes))
    return next(by_cause, None) or next(by_code, None) or kind(OTHER)


def kind_for_item(item: str) -> SuggestionKind | None:
    """The kind that a heading's item asks for, by its id; None for items that no kind names."""
    return next((each for each in suggestion_kinds() if item in each.items), None)


def kind(name: str) -> SuggestionKind:
    """By id."""
    return next(each for each in suggestion_kinds() if each.id == name)


# -- suggestions ------------------------------------------------------------------------------


MOST: Final = 2
"""Suggestions that are made."""

_DISTRESS = "distress"
_DISTRESS_WEIGHT: Final = 0.5
_FILLED: Final = 0.03
_NO_ROOM: Final = 0.02
_UNMET: Final = 0.01
"""What weighs how much, in trust (0..1): distress raised, times; a silence that was filled, a cue
that met no room, and each weight of a heading's item that was not met, where the ledger shows no
cost of it. These are simvoice's own choice: the ledger's cost comes first, the rest after it."""
_MISSED: Final = 0.1
"""The same of an item that the case's author holds critical: what nobody may miss goes before what
cost a little."""
_LEAST: Final = 0.02
"""Effect under which nothing is suggested."""

_DONE: Final = frozenset({"avoids", "silence"})
"""Kinds of rules that something done breaks, and nothing left undone."""
_SAME_S: Final = 1.0
"""Seconds by which two accounts of one moment may be timed apart."""
_ANSWER_S: Final = 6.0
"""Seconds of an answer to a cue to listen to."""

_PAST = """
said told let gave took put cut made left went came had was did hid saw stood spoke broke outran
kept held met knew got
"""
_IRREGULAR = frozenset(_PAST.split())
"""Past tenses that do not end in -ed."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Something that went amiss, of one kind."""

    kind: SuggestionKind
    effect: float
    """What it did to this patient, in trust, 0..1."""
    why: str
    sentence: str
    words: str
    moment: DebriefMoment | None
    lost: float = 0.0
    """Trust that it cost by the ledger."""
    critical: str = ""
    """Why it is critical in this case, where it is."""
    mended: bool = False
    """The learner's next words made up for it."""


@dataclass(frozen=True, slots=True)
class Amiss:
    """One time that something went amiss."""

    kind: str
    """By id."""
    at_s: float
    by_ledger: bool
    """It cost trust by the ledger; else it was only counted: two views of the same thing."""


def suggestions(
    reading: Reading,
    name: str,
    answered: Sequence[Exchange],
    cues: Sequence[CueAnswer],
    headings: Iterable[Scored],
    instruments: Iterable[Scored] = (),
) -> tuple[Suggestion, ...]:
    """The two kinds of thing with the greatest effect on this patient, the greatest first.

    The effect of a kind is the trust it cost in all and half of the distress it raised, by the
    ledger; where the ledger shows none: .10 for a critical item that was missed (where its author
    gave a sentence to try), .03 for every silence that was filled, .02 for every cue that met no
    room, .01 for each weight of a heading's item that was not met. A cause that raised trust is
    none, whatever it did to distress: hard news well told hurts too. Nothing under .02 is
    suggested, nothing that the learner's next words made up for, no item in a talk of less than
    four turns, none that was met in part, and nothing at all where no words were recognised.
    """
    if not reading.of(LearnerTurn):
        return ()
    happened = _that_happened(reading, name, answered, cues)
    shown = tuple(each for each in happened if not each.mended)
    mended = {each.kind.id for each in happened} - {each.kind.id for each in shown}
    # which words that fill a silence are amiss is known from the silences alone
    silenced = any(each.kind.id == "silence" for each in shown)
    found: dict[str, list[_Found]] = {}
    for each in (
        *shown,
        *_from_critical(reading, instruments, shown),
        *(
            each
            for each in _from_items(reading, headings, cues)
            if (each.kind.id != "silence" or silenced) and each.kind.id not in mended
        ),
    ):
        found.setdefault(each.kind.id, []).append(each)
    ranked = sorted(
        ((_effect(same), same) for same in found.values()), key=lambda pair: -round(pair[0], 4)
    )
    made = (_suggestion(name, same) for effect, same in ranked if effect >= _LEAST)
    return tuple(_in_sentences(each, reading.of(LearnerTurn)) for each in made)[:MOST]


def _in_sentences(made: Suggestion, turns: Sequence[LearnerTurn]) -> Suggestion:
    """With the sentence that the learner's words stand in: few words alone may say nothing."""
    at_s = made.moment.at_s if made.moment is not None else None
    said = next((turn.text for turn in turns if turn.start_s == at_s), "")
    return made.model_copy(update={"words": in_sentences(made.words, said)})


def went_amiss(
    reading: Reading, name: str, answered: Sequence[Exchange], cues: Sequence[CueAnswer]
) -> tuple[Amiss, ...]:
    """Everything that suggestions are made from and that has a moment, in order of time."""
    found = [
        Amiss(each.kind.id, each.moment.at_s, by_ledger=each.lost > 0.0)
        for each in _that_happened(reading, name, answered, cues)
        if each.moment is not None
    ]
    return tuple(sorted(found, key=lambda each: (each.at_s, each.kind)))


def keep(reading: Reading, name: str, answered: Sequence[Exchange]) -> str:
    """What earned most trust, as a sentence; empty where no words were recognised and where no
    trust was earned."""
    earned: dict[str, float] = {}
    first: dict[str, float] = {}
    for each in answered:
        for step in each.of(TRUST):
            if step.after > step.before:
                earned[step.cause] = earned.get(step.cause, 0.0) + step.after - step.before
                first.setdefault(step.cause, each.at_s)
    if not earned or not reading.of(LearnerTurn):
        return ""
    best = max(earned, key=lambda cause: round(earned[cause], 4))
    return f"What earned most of {name}'s trust: {_you(best)} ({clock(first[best])}). Keep that."


def _that_happened(
    reading: Reading, name: str, answered: Sequence[Exchange], cues: Sequence[CueAnswer]
) -> tuple[_Found, ...]:
    taken_up = {cue.answered_s for cue in cues if cue.explicit}
    by_ledger = (
        each
        for each in _from_ledger(reading.entries, name, answered)
        # nobody is told to take up what the answer to the cue, as coded, did take up
        if each.kind.id != "cue" or each.moment is None or each.moment.at_s not in taken_up
    )
    return (
        *by_ledger,
        *_from_holds(reading, name),
        *_from_cues(reading, name, cues),
    )


def _effect(same: Sequence[_Found]) -> float:
    """The ledger's cost and what was only counted are two views of the same thing."""
    cost = sum(each.effect for each in same if each.lost)
    return max(cost, sum(each.effect for each in same if not each.lost))


def _suggestion(name: str, same: Sequence[_Found]) -> Suggestion:
    """Of several of one kind the one that cost most is told, with the others counted."""
    worst = max(same, key=lambda each: (each.lost > 0.0, round(each.effect, 4)))
    costly = [each for each in same if each.lost > 0.0]
    why = worst.why
    if len(costly) > 1:
        lost = 100.0 * sum(each.lost for each in costly)
        why += f" With {len(costly) - 1} more like it, that cost {lost:.0f} points of trust."
    critical = next((each.critical for each in same if each.critical), "")
    if critical and not worst.critical:
        why += f" Critical in this case: {critical}"
    return Suggestion(
        kind=worst.kind.id,
        title=worst.kind.title_for(name),
        why=why,
        sentence=worst.sentence,
        words=worst.words,
        moment=worst.moment,
    )


# -- what cost trust or raised distress -----------------------------------------------------


def _from_ledger(
    entries: Sequence[JournalEntry], name: str, answered: Sequence[Exchange]
) -> Iterator[_Found]:
    before = ""
    for number, each in enumerate(answered):
        by_cause: dict[str, list[LedgerStep]] = {}
        for step in each.move.steps:
            by_cause.setdefault(step.cause, []).append(step)
        for cause, steps in by_cause.items():
            trust, distress = _sum(steps, TRUST), _sum(steps, _DISTRESS)
            instead = next((step.instead for step in steps if step.instead), "")
            its_kind = kind_of(cause, _codes_of(each, steps))
            known = instead or its_kind.id != "other"
            asked = before if its_kind.id == "question" else ""
            if trust < 0.0 or (trust == 0.0 and distress > 0.0 and known):
                yield _Found(
                    kind=its_kind,
                    effect=max(0.0, -trust) + _DISTRESS_WEIGHT * max(0.0, distress),
                    why=_cost(each, name, cause, steps, asked),
                    sentence=instead or its_kind.sentence_after(before),
                    words=each.words_of(steps[0]),
                    moment=moment(entries, each.at_s, each.end_s),
                    lost=max(0.0, -trust),
                    mended=_made_up_for(its_kind, answered[number + 1 :]),
                )
        before = each.heard or before


def _made_up_for(its_kind: SuggestionKind, later: Sequence[Exchange]) -> bool:
    """Whether the learner's next words did what mends it, and trust rose by them."""
    said = next((each for each in later if each.turn is not None), None)
    if said is None or said.turn is None:
        return False
    words = {code.words for code in said.turn.codes if code.code in its_kind.mended}
    return any(step.words in words and step.after > step.before for step in said.of(TRUST))


def _sum(steps: Iterable[LedgerStep], name: str) -> float:
    return round(sum(step.after - step.before for step in steps if step.name == name), 4)


def _codes_of(exchange: Exchange, steps: Sequence[LedgerStep]) -> frozenset[str]:
    """The codes of the words that a step rests on."""
    if exchange.turn is None:
        return frozenset()
    words = {step.words for step in steps}
    return frozenset(c.code for c in exchange.turn.codes if c.words in words)


def _cost(
    exchange: Exchange, name: str, cause: str, steps: Sequence[LedgerStep], before: str
) -> str:
    """before: what she had said, where it was a question that got no answer."""
    asked = " ".join(s for s in sentences_of(before) if s.endswith("?"))
    what = f"{_you(cause)}: “{asked}”" if asked else f"{_you(cause)}."
    moved: list[str] = []
    for value, down in ((TRUST, True), (_DISTRESS, False)):
        of = [step for step in steps if step.name == value]
        if of and (of[-1].after < of[0].before) == down:
            way = "fell" if down else "rose"
            whose = f"{name}'s {value}" if not moved else value
            moved.append(f"{whose} {way} from {100 * of[0].before:.0f} to {100 * of[-1].after:.0f}")
    return f"At {clock(exchange.at_s)}: {what} {' and '.join(moved)}."


def _you(cause: str) -> str:
    """A cause as something the learner did, where it begins with a verb in the past; else as it
    stands."""
    first, _, rest = cause.partition(" ")
    if first == "was":
        return f"you were {rest}"
    if first in _IRREGULAR or re.fullmatch(r"[a-z]+ed", first):
        return f"you {cause}"
    return cause


# -- silences, cues and items ---------------------------------------------------------------


def _from_holds(reading: Reading, name: str) -> Iterator[_Found]:
    """Silences that were filled. One that was broken with words that raised trust is none."""
    turns = reading.of(LearnerTurn)
    silence = kind("silence")
    for hold in reading.of(Hold):
        if hold.outcome != "filled" or broken_with_care(hold, reading.entries):
            continue
        said = min(turns, key=lambda turn: abs(turn.start_s - hold.end_s))
        near = abs(said.start_s - hold.end_s) <= BROKEN_S
        end_s = said.end_s if near else hold.end_s
        yield _Found(
            kind=silence,
            effect=_FILLED,
            why=f"At {clock(hold.start_s)} {name} fell silent after a blow, and you spoke after "
            f"{hold.end_s - hold.start_s:.1f} s.",
            sentence=silence.sentence_after(),
            words=said.text if near else "",
            moment=moment(reading.entries, hold.end_s, end_s),
        )


def _from_cues(reading: Reading, name: str, cues: Iterable[CueAnswer]) -> Iterator[_Found]:
    """Cues whose answer took the room, and those that the learner left without one. An answer that
    could not be coded is not held against anybody, and none was possible where somebody else ended
    the encounter."""
    its_kind = kind("cue")
    left = any(entry.reason == "learner" for entry in reading.of(Ended))
    for cue in cues:
        unanswered = left and cue.provides is None and cue.answered_s is None
        if cue.provides is not False and not unanswered:
            continue
        what = "you left it unanswered" if unanswered else "what you said left no room for it"
        at_s = cue.answered_s if cue.answered_s is not None else cue.end_s
        yield _Found(
            kind=its_kind,
            effect=_NO_ROOM,
            why=f"At {clock(cue.at_s)} {name} let something show: “{cue.words}” — {what}.",
            sentence=its_kind.sentence_after(cue.words),
            words=cue.answer,
            moment=moment(reading.entries, at_s, max(at_s, cue.end_s) + _ANSWER_S),
        )


def _from_critical(
    reading: Reading, instruments: Iterable[Scored], shown: Sequence[_Found]
) -> Iterator[_Found]:
    """Critical items that were missed. What was done against one, and what was said into a silence,
    is of the kind that the ledger or the silence gave it."""
    if len(reading.of(LearnerTurn)) < ROOM:
        return
    for item in (item for each in instruments if each.id == CRITICAL for item in each.items):
        if item.outcome != "not met" or item.certainty == "low" or not item.instead:
            continue
        at = next(iter(item.evidence), None)
        place = _place(reading, at) or last_opportunity(reading)
        own = SuggestionKind(id=item.id, title=item.text.rstrip("."), sentence=item.instead)
        same = (each.kind for each in shown if at is not None and _one_place(each.moment, at))
        yield _Found(
            kind=next(same, own) if item.rule_kind in _DONE else own,
            effect=_MISSED,
            why=f"Critical in this case, and missed. {item.note}",
            sentence=item.instead,
            words=at.quote if at is not None and at.who == "learner" else "",
            moment=place,
            critical=item.note,
        )


def _one_place(one: DebriefMoment | None, other: ShownEvidence) -> bool:
    ends = (other.at_s, other.end_s)
    return one is not None and any(abs(one.at_s - at_s) <= _SAME_S for at_s in ends)


def _from_items(
    reading: Reading, headings: Iterable[Scored], cues: Sequence[CueAnswer]
) -> Iterator[_Found]:
    """A talk of a few turns has no room for what the headings ask, so nothing comes of it; nor of
    what the recogniser may have missed, nor of what was done, if less often than asked."""
    if len(reading.of(LearnerTurn)) < ROOM:
        return
    for heading in headings:
        for item in heading.items:
            its_kind = kind_for_item(item.id)
            if item.outcome != "not met" or item.certainty == "low" or its_kind is None:
                continue
            if item.rule_kind == "says" and item.value:
                continue
            shown = next(iter(item.evidence), None)
            room = None if shown is not None else opportunity_for(its_kind.id, reading, cues)
            hers = room.after if room is not None else ""
            if shown is not None and shown.who == "patient":
                hers = shown.quote
            place = f" There was room for it at {clock(room.moment.at_s)}." if room else ""
            yield _Found(
                kind=its_kind,
                effect=_UNMET * item.weight,
                why=f"{heading.name}, not met: “{item.text}”.{place}",
                sentence=its_kind.sentence_after(hers),
                words=shown.quote if shown is not None and shown.who == "learner" else "",
                moment=_place(reading, shown) or (room.moment if room else None),
            )


def _place(reading: Reading, shown: ShownEvidence | None) -> DebriefMoment | None:
    return moment(reading.entries, shown.at_s, shown.end_s) if shown is not None else None
