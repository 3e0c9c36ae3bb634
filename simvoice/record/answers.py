"""The learner's own words after an encounter: answers to the questions of an assignment.

They are a file beside the journal, are exported and shown with the attempt, and are never scored.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from simvoice.errors import AttemptError
from simvoice.record.files import read_regular, replace_file, storage_error
from simvoice.strict_model import StrictModel

ANSWERS = "answers.json"

LONGEST_ANSWER = 20_000
"""Characters: ten pages. A learner writes for some minutes."""
_LARGEST = 1_000_000
"""Bytes of the file."""


class OwnAnswer(StrictModel):
    """One question and what the learner wrote."""

    question: str = Field(max_length=500)
    answer: str = Field("", max_length=LONGEST_ANSWER)
    """Empty when the learner wrote nothing."""
    written_at: str = ""
    """ISO 8601 with time zone; empty when nothing was written."""


class OwnAnswers(StrictModel):
    """All answers of one attempt, in the order of the questions."""

    format: int = Field(1, ge=1, le=1)
    answers: tuple[OwnAnswer, ...] = Field((), max_length=20)


def write_answers(folder: Path, answers: OwnAnswers) -> None:
    """Store the answers in the folder of an attempt, in place of earlier ones.

    Raises StorageFull or SimvoiceError.
    """
    try:
        replace_file(folder / ANSWERS, answers.model_dump_json(indent=1).encode() + b"\n")
    except OSError as error:
        raise storage_error(error, "storing the learner's answers") from error


def read_answers(folder: Path) -> OwnAnswers | None:
    """Return the answers in the folder of an attempt; None when no question was asked.

    Raises AttemptError for a file that cannot be read.
    """
    try:
        return OwnAnswers.model_validate_json(read_regular(folder / ANSWERS, _LARGEST))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise AttemptError(
            f"the learner's answers of attempt {folder.name} cannot be read; look at "
            f"{ANSWERS} in its folder"
        ) from error


def answers_for_page(folder: Path) -> OwnAnswers | None:
    """Return the answers that a page shows; None when there are none, or none can be read.

    A debrief is shown without them then.
    """
    try:
        return read_answers(folder)
    except AttemptError:
        return None
