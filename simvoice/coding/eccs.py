"""How far a response goes toward a feeling, 0..6, as the levels in `data/eccs.toml` have it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from simvoice.coding.codes import Code

DENIAL = 0


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the scale."""

    grade: int
    name: str
    means: str
    codes: frozenset[str]
    """Codes that put a response here."""


@dataclass(frozen=True, slots=True)
class Graded:
    """The level of one response and the code that shows it."""

    level: Level
    by: Code


@cache
def levels() -> tuple[Level, ...]:
    """All levels, lowest first."""
    return tuple(
        Level(each["grade"], each["name"], each["means"], frozenset(each["codes"]))
        for each in _data()["level"]
    )


def is_verified() -> bool:
    """Whether the levels were read in their source; until then no page may call them ECCS."""
    return bool(_data()["verified"])


def graded(response: Sequence[Code]) -> Graded | None:
    """The highest level that the response reaches, None where no code speaks for any.

    response: codes of the turn that follows a patient's cue; elsewhere the grade means nothing.
    A denial weighs more than a routine answer beside it: "Okay, calm down" is a denial.
    """
    found = [
        Graded(level, each) for level in levels() for each in response if each.name in level.codes
    ]
    if not found:
        return None
    best = max(found, key=lambda each: each.level.grade)
    denials = [each for each in found if each.level.grade == DENIAL]
    return denials[0] if denials and best.level.grade <= DENIAL + 1 else best


@cache
def _data() -> dict[str, Any]:
    text = (files("simvoice.coding") / "data" / "eccs.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
