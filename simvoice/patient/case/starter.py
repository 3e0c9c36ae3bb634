"""Begin a new case: a small one that holds, to be changed part by part."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from simvoice.errors import CaseError

STARTER_ID = "new-case"
_FILES = ("case.yaml", "suite.yaml", "demo.yaml", "demo-poor.yaml")


def begin_case(case_id: str, folder: Path) -> Path:
    """Write the starter's files below `folder`, named `case_id`; returns the case file.

    Raises CaseError for an id that is none, a case that is there already, and a folder that cannot
    be written to.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]*", case_id):
        raise CaseError(
            f"{case_id!r} cannot be a case's id; take small letters, digits and hyphens, a letter "
            "first"
        )
    place = folder / case_id
    source = files("simvoice.patient") / "data" / "starter"
    try:
        place.mkdir(parents=True)
        for name in _FILES:
            text = (source / name).read_text(encoding="utf-8")
            text = text.replace(f"id: {STARTER_ID}\n", f"id: {case_id}\n", 1)
            (place / name).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise CaseError(f"{place} is there already; take another id, or another --folder") from None
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise CaseError(f"{place} cannot be written ({reason}); give another --folder") from None
    return place / "case.yaml"
