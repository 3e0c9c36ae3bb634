"""What the pages need from the rest of simvoice. `app.simulator.Simulator` implements it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from simvoice.audio import Pcm
from simvoice.debrief.retry import CheckpointRef
from simvoice.ports import AudioLine
from simvoice.record.store import Attempt, AttemptSummary, Store
from simvoice.runtime.encounter_options import AS_WRITTEN, EncounterOptions
from simvoice.runtime.observer import Encounter, Observer
from simvoice.web.format import note_lasting


@dataclass(frozen=True, slots=True)
class MomentCard:
    """A moment of a case at which a drill can begin."""

    id: str
    title: str
    skill: str
    """What a learner practises there, in a sentence."""


@dataclass(frozen=True, slots=True)
class CaseCard:
    """What a learner may read about a case before the encounter, and nothing else."""

    id: str
    title: str
    level: str
    """For whom it is made, in words: "first clinical year"."""
    setting: str
    """Where it takes place, in words."""
    door_note: str
    """Plain text. A blank line separates paragraphs; lines that begin with "- " make a list."""
    reading_time_s: float
    time_s: float | None
    """Time limit of the encounter in seconds; None without a limit."""
    patient_name: str
    course: str = ""
    """What the case trains, in words: "Breaking bad news"."""
    summary: str = ""
    """One sentence for the list of cases; empty when the title is enough."""
    objectives: tuple[str, ...] = ()
    moments: tuple[MomentCard, ...] = ()
    """Where a drill can begin."""
    sha256: str = ""
    """Hash of the case file; empty when unknown. A retry needs the same version of the case."""
    origin: str = ""
    """Where it comes from, in words: "sent by the lab's hub". Empty for a case of simvoice."""

    def lasting(self, time_s: float | None) -> CaseCard:
        """Return the card for an encounter with this limit, which its door note then names."""
        note = note_lasting(self.door_note, self.time_s, time_s)
        return replace(self, door_note=note, time_s=time_s)


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far the engines and the lines of the requested case are prepared."""

    ready: bool
    """True when an encounter can begin now."""
    progress: float
    """0..1."""
    sentence: str
    """The current step, for people: "Preparing Ruth's voice"."""
    fault: str | None = None
    """What is wrong and how to fix it, when preparation cannot finish; else None."""


class Simulator(Protocol):
    """Everything behind the pages. Each method may block; the pages call it off the event loop.

    Methods raise errors of `simvoice.errors`: CaseError for an unknown case, AttemptError for an
    unknown attempt or one in use.
    """

    def cases(self) -> Sequence[CaseCard]:
        """Return the cases that are offered, in order."""
        ...

    def withheld(self) -> Sequence[str]:
        """Return a sentence for each case that is not offered, with the reason."""
        ...

    @property
    def disclosure(self) -> str:
        """Where the words of a conversation are sent, in sentences; empty when nowhere."""
        ...

    def prepare(self, case_id: str) -> None:
        """Start preparing this case. Returns at once; calling it again is safe."""
        ...

    def ready(self) -> Readiness:
        """Return how far the preparation is."""
        ...

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str,
        observer: Observer,
        retry_from: CheckpointRef | None = None,
        options: EncounterOptions = AS_WRITTEN,
    ) -> Encounter:
        """Return an encounter that is ready to run on `line`; its `run` starts the line.

        retry_from: the checkpoint of an earlier attempt at which it begins. options: how it
        differs from the case.
        """
        ...

    def retry_time_s(self, case_id: str, checkpoint: CheckpointRef) -> float | None:
        """Return the time limit of a retry from this checkpoint in seconds; None without a limit.

        Raises AttemptError when no retry can begin there.
        """
        ...

    @property
    def store(self) -> Store:
        """The store of all attempts. A page lists only what `attempts` returns."""
        ...

    def attempts(self) -> Sequence[AttemptSummary]:
        """Return past attempts, the newest first."""
        ...

    def attempt(self, attempt_id: str) -> Attempt:
        """Return the record of one attempt. Recovers it first when a crash cut it off."""
        ...

    def folders_with_feedback(self) -> Sequence[Path]:
        """Return the folders of the attempts that have a rating or an objection."""
        ...

    def erase(self, attempt_id: str) -> None:
        """Remove an attempt and everything that was made from it."""
        ...

    def reflection_audio(self, attempt_id: str) -> Pcm:
        """Return the patient's reflection in the patient's voice: float32 [n], 16 kHz.

        Raises AttemptError when the record holds no reflection, CaseError when the case is gone.
        """
        ...
