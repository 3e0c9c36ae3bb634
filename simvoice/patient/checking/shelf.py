"""The cases that there are: which can be offered to learners, and why others cannot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simvoice.errors import CaseError
from simvoice.patient.case.load import find_cases, load_case
from simvoice.patient.case.schema import Case
from simvoice.patient.checking.certificate import standing


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
