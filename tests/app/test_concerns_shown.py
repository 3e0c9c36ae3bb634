"""The record says which of the patient's lines were cues."""

from __future__ import annotations

import pytest

from simvoice import paths
from simvoice.app.attempt_header import concerns_shown
from simvoice.patient.case.load import load_case, locate_case
from simvoice.patient.case.schema import Case

pytestmark = pytest.mark.slow


def breast_biopsy() -> Case:
    return load_case(locate_case("breast-biopsy", *paths.case_dirs()))


def test_every_cue_of_the_case_is_in_it_with_its_concern() -> None:
    case = breast_biopsy()
    found = {(each.line, each.concern) for each in concerns_shown(case)}
    assert {(cue, c.id) for c in case.concerns for cue in c.cues} <= found
    texts = {c.id: c.text for c in case.concerns}
    assert all(each.text == texts[each.concern] for each in concerns_shown(case))


def test_a_line_that_tells_the_concern_is_a_concern_and_no_cue() -> None:
    case = breast_biopsy()
    told = {c.id: c.fact for c in case.concerns}
    lines = {line.id: line for line in case.lines}
    for each in concerns_shown(case):
        assert (told[each.concern] in lines[each.line].tells) == (each.kind == "concern")
    assert {each.kind for each in concerns_shown(case)} == {"cue", "concern"}


def test_no_line_is_named_twice_for_a_concern() -> None:
    pairs = [(each.line, each.concern) for each in concerns_shown(breast_biopsy())]
    assert len(pairs) == len(set(pairs))


def test_a_case_without_concerns_shows_none() -> None:
    assert concerns_shown(breast_biopsy().model_copy(update={"concerns": ()})) == ()
