"""The header of an attempt, from its case."""

from __future__ import annotations

import pytest

from simvoice import paths
from simvoice.app.attempt_header import build_header, concerns_shown, turn_taking_of
from simvoice.patient.case.load import load_case, locate_case
from simvoice.ports import LineFacts


@pytest.mark.slow
def test_the_header_says_which_lines_are_cues_and_which_instruments_apply() -> None:
    case = load_case(locate_case("breast-biopsy", *paths.case_dirs()))
    header = build_header(
        case,
        attempt="20260101-000000-breast-biopsy-aaaa",
        line=LineFacts(kind="file", microphone="m", speaker="s", native_rate=16_000, echo="none"),
        turn_taking=turn_taking_of(case),
        models={},
        seed=1,
        learner="",
    )
    assert header.instruments == case.instruments != ()
    assert header.shows == concerns_shown(case) != ()
    assert header.uuid is not None
    assert type(header).model_validate_json(header.model_dump_json()) == header
