"""Rules about the patient: facts told, lines delivered, silences, and values of the ledger.

All of these are exact, because the record has every decision and what was delivered of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from simvoice.criteria.encounter import (
    MOST_EVIDENCE,
    Evidence,
    JudgedEncounter,
    Labels,
    RuleVerdict,
    met_if,
    not_judged,
)
from simvoice.criteria.rule import Codes, NameKind, SimpleRule, bounds_in_words, is_within
from simvoice.display import percent
from simvoice.rounding import round_ledger

_NEWS: Final = "headline"
"""The beat of the news, by the name that cases give it."""


class ToldRule(SimpleRule):
    """The patient told each of these facts: the learner earned them."""

    kind: Literal["told"]
    facts: Codes
    """By the ids of the case."""

    def names(self) -> Iterator[tuple[NameKind, tuple[str, ...]]]:
        """The facts."""
        yield "fact", self.facts

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        return f"the patient told {_things(self.facts)} that the case's author expects"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        told = [encounter.told(fact) for fact in self.facts]
        return _judged(None not in told, (each for each in told if each is not None))


class HearsRule(SimpleRule):
    """The patient said one of these lines, so the learner had brought it about."""

    kind: Literal["hears"]
    lines: Codes
    """By the ids of the case; any of them counts."""

    def names(self) -> Iterator[tuple[NameKind, tuple[str, ...]]]:
        """The lines."""
        yield "line", self.lines

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        return "the patient said what the case's author expects"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        said = encounter.delivered(self.lines)
        return _judged(said is not None, () if said is None else (said,))


class ReachedRule(SimpleRule):
    """The conversation reached each of these beats: the patient said one of the lines that the
    beat brings about."""

    kind: Literal["beat"]
    beats: Codes
    lines: tuple[tuple[str, ...], ...] = ()
    """For each beat, its lines. Filled in when an encounter begins; authors leave it out."""

    def names(self) -> Iterator[tuple[NameKind, tuple[str, ...]]]:
        """The beats."""
        yield "beat", self.beats

    def for_record(self, lines: Mapping[str, tuple[str, ...]]) -> Self:
        """The rule with the lines of its beats, because readers of a record do not have the
        case."""
        return self.model_copy(update={"lines": tuple(lines[name] for name in self.beats)})

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        return f"the conversation reached {_things(self.beats)} that the case's author expects"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        if not self.lines:
            return not_judged("the record does not say which lines belong to it")
        firsts = [encounter.delivered(lines) for lines in self.lines]
        return _judged(None not in firsts, (each for each in firsts if each is not None))


class SilenceRule(SimpleRule):
    """A silence that the patient left after these beats or lines."""

    kind: Literal["silence"]
    after: tuple[str, ...] = ()
    """Beats and lines of the case that leave a silence; empty for any."""
    outcome: Literal["held", "filled"] = "held"
    """held: the learner let at least one stand. filled: there was one, and the learner filled none.
    Both are open where words that raised trust ended one and none was filled."""

    def names(self) -> Iterator[tuple[NameKind, tuple[str, ...]]]:
        """The beats and lines that leave a silence."""
        yield "silence", self.after

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        which = " that the case's author names" if self.after else ""
        if self.outcome == "held":
            return (
                f"a silence of the patient{which} was let stand; it is open where words ended it "
                "and raised trust"
            )
        return (
            f"no silence of the patient{which} was filled, or talked away right after the news; it "
            "is open where words ended one and raised trust"
        )

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        silences = encounter.silences(self.after)
        if not silences:
            talked = encounter.talked_through
            if talked is not None and (not self.after or _NEWS in self.after):
                return _judged(False, (talked,))
            return not_judged("no occasion: the patient kept no such silence")
        held, filled, with_care = (
            [each.evidence for each in silences if each.outcome == outcome]
            for outcome in ("held", "filled", "broken with care")
        )
        # a silence that words ended well is open for every list: not let stand, and not talked away
        asked = [replace(each, grade="possible") for each in with_care]
        if asked and not filled and not (held and self.outcome == "held"):
            return RuleVerdict("open", tuple(asked)[:MOST_EVIDENCE], "low")
        if self.outcome == "held":
            return _judged(bool(held), held or [*filled, *with_care])
        return _judged(not filled, filled or held)


class LedgerValueRule(SimpleRule):
    """A value of the patient's ledger, 0..1, is within bounds."""

    kind: Literal["ledger"]
    value: str
    """By its name in the case: trust, distress, understanding."""
    when: Literal["end", "ever", "always", "change"] = "end"
    """change: the value at the end minus the value at the start, -1..1."""
    at_least: float | None = Field(default=None, ge=-1.0, le=1.0)
    at_most: float | None = Field(default=None, ge=-1.0, le=1.0)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a ledger rule needs `at_least` or `at_most`")
        return self

    def names(self) -> Iterator[tuple[NameKind, tuple[str, ...]]]:
        """The value."""
        yield "ledger value", (self.value,)

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        low, high = (None if b is None else round(100 * b) for b in (self.at_least, self.at_most))
        bounds = f"{bounds_in_words(low, high)} of 100"
        value = f"the patient's {self.value.replace('_', ' ')}"
        if self.when == "change":
            return f"{value} changed from start to end by {bounds}"
        when = {"end": "at the end", "ever": "at some time", "always": "at all times"}[self.when]
        return f"{value} {bounds} {when}"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        values = encounter.ledger(self.value)
        if not values:
            return not_judged("the record does not say what the patient felt")
        course = encounter.ledger_course(self.value)
        shown = () if course is None else (course,)
        if self.when == "change":
            start = encounter.ledger_start(self.value)
            change = round_ledger(values[-1] - (values[0] if start is None else start))
            is_met = is_within(change, self.at_least, self.at_most)
            return RuleVerdict(met_if(is_met), shown, "high", change)
        fits = [is_within(each, self.at_least, self.at_most) for each in values]
        is_met = {"end": fits[-1], "ever": any(fits), "always": all(fits)}[self.when]
        value = values[-1]
        if self.when == "ever" and is_met:
            value = values[fits.index(True)]
        if self.when == "always" and not is_met:
            value = values[fits.index(False)]
        return RuleVerdict(met_if(is_met), shown, "high", value)


class QuestionsRule(SimpleRule):
    """The learner answered the patient's questions."""

    kind: Literal["questions"]
    at_least: float = Field(ge=0.0, le=1.0)
    """Share of the questions with an answer, 0..1."""

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        return (
            f"at least {percent(self.at_least)} of the questions that the case marks got an "
            "answer, by what the patient took for one"
        )

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        questions = encounter.questions
        if questions is None:
            return not_judged("the record does not say which of the patient's lines ask something")
        if not questions:
            return not_judged(
                "no occasion: the patient said no line to its end that the case marks as a question"
            )
        answered = [each.evidence for each in questions if each.is_answered]
        asked = [each.evidence for each in questions if each.is_answered is None]
        unanswered = [each.evidence for each in questions if each.is_answered is False]
        least = self.at_least * len(questions)
        share = len(answered) / len(questions)
        if len(answered) >= least:
            return RuleVerdict("met", tuple(answered)[:MOST_EVIDENCE], "high", share)
        if len(answered) + len(asked) < least:
            return RuleVerdict("not met", tuple(unanswered)[:MOST_EVIDENCE], "high", share)
        return RuleVerdict("open", tuple(asked)[:MOST_EVIDENCE], "low", share)


class StaysRule(SimpleRule):
    """The learner did not leave in the middle."""

    kind: Literal["stays"]

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        return "it did not end with a question or a cue of the patient's, or soon after the news"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        if not encounter.was_ended:
            return not_judged("no speaker ended the encounter")
        left = encounter.left_early
        shown = left or encounter.last_words
        if shown is not None and shown.grade == "possible":
            return RuleVerdict("open", (shown,), "low")
        return _judged(left is None, () if shown is None else (shown,))


def _judged(is_met: bool, evidence: Iterable[Evidence]) -> RuleVerdict:
    return RuleVerdict(met_if(is_met), tuple(evidence)[:MOST_EVIDENCE], "high")


def _things(ids: Collection[str]) -> str:
    # only their number: the ids would reveal what the patient may not have told
    return "the one thing" if len(ids) == 1 else f"the {len(ids)} things"
