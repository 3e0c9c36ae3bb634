"""Neighbours of each deed: what must not be credited, and what must not be called undone.

`data/neighbours.tsv` says who wrote the lines, and when.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, Literal

import pytest

from simvoice.coding.codebook import CODEBOOK
from simvoice.coding.coder import Coder
from simvoice.coding.grade import grade, has_broad_forms, is_found_by_coder, possible_words
from simvoice.criteria.rule import Rule
from simvoice.criteria.word_rules import AvoidsRule, SaysRule
from simvoice.scoring.instruments.instrument import critical_instrument, items
from tests.shipped_cases import CASE_IDS, shipped_case

DEEDS: Final = {
    "greets": "os12-1-greets",
    "introduces": "os12-1-introduces",
    "opens": "os12-1-opening-question",
    "perception": "spikes-perception",
    "concerns": "bas-concerns",
    "invitation": "spikes-invitation",
    "warning": "spikes-knowledge-warning",
    "says_cancer": "breast-biopsy",
    "gave back": "listening-gave-back",
    "sums up": "os12-2-sums-up",
    "checks": "spikes-knowledge-check",
    "empathy": "spikes-emotion-answers",
    "plan": "spikes-strategy-plan",
    "offers time": "grieving-space",
    "comforts falsely": "spikes-emotion-no-comfort",
    "attacks": "empathy-no-blame",
    "matters_first": "goals-of-care",
    "time_is_short": "goals-of-care",
    "recommends": "goals-of-care",
    "heard_out": "angry-relative",
    "owns_it": "angry-relative",
    "his_choice": "behaviour-change",
    "his_reasons": "behaviour-change",
    "his_plan": "behaviour-change",
}
"""Deed to the item that asks for it, or to the case whose critical item has the deed's name."""


def neighbours(kind: Literal["wrong", "done"]) -> Iterator[tuple[str, str, str]]:
    """(deed, the learner's words, the patient's words before them)."""
    lines = (Path(__file__).parent / "data" / "neighbours.tsv").read_text("utf-8").splitlines()
    for line in lines:
        deed, its_kind, text, before = [*line.split("\t"), "", "", ""][:4]
        if its_kind == kind:
            yield deed, text, before


@cache
def rule_of(deed: str) -> tuple[tuple[str, ...], Coder]:
    """The codes of the item that asks for a deed, and the coder that finds them."""
    place = DEEDS[deed]
    if place not in CASE_IDS:
        return codes_of(items()[place].rule), Coder()
    case = shipped_case(place)
    sheet = critical_instrument(case.id, case.critical_items)
    assert sheet is not None
    own = next(i for i in sheet.items if i.id.endswith(deed.replace("_", "-")))
    return codes_of(own.rule), case.coder


def codes_of(rule: Rule | None) -> tuple[str, ...]:
    assert rule is not None
    parts = (each for each in rule.parts() if isinstance(each, SaysRule | AvoidsRule))
    return next(parts).codes


def is_certain(deed: str, text: str, before: str) -> bool:
    """Whether a debrief would assert that these words do the deed."""
    codes, coder = rule_of(deed)
    found = [each for each in coder.code(text) if each.name in codes]
    if any(grade(f.name, f.words, text, before, f.confidence) == "certain" for f in found):
        return True
    broad = ((code, possible_words(code, text, before)[0]) for code in codes)
    return any(
        code in CODEBOOK
        and not is_found_by_coder(code)
        and grade(code, words, text, before) == "certain"
        for code, words in broad
        if words
    )


def is_open(deed: str, text: str, before: str) -> bool:
    """Whether these words keep a debrief from saying that the deed was not done."""
    codes, coder = rule_of(deed)
    return (
        not all(map(has_broad_forms, codes))
        or any(each.name in codes for each in coder.code(text))
        or any(possible_words(code, text, before)[0] for code in codes)
    )


@pytest.mark.parametrize("deed", DEEDS)
def test_words_with_another_meaning_earn_no_credit(deed: str) -> None:
    lines = [(text, before) for d, text, before in neighbours("wrong") if d == deed]
    assert len(lines) >= 8
    assert [text for text, before in lines if is_certain(deed, text, before)] == []


@pytest.mark.parametrize("deed", DEEDS)
def test_unusual_words_are_not_called_undone(deed: str) -> None:
    lines = [(text, before) for d, text, before in neighbours("done") if d == deed]
    assert len(lines) >= 8
    assert [text for text, before in lines if not is_open(deed, text, before)] == []
