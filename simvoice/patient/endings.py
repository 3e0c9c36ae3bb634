"""How the encounter ends."""

from __future__ import annotations

from typing import Literal

from simvoice.patient.case.schema import Case, Ending
from simvoice.patient.decisions import PatientState
from simvoice.patient.ledger import holds

Trigger = Literal["closing", "time", "overwhelmed", "left"]


def ending_reached(case: Case, state: PatientState, trigger: Trigger) -> Ending | None:
    """The first ending of the case's that fits; only `overwhelmed` may find none."""
    return next(
        (each for each in case.endings if trigger in each.on and holds(each.when, state)), None
    )
