"""Which lines of a case let a concern show, for the record: what is below it knows no case."""

from __future__ import annotations

from simvoice.patient.case.schema import Case, Concern
from simvoice.record.events import Shows


def shows(case: Case) -> tuple[Shows, ...]:
    """Every line of a case that hints at a concern, or says it by telling the concern's fact.

    A line may show more than one; where it both hints at a concern and says it, it says it.
    """
    return tuple(found for concern in case.concerns for found in _of(case, concern))


def _of(case: Case, concern: Concern) -> list[Shows]:
    says = [line.id for line in case.lines if concern.fact and concern.fact in line.tells]
    hints = [line for line in concern.cues if line not in says]
    return [
        *(Shows(line=i, concern=concern.id, text=concern.text, kind="cue") for i in hints),
        *(Shows(line=i, concern=concern.id, text=concern.text, kind="concern") for i in says),
    ]
