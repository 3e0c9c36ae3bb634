"""Name codes and metrics in the text of rules for educators; `criteria` words the rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final

from simvoice.coding.codebook import NEWS, group
from simvoice.criteria import ItemRule
from simvoice.scoring.data_files import read_toml
from simvoice.scoring.metrics.definitions import definitions

Means = Mapping[str, str]
"""Code that only a case has, to its meaning, a sentence."""
NO_MEANINGS: Means = MappingProxyType({})
_INFORMS: Final = group("informs")
INVITES: Final = group("leaves_room")
FEELS: Final = group("answers_feeling")
PLANS: Final = group("needs_calm")
SUMS_UP: Final = frozenset({"summary"})
"""Codes that earn credit only under further conditions (`credit`)."""


@dataclass(frozen=True, slots=True)
class RuleLabels:
    """The names of codes and metrics in the text of a rule (`criteria.encounter.Labels`)."""

    means: Means = field(default_factory=lambda: NO_MEANINGS)
    """Meanings of the codes that only the case has."""

    def codes(self, codes: Iterable[str]) -> str:
        """Codes as a list in words."""
        return codes_in_words(codes, self.means)

    def void(self, codes: Iterable[str]) -> str:
        """Where these codes earn no credit, a clause."""
        reasons = void_reasons(frozenset(codes))
        return "where " + " or ".join(
            part for part in (", ".join(reasons[:-1]), reasons[-1]) if part
        )

    def metric(self, key: str) -> str:
        """The name of a metric; its key in plain letters where it is unknown."""
        names = (entry.name for entry in definitions() if entry.key == key)
        return next(names, key.replace("_", " "))


def void_reasons(codes: Collection[str]) -> tuple[str, ...]:
    """What makes credit for these codes open, each a clause after "it is open where"."""
    given = frozenset(codes)
    reasons = ["it cut the patient off"]
    if given & INVITES:
        reasons.append("it left no room for an answer")
    if given & FEELS:
        reasons.append("the patient had just asked something")
        reasons += [
            "the feeling may not be the patient's",
            "it did not raise the patient's trust",
        ]
    if given & PLANS:
        reasons.append("the patient may not have taken it in yet")
    if given & NEWS:
        reasons.append("the encounter ended soon after it")
    if given & SUMS_UP:
        reasons.append("it has hardly a word of what the patient said")
    return tuple(reasons)


def rule_in_words(rule: ItemRule, means: Means = NO_MEANINGS) -> str:
    """What a rule looks for, as a clause. means: meanings of the codes that only the case has."""
    return rule.in_words(RuleLabels(means))


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
