"""The types of progress, as pages and the terminal show it. All fields go to JSON unchanged."""

from __future__ import annotations

from typing import Literal

from simvoice.progress.advice import AdviceOutcome
from simvoice.progress.brief_store import Skipped
from simvoice.progress.compare import ComparedNumber
from simvoice.strict_model import StrictModel


class CourseAttempt(StrictModel):
    """One attempt at a case, not a retry."""

    attempt: str
    number: int
    """Number of the attempt, from 1, in order of time."""
    when: str
    """ISO 8601 with time zone; empty when the record does not contain it."""
    length_s: float
    reason: str
    """Why it ended (`record.events.Ended.reason`)."""
    comparable: bool
    """Whether it was at the same version of the case as the last attempt."""


class SeriesPoint(StrictModel):
    """One number in one attempt."""

    attempt: str
    value: float | None
    low: float | None = None
    high: float | None = None
    shown: str
    """The value with its interval in words, or the reason why there is none. For a heading: its
    items, counted (`3 of 5 met, 1 not judged`)."""
    comparable: bool
    met: int | None = None
    """For a heading: number of items met; None for other numbers."""
    judged: int | None = None
    """For a heading: number of items that were met or not met."""
    not_judged: int | None = None


class NumberSeries(StrictModel):
    """One number over the attempts at a case."""

    key: str
    name: str
    kind: Literal["heading", "agreed", "metric"]
    unit: str
    interval: str
    """Meaning of the intervals of the points, in words."""
    points: tuple[SeriesPoint, ...]
    first_to_last: ComparedNumber | None = None
    """None with fewer than two attempts to compare."""
    previous_to_last: ComparedNumber | None = None
    """None with fewer than three attempts, where it equals `first_to_last`."""


class CaseProgress(StrictModel):
    """A learner's attempts at one case."""

    case_id: str
    title: str
    patient_name: str
    attempts: tuple[CourseAttempt, ...]
    headings: tuple[NumberSeries, ...]
    agreed: tuple[NumberSeries, ...]
    metrics: tuple[NumberSeries, ...]
    tried: tuple[AdviceOutcome, ...]
    goes: int
    """Number of retries of these attempts."""
    notes: tuple[str, ...]


class ProgressReport(StrictModel):
    """The progress of one learner."""

    learner: str
    """The pseudonym; empty for attempts without one."""
    courses: tuple[CaseProgress, ...]
    """The case with the latest attempt comes first."""
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    waiting: int = 0
    """Number of attempts that are not read yet."""


class KnownLearner(StrictModel):
    """One learner in the list of learners."""

    learner: str
    attempts: int
    last: str
    """Start of the last attempt; empty when no record contains it."""
