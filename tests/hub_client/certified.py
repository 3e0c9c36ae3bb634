"""Cases with a valid certificate, for tests that send them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from simvoice import __version__
from simvoice.patient.case.load import SUITE_FILE, create_case
from simvoice.patient.checking.certificate import CERTIFICATE_FILE, Certificate


def certify(case_file: Path) -> None:
    """Write a certificate as if the case had passed its check."""
    certificate = Certificate(
        case_sha256=_sha256(case_file),
        suite_sha256=_sha256(case_file.with_name(SUITE_FILE)),
        simvoice=__version__,
        conversations=120,
        turns=900,
        probes=10,
        right_answer_rate=1.0,
        injections=4,
        contradiction_rate=0.0,
        endings={},
        skilled_ends="a",
        poor_ends="b",
    )
    case_file.with_name(CERTIFICATE_FILE).write_text(certificate.model_dump_json())


def certified_case(folder: Path, case_id: str = "tea", *, title: str = "") -> Path:
    """Write a small case with its certificate into a folder; return its file."""
    file = create_case(case_id, folder)
    if title:
        lines = file.read_text().splitlines()
        changed = [f"title: {title}" if line.startswith("title:") else line for line in lines]
        file.write_text("\n".join(changed) + "\n")
    certify(file)
    return file


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
