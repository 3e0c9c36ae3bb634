"""Plan an encounter: what its options make of the case's time, waits and beginning."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Final

from simvoice.app.attempt_header import AS_IN_CASE
from simvoice.app.resume import ResumePlan
from simvoice.app.retry import RetryPlan
from simvoice.conversation.checkpoint import RetryStart
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.errors import CaseError, UsageError
from simvoice.patient.case.schema import Case
from simvoice.patient.checking.moments import (
    find_moment,
    is_reached,
    play_moment,
    require_moment,
)
from simvoice.patient.mind import Patient
from simvoice.ports import Embedder
from simvoice.record.events import (
    ContinuedAttempt,
    RecordedMoment,
    RecordedOptions,
    RetryOrigin,
)
from simvoice.runtime.encounter_options import AS_WRITTEN, EncounterOptions

MOST_FACTOR: Final = 4.0
"""Largest factor on times and waits: an extended exam has up to twice its time."""

_PATIENCE: Final = (
    *("sure_commit_s", "commit_after_s", "statement_commit_s", "incomplete_wait_s"),
    *("perhaps_wait_s", "opening_wait_s", "prompt_after_s", "monologue_s"),
)
"""The settings with which the patient waits for the learner: in a turn, after it, between turns.
Waits for engines and thresholds of barge-in are not the learner's."""

_CHECKED_SEED = 0
"""A seed with which `simvoice cases check` has reached each moment."""


@dataclass(frozen=True, slots=True)
class EncounterPlan:
    """What an encounter begins with, and how long it may last."""

    learner: str
    seed: int | None
    """None for another patient each time."""
    time_s: float | None
    """Seconds of the encounter's clock at which its time is over; None without a limit."""
    time_is_hard: bool
    goes_on: bool
    """When the time is over, this is announced and the encounter goes on."""
    start: RetryStart | None = None
    """Where the patient's line of a retry, a moment or a resumed encounter stands."""
    again: RetryOrigin | None = None
    continues: ContinuedAttempt | None = None
    moment: RecordedMoment | None = None
    recorded: RecordedOptions = AS_IN_CASE


def plan_encounter(
    case: Case,
    options: EncounterOptions = AS_WRITTEN,
    *,
    learner: str = "",
    retry: RetryPlan | None = None,
    moment: RetryStart | None = None,
    resumed: ResumePlan | None = None,
) -> EncounterPlan:
    """Return the plan of an encounter.

    retry: the checkpoint of an earlier attempt; moment: that of `options.moment`; resumed: that of
    `options.resume`. At most one of them is given. Raises UsageError for options that cannot be
    used.
    """
    if resumed is not None:
        options = _as_before(options, resumed.options)
    _check(options)
    if sum(each is not None for each in (retry, moment, resumed)) > 1:
        raise UsageError(
            "an encounter begins at one place only: at a checkpoint, at a moment, or where a "
            "recording ends; name one of them"
        )
    limit_s = options.limit_s if options.limit_s is not None else case.time.limit_s
    time_s: float | None = limit_s * options.time_factor
    start, again, continues, seed = moment, None, None, options.seed
    if retry is not None:
        start, again, seed = retry.start, retry.origin, retry.seed
        learner = learner or retry.learner
        more = options.time_factor / retry.time_factor  # the rest of its time, which has a factor
        time_s = None if retry.time_s is None else retry.time_s * more
    if moment is not None:
        seed = moment.decision.state.seed
    if resumed is not None:
        start, continues, seed = resumed.start, resumed.origin, resumed.seed
        learner = learner or resumed.learner
        time_s = resumed.time_s
    return EncounterPlan(
        learner=learner,
        seed=seed,
        time_s=time_s,
        time_is_hard=options.timer == "hard" or (options.timer, case.time.kind) == ("case", "hard"),
        goes_on=options.timer == "soft",
        start=start,
        again=again,
        continues=continues,
        moment=_moment_recorded(case, options.moment),
        recorded=_recorded(options),
    )


def moment_start(
    patient: Patient, moment_id: str, embedder: Embedder | None, *, seed: int | None = None
) -> RetryStart:
    """Return the checkpoint at a moment of the patient's case.

    What the learner says until then is played in text, so the same seed gives the same patient.
    With a seed that leads elsewhere the moment is that of a seed that was checked. Raises
    UsageError for a moment that the case does not have, CaseError for one that is not reached.
    """
    case = patient.case
    moment = require_moment(case, moment_id)
    wanted = secrets.randbelow(2**31) if seed is None else seed
    for each in (wanted, _CHECKED_SEED):
        talk = play_moment(patient, moment, embedder, each)
        if is_reached(talk, moment):
            last = talk.exchanges[-1].decision
            turns = 2 * len(talk.exchanges) - 1
            return RetryStart(decision=last, turn=turns, last_turn=turns)
    raise CaseError(
        f"the moment {moment_id} of the case {case.id} is not reached; "
        f"run: simvoice cases check {case.id}"
    )


def patient_waits(settings: TurnTakingSettings, factor: float) -> TurnTakingSettings:
    """Return the settings of a patient whose waits for the learner are `factor` times as long."""
    if factor == 1.0:
        return settings
    return settings.model_copy(
        update={name: factor * getattr(settings, name) for name in _PATIENCE}
    )


def _moment_recorded(case: Case, moment_id: str) -> RecordedMoment | None:
    moment = find_moment(case, moment_id)
    if moment is None:
        return None
    return RecordedMoment(id=moment.id, title=moment.title, skill=moment.skill)


def _check(options: EncounterOptions) -> None:
    for name in ("time_factor", "patience_factor"):
        if not 1.0 <= getattr(options, name) <= MOST_FACTOR:
            words = name.replace("_", " ")
            raise UsageError(f"the {words} is a number from 1 to {MOST_FACTOR:.0f}; choose another")
    if options.limit_s is not None and not options.limit_s > 0.0:
        raise UsageError("the length of an encounter is more than 0 s; choose another")


def _recorded(options: EncounterOptions) -> RecordedOptions:
    """Return the options for the header; where it begins and its seed have fields of their own."""
    return RecordedOptions.model_validate(
        {name: getattr(options, name) for name in RecordedOptions.model_fields}
    )


def _as_before(options: EncounterOptions, before: RecordedOptions) -> EncounterOptions:
    """Return the options of an encounter that goes on: what is not set now stays as it was."""
    kept = {
        name: getattr(before, name)
        for name in RecordedOptions.model_fields
        if getattr(options, name) == getattr(AS_WRITTEN, name)
    }
    return replace(options, **kept)
