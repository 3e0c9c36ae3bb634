"""The real embedder on questions that are not among the exemplars."""

from __future__ import annotations

import pytest

from simvoice import models
from simvoice.patient.case import Case
from simvoice.patient.check import check
from simvoice.patient.suite import Suite


@pytest.mark.engine
def test_nine_in_ten_questions_get_the_right_line(case: Case, suite: Suite) -> None:
    from simvoice.engines.minilm import MiniLM

    report = check(case, suite, MiniLM(models.locate("minilm-l6-v2")), conversations=11)
    assert report.probes >= 60
    assert report.right_answer_rate >= 0.9
    assert report.findings == []
    assert report.unexpected_endings == []
