"""Read a case from its file.

An error names the file, the line, what is wrong and the remedy.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from simvoice.errors import CaseError
from simvoice.patient.case.schema import COMPLETE, Case
from simvoice.patient.case.validate import Fault, faults, hints

# -- finding and reading ----------------------------------------------------------------------


Location = tuple[int | str, ...]

CASE_FILE = "case.yaml"
SUITE_FILE = "suite.yaml"


def find_cases(*folders: Path) -> dict[str, Path]:
    """Case id (the folder's name) to case file, sorted; the first folder wins if two have one
    id."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in folder.glob(f"*/{CASE_FILE}") if folder.is_dir() else ():
            found.setdefault(path.parent.name, path)
    return dict(sorted(found.items()))


def locate_case(name: str, *folders: Path) -> Path:
    """The file of a case, given its id or path. Raises CaseError."""
    known = find_cases(*folders)
    if name in known:
        return known[name]
    given = Path(name)
    if given.suffix in {".yaml", ".yml"} or given.exists():
        path = given / CASE_FILE if given.is_dir() else given
        if path.is_file():
            return path
        raise CaseError(
            f"there is no case file {path}; give the id of a case or the path of its file"
        )
    names = ", ".join(known) or "none is installed"
    raise CaseError(f"there is no case named {name!r}; choose one of: {names}")


def load_case(path: Path) -> Case:
    """Read and check one case. Raises CaseError."""
    raw = _read(path)
    text = as_json(raw, path)
    if not text.startswith("{"):
        raise CaseError(f"{path}:1: a case must be a mapping of fields; begin the file with `id:`")
    try:
        # validate JSON, so that the strict check accepts YAML lists as tuples
        case = Case.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = _reason_of(first)
        raise CaseError(_located(path, parse(raw, path), first["loc"], reason)) from None
    for fault in chain(faults(case), hints(case)):
        raise CaseError(_located_fault(path, parse(raw, path), fault))
    if path.name == CASE_FILE and path.parent.name != case.id:
        where = _line_number(parse(raw, path), ("id",))
        raise CaseError(
            f"{path}:{where}: the id {case.id!r} is not the name of its folder; make them equal"
        )
    return case.model_copy(update={"sha256": hashlib.sha256(raw).hexdigest()})


def require_complete(path: Path, case: Case) -> None:
    """Raise CaseError for a case that is written as release 0.1 asked, and not as this one does."""
    if case.format < COMPLETE:
        line = _line_number(parse(_read(path), path), ("id",))
        raise CaseError(
            f"{path}:{line}: the case is written for release 0.1; add `format: {COMPLETE}` below "
            "its id, and the check says what each rule needs"
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CaseError(f"there is no case file {path}; check the path") from None
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise CaseError(f"{path} cannot be read ({reason}); check its permissions") from None


def as_json(raw: bytes, path: Path) -> str:
    """The values of a YAML file as JSON text. Raises CaseError.

    libyaml reads a case ten times as fast as the parser that keeps line numbers. The slow parser
    reads only what libyaml refuses: some valid YAML 1.2, and files with an error, which it
    explains.
    """
    try:
        return json.dumps(YAML(typ="safe").load(raw.decode("utf-8")))
    except (YAMLError, ValueError, TypeError, RecursionError):
        return json.dumps(to_plain(parse(raw, path)))


def parse(raw: bytes, path: Path) -> Any:
    """Parse YAML and keep the line numbers. Raises CaseError."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CaseError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    try:
        return YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = " ".join(str(error.problem).split())
        raise CaseError(f"{path}:{line}: not valid YAML ({problem}); correct this line") from None
    except (YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CaseError(f"{path}:1: not valid YAML ({reason}); correct the file") from None


def to_plain(value: Any) -> Any:
    """YAML's containers and scalars as plain JSON types."""
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Sequence):
        return [to_plain(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return str(value)


def _located(path: Path, data: Any, location: Location, reason: str) -> str:
    where = ".".join(str(part) for part in location) or "the case"
    return f"{path}:{_line_number(data, location)}: {where}: {reason}"


def _located_fault(path: Path, data: Any, fault: Fault) -> str:
    return f"{path}:{_line_number(data, fault.location)}: {fault.reason}"


def _reason_of(error: Mapping[str, Any]) -> str:
    kind, given = str(error["type"]), error.get("input")
    if kind == "extra_forbidden":
        return "there is no such field; check the spelling, or remove it"
    if kind == "missing":
        return "is missing; add it"
    if kind in {"string_too_short", "string_pattern_mismatch"} and not str(given).strip():
        return "is empty; write a text"
    message = str(error["msg"]).removeprefix("Value error, ")
    shown = str(given) if isinstance(given, str | int | float) else ""
    return f"{message}; the file says {shown[:60]!r}" if shown else f"{message}; correct it"


def _line_number(data: Any, location: Location) -> int:
    """The 1-based line number of the deepest part of `location` that exists."""
    line = 1
    for here, part in _walk(data, location):
        try:
            mark = here.lc.key(part) if isinstance(here, CommentedMap) else here.lc.item(part)
        except (KeyError, IndexError, TypeError, AttributeError):
            break
        line = int(mark[0]) + 1
    return line


def _walk(data: Any, location: Location) -> Iterator[tuple[Any, int | str]]:
    here = data
    for part in location:
        if not isinstance(here, CommentedMap | CommentedSeq):
            return
        yield here, part
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            return


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
