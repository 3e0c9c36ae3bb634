"""Find the files of a model in its folder, or say what to do."""

from __future__ import annotations

from pathlib import Path

from simvoice.errors import ModelMissing

REMEDY = "run: simvoice models pull"


def need_file(what: str, path: Path) -> Path:
    """The path itself. Raises ModelMissing when no file is there."""
    if not path.is_file():
        raise ModelMissing(f"{what} is not here ({path.name} is missing); {REMEDY}")
    return path


def need_one(what: str, folder: Path, pattern: str) -> Path:
    """The first file of `folder` that fits the pattern. Raises ModelMissing when none does."""
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    if not found:
        raise ModelMissing(f"{what} is not here (no {pattern} in {folder.name}); {REMEDY}")
    return found[0]
