"""The numbers of an attempt, without a word that anyone said.

The file is made of keys, counts and measured values alone. Names and definitions of the metrics
come from the registry of the machine that reads it. So there is no field that could hold a word.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal
from uuid import UUID

from pydantic import Field, ValidationError

from simvoice import __version__
from simvoice.debrief.model import Debrief, Scored
from simvoice.errors import AttemptError
from simvoice.record.files import read_regular
from simvoice.release.contents import LARGEST_FILE, NUMBERS, Contents
from simvoice.rounding import MetricValue, Seconds
from simvoice.strict_model import StrictModel


class ReleasedNumber(StrictModel):
    """The value of one metric."""

    key: str
    """The metric, as in the registry."""
    unit: str
    value: MetricValue | None
    """None when it could not be measured."""
    low: MetricValue | None = None
    high: MetricValue | None = None
    """Ends of the 90 % interval, in `unit`; None when unknown."""


class ReleasedTally(StrictModel):
    """How many items of one list had each outcome. Which ones is not told."""

    list_id: str
    """The instrument or heading, by its id."""
    kind: Literal["heading", "instrument"]
    met: int = Field(ge=0)
    not_met: int = Field(ge=0)
    not_judged: int = Field(ge=0)
    counted: int = Field(ge=0)


class ReleasedNumbers(StrictModel):
    """The numbers of one attempt, as its learner's own machine measured them."""

    format: Literal[1] = 1
    uuid: UUID
    attempt: str
    """The attempt's identifier."""
    contents: Contents
    """The level to which the record beside it is reduced."""
    case_id: str
    simvoice: str
    """The version that measured."""
    duration_s: Seconds
    learner_turns: int = Field(ge=0)
    patient_turns: int = Field(ge=0)
    told: int = Field(ge=0)
    """Facts that the patient told."""
    not_told: int | None
    """Facts that the patient did not tell; None when the record does not contain the facts."""
    numbers: tuple[ReleasedNumber, ...]
    lists: tuple[ReleasedTally, ...]


def numbers_of(debrief: Debrief, uuid: UUID, contents: Contents) -> ReleasedNumbers:
    """Return the numbers of a debrief."""
    turns = Counter(row.who for row in debrief.rows if row.kind == "turn")
    return ReleasedNumbers(
        uuid=uuid,
        attempt=debrief.attempt,
        contents=contents,
        case_id=debrief.case_id,
        simvoice=__version__,
        duration_s=debrief.duration_s,
        learner_turns=turns["learner"],
        patient_turns=turns["patient"],
        told=len(debrief.told),
        not_told=debrief.not_told,
        numbers=tuple(
            ReleasedNumber(
                key=each.key, unit=each.unit, value=each.value, low=each.low, high=each.high
            )
            for each in debrief.numbers
        ),
        lists=tuple(_tally(each) for each in (*debrief.headings, *debrief.instruments)),
    )


def _tally(scored: Scored) -> ReleasedTally:
    found = Counter(item.outcome for item in scored.items)
    return ReleasedTally(
        list_id=scored.id,
        kind=scored.kind,
        met=found["met"],
        not_met=found["not met"],
        not_judged=found["not judged"],
        counted=found["counted"],
    )


def load_numbers(folder: Path) -> ReleasedNumbers | None:
    """Return the numbers that came with a record; None for a record that was made here.

    Raises AttemptError when the file cannot be read.
    """
    try:
        data = read_regular(folder / NUMBERS, LARGEST_FILE[NUMBERS])
        return ReleasedNumbers.model_validate_json(data)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise AttemptError(f"the numbers of attempt {folder.name} cannot be read") from error
