"""How far people agree on a number per encounter, and the interval that follows from it.

Two numbers depend on how the learner's questions and reflections are coded, and people differ on
both: reflections to questions (ICC .64) and the share of open questions (ICC .44). The standard
error of measurement is SD · √(1 - ICC) (Weir 2005, doi 10.1519/15184.1). An interval narrower than
1.96 times that on either side would claim more precision than people have. The machine's own errors
come on top, so this is the narrowest interval that is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import inf, sqrt
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from simvoice.criteria import ItemRule, RatioRule
from simvoice.display import percent
from simvoice.scoring.data_files import read_toml
from simvoice.scoring.metrics.shares import Z95
from simvoice.strict_model import StrictModel


class HumanAgreement(StrictModel):
    """One number, and how far people agree on it."""

    key: str
    name: str
    over: tuple[str, ...] = Field(min_length=1)
    """Codes counted in the numerator."""
    under: tuple[str, ...] = Field(min_length=1)
    """Codes counted in the denominator."""
    unit: Literal["ratio", "share"]
    """ratio: 0 or more. share: 0..1."""
    icc: float = Field(ge=0.0, lt=1.0)
    sd: float = Field(gt=0.0)
    """Standard deviation between encounters, in the number's unit."""
    source: str

    @property
    def sem(self) -> float:
        """Standard error of measurement between people who code the same encounter."""
        return self.sd * sqrt(1.0 - self.icc)

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval."""
        return Z95 * self.sem

    @property
    def detectable(self) -> float:
        """The minimal detectable change between two encounters, 95 %."""
        return Z95 * sqrt(2.0) * self.sem

    def interval(self, value: float) -> tuple[float, float]:
        """(low, high) of the 95 % interval around a value, within the possible values."""
        most = 1.0 if self.unit == "share" else inf
        return max(0.0, value - self.half_width), min(most, value + self.half_width)

    def value(self, counts: Mapping[str, int]) -> float | None:
        """The number from the count of each code; None when the denominator is 0."""
        below = sum(counts.get(code, 0) for code in self.under)
        return sum(counts.get(code, 0) for code in self.over) / below if below else None


@cache
def human_agreements() -> Mapping[str, HumanAgreement]:
    """Every number with a known agreement, by key."""
    entries = read_toml("human_agreement.toml")["number"]
    numbers = [HumanAgreement.model_validate(entry) for entry in entries]
    return MappingProxyType({number.key: number for number in numbers})


def agreement_on(rule: ItemRule | None) -> HumanAgreement | None:
    """The number that a rule computes; None when its agreement is not known."""
    if not isinstance(rule, RatioRule):
        return None
    codes = (frozenset(rule.over), frozenset(rule.under))
    known = human_agreements().values()
    return next((a for a in known if (frozenset(a.over), frozenset(a.under)) == codes), None)


def format_value(number: HumanAgreement, value: float) -> str:
    """A value as text: `1.42`, or `43 %`."""
    return percent(value) if number.unit == "share" else f"{value:.2f}"


def interval_in_words(number: HumanAgreement, value: float) -> str:
    """A sentence with a value, its interval, and the reason for the width."""
    low, high = (format_value(number, end) for end in number.interval(value))
    icc = f"{number.icc:.2f}".removeprefix("0")
    return (
        f"{format_value(number, value)}, 95 % interval {low} to {high}: people who code the same "
        f"encounter differ by that much (ICC {icc}; {number.source})."
    )
