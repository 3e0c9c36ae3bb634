"""The rules an item can have: a small strict schema over codes, order, metrics and answers to
cues. Nothing else can be said in an instrument's file, so every judgement can be put in words."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Part(BaseModel):
    """Base of all parts of an instrument: frozen, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Codes = Annotated[tuple[str, ...], Field(min_length=1)]
"""Names from the codebook; any of them counts."""


class Says(Part):
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


class Avoids(Part):
    """The learner does none of these things, or few."""

    kind: Literal["avoids"]
    codes: Codes
    at_most: int = Field(default=0, ge=0)
    needs: tuple[str, ...] = ()
    """Only judged when one of these happened: nobody avoids what there was no occasion for."""


class Order(Part):
    """What happened of these steps happened in this order, by the first time of each."""

    kind: Literal["order"]
    steps: tuple[Codes, ...] = Field(min_length=2)
    least: int = Field(default=2, ge=2)
    """So many of the steps have to have happened for an order to be judged."""


class MetricIs(Part):
    """A metric of the registry lies within bounds, in the metric's unit."""

    kind: Literal["metric"]
    metric: str
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> MetricIs:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a metric rule needs `at_least` or `at_most`")
        return self


class Ratio(Part):
    """How often some codes happen for each time that others do."""

    kind: Literal["ratio"]
    over: Codes
    under: Codes
    at_least: float


class Answers(Part):
    """Share of the cues and concerns that were answered so."""

    kind: Literal["answers"]
    how: Literal["provides", "explicit", "continuer"]
    at_least: float | None = Field(default=None, ge=0.0, le=1.0)
    """None: the share is shown and nothing is judged."""


class Count(Part):
    """How often; nothing is judged, because the source gives no threshold."""

    kind: Literal["count"]
    codes: Codes
    per: Literal["encounter", "cue"] = "encounter"


class CountAnswers(Part):
    """How many cues and concerns were answered so; nothing is judged."""

    kind: Literal["count_answers"]
    explicit: bool | None = None
    provides: bool | None = None
    """None counts either."""


class ItemIs(Part):
    """What another item says."""

    kind: Literal["item"]
    item: str


class AllOf(Part):
    """Every one of these."""

    kind: Literal["all"]
    rules: tuple[Rule, ...] = Field(min_length=2)


class AnyOf(Part):
    """At least one of these."""

    kind: Literal["any"]
    rules: tuple[Rule, ...] = Field(min_length=2)


Rule = Annotated[
    Says
    | Avoids
    | Order
    | MetricIs
    | Ratio
    | Answers
    | Count
    | CountAnswers
    | ItemIs
    | AllOf
    | AnyOf,
    Field(discriminator="kind"),
]

AllOf.model_rebuild()
AnyOf.model_rebuild()


def codes_of(rule: Rule) -> frozenset[str]:
    """Every code that a rule speaks of."""
    match rule:
        case Says():
            return frozenset((*rule.codes, *rule.before, *rule.after, *rule.needs))
        case Avoids():
            return frozenset((*rule.codes, *rule.needs))
        case Order():
            return frozenset(code for step in rule.steps for code in step)
        case Ratio():
            return frozenset((*rule.over, *rule.under))
        case Count():
            return frozenset(rule.codes)
        case AllOf() | AnyOf():
            return frozenset().union(*(codes_of(each) for each in rule.rules))
        case MetricIs() | Answers() | CountAnswers() | ItemIs():
            return frozenset()


# -- in words -------------------------------------------------------------------------------


def in_words(rule: Rule) -> str:
    """What the rule looks for, as a clause that an educator reads."""
    match rule:
        case Says():
            return _says(rule)
        case Avoids():
            least = "no" if rule.at_most == 0 else f"at most {rule.at_most}"
            needs = f", where there was {_any(rule.needs)}" if rule.needs else ""
            return f"{least} {_any(rule.codes)}{needs}"
        case Order():
            return "in this order: " + ", ".join(_any(step) for step in rule.steps)
        case MetricIs():
            return f"{rule.metric.replace('_', ' ')} {_bounds(rule)}"
        case Ratio():
            over, under = _any(rule.over), _any(rule.under)
            return f"at least {rule.at_least:g} of {over} for each {under}"
        case Answers():
            return _answers(rule)
        case Count():
            each = " for each cue" if rule.per == "cue" else ""
            return f"how often there was {_any(rule.codes)}{each}"
        case CountAnswers():
            return f"how many cues and concerns got an answer that was {_quadrant(rule)}"
        case ItemIs():
            return f"what the item {rule.item} says"
        case AllOf():
            return "; and ".join(in_words(each) for each in rule.rules)
        case AnyOf():
            return "; or ".join(in_words(each) for each in rule.rules)


def _says(rule: Says) -> str:
    often = "" if rule.at_least == 1 else f"at least {rule.at_least} times: "
    where = f", before the first time of {_any(rule.before)}" if rule.before else ""
    where += f", after the first time of {_any(rule.after)}" if rule.after else ""
    where += f" within your first {rule.first_turns} turns" if rule.first_turns else ""
    where += f" within your last {rule.last_turns} turns" if rule.last_turns else ""
    where += f", where there was {_any(rule.needs)}" if rule.needs else ""
    return f"heard {often}{_any(rule.codes)}{where}"


def _answers(rule: Answers) -> str:
    share = {
        "provides": "answers that gave room for more",
        "explicit": "answers that took up what was said or felt",
        "continuer": "answers in words that invite more",
    }[rule.how]
    if rule.at_least is None:
        return f"the share of cues and concerns with {share}"
    return f"at least {rule.at_least:.0%} of the cues and concerns with {share}"


def _quadrant(rule: CountAnswers) -> str:
    parts = []
    if rule.explicit is not None:
        parts.append("explicit" if rule.explicit else "not explicit")
    if rule.provides is not None:
        parts.append("giving room" if rule.provides else "taking room")
    return " and ".join(parts) or "of any kind"


def _bounds(rule: MetricIs) -> str:
    low = f"at least {rule.at_least:g}" if rule.at_least is not None else ""
    high = f"at most {rule.at_most:g}" if rule.at_most is not None else ""
    return " and ".join(part for part in (low, high) if part)


def _any(codes: Iterable[str]) -> str:
    return " or ".join(label(code) for code in codes)


def label(code: str) -> str:
    """What a code is called in a sentence; one that has no name goes by its own."""
    return _labels().get(code, code.replace("_", " "))


@cache
def _labels() -> Mapping[str, str]:
    path = files("simvoice.scoring") / "data" / "labels.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))
