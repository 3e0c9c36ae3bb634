"""The definition of every metric, read from `data/metrics.toml`, and the page made from it."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field

from simvoice.reading.reading import Need
from simvoice.scoring.data_files import read_toml
from simvoice.strict_model import StrictModel

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
"""Which direction is better; "none" where that depends on the visit."""

NEED_WORDS: dict[Need, str] = {
    "speech": "who spoke when",
    "sound": "the sound",
    "words": "the words",
    "journal": "the journal of an attempt",
}
"""What a metric is computed from, in words."""


class Definition(StrictModel):
    """The definition of one metric."""

    key: str
    name: str
    """The name that a learner reads."""
    unit: Unit
    definition: str
    direction: BetterDirection
    needs: tuple[Need, ...] = Field(min_length=1)
    unmeasurable: str
    """When there is no value, in words; "never" when there always is a value."""
    source: str


@cache
def definitions() -> tuple[Definition, ...]:
    """All definitions, in the order in which a debrief shows them."""
    entries = read_toml("metrics.toml")["metric"]
    return tuple(Definition.model_validate(entry) for entry in entries)


_HEAD = """# The codebook

This page lists every number that simvoice gives. It is made from
`simvoice/scoring/data/metrics.toml`. To change it, edit that file and run
`python -m simvoice.scoring.metrics.definitions docs/metrics.md`.

"Better" says which direction is better, where the literature or the aim of a case says so. "–"
means that this depends on the visit.

A number measured from sound has a 90 % interval: in 90 of 100 recordings made under the same
conditions (noise, leak between the channels, clipping, lost sound, echo) the interval contains the
true value. `simvoice calibrate` measures this on conversations with planted truth. An interval need
not contain its number: the measurement is then known to be too high or too low.
"""


def markdown() -> str:
    """All definitions as a Markdown page."""
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
