"""Find the files of a model in its folder."""

from __future__ import annotations

from pathlib import Path

from simvoice.errors import ModelMissing

REMEDY = "run: simvoice models pull"


def need_file(what: str, path: Path) -> Path:
    """Return `path`. Raises ModelMissing when it is not a file. what: the model, for the error."""
    if not path.is_file():
        raise ModelMissing(f"{what} is not installed ({path.name} is missing); {REMEDY}")
    return path


def need_one(what: str, folder: Path, pattern: str) -> Path:
    """Return the first file of `folder` that matches the pattern. Raises ModelMissing when none
    does."""
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    if not found:
        raise ModelMissing(f"{what} is not installed (no {pattern} in {folder.name}); {REMEDY}")
    return found[0]
