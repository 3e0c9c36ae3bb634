"""Write the rules of items in words for educators; `criteria` defines the rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from simvoice.coding.codebook import NEWS, group, in_order
from simvoice.criteria import (
    AllOfRule,
    AnswersRule,
    AnyOfRule,
    AvoidsRule,
    CountAnswersRule,
    CountRule,
    HearsRule,
    ItemIsRule,
    ItemRule,
    LedgerValueRule,
    MetricRule,
    OrderRule,
    RatioRule,
    ReachedRule,
    SaysRule,
    SilenceRule,
    ToldRule,
)
from simvoice.scoring.data_files import read_toml
from simvoice.scoring.metrics.definitions import definitions

Means = Mapping[str, str]
"""Code that only a case has, to its meaning, a sentence."""
NO_MEANINGS: Means = MappingProxyType({})
_INFORMS: Final = group("informs")
CLOSES: Final = in_order(group("closes"))
"""Codes of questions that are open only in form: they ask for nothing that matters to the
patient."""


def rule_in_words(rule: ItemRule, means: Means = NO_MEANINGS) -> str:
    """What a rule looks for, as a clause. means: meanings of the codes that only the case has."""
    match rule:
        case SaysRule():
            return _says(rule, means)
        case AvoidsRule():
            needs = f", where there was {codes_in_words(rule.needs, means)}" if rule.needs else ""
            return f"{_at_most(rule)}: {codes_in_words(rule.codes, means)}{needs}"
        case OrderRule():
            return "in this order: " + "; ".join(codes_in_words(step, means) for step in rule.steps)
        case MetricRule():
            return f"{_metric(rule.metric)}: {'none' if rule.at_most == 0 else _bounds(rule)}"
        case RatioRule():
            over, under = codes_in_words(rule.over, means), codes_in_words(rule.under, means)
            if rule.at_least is None:
                return f"how often there was {over}, compared with {under}"
            times = "" if rule.at_least == 1.0 else f"{rule.at_least:g} times "
            return f"{over}, at least {times}as often as {under}"
        case AnswersRule():
            return _answers(rule)
        case CountRule():
            each = " for each cue" if rule.per == "cue" else ""
            return f"how often there was {codes_in_words(rule.codes, means)}{each}"
        case CountAnswersRule():
            return f"how many cues and concerns got an answer{_quadrant(rule)}"
        case ItemIsRule():
            return f"what the item {rule.item} says"
        case ToldRule():
            return f"the patient told {_things(rule.facts)} that the case's author expects"
        case HearsRule():
            return "the patient said what the case's author expects"
        case ReachedRule():
            return f"the conversation reached {_things(rule.beats)} that the case's author expects"
        case SilenceRule():
            return _silence(rule)
        case LedgerValueRule():
            when = {"end": "at the end", "ever": "at some time", "always": "at all times"}
            return f"the patient's {rule.value.replace('_', ' ')} {_bounds(rule)} {when[rule.when]}"
        case AllOfRule():
            return "; and ".join(rule_in_words(each, means) for each in rule.rules)
        case AnyOfRule():
            return "; or ".join(rule_in_words(each, means) for each in rule.rules)


def _says(rule: SaysRule, means: Means) -> str:
    often = "" if rule.at_least == 1 else f"at least {rule.at_least} times: "
    where = f", before {_first(rule.before, means)}" if rule.before else ""
    where += f", after {_first(rule.after, means)}" if rule.after else ""
    where += f" within your first {rule.first_turns} turns" if rule.first_turns else ""
    where += f" within your last {rule.last_turns} turns" if rule.last_turns else ""
    where += f", where there was {codes_in_words(rule.needs, means)}" if rule.needs else ""
    if "question_open" in rule.codes:
        where += f" ({codes_in_words(CLOSES, means)} asked as a question does not count)"
    return f"heard {often}{codes_in_words(rule.codes, means)}{where}"


def _answers(rule: AnswersRule) -> str:
    share = {
        "provides": "answers that gave space for more",
        "explicit": "answers that took up what was said or felt",
        "continuer": "answers in words that invite more",
    }[rule.how]
    if rule.at_least is None:
        return f"the share of cues and concerns with {share}"
    return f"at least {100.0 * rule.at_least:.0f} % of the cues and concerns with {share}"


def _quadrant(rule: CountAnswersRule) -> str:
    parts = []
    if rule.explicit is not None:
        parts.append("took them up in words" if rule.explicit else "did not take them up")
    if rule.provides is not None:
        parts.append("gave space for more" if rule.provides else "left no space")
    return f" that {' and '.join(parts)}" if parts else ""


def _silence(rule: SilenceRule) -> str:
    which = " that the case's author names" if rule.after else ""
    if rule.outcome == "held":
        return f"a silence of the patient{which} was let stand"
    return f"no silence of the patient{which} was filled, except with words that raised trust"


def _metric(key: str) -> str:
    names = (entry.name for entry in definitions() if entry.key == key)
    return next(names, key.replace("_", " "))


def _things(ids: Collection[str]) -> str:
    # only their number: the ids would reveal what the patient may not have told
    return "the one thing" if len(ids) == 1 else f"the {len(ids)} things"


def _bounds(rule: MetricRule | LedgerValueRule) -> str:
    low = f"at least {rule.at_least:g}" if rule.at_least is not None else ""
    high = f"at most {rule.at_most:g}" if rule.at_most is not None else ""
    return " and ".join(part for part in (low, high) if part)


def _at_most(rule: AvoidsRule) -> str:
    which = "" if len(rule.codes) == 1 else " of these"
    if rule.at_most == 0:
        return f"heard none{which}" if which else "not heard"
    return f"heard at most {rule.at_most}{which}"


def _first(codes: Iterable[str], means: Means) -> str:
    """The first occurrence of any of these codes, as a clause."""
    name = codes_in_words(codes, means)
    return name if name.startswith("the news") else f"{name} was first heard"


def codes_in_words(codes: Iterable[str], means: Means = NO_MEANINGS) -> str:
    """Codes as a list in words.

    News in plain and in clinicians' words together is "the news"; all codes that tell the patient
    something together are "information given".
    """
    listed = list(codes)
    if set(listed) == _INFORMS:
        return "information given"
    names = ["the news"] if listed and set(listed) >= NEWS else []
    names += [code_label(code, means) for code in listed if not (names and code in NEWS)]
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def code_label(code: str, means: Means = NO_MEANINGS) -> str:
    """The name of a code in a sentence: its label, or its meaning in the case."""
    if code in means:
        meaning = means[code].rstrip(".")
        return f"“{meaning[:1].lower()}{meaning[1:]}”"
    return _labels().get(code, code.replace("_", " "))


@cache
def _labels() -> Mapping[str, str]:
    return read_toml("labels.toml")
