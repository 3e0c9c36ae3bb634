"""That a case has passed its check, and which cases can be offered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from simvoice.errors import CaseError
from simvoice.patient.case.fields import CasePart
from simvoice.patient.case.load import SUITE_FILE, find_cases, load_case
from simvoice.patient.case.schema import Case
from simvoice.patient.checking.report import Report

# -- certificate ------------------------------------------------------------------------------
# That a case has passed its check: a file beside it, which holds for these very bytes alone.


CERTIFICATE_FILE = "certificate.json"
LEAST_CONVERSATIONS = 100
"""Fewer show too little of what learners may do."""


class Certificate(CasePart):
    """What was checked, and what was found."""

    case_sha256: str
    suite_sha256: str
    simvoice: str
    """Version that checked it."""
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
    """Write the certificate of a case that has passed, or take an old one away.

    None when there is none: the case did not pass, or too few conversations were played.
    Raises CaseError when the folder cannot be written to.
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
            f"the certificate {path} cannot be written ({reason}); copy the case's folder to a "
            "place of your own and check it there"
        ) from None
    return path


def standing(case_file: Path, case: Case) -> str | None:
    """None when the case is certified as it is; else a sentence that says why it is not."""
    remedy = f"run: simvoice cases check {case.id}"
    try:
        raw = case_file.with_name(CERTIFICATE_FILE).read_text(encoding="utf-8")
        certificate = Certificate.model_validate(json.loads(raw))
    except (OSError, UnicodeDecodeError):
        return f"{case.id} has not passed its check yet; {remedy}"
    except (ValueError, ValidationError):
        return f"the certificate of {case.id} cannot be read; {remedy}"
    suite = case_file.with_name(SUITE_FILE)
    now = (case.sha256, _sha256(suite) if suite.is_file() else "")
    if now != (certificate.case_sha256, certificate.suite_sha256):
        return f"{case.id} was changed after its check; {remedy}"
    return None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# -- shelf ------------------------------------------------------------------------------------
# The cases that there are: which can be offered to learners, and why others cannot.


@dataclass(frozen=True, slots=True)
class Shelved:
    """One case, as it lies there."""

    id: str
    file: Path
    case: Case | None
    """None when its file is broken."""
    fault: str | None
    """Why it is not offered, with the remedy; None when it is."""


def shelf(*folders: Path) -> tuple[Shelved, ...]:
    """Every case below the folders, by id."""
    return tuple(_shelved(case_id, file) for case_id, file in find_cases(*folders).items())


def _shelved(case_id: str, file: Path) -> Shelved:
    try:
        case = load_case(file)
    except CaseError as broken:
        return Shelved(case_id, file, None, str(broken))
    return Shelved(case_id, file, case, standing(file, case))
