"""When people speak in real consultations: the skeleton that planted conversations grow on.

From TextGrids of real talk where they are (PriMock57, Papadopoulos Korfiatis et al. 2022), else
drawn from the distributions that those have.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pympi.Praat import TextGrid  # type: ignore[import-untyped]

from simvoice.errors import UsageError
from simvoice.timing.turns import Speaker

_LEARNERS = ("doctor", "learner", "clinician", "therapist")
"""Names of a tier or at the end of a file's name that say who the learner is."""


@dataclass(frozen=True, slots=True)
class SkeletonUtterance:
    """One utterance of a skeleton: who, for how long, and how long after what came before."""

    who: Speaker
    length_s: float
    offset_s: float
    """Seconds from the end of what was said before to its start; negative when it overlaps."""
    acknowledges: bool
    """Said while the other one speaks on."""


def find(folder: Path | None) -> list[list[SkeletonUtterance]]:
    """A skeleton a conversation, in order of their names; empty when there is no folder.

    folder: TextGrids, a file a speaker (`…_doctor.TextGrid`, `…_patient.TextGrid`) or one file
    with two tiers. None: `primock57` under `SIMVOICE_DATA` or `../shared/data`. Raises UsageError
    when a folder that was given holds none.
    """
    if folder is None:
        data = Path(os.environ.get("SIMVOICE_DATA", "../shared/data")) / "primock57"
        return _all(data) if data.is_dir() else []
    if not folder.is_dir():
        raise UsageError(f"the folder {str(folder)!r} is not there; check the name")
    found = _all(folder)
    if not found:
        raise UsageError(
            f"{str(folder)!r} holds no TextGrids of two speakers; give a file a speaker "
            "(a_doctor.TextGrid, a_patient.TextGrid) or one with two tiers"
        )
    return found


def _all(folder: Path) -> list[list[SkeletonUtterance]]:
    found = []
    for path in sorted(folder.glob("*.TextGrid")):
        stem, _, role = path.stem.rpartition("_")
        if role.lower() in _LEARNERS:
            other = path.with_name(f"{stem}_patient.TextGrid")
            lanes = _tiers(path)[:1] + (_tiers(other)[:1] if other.is_file() else [])
        elif role.lower() == "patient" and any(
            path.with_name(f"{stem}_{name}.TextGrid").is_file() for name in _LEARNERS
        ):
            continue
        else:
            lanes = _tiers(path)
        if len(lanes) >= 2:
            found.append(beats(lanes[0][1], lanes[1][1]))
    return [row for row in found if row]


Utterances = list[tuple[float, float]]


def _tiers(path: Path) -> list[tuple[str, Utterances]]:
    """Interval tiers with their stretches that hold text, the learner's first.

    Raises UsageError when the file is no TextGrid.
    """
    try:
        grid = TextGrid(str(path))
        tiers = [
            (str(tier.name), [(float(a), float(b)) for a, b, text in tier.get_intervals() if text])
            for tier in grid.get_tiers()
            if tier.tier_type == "IntervalTier"
        ]
    except Exception as error:  # pympi raises whatever its parsing trips over
        raise UsageError(f"{path.name} cannot be read as a TextGrid; save it again in Praat") from (
            error
        )
    return sorted(tiers, key=lambda tier: not re.search("|".join(_LEARNERS), tier[0].lower()))


def beats(learner: Utterances, patient: Utterances) -> list[SkeletonUtterance]:
    """Utterance times of two speakers to a skeleton, in order of their starts."""
    lanes: tuple[tuple[Speaker, Utterances], ...] = (("learner", learner), ("patient", patient))
    told = sorted((start, end, who) for who, lane in lanes for start, end in lane)
    row: list[SkeletonUtterance] = []
    until = {"learner": 0.0, "patient": 0.0}
    for start, end, who in told:
        said_until = max(until.values())
        row.append(SkeletonUtterance(who, end - start, start - said_until, end <= said_until))
        until[who] = max(until[who], end)
    return row


_LENGTH = {"learner": (1.2, 1.03), "patient": (0.9, 1.02)}
"""Mean and deviation of the logarithm of an utterance's seconds, in PriMock57."""
_SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_OFFSETS_S = {
    "learner": (-3.0, -1.55, -0.36, -0.08, 0.19, 0.79, 3.0),
    "patient": (-2.0, -0.79, 0.05, 0.41, 0.81, 1.48, 4.0),
}
"""Floor transfer offsets of PriMock57 at those shares of all (its transcribers' margins included).
"""
_ACKNOWLEDGED = 0.2
"""Share of the utterances that lie within the other's."""
_SAME_AGAIN = 0.25
"""Share that follow an utterance of the same speaker."""


def drawn(seed: int, length_s: float) -> list[SkeletonUtterance]:
    """A skeleton drawn from the distributions of PriMock57; equal seeds give equal ones."""
    random = np.random.default_rng(seed)
    row: list[SkeletonUtterance] = []
    who: Speaker = "learner"
    at_s = 0.0
    while at_s < length_s:
        if row and random.random() > _SAME_AGAIN:
            who = "patient" if who == "learner" else "learner"
        mean, deviation = _LENGTH[who]
        utterance_s = float(np.clip(random.lognormal(mean, deviation), 0.4, 25.0))
        offset_s = float(np.interp(random.random(), _SHARES, _OFFSETS_S[who]))
        acknowledges = bool(random.random() < _ACKNOWLEDGED)
        row.append(SkeletonUtterance(who, utterance_s, offset_s, acknowledges))
        at_s += 0.0 if acknowledges else utterance_s + offset_s
    return row
