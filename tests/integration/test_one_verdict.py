"""One verdict: no two sections of a debrief say different things of one silence, sentence or cue,
and each count is the number of lines that it counts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from simvoice.bench.claims import claims_of
from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief, ItemResult, Scored
from simvoice.debrief.wording import outcome_words, tally
from simvoice.reading.reading import read
from tests.integration.test_one_truth import plant
from tests.shipped_cases import CASE_IDS

pytestmark = pytest.mark.slow

_COUNTED = {
    "met": r"(\d+) of \d+ met",
    "open": r"(\d+) open",
    "counted": r"(\d+) counted",
    "unsure": r"(\d+) unsure",
    "not judged": r"(\d+) not judged",
    "for a human": r"(\d+) for a human",
}
"""Outcome to the words of a tally that count it."""


@cache
def debrief_of(case_id: str) -> Debrief:
    with TemporaryDirectory() as folder:
        attempt = plant(Path(folder), case_id)
        return build_debrief(attempt, read(attempt), with_peaks=False)


def conflicts(debrief: Debrief) -> list[str]:
    """A sentence for each thing of which two sections say different things."""
    sheets = (*debrief.headings, *debrief.instruments)
    said: dict[str, set[str]] = defaultdict(set)
    for item in (item for sheet in sheets for item in sheet.items):
        if item.rule and item.outcome != "counted":
            said[f"the rule {item.rule!r}"].add(item.outcome)
        for thing, verdict in _things(item):
            said[thing].add(verdict)
    for cue in debrief.cues:
        said[f"the answer to the cue at {cue.at_s}"].add(cue.grade)
    for mark in debrief.marks:
        if mark.kind == "hold":
            said[f"the silence at {mark.start_s}"].add(
                "held" if mark.outcome == "held" else "ended"
            )
    found = [
        f"{thing}: {sorted(verdicts)}" for thing, verdicts in said.items() if len(verdicts) > 1
    ]
    return [*found, *(wrong for sheet in sheets for wrong in _miscounts(debrief, sheet))]


def _things(item: ItemResult) -> Iterator[tuple[str, str]]:
    """What an item says of single silences, sentences and cues, by its evidence."""
    if item.rule_kind == "silence" and item.evidence:
        moments = sorted(each.at_s for each in item.evidence if not each.quote)
        yield f"the silences at {moments}", item.outcome
    for each in item.evidence:
        if item.rule_kind == "silence" and not each.quote:
            held = each.shows.startswith("let stand")
            yield f"the silence at {each.at_s}", "held" if held else "ended"
        elif item.rule_kind == "answers":
            yield f"the answer to the cue at {each.at_s}", each.grade
        elif item.rule_kind in ("says", "avoids", "count") and ": " not in each.shows:
            label = re.sub(r"^was this (.*?)\?.*$", r"\1", each.shows.partition("; ")[0])
            yield f"{label} in “{each.quote}” at {each.at_s}", each.grade


def _miscounts(debrief: Debrief, sheet: Scored) -> Iterator[str]:
    lines = [claim.text for claim in claims_of(debrief) if claim.section == sheet.name]
    listed = Counter(
        "met"
        if outcome_words(item).startswith("met")
        else "for a human"
        if item.human
        else "unsure"
        if outcome_words(item) == "unsure"
        else item.outcome
        for item in sheet.items
        if item.human or any(line.startswith(f"{item.text}: ") for line in lines)
    )
    for outcome, words in _COUNTED.items():
        counted = re.search(words, tally(sheet))
        if (int(counted[1]) if counted else 0) != listed[outcome]:
            yield f"{sheet.name} counts {tally(sheet)!r} and lists {dict(listed)}"


@pytest.mark.parametrize("case_id", CASE_IDS)
def test_no_two_sections_disagree_about_one_thing(case_id: str) -> None:
    debrief = debrief_of(case_id)
    assert len(list(claims_of(debrief))) >= 100
    assert conflicts(debrief) == []


def test_a_disagreement_is_found() -> None:
    """The comparison sees a silence, a sentence and a count that were changed in one place."""
    debrief = next(d for d in map(debrief_of, CASE_IDS) if d.cues and d.headings[0].items)
    other = debrief.model_copy(
        update={
            "cues": tuple(
                cue.model_copy(
                    update={"grade": "certain" if cue.grade == "possible" else "possible"}
                )
                for cue in debrief.cues
            ),
        }
    )
    assert any("the answer to the cue" in wrong for wrong in conflicts(other))
    silences = [i for i in debrief.headings[0].items if i.rule_kind == "silence"]
    assert silences
    turned = silences[0].model_copy(
        update={"outcome": "met" if silences[0].outcome != "met" else "not met"}
    )
    heading = debrief.headings[0]
    items = tuple(turned if item is silences[0] else item for item in heading.items)
    changed = heading.model_copy(update={"items": items})
    again = (*debrief.instruments, changed)
    assert any("the rule" in wrong for wrong in conflicts(_with(debrief, again)))


def _with(debrief: Debrief, instruments: tuple[Scored, ...]) -> Debrief:
    return debrief.model_copy(update={"instruments": instruments})
