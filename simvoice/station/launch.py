"""Start the version of simvoice that a station is to run, or the one before when that fails.

`simvoice station install` copies this file to a folder that the station cannot write, and systemd
runs the copy with the system's Python. It imports nothing of simvoice: a version that does not even
import must not keep the one before from being started.

    PROGRAM/current         a link to the version that runs
    PROGRAM/versions/NAME   a virtual environment
    PROGRAM/trial.json      a version that has not proved itself, and the one before it
    PROGRAM/failed.json     how often each version has failed

A new version is on trial (`station.update`). When it starts a second time without having proved
itself, the first start has failed: it ended, or systemd killed it because it was not ready in time.
Then the version before it runs again. A power cut counts as a failure, too; a version that has
failed only once is tried again.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

PROGRAM_VARIABLE = "SIMVOICE_PROGRAM"
"""Names the folder to the program, which otherwise does not update itself."""

CURRENT = "current"
VERSIONS = "versions"
TRIAL = "trial.json"
FAILED = "failed.json"

EXIT_MISSING = 3
"""As `errors.NeedsError`: something is missing."""


def choose(program: Path) -> Path | None:
    """Return the virtual environment to start; None when there is none.

    Raises OSError when the folder cannot be written: then it is not known what is on trial.
    """
    current = current_version(program)
    trial = read(program / TRIAL)
    if trial:
        version, before = str(trial.get("version", "")), str(trial.get("before", ""))
        if version != current:  # a power cut came before the switch
            remove(program / TRIAL)
        elif trial.get("starts", 0) == 0:
            write(program / TRIAL, {"version": version, "before": before, "starts": 1})
        elif is_whole(program, before):
            failed = read(program / FAILED)
            failed[version] = int(failed.get(version, 0)) + 1
            write(program / FAILED, failed)
            switch(program, before)
            remove(program / TRIAL)
            current = before
    if not is_whole(program, current):
        current = newest(program)
        if current:
            switch(program, current)
    return program / VERSIONS / current if current else None


def current_version(program: Path) -> str:
    """Return the name of the version to which the link leads; empty without one."""
    try:
        return Path(os.readlink(program / CURRENT)).name
    except OSError:
        return ""


def is_whole(program: Path, version: str) -> bool:
    """Return whether a version can be started."""
    return bool(version) and os.access(program / VERSIONS / version / "bin" / "python", os.X_OK)


def newest(program: Path) -> str:
    """Return the version that was made last; empty without one."""
    try:
        found = [each for each in (program / VERSIONS).iterdir() if not each.name.startswith(".")]
        found.sort(key=lambda each: each.stat().st_mtime, reverse=True)
    except OSError:
        return ""
    return next((each.name for each in found if is_whole(program, each.name)), "")


def switch(program: Path, version: str) -> None:
    """Let the link lead to a version, in one step. Raises OSError."""
    fresh = program / f".{CURRENT}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(f"{VERSIONS}/{version}")
    fresh.replace(program / CURRENT)
    sync(program)


def read(path: Path) -> dict[str, Any]:
    """Return what a file holds; empty when it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace a file in one step, also when the power fails. Raises OSError."""
    partial = path.with_name(f".{path.name}")
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync(path.parent)


def remove(path: Path) -> None:
    """Remove a file for good. Raises OSError."""
    path.unlink(missing_ok=True)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main() -> NoReturn:
    """Become `simvoice` with the arguments after the folder: launch.py PROGRAM [ARGUMENT...]."""
    program = Path(sys.argv[1])
    try:
        chosen = choose(program)
    except OSError as error:
        # a full or broken disk: start what there is, so that the page can say so
        sys.stderr.write(f"{program} cannot be written ({error.strerror}).\n")
        chosen = program / VERSIONS / current_version(program)
    if chosen is None or not os.access(chosen / "bin" / "python", os.X_OK):
        sys.stderr.write(
            f"There is no version of simvoice in {program}; run: simvoice station install\n"
        )
        sys.exit(EXIT_MISSING)
    # Not through the link: modules that are imported later must be of the same version.
    python = chosen / "bin" / "python"
    os.environ[PROGRAM_VARIABLE] = str(program)
    # -I: nothing of the folder or the user that starts it is imported.
    os.execv(python, [str(python), "-I", "-m", "simvoice", *sys.argv[2:]])


if __name__ == "__main__":
    main()
