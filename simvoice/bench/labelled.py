"""Clinician utterances labelled by hand, as a recogniser gives them, and how well they are coded.

They lie with the tests (`tests/coding/data`), each suite in two halves: one that was looked at
while the rules were written, one that was labelled before and held out. Both are by the author of
the rules, so the held-out half too is kinder than somebody else's words would be.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from simvoice.coding.coder import code

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "coding" / "data"
HALVES = ("seen", "held-out")

EVENTS = (
    "introduction", "ask_perception", "ask_permission", "warning_shot", "empathy_name",
    "empathy_understand", "empathy_respect", "empathy_support", "empathy_explore", "normalising",
    "chunk_check", "teach_back", "summary", "plan", "safety_net", "invite_questions", "signpost",
)  # fmt: skip
"""What is labelled of SPIKES and NURSE. The headline is not: its words come with each case."""

_JARGON = {"unexplained": "jargon", "explained": "jargon_explained"}

Label = tuple[str, str]
"""Name of a code, and the term for jargon or nothing."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What one utterance holds, and what was found in it."""

    text: str
    given: frozenset[Label]
    found: frozenset[Label]


def events(half: str, folder: Path = FOLDER) -> tuple[Labels, ...]:
    """The SPIKES and NURSE suite; half: "seen" or "held-out". Empty where the file is not."""
    return tuple(
        Labels(
            row["text"],
            frozenset((name, "") for name in row["codes"].split(",") if name),
            frozenset((each.name, "") for each in code(row["text"]) if each.name in EVENTS),
        )
        for row in _rows(folder / f"events-{half}.tsv")
    )


def jargon(half: str, folder: Path = FOLDER) -> tuple[Labels, ...]:
    """The jargon suite: each term, left unexplained or explained."""
    return tuple(
        Labels(
            row["text"],
            frozenset(
                (name, term)
                for column, name in _JARGON.items()
                for term in row[column].split(",")
                if term
            ),
            frozenset(
                (each.name, each.words.lower())
                for each in code(row["text"])
                if each.name in _JARGON.values()
            ),
        )
        for row in _rows(folder / f"jargon-{half}.tsv")
    )


def _rows(file: Path) -> Iterator[dict[str, str]]:
    if file.is_file():
        with file.open(encoding="utf-8", newline="") as lines:
            yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


def f1_by_code(utterances: Iterable[Labels]) -> dict[str, float]:
    """F1 of each code that is labelled or found."""
    right: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for each in utterances:
        right.update(name for name, _ in each.given & each.found)
        named.update(name for name, _ in (*each.given, *each.found))
    return {name: 2 * right[name] / named[name] for name in sorted(named)}


def macro_f1(utterances: Iterable[Labels]) -> float | None:
    """Mean over codes, so that a rare code counts as much as a frequent one; None without any."""
    scores = f1_by_code(utterances)
    return sum(scores.values()) / len(scores) if scores else None
