"""Read a case from its file.

An error names the file, the line, what is wrong and the remedy.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Mapping
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simvoice.errors import CaseError
from simvoice.patient.case.schema import COMPLETE, Case
from simvoice.patient.case.validate import faults, hints
from simvoice.safe_text import field_place, shortened
from simvoice.yaml_file import Location, YamlFile, read_yaml

# -- finding and reading ----------------------------------------------------------------------

CASE_FILE = "case.yaml"
SUITE_FILE = "suite.yaml"


def find_cases(*folders: Path) -> dict[str, Path]:
    """Case id (the folder's name) to case file, sorted; the first folder wins if two have one
    id.

    A case file that cannot be read is found too, so that its fault is told.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        for name in _names_in(folder):
            path = folder / name / CASE_FILE
            if _is_there(path):
                found.setdefault(name, path)
    return dict(sorted(found.items()))


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _is_there(path: Path) -> bool:
    """Whether anything has this path: a file, a broken link, or what may not be looked at."""
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno in {errno.EACCES, errno.ELOOP}
    except ValueError:  # a name that no file can have
        return False
    return True


def locate_case(name: str, *folders: Path) -> Path:
    """The file of a case, given its id or path. Raises CaseError."""
    known = find_cases(*folders)
    if name in known:
        return known[name]
    given = Path(name)
    if given.suffix in {".yaml", ".yml"} or _is_there(given):
        path = given / CASE_FILE if os.path.isdir(given) and given.name != CASE_FILE else given
        if _is_there(path):
            return path
        raise CaseError(
            f"there is no case file {path}; give the id of a case or the path of its file"
        )
    names = ", ".join(known) or "none is installed"
    raise CaseError(f"there is no case named {name[:_SHOWN]!r}; choose one of: {names}")


def load_case(path: Path) -> Case:
    """Read and check one case. Raises CaseError."""
    file = read_yaml(path)
    if not file.json.startswith("{"):
        raise CaseError(f"{path}:1: a case must be a mapping of fields; begin the file with `id:`")
    try:
        # validate JSON, so that the strict check accepts YAML lists as tuples
        case = Case.model_validate_json(file.json)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = field_place(first["loc"], "the case")
        raise CaseError(f"{_place(file, first['loc'])}: {where}: {_reason_of(first)}") from None
    for fault in chain(faults(case), hints(case)):
        raise CaseError(f"{_place(file, fault.location)}: {shortened(fault.reason, 1_000)}")
    if path.name == CASE_FILE and path.parent.name != case.id:
        raise CaseError(
            f"{_place(file, ('id',))}: the id {case.id[:_SHOWN]!r} is not the name of its folder; "
            "make them equal"
        )
    return case.model_copy(update={"sha256": hashlib.sha256(file.raw).hexdigest()})


def require_complete(path: Path, case: Case) -> None:
    """Raise CaseError for a case that is written as release 0.1 asked, and not as this one does."""
    if case.format < COMPLETE:
        raise CaseError(
            f"{_place(read_yaml(path), ('id',))}: the case is written for release 0.1; add "
            f"`format: {COMPLETE}` below its id, and the check says what each rule needs"
        )


_SHOWN = 60
"""Characters of a name or value of the file that a message repeats."""


def _place(file: YamlFile, location: Location) -> str:
    return f"{file.path}:{file.line_of(location)}"


def _reason_of(error: Mapping[str, Any]) -> str:
    kind, given = str(error["type"]), error.get("input")
    if kind == "extra_forbidden":
        return "there is no such field; check the spelling, or remove it"
    if kind == "missing":
        return "is missing; add it"
    shown = shortened(str(given), _SHOWN) if isinstance(given, str | int | float) else ""
    if kind in {"string_too_short", "string_pattern_mismatch"} and not shown.strip():
        return "is empty; write a text"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{message}; the file says {shown!r}" if shown else f"{message}; correct it"


# -- a new case -------------------------------------------------------------------------------
# A small case that passes its check, as a start for authors.


STARTER_ID = "new-case"
_STARTER_FILES = (CASE_FILE, SUITE_FILE, "demo.yaml", "demo-poor.yaml")


def create_case(case_id: str, folder: Path) -> Path:
    """Write the starter's files to `folder`/`case_id`; returns the case file.

    Raises CaseError for an invalid id, an id that is already used, and a folder that cannot be
    written to.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]*", case_id):
        raise CaseError(
            f"{case_id!r} cannot be the id of a case; use small letters, digits and hyphens, and "
            "begin with a letter"
        )
    target = folder / case_id
    source = files("simvoice.patient") / "data" / "starter"
    try:
        target.mkdir(parents=True)
        for name in _STARTER_FILES:
            text = (source / name).read_text(encoding="utf-8")
            text = text.replace(f"id: {STARTER_ID}\n", f"id: {case_id}\n", 1)
            (target / name).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise CaseError(f"{target} exists already; use another id or another --folder") from None
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise CaseError(f"{target} cannot be written ({reason}); use another --folder") from None
    return target / CASE_FILE
