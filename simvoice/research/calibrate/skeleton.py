"""Skeletons of conversations: when the speakers speak, without sound.

They come from TextGrids of real consultations (PriMock57, Papadopoulos Korfiatis et al. 2022)
where available, else they are drawn from the distributions of these.
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
"""Tier names, and ends of file names, that mean the learner."""


@dataclass(frozen=True, slots=True)
class SkeletonUtterance:
    """One utterance of a skeleton: the speaker, its length and its offset."""

    who: Speaker
    length_s: float
    offset_s: float
    """Seconds from the end of the earlier speech to its start; negative for an overlap."""
    acknowledges: bool
    """Whether the other speaker continues beyond its end."""


def find_skeletons(folder: Path | None) -> list[list[SkeletonUtterance]]:
    """Return a skeleton for each conversation, in order of file names; empty without a folder.

    folder: TextGrids, one file for each speaker (`…_doctor.TextGrid`, `…_patient.TextGrid`) or one
    file with two tiers. None means `primock57` under `SIMVOICE_DATA` or `../shared/data`. Raises
    UsageError when a given folder has none.
    """
    if folder is None:
        data = Path(os.environ.get("SIMVOICE_DATA", "../shared/data")) / "primock57"
        return _all(data) if data.is_dir() else []
    if not folder.is_dir():
        raise UsageError(f"the folder {str(folder)!r} does not exist; check the name")
    found = _all(folder)
    if not found:
        raise UsageError(
            f"{str(folder)!r} contains no TextGrids of two speakers; give one file for each "
            "speaker (a_doctor.TextGrid, a_patient.TextGrid) or one file with two tiers"
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
            found.append(skeleton_of(lanes[0][1], lanes[1][1]))
    return [row for row in found if row]


Utterances = list[tuple[float, float]]


def _tiers(path: Path) -> list[tuple[str, Utterances]]:
    """Return the interval tiers with their labelled stretches, the learner's first.

    Raises UsageError when the file is not a TextGrid.
    """
    try:
        grid = TextGrid(str(path))
        tiers = [
            (str(tier.name), [(float(a), float(b)) for a, b, text in tier.get_intervals() if text])
            for tier in grid.get_tiers()
            if tier.tier_type == "IntervalTier"
        ]
    except Exception as error:  # pympi raises many kinds of errors for a broken file
        raise UsageError(f"{path.name} cannot be read as a TextGrid; save it again in Praat") from (
            error
        )
    return sorted(tiers, key=lambda tier: not re.search("|".join(_LEARNERS), tier[0].lower()))


def skeleton_of(learner: Utterances, patient: Utterances) -> list[SkeletonUtterance]:
    """Return the skeleton of two speakers' utterance times, in order of their starts."""
    lanes: tuple[tuple[Speaker, Utterances], ...] = (("learner", learner), ("patient", patient))
    utterances = sorted((start, end, who) for who, lane in lanes for start, end in lane)
    row: list[SkeletonUtterance] = []
    until = {"learner": 0.0, "patient": 0.0}
    for start, end, who in utterances:
        last_end = max(until.values())
        row.append(SkeletonUtterance(who, end - start, start - last_end, end <= last_end))
        until[who] = max(until[who], end)
    return row


_LENGTH = {"learner": (1.2, 1.03), "patient": (0.9, 1.02)}
"""Mean and deviation of the logarithm of an utterance's seconds, in PriMock57."""
_SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_OFFSETS_S = {
    "learner": (-3.0, -1.55, -0.36, -0.08, 0.19, 0.79, 3.0),
    "patient": (-2.0, -0.79, 0.05, 0.41, 0.81, 1.48, 4.0),
}
"""Quantiles at `_SHARES` of the floor transfer offsets in PriMock57, with transcribers' margins."""
_ACKNOWLEDGED = 0.2
"""Share of utterances within an utterance of the other speaker."""
_SAME_SPEAKER = 0.25
"""Share of utterances that follow an utterance of the same speaker."""


def draw_skeleton(seed: int, length_s: float) -> list[SkeletonUtterance]:
    """Draw a skeleton from the distributions of PriMock57; equal seeds give equal ones."""
    random = np.random.default_rng(seed)
    row: list[SkeletonUtterance] = []
    who: Speaker = "learner"
    at_s = 0.0
    while at_s < length_s:
        if row and random.random() > _SAME_SPEAKER:
            who = "patient" if who == "learner" else "learner"
        mean, deviation = _LENGTH[who]
        utterance_s = float(np.clip(random.lognormal(mean, deviation), 0.4, 25.0))
        offset_s = float(np.interp(random.random(), _SHARES, _OFFSETS_S[who]))
        acknowledges = bool(random.random() < _ACKNOWLEDGED)
        row.append(SkeletonUtterance(who, utterance_s, offset_s, acknowledges))
        at_s += 0.0 if acknowledges else utterance_s + offset_s
    return row
