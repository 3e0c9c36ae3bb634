"""The codebook: every metric's definition, read from `data/metrics.toml`, and the page of it."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Unit = Literal[
    "percent",
    "seconds",
    "count",
    "words",
    "per minute",
    "words per minute",
    "syllables per second",
    "syllables per second per minute",
    "semitones",
    "semitones per minute",
    "decibels",
    "decibels per minute",
]

BetterDirection = Literal["higher", "lower", "none"]
"""Which way is better; "none" where that depends on the visit."""

Need = Literal["speech", "sound", "words", "journal"]
"""speech: who spoke when, from a journal or from two channels. sound: the waveform itself.
words: what was said. journal: an attempt's own record."""

NEED_WORDS: dict[Need, str] = {
    "speech": "who spoke when",
    "sound": "the sound",
    "words": "the words",
    "journal": "the journal of an attempt",
}
"""As a reader is told what a metric is computed from."""


class Definition(BaseModel):
    """One metric, as data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    name: str
    """As a learner reads it."""
    unit: Unit
    definition: str
    direction: BetterDirection
    needs: tuple[Need, ...] = Field(min_length=1)
    unmeasurable: str
    """When there is no value, in words; "never" when there always is one."""
    source: str


@cache
def definitions() -> tuple[Definition, ...]:
    """All of them, in the order in which a debrief shows them."""
    data = files("simvoice.scoring") / "data" / "metrics.toml"
    found = tomllib.loads(data.read_text(encoding="utf-8"))["metric"]
    return tuple(Definition.model_validate(entry) for entry in found)


_HEAD = """# The codebook

Every number that simvoice gives, once. This page is made from `simvoice/scoring/data/metrics.toml`;
to change it, change that file and run
`python -m simvoice.scoring.metrics.definitions docs/metrics.md`.

"Better" says which way is better, where the literature or the aim of a case says so; where it is
"–", that depends on the visit.

A number that was measured from sound comes with its 90 % interval: in 90 of 100 recordings made
under such conditions (noise, leak between the channels, clipping, lost sound, echo) the truth lies
in it. `simvoice calibrate` measures that on conversations with planted truth. An interval may lie
beside its number: the measurement is then known to come out too high or too low.
"""


def markdown() -> str:
    """The codebook as a page."""
    return "\n".join([_HEAD, *(_entry(entry) for entry in definitions())])


def _entry(metric: Definition) -> str:
    rows = (
        ("unit", metric.unit),
        ("better", "–" if metric.direction == "none" else metric.direction),
        ("needs", ", ".join(NEED_WORDS[need] for need in metric.needs)),
        ("not measurable when", metric.unmeasurable),
        ("source", metric.source),
    )
    facts = "\n".join(f"- {name}: {value}" for name, value in rows)
    return f"## `{metric.key}`: {metric.name}\n\n{metric.definition}\n\n{facts}\n"


if __name__ == "__main__":
    import sys
    from pathlib import Path

    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
