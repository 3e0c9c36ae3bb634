"""What the pages ask of the rest of simvoice. `app.Simulator` fulfils it; tests fake it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from simvoice.audio import Pcm
from simvoice.debrief.retry import CheckpointRef
from simvoice.ports import AudioLine
from simvoice.record.store import Attempt, AttemptSummary, Store
from simvoice.runtime.observer import Encounter, Observer


@dataclass(frozen=True, slots=True)
class CaseCard:
    """What a learner may know of a case before the door opens. Nothing else may be in it."""

    id: str
    title: str
    level: str
    """Whom it is for, in words: "first clinical year"."""
    setting: str
    """Where it takes place, in words."""
    door_note: str
    """Plain text; a blank line parts paragraphs, lines that begin with "- " make a list."""
    reading_time_s: float
    time_s: float | None
    """Time for the conversation; None when it has no limit."""
    patient_name: str
    course: str = ""
    """What it trains, in words: "Breaking bad news"."""
    summary: str = ""
    """One sentence for the card; empty when the title says enough."""
    objectives: tuple[str, ...] = ()
    sha256: str = ""
    """Of its file; another go begins in no other version. Empty when not known."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far the engines, and the lines of the case that was asked for, are prepared."""

    ready: bool
    """An encounter could begin now."""
    progress: float
    """0..1."""
    sentence: str
    """What is being done, for people: "Preparing Ruth's voice"."""
    fault: str | None = None
    """A sentence with the remedy when it will never be ready by itself."""


class Simulator(Protocol):
    """Everything behind the pages. Each method may block; the pages call it off the event loop.

    Methods raise errors of `simvoice.errors` (CaseError for an unknown case, AttemptError for
    an unknown attempt or one in use) and nothing else on purpose.
    """

    def cases(self) -> Sequence[CaseCard]:
        """The cases on offer, in order."""
        ...

    def withheld(self) -> Sequence[str]:
        """Why other cases are not on offer, a sentence each."""
        ...

    def prepare(self, case_id: str) -> None:
        """Begin to make ready what this case needs; returns at once, may be called again."""
        ...

    def ready(self) -> Readiness:
        """How far preparing has come."""
        ...

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str,
        observer: Observer,
        again: CheckpointRef | None = None,
    ) -> Encounter:
        """An encounter that is ready to run on `line`; the line is not started yet.

        again: the moment of an earlier attempt at which it begins.
        """
        ...

    def time_again(self, case_id: str, place: CheckpointRef) -> float | None:
        """Seconds that another go at this moment has; None when it has no limit.

        Raises AttemptError when there is no going back to it.
        """
        ...

    @property
    def store(self) -> Store:
        """Where the attempts lie. What a page may list, `attempts` says."""
        ...

    def attempts(self) -> Sequence[AttemptSummary]:
        """Past attempts, the newest first."""
        ...

    def attempt(self, attempt_id: str) -> Attempt:
        """The record of one attempt; one that a crash left behind is recovered first."""
        ...

    def remarked(self) -> Sequence[Path]:
        """The folders of the attempts that somebody has rated or objected to."""
        ...

    def erase(self, attempt_id: str) -> None:
        """Remove an attempt and all that was made from it."""
        ...

    def afterwards(self, attempt_id: str) -> Pcm:
        """What the patient said afterwards, in her voice: float32 [n], 16 kHz.

        Raises AttemptError when the record has none of it, CaseError when her case is gone.
        """
        ...
