"""The rules by which an item is judged: codes, their order, metrics, answers to cues, and what the
patient told, said and felt.

Instruments and cases use the same rules and no others. So every judgement can be put in words
(`scoring.instruments.rule_text`) and repeated from the record (`scoring.instruments.judge`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from simvoice.strict_model import StrictModel

Codes = Annotated[tuple[str, ...], Field(min_length=1)]
"""Names from the codebook; any of them counts."""


class SaysRule(StrictModel):
    """The learner does one of these things."""

    kind: Literal["says"]
    codes: Codes
    at_least: int = Field(default=1, ge=1)
    before: tuple[str, ...] = ()
    """Before the first of these."""
    after: tuple[str, ...] = ()
    """After the first of these."""
    first_turns: int | None = Field(default=None, ge=1)
    """Within the learner's first so many turns."""
    last_turns: int | None = Field(default=None, ge=1)
    """Within the learner's last so many turns."""
    needs: tuple[str, ...] = ()
    """Only judged when one of these happened."""


class AvoidsRule(StrictModel):
    """The learner does none of these things, or few."""

    kind: Literal["avoids"]
    codes: Codes
    at_most: int = Field(default=0, ge=0)
    needs: tuple[str, ...] = ()
    """Judged only when one of these happened: without an occasion there is nothing to avoid."""


class OrderRule(StrictModel):
    """The steps that happened came in this order, by the first time of each."""

    kind: Literal["order"]
    steps: tuple[Codes, ...] = Field(min_length=2)
    least: int = Field(default=2, ge=2)
    """The order is judged when at least so many of the steps happened."""


class MetricRule(StrictModel):
    """A metric is within bounds, in the unit of the metric."""

    kind: Literal["metric"]
    metric: str
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> MetricRule:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a metric rule needs `at_least` or `at_most`")
        return self


class RatioRule(StrictModel):
    """The count of some codes divided by the count of others."""

    kind: Literal["ratio"]
    over: Codes
    under: Codes
    at_least: float | None = None
    """None: the ratio is shown and nothing is judged."""


class AnswersRule(StrictModel):
    """The share of the cues and concerns that were answered in this way."""

    kind: Literal["answers"]
    how: Literal["provides", "explicit", "continuer"]
    at_least: float | None = Field(default=None, ge=0.0, le=1.0)
    """None: the share is shown and nothing is judged."""


class CountRule(StrictModel):
    """A count. It is not judged, because the source gives no threshold."""

    kind: Literal["count"]
    codes: Codes
    per: Literal["encounter", "cue"] = "encounter"


class CountAnswersRule(StrictModel):
    """The count of cues and concerns that were answered in this way. It is not judged."""

    kind: Literal["count_answers"]
    explicit: bool | None = None
    provides: bool | None = None
    """None counts both."""


class ItemIsRule(StrictModel):
    """Another item of the instruments decides."""

    kind: Literal["item"]
    item: str


class ToldRule(StrictModel):
    """The patient told each of these facts: the learner earned them."""

    kind: Literal["told"]
    facts: Codes
    """By the ids of the case."""


class HearsRule(StrictModel):
    """The patient said one of these lines, so the learner had brought it about."""

    kind: Literal["hears"]
    lines: Codes
    """By the ids of the case; any of them counts."""


class ReachedRule(StrictModel):
    """The conversation reached each of these beats: the patient said one of the lines that the
    beat brings about."""

    kind: Literal["beat"]
    beats: Codes
    lines: tuple[tuple[str, ...], ...] = ()
    """For each beat, its lines. Filled in when an encounter begins; authors leave it out."""


class SilenceRule(StrictModel):
    """A silence that the patient left after these beats or lines."""

    kind: Literal["silence"]
    after: tuple[str, ...] = ()
    """Beats and lines of the case that leave a silence; empty for any."""
    outcome: Literal["held", "filled"] = "held"
    """held: the learner let at least one stand. filled: there was one, and the learner filled none,
    except with words that raised trust."""


class LedgerValueRule(StrictModel):
    """A value of the patient's ledger, 0..1, is within bounds."""

    kind: Literal["ledger"]
    value: str
    """By its name in the case: trust, distress, understanding."""
    when: Literal["end", "ever", "always"] = "end"
    at_least: float | None = Field(default=None, ge=0.0, le=1.0)
    at_most: float | None = Field(default=None, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _bounded(self) -> LedgerValueRule:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a ledger rule needs `at_least` or `at_most`")
        return self


class AllOfRule(StrictModel):
    """Every one of these."""

    kind: Literal["all"]
    rules: tuple[ItemRule, ...] = Field(min_length=2)


class AnyOfRule(StrictModel):
    """At least one of these."""

    kind: Literal["any"]
    rules: tuple[ItemRule, ...] = Field(min_length=2)


ItemRule = Annotated[
    SaysRule
    | AvoidsRule
    | OrderRule
    | MetricRule
    | RatioRule
    | AnswersRule
    | CountRule
    | CountAnswersRule
    | ItemIsRule
    | ToldRule
    | HearsRule
    | ReachedRule
    | SilenceRule
    | LedgerValueRule
    | AllOfRule
    | AnyOfRule,
    Field(discriminator="kind"),
]

AllOfRule.model_rebuild()
AnyOfRule.model_rebuild()


def codes_of(rule: ItemRule) -> frozenset[str]:
    """Return every code that a rule names."""
    match rule:
        case SaysRule():
            return frozenset((*rule.codes, *rule.before, *rule.after, *rule.needs))
        case AvoidsRule():
            return frozenset((*rule.codes, *rule.needs))
        case OrderRule():
            return frozenset(code for step in rule.steps for code in step)
        case RatioRule():
            return frozenset((*rule.over, *rule.under))
        case CountRule():
            return frozenset(rule.codes)
        case AllOfRule() | AnyOfRule():
            return frozenset().union(*(codes_of(each) for each in rule.rules))
        case MetricRule() | AnswersRule() | CountAnswersRule() | ItemIsRule():
            return frozenset()
        case ToldRule() | HearsRule() | ReachedRule() | SilenceRule() | LedgerValueRule():
            return frozenset()


def parts_of(rule: ItemRule) -> Iterator[ItemRule]:
    """Yield the simple rules of which a rule consists, at any depth."""
    if isinstance(rule, AllOfRule | AnyOfRule):
        for each in rule.rules:
            yield from parts_of(each)
    else:
        yield rule


class CriticalItem(StrictModel):
    """Something that, for the author, every learner must do in this case."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    text: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
    """What the learner does, in words that follow "you": "Say that it is cancer"."""
    why: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
    """Why it is critical here, in a sentence the learner reads."""
    instead: Annotated[str, StringConstraints(strip_whitespace=True)] = ""
    """A sentence to try where it was missed. It reveals nothing that the patient has not told."""
    rule: ItemRule | None = None
    human: bool = False
    """Left to a human rater: neither words nor times can decide it."""
    means: dict[str, str] = Field(default_factory=dict)
    """Code of this case to its meaning, a sentence. Filled in when an encounter begins; authors
    leave it out."""

    @model_validator(mode="after")
    def _one_judge(self) -> CriticalItem:
        if self.human == (self.rule is not None):
            raise ValueError("a critical item needs a `rule`, or `human: true`, and not both")
        return self
