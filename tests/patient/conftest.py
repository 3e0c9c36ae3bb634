"""Fixtures: the first case, its suite, and a patient that decides by words alone."""

from __future__ import annotations

import pytest

from simvoice import paths
from simvoice.patient.case.load import load_case, locate_case
from simvoice.patient.case.schema import Case
from simvoice.patient.case.suite import Suite, load_suite
from simvoice.patient.mind import Patient


@pytest.fixture(scope="session")
def case() -> Case:
    return load_case(locate_case("breast-biopsy", paths.scenarios_dir()))


@pytest.fixture(scope="session")
def suite(case: Case) -> Suite:
    found = load_suite(locate_case("breast-biopsy", paths.scenarios_dir()), case)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def patient(case: Case) -> Patient:
    return Patient(case, None)
