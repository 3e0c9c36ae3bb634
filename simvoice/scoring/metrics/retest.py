"""What the same number differs by between two encounters of the same behaviour: from repeats.

`data/repeats.json` is what `simvoice calibrate --repeats` measured: simulated learners met the same
patient again and again, with other pauses, another pitch and pace, another room and another choice
of hers among equal lines; each encounter was recorded and measured from its sound. The spread
within a behaviour is the standard error of measurement (Weir 2005, doi 10.1519/15184.1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Repeats:
    """The table."""

    provenance: Mapping[str, Any]
    sem: Mapping[str, float]
    """Metric to its standard error of measurement, in its unit."""
    freedom: Mapping[str, int]
    """Metric to the degrees of freedom that it rests on."""


def repeats_from_json(data: Mapping[str, Any]) -> Repeats:
    """What `to_json` wrote."""
    metrics = data["metrics"]
    return Repeats(
        data["provenance"],
        {key: float(entry["sem"]) for key, entry in metrics.items()},
        {key: int(entry["freedom"]) for key, entry in metrics.items()},
    )


def repeats_to_json(table: Repeats) -> dict[str, Any]:
    """For the file in the package."""
    return {
        "provenance": dict(table.provenance),
        "metrics": {
            key: {"sem": round(sem, 6), "freedom": table.freedom[key]}
            for key, sem in sorted(table.sem.items())
        },
    }


@cache
def shipped_repeats() -> Repeats | None:
    """The table that comes with this version; None where none was made yet."""
    path = files("simvoice.scoring") / "data" / "repeats.json"
    return (
        repeats_from_json(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
    )
