"""Certificates: valid for the bytes that were checked, and only for a case that passed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from simvoice import paths
from simvoice.errors import CaseError
from simvoice.patient.case.load import create_case, load_case
from simvoice.patient.case.suite import load_suite
from simvoice.patient.checking.certificate import (
    CERTIFICATE_FILE,
    certification_fault,
    certify,
    listed_cases,
)
from simvoice.patient.checking.check import check
from simvoice.patient.checking.report import CheckedConversation, Report

SCENARIOS = paths.scenarios_dir()
"""Read at collection, because other tests replace the folder."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return create_case("van-driver", tmp_path)


def passing() -> Report:
    return Report(
        "van-driver",
        probes=10,
        conversations=120,
        turns=900,
        skilled=CheckedConversation("tries", 0.8, ("father",)),
        poor=CheckedConversation("leaves", 0.1, ()),
    )


def test_a_new_case_passes_its_own_check(file: Path) -> None:
    case = load_case(file)
    assert case.id == "van-driver"
    report = check(case, load_suite(file, case), None, conversations=8)
    assert report.is_earned
    assert report.findings == []


def test_a_case_that_passed_is_certified_and_then_offered(file: Path) -> None:
    case = load_case(file)
    assert "has not passed its check yet; run: simvoice cases check" in (
        certification_fault(file, case) or ""
    )
    assert certify(file, passing(), "1.2") == file.with_name(CERTIFICATE_FILE)
    assert certification_fault(file, case) is None
    assert [each.fault for each in listed_cases(file.parents[1])] == [None]


@pytest.mark.parametrize("name", ["case.yaml", "suite.yaml"])
def test_any_change_after_the_check_invalidates_the_certificate(file: Path, name: str) -> None:
    certify(file, passing(), "1.2")
    with file.with_name(name).open("a") as changed:
        changed.write("# one more remark\n")
    assert "was changed after its check" in (certification_fault(file, load_case(file)) or "")


def test_a_case_that_fails_loses_the_certificate_it_had(file: Path) -> None:
    certify(file, passing(), "1.2")
    failed = replace(passing(), poor=CheckedConversation("tries", 0.8, ("father",)))
    assert not failed.passed
    assert certify(file, failed, "1.3") is None
    assert not file.with_name(CERTIFICATE_FILE).exists()


def test_a_quick_check_neither_writes_nor_deletes_a_certificate(file: Path) -> None:
    assert certify(file, replace(passing(), conversations=27), "1.2") is None
    assert not file.with_name(CERTIFICATE_FILE).exists()
    certify(file, passing(), "1.2")
    assert certify(file, replace(passing(), conversations=27), "1.2") is None
    assert certification_fault(file, load_case(file)) is None


def test_an_unreadable_certificate_is_invalid(file: Path) -> None:
    file.with_name(CERTIFICATE_FILE).write_text("{", encoding="utf-8")
    assert "cannot be read" in (certification_fault(file, load_case(file)) or "")


def test_a_broken_case_is_listed_with_its_fault(file: Path) -> None:
    file.write_text("id: van-driver\ntitel: x\n", encoding="utf-8")
    (found,) = listed_cases(file.parents[1])
    assert found.case is None
    assert "case.yaml:" in (found.fault or "")


def test_an_invalid_or_used_id_is_refused(file: Path) -> None:
    with pytest.raises(CaseError, match="small letters, digits and hyphens"):
        create_case("Van Driver", file.parents[1])
    with pytest.raises(CaseError, match="exists already"):
        create_case("van-driver", file.parents[1])


@pytest.mark.slow
def test_every_case_that_comes_with_simvoice_is_certified() -> None:
    found = listed_cases(SCENARIOS)
    assert [each.fault for each in found if each.fault] == []


def test_the_schema_file_beside_the_cases_is_current() -> None:
    from simvoice.patient.case.schema import case_schema

    stored = json.loads((SCENARIOS / "case.schema.json").read_text(encoding="utf-8"))
    assert stored == case_schema()
