"""The encounter of a visit: its options, whose record it is, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from simvoice.debrief.retry import CheckpointRef
from simvoice.errors import SimvoiceError
from simvoice.hub_client.station_messages import AssignmentOptions
from simvoice.record.answers import OwnAnswer, OwnAnswers
from simvoice.record.endings import RequestedEnd
from simvoice.release.manifest import SealedOwner
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.runtime.observer import Encounter, Finished
from simvoice.station.records import AttemptOwner
from simvoice.station.visit import Visit
from simvoice.station.words import at_station
from simvoice.web.ports import CaseCard


def options_of(visit: Visit, resume: Path | None) -> EncounterOptions:
    """Return how the next encounter of a visit differs from its case.

    resume: the folder of the attempt that it goes on from.
    """
    options = visit.assignment.options if visit.assignment is not None else AssignmentOptions()
    found = options.for_encounter(visit.accommodations, visit.mode)
    begins_at_moment = visit.drill is not None and resume is None
    return replace(found, moment=found.moment if begins_at_moment else "", resume=resume)


def retry_of(visit: Visit) -> CheckpointRef | None:
    """Return where a retry begins; None for an encounter that is none."""
    return CheckpointRef(visit.retries, visit.retry_turn) if visit.retries else None


def limit_s(visit: Visit, card: CaseCard | None) -> float | None:
    """Return the length of the encounter with the accommodations; None without a limit.

    A try of a drill lasts no longer than all its tries together.
    """
    given = visit.assignment.options.limit_s if visit.assignment is not None else None
    written = card.time_s if card is not None else None
    length_s = given if given is not None else written
    if visit.drill is not None:
        length_s = min(60.0 * visit.drill.minutes, length_s or math.inf)
    return None if length_s is None else length_s * visit.accommodations.time_factor


def owner_of(visit: Visit, seal_key: str, now: float, continues: UUID | None) -> AttemptOwner:
    """Return whose record the next encounter makes. now: Unix time of the station."""
    owner = SealedOwner(
        code=visit.code,
        assignment=None if visit.assignment is None else visit.assignment.id,
        mode=visit.mode,
        session=visit.session,
        is_released=visit.mode == "exam",
        made_at=now,
        continues=continues,
    )
    return AttemptOwner(owner=owner, seal_key=seal_key if visit.code is not None else "")


def answers_of(visit: Visit | None, written_at: str) -> dict[str, OwnAnswers]:
    """Return the learner's answers for the last attempt of a visit; empty without questions.

    written_at: ISO 8601 with time zone.
    """
    if visit is None or not visit.attempt or not visit.questions:
        return {}
    pairs = zip(visit.questions, visit.answers, strict=False)
    given = tuple(
        OwnAnswer(question=question, answer=answer, written_at=written_at if answer else "")
        for question, answer in pairs
    )
    return {visit.attempt: OwnAnswers(answers=given)}


@dataclass
class RoomEncounter:
    """One encounter, from the page's line to its end."""

    visit: Visit | None
    """None for a test of a technician."""
    attempt: str = ""
    """Empty until it is built."""
    reason: str = "fault"
    """One of `record.endings.EndReason`."""
    message: str = ""
    """A sentence for the learner when a fault ended it."""
    has_sounded: bool = False
    """A status has come: its record grows."""
    left_s: float | None = None
    """Seconds until its time is over, as of the last status."""
    level_dbfs: float | None = None
    """Of the learner's microphone, as of the last status."""

    @contextmanager
    def noting_faults(self) -> Iterator[None]:
        """Note the sentence of an error that passes through."""
        try:
            yield
        except SimvoiceError as error:
            self.message = at_station(str(error))
            raise


@dataclass(frozen=True)
class WatchedEncounter:
    """An encounter that notes how it ends."""

    encounter: Encounter
    play: RoomEncounter

    @property
    def attempt(self) -> str:
        """Id of the attempt that it records."""
        return self.encounter.attempt

    def run(self) -> Finished:
        """Run it, note how it ended, and return that."""
        with self.play.noting_faults():
            found = self.encounter.run()
        found = replace(found, message=at_station(found.message))
        self.play.reason, self.play.message = found.reason, found.message
        return found

    def end(self, reason: RequestedEnd = "learner") -> None:
        """Request its end."""
        self.encounter.end(reason)

    def hold(self, held: bool) -> None:
        """Stop its clock, or let it run again."""
        self.encounter.hold(held)

    def typed(self, text: str) -> None:
        """Take a turn that was typed."""
        self.encounter.typed(text)

    def typing(self) -> None:
        """Tell that the learner types now."""
        self.encounter.typing()
