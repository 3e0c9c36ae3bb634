"""The cases that come with simvoice are different people: no two share a line or a voice."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from simvoice.app.attempt_header import turn_taking_of
from simvoice.patient.case.suite import load_suite
from simvoice.simulate.demo import load_demo
from tests.shipped_cases import CASE_IDS, FILES, shipped_case

pytestmark = pytest.mark.slow


def plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z ]", "", text.lower()).split())


def test_there_is_a_case_for_each_of_the_six_courses() -> None:
    assert len({case.course for case in map(shipped_case, CASE_IDS)}) >= 6


def test_no_two_patients_share_a_line() -> None:
    said: dict[str, set[str]] = defaultdict(set)
    for case_id in CASE_IDS:
        for line in shipped_case(case_id).lines:
            for text, _ in line.texts:
                said[plain(text)].add(case_id)
    assert [text for text, owners in said.items() if len(owners) > 1] == []


def test_no_two_patients_share_a_voice() -> None:
    voices = [case.person.voice.model_dump_json() for case in map(shipped_case, CASE_IDS)]
    assert len(set(voices)) == len(voices)


@pytest.mark.parametrize("case_id", CASE_IDS)
def test_each_case_has_all_its_parts(case_id: str) -> None:
    case, file = shipped_case(case_id), FILES[case_id]
    assert len(case.lines) >= 120
    assert len(case.endings) >= 5
    assert len(case.sources) >= 2
    turn_taking_of(case)
    suite = load_suite(file, case)
    assert suite is not None
    assert len(suite.probes) >= 60
    assert {"skilled", "poor", "hostile", "silent", "rambling", "jargon", "injection"} <= {
        learner.kind for learner in suite.learners
    }
    assert len(load_demo(file, "skilled").steps) >= 8
    assert len(load_demo(file, "poor").steps) >= 8
