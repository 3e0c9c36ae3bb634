"""The entry of every metric in `data/metrics.toml`, and the page made from them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

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


Moments = Literal["interruptions", "holds held", "holds filled"]
"""What a metric counts, where an item shows each one as evidence. holds held: silences of the
patient that the learner let stand."""


class Definition(StrictModel):
    """One metric: its definition, and all that depends on the metric."""

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
    group: str
    """The heading under which a debrief shows it; one of `metric_groups`."""
    norm_decision: str
    """Why no published number is shown with it: id of a `norms.MetricsDecision`."""
    decided_live: bool = False
    """In an attempt the value comes from what the encounter decided, and not from the sound."""
    by_overlap_kind: bool = False
    """Depends on the kind of an overlap, which the words give reliably and the sound less so."""
    relative_error: bool = False
    """The error grows with the value, as in a sum of seconds."""
    signed: bool = False
    """May be below zero."""
    tolerates_echo: bool = False
    """Measurable in a room with a decay of 0.6 to 1 s."""
    calibrated: bool = True
    """False when it is planted too seldom for an interval."""
    in_virtual_time: bool = True
    """False when it means nothing where the machine is never late."""
    moments: Moments | None = None
    """What it counts; None where an item shows no single moments."""
    on_page: int | None = None
    """Place among the numbers that the page shows first, the lowest first; None for none."""
    in_terminal: int | None = None
    """Place among the numbers that the first screen in a terminal may show."""
    followed: bool = False
    """Compared from attempt to attempt."""
    heading: str = ""
    """Heading of its column in a list of conversations; empty for none."""


@cache
def _file() -> dict[str, Any]:
    return read_toml("metrics.toml")


@cache
def definitions() -> tuple[Definition, ...]:
    """All entries, in the order in which a debrief shows them."""
    return read_definitions(_file())


@cache
def definition_of() -> Mapping[str, Definition]:
    """Every entry by its key, in the same order."""
    return MappingProxyType({entry.key: entry for entry in definitions()})


def metric_groups() -> tuple[str, ...]:
    """The headings under which a debrief shows the numbers, in order."""
    return tuple(_file()["groups"])


def read_definitions(raw: Mapping[str, Any]) -> tuple[Definition, ...]:
    """The entries of a parsed file of the form of `data/metrics.toml`.

    Raises ValueError, with a sentence, for a key or a place that two entries have, and for a group
    that the file does not list; pydantic's ValidationError for a wrong field.
    """
    entries = tuple(Definition.model_validate(entry) for entry in raw["metric"])
    keys = [entry.key for entry in entries]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValueError(f"two metrics have the key {twice[0]!r}; rename one")
    for entry in entries:
        if entry.group not in raw["groups"]:
            raise ValueError(
                f"the metric {entry.key!r} names the unknown group {entry.group!r}; "
                f"choose from: {', '.join(raw['groups'])}"
            )
    for field in ("on_page", "in_terminal"):
        places: dict[int, str] = {}
        for entry in entries:
            place = getattr(entry, field)
            if place is not None and places.setdefault(place, entry.key) != entry.key:
                raise ValueError(
                    f"the metrics {places[place]!r} and {entry.key!r} both have {field} = {place}; "
                    "give one of them another place"
                )
    return entries


def first_on_page() -> tuple[str, ...]:
    """Keys of the numbers that the page shows first, in order; the page folds the others."""
    placed = [(entry.on_page, entry.key) for entry in definitions() if entry.on_page is not None]
    return tuple(key for _, key in sorted(placed))


def first_in_terminal() -> tuple[str, ...]:
    """Keys of the numbers for the first screen in a terminal, the most telling first."""
    placed = [(e.in_terminal, e.key) for e in definitions() if e.in_terminal is not None]
    return tuple(key for _, key in sorted(placed))


def followed() -> tuple[str, ...]:
    """Keys of the metrics that are compared from attempt to attempt, in order."""
    return tuple(entry.key for entry in definitions() if entry.followed)


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

"In a room with echo" means a decay of 0.6 to 1 s, beyond the 0.4 s that were calibrated. It matters
for numbers that are measured from sound.
"""


def markdown() -> str:
    """All definitions as a Markdown page."""
    return "\n".join([_HEAD, *(_entry(entry) for entry in definitions())])


def _entry(metric: Definition) -> str:
    echo = "measurable" if metric.tolerates_echo else "not measurable"
    rows = (
        ("unit", metric.unit),
        ("better", "–" if metric.direction == "none" else metric.direction),
        ("shown under", metric.group),
        ("needs", ", ".join(NEED_WORDS[need] for need in metric.needs)),
        *((("in a room with echo", echo),) if {"speech", "sound"} & {*metric.needs} else ()),
        ("not measurable when", metric.unmeasurable),
        ("source", metric.source),
    )
    facts = "\n".join(f"- {name}: {value}" for name, value in rows)
    return f"## `{metric.key}`: {metric.name}\n\n{metric.definition}\n\n{facts}\n"


if __name__ == "__main__":
    import sys
    from pathlib import Path

    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
