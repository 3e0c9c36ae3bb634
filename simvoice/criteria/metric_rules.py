"""Rules about numbers: metrics, and the answers to the patient's cues and concerns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from simvoice.criteria.encounter import (
    MOST_EVIDENCE,
    CueResponse,
    Evidence,
    JudgedEncounter,
    Labels,
    RuleVerdict,
    met_if,
    not_judged,
)
from simvoice.criteria.rule import RuleAnswer, SimpleRule, bounds_in_words, is_within
from simvoice.display import percent


class MetricRule(SimpleRule):
    """A metric is within bounds, in the unit of the metric."""

    kind: Literal["metric"]
    metric: str
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a metric rule needs `at_least` or `at_most`")
        return self

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        bounds = "none" if self.at_most == 0 else bounds_in_words(self.at_least, self.at_most)
        return f"{labels.metric(self.metric)}: {bounds}"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        found = encounter.metric(self.metric)
        if found is None:
            return not_judged(f"simvoice has no metric {self.metric}")
        if found.value is None:
            return not_judged(found.reason)
        outcome = met_if(is_within(found.value, self.at_least, self.at_most))
        return RuleVerdict(outcome, found.moments[:MOST_EVIDENCE], "high", found.value)


class AnswersRule(SimpleRule):
    """The share of the cues and concerns that were answered in this way."""

    kind: Literal["answers"]
    how: Literal["provides", "explicit", "continuer"]
    at_least: float | None = Field(default=None, ge=0.0, le=1.0)
    """None: the share is shown and nothing is judged."""

    by_words: ClassVar[bool] = True

    def answer_kind(self) -> RuleAnswer:
        """A share where no threshold decides."""
        return "share" if self.at_least is None else "yes or no"

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        share = {
            "provides": "answers that gave space for more",
            "explicit": "answers that took up what was said or felt",
            "continuer": "answers in words that invite more",
        }[self.how]
        if self.at_least is None:
            return f"the share of cues and concerns with {share}"
        return f"at least {percent(self.at_least)} of the cues and concerns with {share}"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        why = encounter.no_cues
        every = encounter.responses
        if why or not every:
            return not_judged(why or "no answer to a cue could be coded")
        surely = [each for each in every if each.grade == "certain" and self._is_so(each)]
        not_so = [each for each in every if each.grade == "certain" and self._is_so(each) is False]
        asked = [each for each in every if each not in surely and each not in not_so]
        least, most = len(surely) / len(every), (len(surely) + len(asked)) / len(every)
        if self.at_least is None:
            shown = _quotes([*surely, *asked])
            return RuleVerdict("counted", shown, "fair", least, least=least, most=most)
        if least >= self.at_least:
            return RuleVerdict("met", _quotes(surely), "fair", least)
        if most < self.at_least:
            return RuleVerdict("not met", _quotes(not_so), "fair", least)
        return RuleVerdict("open", _quotes([*surely, *asked]), "low", least)

    def _is_so(self, response: CueResponse) -> bool | None:
        """Whether a cue was answered in this way; None when the answer has no code. A cue without
        any answer was not."""
        if response.at_s is None:
            return False
        if self.how == "continuer":
            return response.suchman == "continuer" if response.response is not None else None
        return response.provides if self.how == "provides" else _takes_up(response)


class CountAnswersRule(SimpleRule):
    """The count of cues and concerns that were answered in this way. It is not judged."""

    kind: Literal["count_answers"]
    explicit: bool | None = None
    provides: bool | None = None
    """None counts both."""

    by_words: ClassVar[bool] = True

    def answer_kind(self) -> RuleAnswer:
        """A whole number."""
        return "count"

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        parts = []
        if self.explicit is not None:
            parts.append("took them up in words" if self.explicit else "did not take them up")
        if self.provides is not None:
            parts.append("gave space for more" if self.provides else "left no space")
        which = f" that {' and '.join(parts)}" if parts else ""
        return f"how many cues and concerns got an answer{which}"

    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        if why := encounter.no_cues:
            return not_judged(why)
        surely = [each for each in encounter.responses if each.grade == "certain"]
        found = [
            each
            for each in surely
            if self.explicit in (None, _takes_up(each)) and self.provides in (None, each.provides)
        ]
        unknown = [e for e in surely if self.explicit is not None and _takes_up(e) is None]
        open_ = len(encounter.responses) - len(surely) + len(unknown)
        least = float(len(found))
        return RuleVerdict(
            "counted", _quotes(found), "fair", least, least=least, most=least + open_
        )


def _takes_up(each: CueResponse) -> bool | None:
    """Whether an answer takes the cue up; None where it has words, which may do it in another way
    than is known."""
    return True if each.explicit else None if each.said else False


def _quotes(found: Sequence[CueResponse]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            each.cue_start_s, each.cue_end_s, "patient", each.cue, _answered_by(each), each.grade
        )
        for each in found[:MOST_EVIDENCE]
    )


def _answered_by(each: CueResponse) -> str:
    words = f": “{each.words}”" if each.words else ""
    if each.at_s is None:
        return "no answer"
    if each.grade == "possible" or each.response is None:
        return f"your next words: “{each.said}” Did they take it up?"
    how = "words that give space" if _takes_up(each) is None else each.response
    return f"answered by {how}{words}"
