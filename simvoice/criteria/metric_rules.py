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
        coded = [each for each in encounter.responses if self._is_so(each) is not None]
        if why or not coded:
            return not_judged(why or "no answer to a cue could be coded")
        answered = [each for each in coded if self._is_so(each)]
        share = len(answered) / len(coded)
        if self.at_least is None:
            return RuleVerdict("counted", _quotes(answered), "fair", share)
        if share >= self.at_least:
            return RuleVerdict("met", _quotes(answered), "fair", share)
        lacking = [each for each in coded if not self._is_so(each)]
        return RuleVerdict("not met", _quotes(lacking), "fair", share)

    def _is_so(self, response: CueResponse) -> bool | None:
        """Whether a cue was answered in this way; None when the answer has no code. A cue without
        any answer was not."""
        if response.response is None and response.at_s is None:
            return False
        if self.how == "continuer":
            return response.suchman == "continuer" if response.response is not None else None
        return response.provides if self.how == "provides" else response.explicit


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
        found = [
            each
            for each in encounter.responses
            if self.explicit in (None, each.explicit) and self.provides in (None, each.provides)
        ]
        return RuleVerdict("counted", _quotes(found), "fair", float(len(found)))


def _quotes(found: Sequence[CueResponse]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(each.cue_start_s, each.cue_end_s, "patient", each.cue, _answered_by(each))
        for each in found[:MOST_EVIDENCE]
    )


def _answered_by(each: CueResponse) -> str:
    words = f": “{each.words}”" if each.words else ""
    if each.response is None and each.explicit:
        return f"taken up in words that no code fits{words}"
    return f"answered by {each.response or 'nothing that can be coded'}{words}"
