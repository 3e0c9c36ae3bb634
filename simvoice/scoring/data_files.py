"""Read the data files of `simvoice/scoring/data`."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any


def read_toml(*path: str) -> dict[str, Any]:
    """The content of a TOML file. path: its parts below `simvoice/scoring/data`."""
    return tomllib.loads(files("simvoice.scoring").joinpath("data", *path).read_text("utf-8"))
