"""A case from its file, with errors that give file, line, what and remedy."""

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
from simvoice.patient.case.schema import Case
from simvoice.patient.case.validate import Fault, faults, hints

# -- load -------------------------------------------------------------------------------------


Location = tuple[int | str, ...]

CASE_FILE = "case.yaml"
SUITE_FILE = "suite.yaml"


def find_cases(*folders: Path) -> dict[str, Path]:
    """Case id (the folder's name) to case file, sorted; of two with one id the first folder's."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in folder.glob(f"*/{CASE_FILE}") if folder.is_dir() else ():
            found.setdefault(path.parent.name, path)
    return dict(sorted(found.items()))


def locate_case(name: str, *folders: Path) -> Path:
    """The file of a case named by id or by path. Raises CaseError."""
    known = find_cases(*folders)
    if name in known:
        return known[name]
    given = Path(name)
    if given.suffix in {".yaml", ".yml"} or given.exists():
        path = given / CASE_FILE if given.is_dir() else given
        if path.is_file():
            return path
        raise CaseError(f"there is no case file {path}; give a case's id or the path of its file")
    names = ", ".join(known) or "none is installed"
    raise CaseError(f"there is no case named {name!r}; choose one of: {names}")


def load_case(path: Path) -> Case:
    """Read and check one case. Raises CaseError."""
    raw = _read(path)
    data = parse(raw, path)
    if not isinstance(data, CommentedMap):
        raise CaseError(f"{path}:1: a case is a mapping of fields; begin with `id:`")
    try:
        # as JSON, so that strict checking takes YAML's lists for tuples
        case = Case.model_validate_json(json.dumps(to_plain(data)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise CaseError(_sentence(path, data, first["loc"], _plain_reason(first))) from None
    for fault in chain(faults(case), hints(case)):
        raise CaseError(_fault_sentence(path, data, fault))
    if path.name == CASE_FILE and path.parent.name != case.id:
        where = _line(data, ("id",))
        raise CaseError(f"{path}:{where}: id is {case.id!r}; name it as its folder does")
    return case.model_copy(update={"sha256": hashlib.sha256(raw).hexdigest()})


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CaseError(f"there is no case file {path}; check the name") from None
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise CaseError(f"{path} cannot be read ({reason}); check its permissions") from None


def parse(raw: bytes, path: Path) -> Any:
    """YAML with line numbers kept. Raises CaseError."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CaseError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    try:
        return YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = " ".join(str(error.problem).split())
        raise CaseError(f"{path}:{line}: not valid YAML ({problem}); mend that line") from None
    except (YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CaseError(f"{path}:1: not valid YAML ({reason}); mend the file") from None


def to_plain(value: Any) -> Any:
    """YAML's own containers and scalars as those of JSON."""
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


def _sentence(path: Path, data: Any, location: Location, reason: str) -> str:
    where = ".".join(str(part) for part in location) or "the case"
    return f"{path}:{_line(data, location)}: {where}: {reason}"


def _fault_sentence(path: Path, data: Any, fault: Fault) -> str:
    return f"{path}:{_line(data, fault.location)}: {fault.reason}"


def _plain_reason(error: Mapping[str, Any]) -> str:
    kind, given = str(error["type"]), error.get("input")
    if kind == "extra_forbidden":
        return "no such field; check its spelling, or remove it"
    if kind == "missing":
        return "is missing; add it"
    if kind in {"string_too_short", "string_pattern_mismatch"} and not str(given).strip():
        return "is empty; write something"
    message = str(error["msg"]).removeprefix("Value error, ")
    shown = str(given) if isinstance(given, str | int | float) else ""
    return f"{message}; it says {shown[:60]!r}" if shown else f"{message}; mend it"


def _line(data: Any, location: Location) -> int:
    """The 1-based line of the deepest part of `location` that is there."""
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


# -- starter ----------------------------------------------------------------------------------
# Begin a new case: a small one that holds, to be changed part by part.


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
