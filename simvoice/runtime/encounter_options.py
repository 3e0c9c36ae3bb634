"""How one encounter differs from what its case says: for exams, drills and accommodations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

TimerKind = Literal["case", "soft", "hard"]
"""As the case says; announced, and the encounter goes on; or the encounter ends."""


@dataclass(frozen=True, slots=True)
class EncounterOptions:
    """What an assignment, a technician or a restart sets for one encounter."""

    seed: int | None = None
    """The same patient again; None for another one each time."""
    limit_s: float | None = None
    """Length in session seconds; None for that of the case."""
    timer: TimerKind = "case"
    time_factor: float = 1.0
    """The length is multiplied by it, 1..4."""
    patience_factor: float = 1.0
    """Waits of the patient for the learner are multiplied by it, 1..4."""
    typed: bool = False
    """The learner may type turns as well as speak them."""
    moment: str = ""
    """Id of the moment of the case where a drill begins; empty for the beginning."""
    reflects: bool = False
    """Before the debrief, the learner writes about moments of it (`record.reflection`)."""
    resume: Path | None = None
    """Folder of the attempt that a crash cut off: the patient goes on where its record ends."""


AS_WRITTEN: Final = EncounterOptions()
"""Nothing is changed: the encounter is as its case says."""
PRACTICE: Final = EncounterOptions(reflects=True)
"""A practice that no assignment asks for."""
