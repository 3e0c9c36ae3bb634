"""The base class of rules, and the register of rule kinds.

A rule kind is one class: a subclass of `Rule` whose `kind` is a `Literal`. It has the fields that
an author writes, and says how it is judged, put in words and checked. To define the class is to
register it: instruments, cases and records accept it from then on (`simvoice.criteria.ItemRule`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field

from simvoice.criteria.encounter import JudgedEncounter, Labels, RuleVerdict, not_judged
from simvoice.strict_model import StrictModel

NameKind = Literal["spoken code", "fact", "line", "beat", "silence", "ledger value"]
"""Kinds of names in a case. spoken code: of the codebook or of the case. silence: a beat or line
that leaves one."""

RuleAnswer = Literal["yes or no", "count", "ratio", "share"]
"""What a human rater answers for an item. count: a whole number. ratio: any number from 0. share:
0..1."""


Codes = Annotated[tuple[str, ...], Field(min_length=1)]
"""Names from the codebook; any of them counts."""


class Rule(StrictModel):
    """A rule by which an item is judged."""

    kind: str

    by_words: ClassVar[bool] = False
    """Whether the rule rests on the codes of the learner's words. Other rules use times, and what
    the patient said and felt."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register a rule kind. Raises TypeError when another class has its `kind`."""
        super().__pydantic_init_subclass__(**kwargs)
        # a base of several kinds leaves `kind` open and is no kind itself
        for kind in get_args(cls.model_fields["kind"].annotation):
            other = _KINDS.setdefault(kind, cls)
            if other is not cls:
                raise TypeError(
                    f"{cls.__name__} and {other.__name__} are both the rule kind {kind!r}; "
                    "rename one of them"
                )

    @abstractmethod
    def judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        """Judge the encounter."""

    @abstractmethod
    def in_words(self, labels: Labels) -> str:
        """What the rule looks for, as a clause that addresses the learner. It reveals nothing that
        the patient may not have told."""

    def named_codes(self) -> frozenset[str]:
        """Every code that the rule names."""
        return frozenset()

    def names(self) -> Iterator[tuple[NameKind, tuple[str, ...]]]:
        """The names in the case that the rule refers to, such as ("beat", ("news",)), without
        codes."""
        yield from ()

    def problems(self, known: Mapping[str, Collection[str]]) -> Iterator[str]:
        """Why a case cannot use the rule, each a sentence with the remedy.

        known: the names in the case, by kind.
        """
        for kind, given in (("spoken code", tuple(sorted(self.named_codes()))), *self.names()):
            for name in given:
                if name not in known[kind]:
                    yield (
                        f"rule names the {kind} {name!r}, which does not exist; add it or correct "
                        "the name"
                    )

    def for_record(self, lines: Mapping[str, tuple[str, ...]]) -> Self:
        """The rule as the header of an attempt stores it. lines: of each beat of the case."""
        return self

    def parts(self) -> Iterator[Rule]:
        """The simple rules of which it consists, at any depth; itself when it is simple."""
        yield self

    def answer_kind(self) -> RuleAnswer:
        """What a human rater answers where the rule decides an item."""
        return "yes or no"


class SimpleRule(Rule):
    """A rule that does not consist of others. It is judged when the learner said something."""

    def judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        """Judge the encounter; without any words of the learner there is nothing to judge."""
        if not encounter.turn_count:
            return not_judged("no words of yours were recognised")
        return self._judge(encounter)

    @abstractmethod
    def _judge(self, encounter: JudgedEncounter) -> RuleVerdict:
        """Judge an encounter in which the learner spoke."""


_KINDS: dict[str, type[Rule]] = {}


def rule_kinds() -> Mapping[str, type[Rule]]:
    """Every rule kind that is defined so far: its `kind` to its class, in order of definition."""
    return MappingProxyType(_KINDS)


def bounds_in_words(at_least: float | None, at_most: float | None) -> str:
    """Bounds as a clause: "at least 2 and at most 4"."""
    low = f"at least {at_least:g}" if at_least is not None else ""
    high = f"at most {at_most:g}" if at_most is not None else ""
    return " and ".join(part for part in (low, high) if part)


def is_within(value: float, at_least: float | None, at_most: float | None) -> bool:
    """Whether a value is within bounds, ends included; None is no bound."""
    return (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
