"""The embedder on questions that are not among the exemplars."""

from __future__ import annotations

import pytest

from simvoice.models import manifest
from simvoice.patient.case.schema import Case
from simvoice.patient.case.suite import Suite
from simvoice.patient.checking.check import check


@pytest.mark.engine
def test_nine_in_ten_questions_get_the_right_line(case: Case, suite: Suite) -> None:
    from simvoice.engines.embed.minilm import MiniLM

    report = check(case, suite, MiniLM(manifest.locate("minilm-l6-v2")), conversations=11)
    assert report.probes >= 60
    assert report.right_answer_rate >= 0.9
    assert report.findings == []
    assert report.unexpected_endings == []
