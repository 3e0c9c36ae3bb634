"""Suggestions for the next attempt: at most two, each with a sentence to try; or what to keep."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from simvoice.coding.context import stems
from simvoice.coding.grade import Grade
from simvoice.coding.text import plain, sentences
from simvoice.debrief.items import MIN_TURNS
from simvoice.debrief.model import (
    CueAnswer,
    DebriefMoment,
    Scored,
    ShownEvidence,
    Suggestion,
)
from simvoice.debrief.moments import (
    TRUST,
    Exchange,
    debrief_moment,
    find_opportunity,
    last_opportunity,
    trust_change,
    whole_sentences,
)
from simvoice.debrief.wording import cause_named, moved, taken_as
from simvoice.display import clock, count_noun, duration
from simvoice.reading.reading import Reading
from simvoice.record.events import Ended, Hold, JournalEntry, LearnerTurn, LedgerStep
from simvoice.rounding import round_ledger
from simvoice.scoring.instruments.instrument import CRITICAL
from simvoice.scoring.instruments.patient_side import BROKEN_S, broken_with_care
from simvoice.sentences import split_sentences
from simvoice.suggestion_kinds import (
    GENERAL,
    NOTHING,
    SuggestionKind,
    find_kind,
    kind_for_item,
    kind_seen_in,
    suggestion_kinds,
)

# -- suggestions ------------------------------------------------------------------------------

MAX_SUGGESTIONS: Final = 2
"""Most suggestions that are made."""

_DISTRESS = "distress"
_DISTRESS_WEIGHT: Final = 0.5
_FILLED: Final = 0.03
_NO_SPACE: Final = 0.02
_UNMET: Final = 0.01
_UNANSWERED: Final = 0.04
"""Effects in trust, 0..1: the factor for raised distress; a silence that was filled; a cue whose
answer left no space; each weight of a heading's item that was not met; and a question that got no
answer. The last four count where the ledger shows no cost. The values are simvoice's own choice;
they rank the ledger's cost first."""
_MISSED: Final = 0.1
"""Effect of a missed critical item. It ranks before small costs of trust."""
_LEAST: Final = 0.02
"""Smallest effect that leads to a suggestion."""

_PUT_WORDS: Final = 0.04
"""Effect of words that were put into the patient's mouth, where the patient denied them; half of it
where the patient had said none of them."""
_QUOTES_PATIENT: Final = re.compile(
    r"\byou are (?:saying|telling me)\b|\byou have (?:said|told me)\b|\byou (?:said|told me)\b|"
    r"\bi (?:am hearing|hear|heard|have heard|understand|understood) you (?:right|correctly|say)\b"
)
"""Words, in plain form, by which the learner says that something is what the patient said."""
_DENIES: Final = re.compile(
    r"\b(?:i (?:did not|never|have not|have never) (?:say|said)|that is not what i)\b"
)
_AGREES: Final = re.compile(r"^(?:yes|yeah|yep|right|that is right|that is it|exactly)\b")
_NEGATION: Final = re.compile(r"\b(?:not|no|never|none|nothing)\b")
_LEAST_STEMS: Final = 2
"""Fewest words with meaning of which it is asked whether the patient said them."""

_BROKEN_BY_ACT: Final = frozenset({"avoids", "silence"})
"""Kinds of rules that only something done can break, not something left undone."""
_SAME_S: Final = 1.0
"""Largest difference between two times of the same moment, in seconds."""
_ANSWER_S: Final = 6.0
"""Seconds of an answer to a cue that are played."""

_QUOTE_WORDS: Final = range(3, 13)
"""Number of words of a quote: fewer say too little, and more are too long to repeat aloud."""


@dataclass(frozen=True, slots=True)
class _Finding:
    """One mistake or missed item, with its kind and its suggestion."""

    kind: SuggestionKind
    effect: float
    """Effect on this patient, in trust, 0..1."""
    why: str
    sentence: str
    words: str
    moment: DebriefMoment | None
    lost: float = 0.0
    """Trust that it cost according to the ledger."""
    critical: str = ""
    """Why it is critical in this case; empty when it is not."""
    mended: bool = False
    """Whether the learner's next words repaired it."""
    cause: str = ""
    """The cause in the ledger; empty for what the ledger does not show."""
    grade: Grade = "certain"
    """possible: `why` ends with a question."""

    @property
    def sort(self) -> tuple[str, str]:
        """What it is counted with: its kind; under the general kind only the same cause."""
        return (self.kind.id, self.cause if self.kind.id == GENERAL else "")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake of the learner, with its kind and time."""

    kind: str
    """Id of the kind."""
    at_s: float
    by_ledger: bool
    """Whether the ledger shows a cost of trust; else a silence or a cue shows the mistake.

    The same mistake may appear both ways.
    """


def make_suggestions(
    reading: Reading,
    name: str,
    exchanges: Sequence[Exchange],
    cues: Sequence[CueAnswer],
    headings: Iterable[Scored],
    instruments: Iterable[Scored] = (),
) -> tuple[Suggestion, ...]:
    """Return suggestions of the two kinds with the largest effect on this patient, largest first.

    The kind of a cost in the ledger is the one that its rule names; see `kind_for_steps`.

    The effect of a kind is the trust it cost in total plus half of the distress it raised, by the
    ledger. Where the ledger shows no cost, the effect is .10 for a missed critical item (if its
    author gave a sentence to try), .04 for each question without an answer, .04 for words put into
    the patient's mouth and denied, and .02 where it is only asked if they were, .03 for each filled
    silence, .02 for each cue whose answer left no space, and .01 for each weight of a heading's
    item that was not met.

    Not suggested are: causes that raised trust, even if they raised distress, because hard news
    told well hurts too; rules that suggest nothing, by their author; effects under .02; mistakes
    that the learner's next words repaired; items that were met in part; and items in encounters of
    fewer than four turns. Without recognised words there are no suggestions.
    """
    if not reading.of(LearnerTurn):
        return ()
    events = _from_events(reading, name, exchanges, cues)
    shown = tuple(each for each in events if not each.mended)
    mended = {each.kind.id for each in events} - {each.kind.id for each in shown}
    # only the silences themselves tell which words should not have filled one
    silence = kind_seen_in("silences")
    silence_filled = any(each.kind == silence for each in shown)
    found: dict[tuple[str, str], list[_Finding]] = {}
    for each in (
        *shown,
        *_from_critical(reading, instruments, shown),
        *(
            each
            for each in _from_items(reading, headings, cues)
            if (each.kind != silence or silence_filled) and each.kind.id not in mended
        ),
    ):
        found.setdefault(each.sort, []).append(each)
    ranked = sorted(
        ((_effect(same), same) for same in found.values()), key=lambda pair: -round_ledger(pair[0])
    )
    made = (_suggestion(name, same) for effect, same in ranked if effect >= _LEAST)
    return tuple(_in_sentences(each, reading.of(LearnerTurn)) for each in made)[:MAX_SUGGESTIONS]


def _in_sentences(made: Suggestion, turns: Sequence[LearnerTurn]) -> Suggestion:
    """Extend the learner's words to whole sentences: a few words alone may say nothing."""
    at_s = made.moment.at_s if made.moment is not None else None
    text = next((turn.text for turn in turns if turn.start_s == at_s), "")
    return made.model_copy(update={"words": whole_sentences(made.words, text)})


def kind_for_steps(steps: Sequence[LedgerStep], codes: Iterable[str] = ()) -> SuggestionKind | None:
    """Return the kind of steps with one cause; None if their rule suggests nothing.

    It is the kind that the rule names. Where the record names none, or one that this version does
    not know, it is the first kind with one of `codes`, the codes of the learner's words, and
    otherwise the general kind.
    """
    named = next((step.suggests for step in steps if step.suggests), "")
    if named == NOTHING:
        return None
    found = frozenset(codes)
    by_code = (each for each in suggestion_kinds() if found.intersection(each.codes))
    general = (each for each in suggestion_kinds() if each.id == GENERAL)
    return find_kind(named) or next(by_code, None) or next(general)


def sentence_to_try(kind: SuggestionKind, words: str = "") -> str:
    """Return the general sentence of a kind.

    words: the patient's words before, as delivered. The last sentence of suitable length is quoted.
    """
    if "{quote}" not in kind.sentence:
        return kind.sentence
    for each in reversed(split_sentences(words)):
        if len(each.split()) in _QUOTE_WORDS:
            return kind.sentence.replace("{quote}", each)
    return kind.plain


def find_mistakes(
    reading: Reading, name: str, exchanges: Sequence[Exchange], cues: Sequence[CueAnswer]
) -> tuple[Mistake, ...]:
    """Return all mistakes that lead to suggestions and have a moment, in order of time."""
    found = [
        Mistake(each.kind.id, each.moment.at_s, by_ledger=each.lost > 0.0)
        for each in _from_events(reading, name, exchanges, cues)
        if each.moment is not None
    ]
    return tuple(sorted(found, key=lambda each: (each.at_s, each.kind)))


def what_to_keep(reading: Reading, name: str, exchanges: Sequence[Exchange]) -> str:
    """Return what raised trust, as a sentence: the cause that earned most of those that are
    certain, or else the words after which trust rose most.

    Empty when no words were recognised or no trust was earned.
    """
    earned: dict[str, float] = {}
    first: dict[str, Exchange] = {}
    for each in exchanges:
        for step in each.steps(TRUST):
            if step.after > step.before:
                earned[step.cause] = earned.get(step.cause, 0.0) + step.after - step.before
                if each.grade_of(step) == "certain":
                    first.setdefault(step.cause, each)
    if not earned or not reading.of(LearnerTurn):
        return ""
    if not first:
        best = max(exchanges, key=lambda each: round_ledger(trust_change(each)))
        return f"{name}'s trust rose most after {_said(best)} ({clock(best.at_s)})."
    most = max(earned, key=lambda cause: round_ledger(earned[cause]))
    cause = max(first, key=lambda cause: round_ledger(earned[cause]))
    raised = f"What raised {name}'s trust most" if cause == most else f"This raised {name}'s trust"
    when = f"{_said(first[cause])} ({clock(first[cause].at_s)})"
    return f"{raised}, {taken_as([cause])}: {when}. Keep doing that."


def _said(exchange: Exchange) -> str:
    return f"“{exchange.turn.text}”" if exchange.turn is not None else "a silence"


def _from_events(
    reading: Reading, name: str, exchanges: Sequence[Exchange], cues: Sequence[CueAnswer]
) -> tuple[_Finding, ...]:
    """Return the findings from the ledger, the silences and the cues."""
    explicitly_answered = {cue.answered_s for cue in cues if cue.explicit}
    about_cues = kind_seen_in("cues")
    by_ledger = (
        each
        for each in _from_ledger(reading.entries, name, exchanges)
        # no suggestion to answer a cue that was answered explicitly, according to its code
        if each.kind != about_cues
        or each.moment is None
        or each.moment.at_s not in explicitly_answered
    )
    return (
        *by_ledger,
        *_from_questions(reading, name),
        *_from_put_words(reading, name, exchanges),
        *_from_holds(reading, name),
        *_from_cues(reading, name, cues),
    )


def _effect(same: Sequence[_Finding]) -> float:
    """Return the effect of one kind: the ledger and the counts may show the same mistakes twice."""
    cost = sum(each.effect for each in same if each.lost)
    return max(cost, sum(each.effect for each in same if not each.lost))


def _suggestion(name: str, same: Sequence[_Finding]) -> Suggestion:
    """Describe the costliest finding of one kind, and count the others."""
    worst = max(same, key=lambda each: (each.lost > 0.0, round_ledger(each.effect)))
    costly = [each for each in same if each.lost > 0.0]
    why = worst.why
    if len(costly) > 1:
        lost = 100.0 * sum(each.lost for each in costly)
        why += (
            f" Together with {count_noun(len(costly) - 1, 'other moment')} that the simulation "
            f"counts as the same, trust fell by {lost:.0f} points."
        )
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
        grade=worst.grade,
    )


# -- findings from the ledger ----------------------------------------------------------------


def _from_ledger(
    entries: Sequence[JournalEntry], name: str, exchanges: Sequence[Exchange]
) -> Iterator[_Finding]:
    before = ""
    for number, each in enumerate(exchanges):
        by_cause: dict[str, list[LedgerStep]] = {}
        for step in each.move.steps:
            by_cause.setdefault(step.cause, []).append(step)
        for cause, steps in by_cause.items():
            its_kind = kind_for_steps(steps, _codes_of(each, steps))
            if its_kind is None:
                continue
            trust, distress = _sum(steps, TRUST), _sum(steps, _DISTRESS)
            instead = next((step.instead for step in steps if step.instead), "")
            known = instead or its_kind.id != GENERAL
            question = before if its_kind.quotes_question else ""
            if trust < 0.0 or (trust == 0.0 and distress > 0.0 and known):
                grade = each.grade_of(steps[0])
                yield _Finding(
                    kind=its_kind,
                    effect=max(0.0, -trust) + _DISTRESS_WEIGHT * max(0.0, distress),
                    why=_describe_cost(each, name, steps, question),
                    sentence=instead or sentence_to_try(its_kind, before),
                    words=each.words_of(steps[0]),
                    moment=debrief_moment(entries, each.at_s, each.end_s),
                    lost=max(0.0, -trust),
                    mended=_is_repaired(its_kind, exchanges[number + 1 :]),
                    cause=cause,
                    grade=grade,
                )
        before = each.delivered or before


def _is_repaired(its_kind: SuggestionKind, later: Sequence[Exchange]) -> bool:
    """Whether the learner's next words have a code that repairs it, and raised trust."""
    following = next((each for each in later if each.turn is not None), None)
    if following is None or following.turn is None:
        return False
    words = {code.words for code in following.turn.codes if code.code in its_kind.mended}
    return any(step.words in words and step.after > step.before for step in following.steps(TRUST))


def _sum(steps: Iterable[LedgerStep], name: str) -> float:
    return round_ledger(sum(s.after - s.before for s in steps if s.name == name))


def _codes_of(exchange: Exchange, steps: Sequence[LedgerStep]) -> frozenset[str]:
    """Return the codes of the words that the steps are based on."""
    if exchange.turn is None:
        return frozenset()
    words = {step.words for step in steps}
    return frozenset(c.code for c in exchange.turn.codes if c.words in words)


def _describe_cost(exchange: Exchange, name: str, steps: Sequence[LedgerStep], before: str) -> str:
    """Describe what fell or rose, and what the patient took the learner's words or silence as where
    that is certain.

    steps: those of one cause. before: the patient's words before, if the cause is an unanswered
    question; else empty.
    """
    questions = " ".join(s for s in split_sentences(before) if s.endswith("?"))
    asked = f" {name} had asked: “{questions}”" if questions else ""
    changes: list[str] = []
    for value, down in ((TRUST, True), (_DISTRESS, False)):
        own = [step for step in steps if step.name == value]
        if own and (own[-1].after < own[0].before) == down:
            whose = f"{name}'s {value}" if not changes else value
            changes.append(f"{whose} {moved(own[0].before, own[-1].after)}")
    grade = exchange.grade_of(steps[0])
    how = cause_named([steps[0].cause], grade)
    open_ = f" Would {'other ' if exchange.turn is not None else ''}words have been better?"
    asks = open_ if grade == "possible" else ""
    return f"At {clock(exchange.at_s)} {' and '.join(changes)}{how}.{asked}{asks}"


# -- findings from silences, cues and items --------------------------------------------------


def _from_questions(reading: Reading, name: str) -> Iterator[_Finding]:
    """Yield the patient's questions that the patient took as not answered until the end."""
    its_kind = next(each for each in suggestion_kinds() if each.quotes_question)
    turns = reading.of(LearnerTurn)
    for each in reading.questions or ():
        if not each.is_answered:
            reply = next((turn for turn in turns if turn.end_s > each.end_s), None)
            then = "You said nothing after it."
            if reply is not None:
                then = f"You said next: “{reply.text}” Was it an answer?"
            yield _Finding(
                kind=its_kind,
                grade="certain" if reply is None else "possible",
                effect=_UNANSWERED,
                why=f"At {clock(each.start_s)} {name} asked: “{each.words}” {then}",
                sentence=sentence_to_try(its_kind),
                words="",
                moment=debrief_moment(reading.entries, each.end_s, each.end_s + _ANSWER_S),
            )


def _from_put_words(
    reading: Reading, name: str, exchanges: Sequence[Exchange]
) -> Iterator[_Finding]:
    """Yield what the learner gave as the patient's words and the patient denied, and, as a
    question, that of which the patient had said nothing."""
    its_kind = next(each for each in suggestion_kinds() if each.id == "listen_before_naming")
    heard = ""
    for each in exchanges:
        for sentence in sentences(each.turn.text) if each.turn is not None else ():
            quoting = _QUOTES_PATIENT.search(sentence.plain)
            given = stems(sentence.plain[quoting.end() :]) if quoting else frozenset()
            if not given:
                continue
            reply = plain(each.delivered)
            is_denied = _is_denied(sentence.plain, given, each.delivered)
            is_told = len(given) < _LEAST_STEMS or bool(given & stems(heard))
            if not is_denied and (is_told or _AGREES.search(reply)):
                continue
            why = f"At {clock(each.at_s)} you said: “{sentence.text}” Had {name} said that?"
            if is_denied:
                why = (
                    f"At {clock(each.at_s)} you put words into {name}'s mouth: “{sentence.text}” "
                    f"{name} answered: “{each.delivered}”"
                )
            yield _Finding(
                kind=its_kind,
                grade="certain" if is_denied else "possible",
                effect=_PUT_WORDS if is_denied else _PUT_WORDS / 2.0,
                why=why,
                sentence=its_kind.sentence,
                words="",
                moment=debrief_moment(reading.entries, each.at_s, each.end_s),
            )
        heard = f"{heard} {each.delivered}"


def _is_denied(given: str, meaning: frozenset[str], reply: str) -> bool:
    """Whether the patient certainly denies what the learner gave as the patient's words.

    given: the learner's sentence in plain form; meaning: its words with meaning. "No." to a
    sentence with a negation may agree with it, and alone it may be about something else.
    """
    if _DENIES.search(plain(reply)):
        return True
    says_no = re.match(r"no\b", reply.strip().lower()) is not None
    return says_no and not _NEGATION.search(given) and bool(meaning & stems(reply))


def _from_holds(reading: Reading, name: str) -> Iterator[_Finding]:
    """Yield silences that were filled, except those broken with words that raised trust."""
    turns = reading.of(LearnerTurn)
    silence = kind_seen_in("silences")
    for hold in reading.of(Hold):
        if hold.outcome != "filled" or broken_with_care(hold, reading.entries):
            continue
        turn = min(turns, key=lambda turn: abs(turn.start_s - hold.end_s))
        near = abs(turn.start_s - hold.end_s) <= BROKEN_S
        end_s = turn.end_s if near else hold.end_s
        yield _Finding(
            kind=silence,
            effect=_FILLED,
            why=f"At {clock(hold.start_s)} {name} fell silent, and you spoke after "
            f"{duration(hold.end_s - hold.start_s)}.",
            sentence=sentence_to_try(silence),
            words=turn.text if near else "",
            moment=debrief_moment(reading.entries, hold.end_s, end_s),
        )


def _from_cues(reading: Reading, name: str, cues: Iterable[CueAnswer]) -> Iterator[_Finding]:
    """Yield cues whose answer left no space, and cues that the learner left unanswered.

    Answers that could not be coded do not count. An unanswered cue counts only if the learner ended
    the encounter, because otherwise no answer was possible.
    """
    its_kind = kind_seen_in("cues")
    learner_ended = any(entry.reason == "learner" for entry in reading.of(Ended))
    for cue in cues:
        unanswered = learner_ended and cue.provides is None and cue.answered_s is None
        if cue.provides is not False and not unanswered:
            continue
        what = "Your answer left no space for it."
        if unanswered:
            what = "You said nothing after it."
        elif cue.grade == "possible":
            what = f"You said next: “{cue.answer}” Did it leave space for more?"
        at_s = cue.answered_s if cue.answered_s is not None else cue.end_s
        yield _Finding(
            kind=its_kind,
            effect=_NO_SPACE,
            why=f"At {clock(cue.at_s)} {name} said: “{cue.words}” {what}",
            grade="certain" if unanswered else cue.grade,
            sentence=sentence_to_try(its_kind, cue.words),
            words=cue.answer,
            moment=debrief_moment(reading.entries, at_s, max(at_s, cue.end_s) + _ANSWER_S),
        )


def _from_critical(
    reading: Reading, instruments: Iterable[Scored], shown: Sequence[_Finding]
) -> Iterator[_Finding]:
    """Yield critical items that were missed.

    An item broken by an act takes the kind of the finding at the same place, if there is one.
    """
    if len(reading.of(LearnerTurn)) < MIN_TURNS:
        return
    for item in (item for each in instruments if each.id == CRITICAL for item in each.items):
        if item.outcome != "not met" or item.certainty == "low" or not item.instead:
            continue
        at = next(iter(item.evidence), None)
        moment = _moment(reading, at) or last_opportunity(reading)
        own = SuggestionKind(id=item.id, title=item.text.rstrip("."), sentence=item.instead)
        by_act = item.rule_kind in _BROKEN_BY_ACT
        same = (each for each in shown if by_act and _is_same_place(each.moment, at))
        known = next(same, None)
        missed = "not recognised" if item.is_unrecognised else "not met"
        yield _Finding(
            kind=known.kind if known is not None else own,
            effect=_MISSED,
            why=f"Critical in this case, and {missed}: “{item.text}” {item.note}",
            sentence=item.instead,
            words=at.quote if at is not None and at.who == "learner" else "",
            moment=moment,
            critical=item.note,
            cause=known.cause if known is not None else "",
        )


def _is_same_place(one: DebriefMoment | None, other: ShownEvidence | None) -> bool:
    if other is None:
        return False
    ends = (other.at_s, other.end_s)
    return one is not None and any(abs(one.at_s - at_s) <= _SAME_S for at_s in ends)


def _from_items(
    reading: Reading, headings: Iterable[Scored], cues: Sequence[CueAnswer]
) -> Iterator[_Finding]:
    """Yield items of the headings that were not met.

    Left out are: encounters with few turns, which give no occasion for most items; judgements of
    low certainty, where speech recognition may have missed words; and items that were done, but
    less often than the rule asks.
    """
    if len(reading.of(LearnerTurn)) < MIN_TURNS:
        return
    for heading in headings:
        for item in heading.items:
            its_kind = kind_for_item(item.id)
            if item.outcome != "not met" or item.certainty == "low" or its_kind is None:
                continue
            if item.rule_kind == "says" and item.value:
                continue
            shown = next(iter(item.evidence), None)
            missed = None if shown is not None else find_opportunity(its_kind.place, reading, cues)
            patient_words = missed.after if missed is not None else ""
            if shown is not None and shown.who == "patient":
                patient_words = shown.quote
            place = f" One place to try it is {clock(missed.moment.at_s)}." if missed else ""
            yield _Finding(
                kind=its_kind,
                effect=_UNMET * item.weight,
                why=f"{heading.name}, {'not recognised' if item.is_unrecognised else 'not met'}: "
                f"“{item.text}”.{place}",
                sentence=sentence_to_try(its_kind, patient_words),
                words=shown.quote if shown is not None and shown.who == "learner" else "",
                moment=_moment(reading, shown) or (missed.moment if missed else None),
            )


def _moment(reading: Reading, shown: ShownEvidence | None) -> DebriefMoment | None:
    return debrief_moment(reading.entries, shown.at_s, shown.end_s) if shown is not None else None
