"""Plan how an attempt that was cut off goes on: by a crash, a power cut, or a lost device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from simvoice.app.retry import clock_s
from simvoice.conversation.checkpoint import RetryStart, restore
from simvoice.errors import AttemptError
from simvoice.patient.decisions import Decision, Move
from simvoice.patient.mind import Patient
from simvoice.record.endings import end_words
from simvoice.record.events import (
    Checkpoint,
    ContinuedAttempt,
    LearnerTurn,
    PatientMove,
    PatientSpeech,
    RecordedOptions,
)
from simvoice.record.store import Attempt, Store

LEAST_S = 30.0
"""Least time of a resumed encounter, however little is left: enough to take leave."""


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """What a resumed encounter begins with."""

    origin: ContinuedAttempt
    """The attempt that was cut off, for the header of the new one."""
    start: RetryStart | None
    """None when the patient had not spoken yet: the encounter begins at its beginning."""
    seed: int
    time_s: float | None
    """Seconds of the clock that are left; None without a limit."""
    learner: str
    options: RecordedOptions
    """Those of the attempt that was cut off."""


def plan_resume(folder: Path, patient: Patient) -> ResumePlan:
    """Return the plan of an encounter that goes on where the record in `folder` ends.

    Recovers the record first. Raises AttemptError when it is being recorded, belongs to another
    case or another version of it, or holds a conversation that was brought to its end.
    """
    attempt = Store(folder.parent).open_recovered(folder.name)
    header, case = attempt.header, patient.case
    if (header.case_id, header.case_sha256) != (case.id, case.sha256):
        raise AttemptError(
            f"attempt {attempt.id} was made with another version of its case, so it cannot go on; "
            "start the case from the beginning"
        )
    ended = attempt.ended
    if ended is not None and not end_words(ended.reason).is_cut_short:
        raise _is_over(attempt)
    at_s = ended.at_s if ended is not None else attempt.duration_s
    left_s = None if header.time_s is None else header.time_s - clock_s(attempt.entries, at_s)
    return ResumePlan(
        origin=ContinuedAttempt(attempt=attempt.id, uuid=header.uuid, at_s=at_s),
        start=_start(attempt, patient),
        seed=header.seed,
        time_s=None if left_s is None else max(LEAST_S, left_s),
        learner=header.learner,
        options=header.options,
    )


def _is_over(attempt: Attempt) -> AttemptError:
    return AttemptError(
        f"the conversation of attempt {attempt.id} had come to its end, so it cannot go on; "
        "read its debrief"
    )


def _start(attempt: Attempt, patient: Patient) -> RetryStart | None:
    """Return the state after the last line of the record, and the line with which it goes on.

    The patient says that it lost the thread. A line that was not delivered whole follows again.
    """
    last: Checkpoint | None = None
    spoken: list[PatientSpeech] = []
    opens: tuple[str, ...] = ()
    turns = 0
    for entry in attempt.entries:
        match entry:
            case Checkpoint():
                last, spoken = entry, []
            case PatientSpeech():
                spoken.append(entry)
            case PatientMove():
                opens = entry.disclosed
            case _:
                pass
        if isinstance(entry, Checkpoint | PatientSpeech | LearnerTurn):
            turns = max(turns, entry.turn)
    if last is None:
        return None
    state, move = restore(last)
    heard = " ".join(each.heard for each in spoken if each.heard)
    is_whole = not move.text or bool(spoken and not spoken[-1].unsaid)
    if is_whole and move.ending is not None:
        raise _is_over(attempt)
    if is_whole:
        state = patient.record_delivery(state, move, heard, True)
    lost = patient.lost_thread(state)
    decision = lost if is_whole else _again(patient, lost, move, opens)
    turn = max(turns, last.last_turn) + 1
    return RetryStart(decision=decision, turn=turn, last_turn=turn, sureness=last.sureness)


def _again(patient: Patient, lost: Decision, move: Move, opens: tuple[str, ...]) -> Decision:
    """Return the decision to say `move` after the line of a patient who lost the thread."""
    first = lost.move
    joined = replace(
        move,
        text=f"{first.text} {move.text}".strip(),
        spoken=f"{first.spoken} {move.spoken}".strip(),
        silence_before_s=0.0,
    )
    return Decision(
        state=patient.record_delivery(lost.state, first, first.text, True),
        move=joined,
        reason=f"{lost.reason}, and had not said this line to its end",
        discloses=opens,
    )
