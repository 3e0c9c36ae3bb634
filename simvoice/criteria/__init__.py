"""The rules by which an item is judged: codes, their order, metrics, answers to cues, and what the
patient told, said and felt.

Instruments and cases use the same rules and no others. So every judgement can be put in words and
repeated from the record. A rule kind is one class (`rule.Rule`):

- `word_rules`: what the learner said
- `metric_rules`: metrics, and answers to cues
- `patient_rules`: what the patient told, said and felt, and silences
- `combined_rules`: rules that consist of others

`encounter` has what a rule may ask of an encounter.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints, model_validator

from simvoice.criteria.combined_rules import AllOfRule, AnyOfRule, CombinedRule, ItemIsRule
from simvoice.criteria.metric_rules import AnswersRule, CountAnswersRule, MetricRule
from simvoice.criteria.patient_rules import (
    HearsRule,
    LedgerValueRule,
    QuestionsRule,
    ReachedRule,
    SilenceRule,
    StaysRule,
    ToldRule,
)
from simvoice.criteria.rule import Rule, RuleAnswer, rule_kinds
from simvoice.criteria.word_rules import AvoidsRule, CountRule, OrderRule, RatioRule, SaysRule
from simvoice.strict_model import StrictModel

__all__ = [
    "AllOfRule",
    "AnswersRule",
    "AnyOfRule",
    "AvoidsRule",
    "CountAnswersRule",
    "CountRule",
    "CriticalItem",
    "HearsRule",
    "ItemIsRule",
    "ItemRule",
    "LedgerValueRule",
    "MetricRule",
    "OrderRule",
    "QuestionsRule",
    "RatioRule",
    "ReachedRule",
    "Rule",
    "RuleAnswer",
    "SaysRule",
    "SilenceRule",
    "StaysRule",
    "ToldRule",
    "rule_kinds",
]

if TYPE_CHECKING:
    ItemRule = Rule
else:
    # pydantic chooses the class by `kind`; a type checker cannot know a union that is computed
    ItemRule = Annotated[reduce(or_, rule_kinds().values()), Field(discriminator="kind")]
    for combined in (CombinedRule, AllOfRule, AnyOfRule):
        combined.model_rebuild(_types_namespace={"ItemRule": ItemRule})


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
