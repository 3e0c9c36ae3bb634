"""Rules that consist of other rules, or name another item."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from simvoice.criteria.encounter import (
    CERTAINTIES,
    MOST_EVIDENCE,
    Certainty,
    JudgedEncounter,
    Labels,
    RuleVerdict,
    not_judged,
)
from simvoice.criteria.rule import NameKind, Rule

if TYPE_CHECKING:
    # any rule kind; `simvoice.criteria` gives pydantic the kinds when all of them are defined
    ItemRule = Rule


class ItemIsRule(Rule):
    """Another item of the instruments decides."""

    kind: Literal["item"]
    item: str

    by_words: ClassVar[bool] = True

    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause."""
        return f"what the item {self.item} says"

    def judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        """The verdict on the other item."""
        other = encounter.item(self.item)
        return not_judged(f"simvoice has no item {self.item}") if other is None else other


class CombinedRule(Rule):
    """A rule that consists of others."""

    rules: tuple[ItemRule, ...] = Field(min_length=2)

    joint: ClassVar[str]
    """The word between its rules, in words."""

    def parts(self) -> Iterator[Rule]:
        """The simple rules of which it consists, at any depth."""
        for each in self.rules:
            yield from each.parts()

    def named_codes(self) -> frozenset[str]:
        """Every code that one of its rules names."""
        return frozenset().union(*(each.named_codes() for each in self.rules))

    def names(self) -> Iterator[tuple[NameKind, tuple[str, ...]]]:
        """The names of all its rules."""
        for each in self.rules:
            yield from each.names()

    def problems(self, known: Mapping[str, Collection[str]]) -> Iterator[str]:
        """The problems of all its rules."""
        for each in self.rules:
            yield from each.problems(known)

    def for_record(self, lines: Mapping[str, tuple[str, ...]]) -> Self:
        """The rule with its rules as the header of an attempt stores them."""
        return self.model_copy(
            update={"rules": tuple(each.for_record(lines) for each in self.rules)}
        )

    def in_words(self, labels: Labels) -> str:
        """Its rules, each as a clause."""
        return f"; {self.joint} ".join(each.in_words(labels) for each in self.rules)


class AllOfRule(CombinedRule):
    """Every one of these."""

    kind: Literal["all"]
    joint: ClassVar[str] = "and"

    def judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        """Not met when any part is not met; otherwise not judged, and then open, when any part
        is."""
        parts = [each.judge(encounter) for each in self.rules]
        for outcome in ("not met", "not judged", "open"):
            bad = next((each for each in parts if each.outcome == outcome), None)
            if bad is not None:
                return bad
        # evidence of each part, so that each can be checked
        by_turns = chain.from_iterable(zip_longest(*(each.evidence for each in parts)))
        shown = tuple(dict.fromkeys(e for e in by_turns if e is not None))[:MOST_EVIDENCE]
        return RuleVerdict("met", tuple(sorted(shown, key=lambda e: e.at_s)), _lowest(parts))


class AnyOfRule(CombinedRule):
    """At least one of these."""

    kind: Literal["any"]
    joint: ClassVar[str] = "or"

    def judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        """Met when any part is met; otherwise open, and then not judged, when any part is, because
        that part might have been met."""
        parts = [each.judge(encounter) for each in self.rules]
        for outcome in ("met", "open", "not judged"):
            good = next((each for each in parts if each.outcome == outcome), None)
            if good is not None:
                return good
        return replace(parts[0], certainty=_lowest(parts))


def _lowest(parts: Sequence[RuleVerdict]) -> Certainty | None:
    sure = [each.certainty for each in parts if each.certainty is not None]
    return min(sure, key=CERTAINTIES.index, default=None)
