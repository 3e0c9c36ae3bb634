"""What an encounter on the hub may be: it is counted when it begins, and gets its options.

The check and the count are one transaction, at the moment of the beginning. So someone who waits
in the queue for an hour begins nothing that was used up or closed meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from simvoice.debrief.retry import CheckpointRef
from simvoice.errors import AttemptError
from simvoice.hub import assignments, begun, releases, retries
from simvoice.hub.assignment_options import accommodations_of, encounter_options, options_of
from simvoice.hub.attempts import Parts
from simvoice.hub.encounters.keeping import RecordOwner
from simvoice.hub.retries import OpenAttempt
from simvoice.hub.storage.tables import Assignment, OneTimeCode
from simvoice.record.store import Attempt
from simvoice.runtime.encounter_options import AS_WRITTEN, PRACTICE, EncounterOptions


@dataclass(frozen=True, slots=True)
class EncounterWish:
    """What somebody wishes to begin with a case: an assignment, a retry, or neither."""

    assignment_id: UUID | None = None
    retry: CheckpointRef | None = None
    """A checkpoint of an own attempt, named by its readable identifier."""

    @property
    def key(self) -> str:
        """What tells the pages of wishes apart, besides the case."""
        if self.retry is not None:
            return f"retry {self.retry.attempt}@{self.retry.turn}"
        return "" if self.assignment_id is None else f"assignment {self.assignment_id}"


@dataclass(frozen=True, slots=True)
class Admission:
    """An encounter that begins now."""

    owner: RecordOwner
    options: EncounterOptions


class Admissions(Protocol):
    """Admits encounters when they begin."""

    def admit(self, owner: RecordOwner, retry: CheckpointRef | None) -> Admission:
        """Count an encounter. Raises UsageError with the reason when it may not begin."""
        ...

    def take_back(self, admission: Admission) -> None:
        """Count it no more: it did not begin after all."""
        ...

    def own_attempts(self, owner: RecordOwner) -> AbstractContextManager[OpenAttempt]:
        """Return how to open the learner's attempts; they stay open until the end of the block."""
        ...


class AdmitAll:
    """Admits everything, as it is written in the case, and has no attempts."""

    def admit(self, owner: RecordOwner, retry: CheckpointRef | None) -> Admission:
        """Admit it."""
        return Admission(owner, AS_WRITTEN)

    def take_back(self, admission: Admission) -> None:
        """Do nothing: nothing was counted."""

    @contextmanager
    def own_attempts(self, owner: RecordOwner) -> Iterator[OpenAttempt]:
        """Return what finds no attempt."""

        def open_none(record_id: str) -> Attempt:
            raise AttemptError(f"there is no attempt {record_id} here")

        yield open_none


class CourseAdmissions:
    """Admits what the courses of a hub allow."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def admit(self, owner: RecordOwner, retry: CheckpointRef | None) -> Admission:
        """Count an encounter of an assignment. Raises UsageError and DatabaseAway."""
        now = self._parts.now()
        with self._parts.database.begin() as session:
            if retry is not None:
                return Admission(owner, _options_of_retry(session, owner, retry))
            if owner.assignment_id is None:
                return Admission(owner, PRACTICE)
            who = {"person_id": owner.owner_id, "code_id": owner.code_id}
            found = assignments.check_may_begin(session, owner.assignment_id, now, **who)
            code = session.get(OneTimeCode, owner.code_id) if owner.code_id else None
            if code is not None:
                code.used_at = code.used_at or now  # it can be open again after a failure
            options = _options(found.assignment, code, found.present_round, now)
            begun_id = begun.add(session, owner.assignment_id, now, **who)
        return Admission(owner.model_copy(update={"begun_id": begun_id}), options)

    def take_back(self, admission: Admission) -> None:
        """Count it no more. Raises DatabaseAway."""
        if admission.owner.begun_id is not None:
            with self._parts.database.begin() as session:
                begun.take_back(session, admission.owner.begun_id)

    def own_attempts(self, owner: RecordOwner) -> AbstractContextManager[OpenAttempt]:
        """Return how to open the attempts of the learner, and of nobody else."""
        return retries.opened_by_record(self._parts, owner.owner_id)


def _options_of_retry(
    session: Session, owner: RecordOwner, retry: CheckpointRef
) -> EncounterOptions:
    """Return what a retry takes over from the assignment of its attempt: how one may speak."""
    attempt = retries.by_record(session, owner.owner_id, retry.attempt)
    releases.check_may_read(session, attempt)
    task = session.get(Assignment, attempt.assignment_id) if attempt.assignment_id else None
    if task is None:
        return PRACTICE
    options = options_of(task)
    changed = options.accommodations
    return EncounterOptions(
        patience_factor=changed.patience_factor,
        typed=changed.typed,
        reflects=options.for_encounter(changed, task.mode).reflects,
    )


def _options(
    task: Assignment,
    code: OneTimeCode | None,
    going_on: begun.DrillRound | None,
    now: datetime,
) -> EncounterOptions:
    options = options_of(task)
    changed = accommodations_of(options, code)
    left_s = None
    if options.drill is not None:
        left_s = 60.0 * options.drill.minutes * changed.time_factor
        left_s = going_on.left_s(now) if going_on is not None else left_s
    return encounter_options(task, changed, left_s=left_s)
