"""The shape of progress: what pages and the terminal show. Everything in it goes to JSON as is."""

from __future__ import annotations

from typing import Literal

from simvoice.debrief.model import DebriefPart
from simvoice.progress.advice import Tried
from simvoice.progress.brief_store import Skipped
from simvoice.progress.compare import ComparedNumber


class Went(DebriefPart):
    """One whole attempt at a case."""

    attempt: str
    number: int
    """Counted from 1, in order of time."""
    when: str
    """ISO 8601 with zone; empty when the record does not say."""
    length_s: float
    reason: str
    """Why it ended (`record.events.Ended.reason`)."""
    comparable: bool
    """At the same version of the case as the last one."""


class Point(DebriefPart):
    """One number in one attempt."""

    attempt: str
    value: float | None
    low: float | None = None
    high: float | None = None
    shown: str
    """With its interval as people read it, or why there is none."""
    comparable: bool


class NumberSeries(DebriefPart):
    """One number over the attempts at a case."""

    key: str
    name: str
    kind: Literal["heading", "agreed", "metric"]
    unit: str
    interval: str
    """What the intervals of its points are, in words."""
    points: tuple[Point, ...]
    first_to_last: ComparedNumber | None = None
    """None with less than two attempts to compare."""
    previous_to_last: ComparedNumber | None = None
    """None with less than three: then it is the same."""


class CaseProgress(DebriefPart):
    """A learner's attempts at one case."""

    case_id: str
    title: str
    patient_name: str
    attempts: tuple[Went, ...]
    headings: tuple[NumberSeries, ...]
    agreed: tuple[NumberSeries, ...]
    metrics: tuple[NumberSeries, ...]
    tried: tuple[Tried, ...]
    goes: int
    """Other goes at moments of these attempts."""
    notes: tuple[str, ...]


class ProgressReport(DebriefPart):
    """Everything of one learner."""

    learner: str
    """The pseudonym; empty for attempts without one."""
    courses: tuple[CaseProgress, ...]
    """The case that was last talked comes first."""
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    waiting: int = 0
    """Attempts that are not read yet."""


class KnownLearner(DebriefPart):
    """One learner in the list of those there are."""

    learner: str
    attempts: int
    last: str
    """When the last attempt began; empty when no record says."""
