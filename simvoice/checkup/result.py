"""What a check comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

State = Literal["ok", "warn", "fail"]
"""fail: something needed is missing. warn: it works, but not as it should, or not everything."""

Fact = str | int | float | bool | None | Sequence["Fact"] | dict[str, "Fact"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    sentence: str
    remedy: str = ""
    """What to do about it; empty when all is well."""
    facts: dict[str, Fact] = field(default_factory=dict)
    """What was measured, with the unit in each name."""


def good(name: str, sentence: str, **facts: Fact) -> Check:
    """All is well."""
    return Check(name, "ok", sentence, facts=facts)


def doubtful(name: str, sentence: str, remedy: str, **facts: Fact) -> Check:
    """It works, but not as it should."""
    return Check(name, "warn", sentence, remedy, facts)


def wrong(name: str, sentence: str, remedy: str, **facts: Fact) -> Check:
    """Something needed is missing."""
    return Check(name, "fail", sentence, remedy, facts)
