"""Certificates of cases that passed their check, and the list of cases with their state."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from simvoice.errors import CaseError
from simvoice.patient.case.fields import CasePart
from simvoice.patient.case.load import SUITE_FILE, find_cases, load_case
from simvoice.patient.case.schema import Case
from simvoice.patient.checking.report import Report
from simvoice.yaml_file import read_bytes

# -- certificate ------------------------------------------------------------------------------
# A file beside the case says that the case passed. It is valid only for the same bytes of case and
# suite.


CERTIFICATE_FILE = "certificate.json"
LEAST_CONVERSATIONS = 100
"""Least conversations for a certificate; fewer show too little of what learners may do."""


class Certificate(CasePart):
    """The content of a certificate: what was checked, and the results."""

    case_sha256: str
    suite_sha256: str
    simvoice: str
    """Version of simvoice that ran the check."""
    conversations: int
    turns: int
    probes: int
    right_answer_rate: float
    injections: int
    contradiction_rate: float
    endings: dict[str, int]
    skilled_ends: str
    poor_ends: str


def certify(case_file: Path, report: Report, version: str) -> Path | None:
    """Write the certificate of a case that passed, or delete that of a case that did not.

    Returns the file; None if the case did not pass or too few conversations were played. Raises
    CaseError if the folder cannot be written to.
    """
    path = case_file.with_name(CERTIFICATE_FILE)
    enough = report.conversations >= LEAST_CONVERSATIONS
    try:
        if not report.passed or report.skilled is None or report.poor is None:
            path.unlink(missing_ok=True)
            return None
        if not enough:
            return None
        certificate = Certificate(
            case_sha256=_sha256(case_file),
            suite_sha256=_sha256(case_file.with_name(SUITE_FILE)),
            simvoice=version,
            conversations=report.conversations,
            turns=report.turns,
            probes=report.probes,
            right_answer_rate=round(report.right_answer_rate, 4),
            injections=report.injections,
            contradiction_rate=round(report.count("contradiction") / max(1, report.turns), 5),
            endings=dict(sorted(report.endings.items())),
            skilled_ends=report.skilled.ending,
            poor_ends=report.poor.ending,
        )
        path.write_text(json.dumps(certificate.model_dump(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise CaseError(
            f"the certificate {path} cannot be written ({reason}); copy the case to a "
            "folder that you can write to, and check it there"
        ) from None
    return path


def certification_fault(case_file: Path, case: Case) -> str | None:
    """Why a case has no valid certificate, with the remedy; None if it has one."""
    remedy = f"run: simvoice cases check {case.id}"
    try:
        if not os.path.lexists(path := case_file.with_name(CERTIFICATE_FILE)):
            return f"{case.id} has not passed its check yet; {remedy}"
        certificate = Certificate.model_validate_json(read_bytes(path))
    except (CaseError, ValidationError):
        return f"the certificate of {case.id} cannot be read; {remedy}"
    suite = case_file.with_name(SUITE_FILE)
    try:
        current = (case.sha256, _sha256(suite) if os.path.lexists(suite) else "")
    except CaseError as error:
        return str(error)
    if current != (certificate.case_sha256, certificate.suite_sha256):
        return f"{case.id} was changed after its check; {remedy}"
    return None


def _sha256(path: Path) -> str:
    return hashlib.sha256(read_bytes(path)).hexdigest()


# -- list of cases ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ListedCase:
    """One installed case, and whether learners may choose it."""

    id: str
    file: Path
    case: Case | None
    """None if the file has a fault."""
    fault: str | None
    """Why the case is not offered, with the remedy; None if it is offered."""


def listed_cases(*folders: Path) -> tuple[ListedCase, ...]:
    """Every case in the folders, sorted by id."""
    return tuple(_listed_case(case_id, file) for case_id, file in find_cases(*folders).items())


def _listed_case(case_id: str, file: Path) -> ListedCase:
    try:
        case = load_case(file)
    except CaseError as error:
        return ListedCase(case_id, file, None, str(error))
    return ListedCase(case_id, file, case, certification_fault(file, case))
