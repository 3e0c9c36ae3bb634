"""The cases that come with simvoice are different people: no two share a line or a voice."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from simvoice import paths
from simvoice.app.attempt_header import turn_taking_of
from simvoice.patient.case.load import find_cases, load_case
from simvoice.patient.case.schema import Case
from simvoice.patient.case.suite import load_suite
from simvoice.simulate.demo import load_demo

FILES = find_cases(paths.scenarios_dir())
CASES = {case_id: load_case(file) for case_id, file in FILES.items()}


def plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z ]", "", text.lower()).split())


def test_there_is_a_case_for_each_of_the_six_courses() -> None:
    assert len({case.course for case in CASES.values()}) >= 6


def test_no_two_patients_share_a_line() -> None:
    said: dict[str, set[str]] = defaultdict(set)
    for case_id, case in CASES.items():
        for line in case.lines:
            for text, _ in line.texts:
                said[plain(text)].add(case_id)
    assert [text for text, owners in said.items() if len(owners) > 1] == []


def test_no_two_patients_share_a_voice() -> None:
    voices = [case.person.voice.model_dump_json() for case in CASES.values()]
    assert len(set(voices)) == len(voices)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_each_case_has_all_its_parts(case: Case) -> None:
    file = FILES[case.id]
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
