"""The result of a check, and the checks of the machine and of the model files."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from simvoice import log, machine
from simvoice.errors import ModelAltered, ModelMissing
from simvoice.models import manifest

# -- result -----------------------------------------------------------------------------------


CheckState = Literal["ok", "warn", "fail"]
"""fail: something needed is missing. warn: it works, but slowly, badly or in part."""

Detail = str | int | float | bool | None | Sequence["Detail"] | dict[str, "Detail"]


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    state: CheckState
    sentence: str
    remedy: str = ""
    """What the user can do; empty when the state is ok."""
    facts: dict[str, Detail] = field(default_factory=dict)
    """The measured values; each name contains the unit."""


def ok(name: str, sentence: str, **facts: Detail) -> Check:
    """Return a check that passed."""
    return Check(name, "ok", sentence, facts=facts)


def warn(name: str, sentence: str, remedy: str, **facts: Detail) -> Check:
    """Return a check that found a problem with which encounters still work."""
    return Check(name, "warn", sentence, remedy, facts)


def fail(name: str, sentence: str, remedy: str, **facts: Detail) -> Check:
    """Return a check that found something needed missing."""
    return Check(name, "fail", sentence, remedy, facts)


# -- machine: Python, libraries, free disk space, load of the cores ---------------------------


OLDEST_PYTHON = (3, 11)
SETUP = "set it up again with scripts/start, or: pip install --force-reinstall simvoice"

NEEDED_BYTES = 200_000_000
"""Free space that the recorder requires before it starts."""
PLENTY_BYTES = 2_000_000_000
"""Space for ten hours of conversations."""

FREE_CORES = 1.5
"""Two heavy stages never run at the same time, but the sound and the pages need some time too."""
LOAD_WINDOW_S = 0.6
"""Long enough that a short burst of a browser does not count as a busy machine."""


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """Check the version of Python. version: as in `sys.version_info`."""
    shown = ".".join(str(part) for part in version[:3])
    if version[:2] < OLDEST_PYTHON:
        return fail(
            "Python",
            f"Python {shown} is too old",
            "install Python 3.11 or newer and run scripts/start",
            version=shown,
        )
    machine = f"{platform.system()} {platform.machine()}"
    return ok("Python", f"Python {shown} on {machine}", version=shown)


def check_libraries(package: str = "simvoice") -> Check:
    """Check that the libraries that the package requires are installed."""
    try:
        requirements = importlib.metadata.requires(package) or []
    except importlib.metadata.PackageNotFoundError:
        return warn("libraries", f"{package} runs from its folder and is not installed", SETUP)
    versions: dict[str, Detail] = {}
    missing: list[str] = []
    for requirement in requirements:
        if "extra ==" in requirement:
            continue
        found = re.match(r"[A-Za-z0-9._-]+", requirement)
        if found is None:
            continue
        name = found.group()
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return fail(
            "libraries",
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed",
            SETUP,
            versions=versions,
            missing=missing,
        )
    return ok("libraries", f"all {len(versions)} libraries are installed", versions=versions)


def check_disk(folder: Path) -> Check:
    """Check the free space for attempts. folder: of the attempts; it need not exist yet."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return fail(
            "disk",
            f"attempts cannot be written to {folder}",
            "allow your user to write there, or set SIMVOICE_HOME to another folder",
            folder=str(folder),
        )
    free = shutil.disk_usage(existing).free
    facts: dict[str, Detail] = {"folder": str(folder), "free_bytes": free}
    sentence = f"{free / 1e9:.1f} GB are free for attempts in {folder}"
    remedy = "free some space, or set SIMVOICE_HOME to a folder on another disk"
    if free < NEEDED_BYTES:
        return Check(
            "disk", "fail", f"only {free / 1e6:.0f} MB are free in {folder}", remedy, facts
        )
    if free < PLENTY_BYTES:
        return Check("disk", "warn", sentence, remedy, facts)
    return Check("disk", "ok", sentence, facts=facts)


def check_cores(window_s: float = LOAD_WINDOW_S) -> Check:
    """Check how many cores other processes use during `window_s` seconds."""
    return judge_cores(machine.busy_cores(window_s), machine.usable_cores())


def judge_cores(busy: float, cores: int) -> Check:
    """Judge the load by other processes. busy: number of cores in use, 0..cores."""
    facts: dict[str, Detail] = {"cores": cores, "busy_cores": round(busy, 2)}
    sentence = f"{busy:.1f} of {cores} cores are busy with other work"
    if cores < 2:
        return Check(
            "cores",
            "warn",
            "simvoice may use one core, and the patient needs two to answer quickly",
            "use a machine with at least two cores, or allow simvoice another one",
            facts,
        )
    if cores - busy < FREE_CORES:
        return warn("cores", sentence, "close other programs before you start", **facts)
    return ok("cores", sentence, **facts)


def check_log(path: Path) -> Check:
    """Say where the log is, and how many warnings of the last week are in it."""
    warnings = log.count_warnings(path)
    facts: dict[str, Detail] = {"file": str(path), "warnings_7_days": warnings}
    if not warnings:
        return Check("log", "ok", f"{path}, no warnings in the last 7 days", facts=facts)
    count = "1 warning" if warnings == 1 else f"{warnings} warnings"
    return Check("log", "ok", f"{path}, {count} in the last 7 days", facts=facts)


# -- model files ------------------------------------------------------------------------------


def check_models(profile: str = manifest.DEFAULT_PROFILE) -> list[Check]:
    """Return one check for each model. Raises SettingError for an unknown profile."""
    return [check_model(name) for name in dict.fromkeys(manifest.profile(profile).values())]


def check_model(name: str) -> Check:
    """Check the files of a model. A file is hashed if it is new or changed since the last time."""
    entry = manifest.model(name)
    title = f"model {name}"
    try:
        manifest.locate(name)
    except (ModelMissing, ModelAltered):
        files = _file_states(name)
        problems = [f"{file} is {state}" for file, state in files.items() if state != "here"]
        return Check(
            title, "fail", "; ".join(problems), f"run: {manifest.remedy(name)}", _facts(name, files)
        )
    files = dict.fromkeys((file.name for file in entry.files), "here")
    sentence = f"installed and verified, {entry.bytes / 1e6:.0f} MB"
    return Check(title, "ok", sentence, facts=_facts(name, files))


def _facts(name: str, files: dict[str, str]) -> dict[str, Detail]:
    states: dict[str, Detail] = dict(files)
    return {
        "role": manifest.model(name).role,
        "folder": str(manifest.folder(name)),
        "files": states,
    }


def _file_states(name: str) -> dict[str, str]:
    """Return file name to "here", "missing" or "altered"."""
    states = {}
    for file in manifest.model(name).files:
        path = manifest.folder(name) / file.name
        if not path.is_file():
            states[file.name] = "missing"
        elif path.stat().st_size != file.bytes or manifest.sha256_of(path) != file.sha256:
            states[file.name] = "altered"
        else:
            states[file.name] = "here"
    return states
