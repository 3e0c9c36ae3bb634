"""The cases that come with simvoice, each loaded once in a test process and only when used."""

from __future__ import annotations

from functools import cache

from simvoice import paths
from simvoice.patient.case.load import find_cases, load_case
from simvoice.patient.case.schema import Case

FILES = find_cases(paths.scenarios_dir())
"""Case id to case file."""

CASE_IDS = sorted(FILES)


@cache
def shipped_case(case_id: str) -> Case:
    return load_case(FILES[case_id])
