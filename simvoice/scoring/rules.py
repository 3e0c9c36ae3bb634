"""The rules of items in words, as an educator reads them; what they are is in `criteria`."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from simvoice.criteria import (
    AllOf,
    Answers,
    AnyOf,
    Avoids,
    Count,
    CountAnswers,
    Hears,
    ItemIs,
    Ledger,
    MetricIs,
    Order,
    Ratio,
    Reached,
    Rule,
    Says,
    Silence,
    Told,
)

Means = Mapping[str, str]
"""Code of a case's own to what it means, a sentence."""
NONE: Means = MappingProxyType({})


def in_words(rule: Rule, means: Means = NONE) -> str:
    """What the rule looks for, as a clause that an educator reads. means: of a case's own codes."""
    match rule:
        case Says():
            return _says(rule, means)
        case Avoids():
            least = "no" if rule.at_most == 0 else f"at most {rule.at_most}"
            needs = f", where there was {_any(rule.needs, means)}" if rule.needs else ""
            return f"{least} {_any(rule.codes, means)}{needs}"
        case Order():
            return "in this order: " + ", ".join(_any(step, means) for step in rule.steps)
        case MetricIs():
            return f"{rule.metric.replace('_', ' ')} {_bounds(rule)}"
        case Ratio():
            over, under = _any(rule.over, means), _any(rule.under, means)
            if rule.at_least is None:
                return f"how often there was {over}, set against {under}"
            return f"at least {rule.at_least:g} of {over} for each {under}"
        case Answers():
            return _answers(rule)
        case Count():
            each = " for each cue" if rule.per == "cue" else ""
            return f"how often there was {_any(rule.codes, means)}{each}"
        case CountAnswers():
            return f"how many cues and concerns got an answer that was {_quadrant(rule)}"
        case ItemIs():
            return f"what the item {rule.item} says"
        case Told():
            return f"the patient told {_these(rule.facts)} that the case's author waits for"
        case Hears():
            return "the patient came to say what the case's author waits for"
        case Reached():
            return f"the talk came to {_these(rule.beats)} that the case's author waits for"
        case Silence():
            return _silence(rule)
        case Ledger():
            when = {"end": "at the end", "ever": "at some time", "always": "all the time"}
            return f"the patient's {rule.value.replace('_', ' ')} {_bounds(rule)} {when[rule.when]}"
        case AllOf():
            return "; and ".join(in_words(each, means) for each in rule.rules)
        case AnyOf():
            return "; or ".join(in_words(each, means) for each in rule.rules)


def _says(rule: Says, means: Means) -> str:
    often = "" if rule.at_least == 1 else f"at least {rule.at_least} times: "
    where = f", before the first time of {_any(rule.before, means)}" if rule.before else ""
    where += f", after the first time of {_any(rule.after, means)}" if rule.after else ""
    where += f" within your first {rule.first_turns} turns" if rule.first_turns else ""
    where += f" within your last {rule.last_turns} turns" if rule.last_turns else ""
    where += f", where there was {_any(rule.needs, means)}" if rule.needs else ""
    return f"heard {often}{_any(rule.codes, means)}{where}"


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


def _silence(rule: Silence) -> str:
    which = " that the case's author names" if rule.after else ""
    if rule.outcome == "held":
        return f"a silence of the patient's{which} was let stand"
    return f"no silence of the patient's{which} was filled"


def _these(ids: Collection[str]) -> str:
    # by their number: the names in a case tell what a patient may have kept back
    return "the one thing" if len(ids) == 1 else f"the {len(ids)} things"


def _bounds(rule: MetricIs | Ledger) -> str:
    low = f"at least {rule.at_least:g}" if rule.at_least is not None else ""
    high = f"at most {rule.at_most:g}" if rule.at_most is not None else ""
    return " and ".join(part for part in (low, high) if part)


def _any(codes: Iterable[str], means: Means) -> str:
    return " or ".join(label(code, means) for code in codes)


def label(code: str, means: Means = NONE) -> str:
    """What a code is called in a sentence: by its name, or by what it means in its case."""
    if code in means:
        meaning = means[code].rstrip(".")
        return f"“{meaning[:1].lower()}{meaning[1:]}”"
    return _labels().get(code, code.replace("_", " "))


@cache
def _labels() -> Mapping[str, str]:
    path = files("simvoice.scoring") / "data" / "labels.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))
