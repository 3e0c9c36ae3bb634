"""What a check comes to, and the checks of the machine and its model files."""

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

import psutil  # type: ignore[import-untyped]

from simvoice.errors import ModelAltered, ModelMissing
from simvoice.models import manifest

# -- result -----------------------------------------------------------------------------------
# What a check comes to.


CheckState = Literal["ok", "warn", "fail"]
"""fail: something needed is missing. warn: it works, but not as it should, or not everything."""

Detail = str | int | float | bool | None | Sequence["Detail"] | dict[str, "Detail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: CheckState
    sentence: str
    remedy: str = ""
    """What to do about it; empty when all is well."""
    facts: dict[str, Detail] = field(default_factory=dict)
    """What was measured, with the unit in each name."""


def ok(name: str, sentence: str, **facts: Detail) -> Check:
    """All is well."""
    return Check(name, "ok", sentence, facts=facts)


def warn(name: str, sentence: str, remedy: str, **facts: Detail) -> Check:
    """It works, but not as it should."""
    return Check(name, "warn", sentence, remedy, facts)


def fail(name: str, sentence: str, remedy: str, **facts: Detail) -> Check:
    """Something needed is missing."""
    return Check(name, "fail", sentence, remedy, facts)


# -- machine ----------------------------------------------------------------------------------
# The machine: Python, libraries, room on the disk, and who else keeps the cores busy.


OLDEST_PYTHON = (3, 11)
SETUP = "set it up again with scripts/start, or: pip install --force-reinstall simvoice"

NEEDED_BYTES = 200_000_000
"""What the recorder asks for before it starts."""
ROOMY_BYTES = 2_000_000_000
"""Ten hours of conversations."""

FREE_CORES = 1.5
"""Two heavy stages never run at once, but the sound and the pages need something too."""
LOOK_S = 0.6
"""Long enough that one burst of a browser is not taken for a busy machine."""


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """version: of the interpreter, as `sys.version_info` has it."""
    said = ".".join(str(part) for part in version[:3])
    if version[:2] < OLDEST_PYTHON:
        return fail(
            "Python",
            f"Python {said} is too old",
            "install Python 3.11 or newer and run scripts/start",
            version=said,
        )
    return ok(
        "Python", f"Python {said} on {platform.system()} {platform.machine()}", version=said
    )


def check_libraries(package: str = "simvoice") -> Check:
    """Is every library installed that the package asks for?"""
    try:
        asked = importlib.metadata.requires(package) or []
    except importlib.metadata.PackageNotFoundError:
        return warn(
            "libraries", f"{package} runs from its folder without being installed", SETUP
        )
    versions: dict[str, Detail] = {}
    missing: list[str] = []
    for line in asked:
        if "extra ==" in line:
            continue
        found = re.match(r"[A-Za-z0-9._-]+", line)
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
    """folder: where attempts are kept; it need not be there yet."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return fail(
            "disk",
            f"attempts cannot be written to {folder}",
            "give yourself the right to write there, or set SIMVOICE_HOME to another folder",
            folder=str(folder),
        )
    free = shutil.disk_usage(there).free
    facts: dict[str, Detail] = {"folder": str(folder), "free_bytes": free}
    sentence = f"{free / 1e9:.1f} GB are free for attempts in {folder}"
    remedy = "free some space, or set SIMVOICE_HOME to a folder on another disk"
    if free < NEEDED_BYTES:
        return Check(
            "disk", "fail", f"only {free / 1e6:.0f} MB are free in {folder}", remedy, facts
        )
    if free < ROOMY_BYTES:
        return Check("disk", "warn", sentence, remedy, facts)
    return Check("disk", "ok", sentence, facts=facts)


def check_cores(look_s: float = LOOK_S) -> Check:
    """How many cores other processes keep busy now; looks for `look_s` seconds."""
    shares = psutil.cpu_percent(interval=look_s, percpu=True)
    return judge_cores(sum(shares) / 100.0, len(shares))


def judge_cores(busy: float, cores: int) -> Check:
    """busy: cores' worth of work that others do."""
    facts: dict[str, Detail] = {"cores": cores, "busy_cores": round(busy, 2)}
    sentence = f"{busy:.1f} of {cores} cores are busy with other work"
    if cores < 2:
        return Check(
            "cores",
            "warn",
            "there is one core, and the patient needs two to answer quickly",
            "give this machine a second core",
            facts,
        )
    if cores - busy < FREE_CORES:
        return warn("cores", sentence, "end what else is running before you talk", **facts)
    return ok("cores", sentence, **facts)


# -- weights ----------------------------------------------------------------------------------
# The models of a profile: here, missing or altered, file by file.


def check_models(profile: str = manifest.DEFAULT_PROFILE) -> list[Check]:
    """One check a model. Raises SettingError for an unknown profile."""
    return [check_model(name) for name in dict.fromkeys(manifest.profile(profile).values())]


def check_model(name: str) -> Check:
    """A file is hashed when it was never, or has changed since."""
    entry = manifest.model(name)
    title = f"model {name}"
    try:
        manifest.locate(name)
    except (ModelMissing, ModelAltered):
        files = _files(name)
        bad = [f"{file} is {state}" for file, state in files.items() if state != "here"]
        return Check(
            title, "fail", "; ".join(bad), f"run: {manifest.remedy(name)}", _facts(name, files)
        )
    files = dict.fromkeys((file.name for file in entry.files), "here")
    sentence = f"here and verified, {entry.bytes / 1e6:.0f} MB"
    return Check(title, "ok", sentence, facts=_facts(name, files))


def _facts(name: str, files: dict[str, str]) -> dict[str, Detail]:
    said: dict[str, Detail] = dict(files)
    return {"role": manifest.model(name).role, "folder": str(manifest.folder(name)), "files": said}


def _files(name: str) -> dict[str, str]:
    found = {}
    for file in manifest.model(name).files:
        path = manifest.folder(name) / file.name
        if not path.is_file():
            found[file.name] = "missing"
        elif path.stat().st_size != file.bytes or manifest.sha256_of(path) != file.sha256:
            found[file.name] = "altered"
        else:
            found[file.name] = "here"
    return found
