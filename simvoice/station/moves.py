"""Changes of a station's state that several events share."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from simvoice.errors import UsageError
from simvoice.hub_client.station_messages import Phase, StationSettings
from simvoice.record.endings import RequestedEnd
from simvoice.station.visit import EncounterStage, FlowState, Said, Visit
from simvoice.strict_model import StrictModel

# -- times that no assignment and no lab sets

WARNING_S: Final = 30.0
"""A learner who turned to a paper has time to answer; the next one does not wait long."""
LINE_S: Final = 300.0
"""For the page to open its line; the patient may still be prepared."""
GO_ON_S: Final = 900.0
"""After an interruption: a technician comes, a headset is exchanged, the power is back."""
LONGEST_ENCOUNTER_S: Final = 7200.0
"""An encounter without a limit ends here: nobody speaks with one patient for two hours."""
AWAY_S: Final = 300.0
"""For the code of a visit that a power cut interrupted; until then its page shows nothing of it."""
TEST_S: Final = 120.0

MOST_INTERRUPTIONS: Final = 5
"""After so many in one encounter, a fault returns each time; what was recorded counts."""

Settings = StationSettings

_Model = TypeVar("_Model", bound=StrictModel)


def phase_s(state: FlowState, phase: Phase, settings: Settings) -> float | None:
    """Return the length of a phase, with the learner's own factor; None without a limit."""
    visit = state.visit
    options = visit.assignment.options if visit is not None and visit.assignment else None
    lengths: dict[Phase, float] = {
        Phase.CONSENT: settings.consent_s,
        Phase.CODE: settings.code_s,
        Phase.TERMS: settings.consent_s,
        Phase.MICROPHONE: settings.microphone_s,
        Phase.DOOR: visit.reading_s if visit is not None else 0.0,
        Phase.ENCOUNTER: LINE_S,
        Phase.QUESTIONS: options.questions_s if options is not None else 0.0,
        Phase.DEBRIEF: settings.debrief_s,
    }
    fixed: dict[Phase, float] = {Phase.THANKS: settings.thanks_s, Phase.TEST: TEST_S}
    if phase in lengths:
        return lengths[phase] * factor(state)
    return fixed.get(phase)


def whole_s(state: FlowState, settings: Settings) -> float | None:
    """Return the time of a phase that begins now, or of what a learner does after a crash."""
    if state.stage is EncounterStage.INTERRUPTED:
        return GO_ON_S * factor(state)
    return phase_s(state, state.phase, settings)


def back(state: FlowState, settings: Settings) -> FlowState:
    """Show the visit again after the computer had been off. The phase has its whole time."""
    return with_(state, is_away=False, left_s=whole_s(state, settings))


def factor(state: FlowState) -> float:
    """Return by what the times of this learner are multiplied."""
    return state.visit.accommodations.time_factor if state.visit is not None else 1.0


# -- changes of a state


def with_(model: _Model, **values: Any) -> _Model:
    """Return a copy of a model with other values."""
    return model.model_copy(update=values)


def say(state: FlowState, text: str, *, bell: bool = False, is_quiet: bool = False) -> FlowState:
    """Announce something. is_quiet: it is not spoken, because an encounter listens."""
    said = Said(number=state.said.number + 1, text=text, bell=bell, is_quiet=is_quiet)
    return with_(state, said=said)


def go_to(state: FlowState, phase: Phase, settings: Settings, **values: Any) -> FlowState:
    """Go to a phase. Its clock runs, whatever was held before."""
    values = {"notice": "", **values}
    return with_(
        state,
        phase=phase,
        left_s=phase_s(state, phase, settings),
        is_warned=False,
        is_held=False,
        is_away=False,
        **values,
    )


def visit_of(state: FlowState) -> Visit:
    """Return the visit. Raises UsageError without one."""
    if state.visit is None:
        raise UsageError("No learner is at this station; begin at the welcome page.")
    return state.visit


def wait_for_line(state: FlowState, settings: Settings, notice: str = "") -> FlowState:
    """Let the page open its line for the next encounter."""
    waiting = EncounterStage.WAITING
    return go_to(state, Phase.ENCOUNTER, settings, stage=waiting, notice=notice)


def enter_door(state: FlowState, settings: Settings) -> FlowState:
    """Go to the door note; without a reading time into the encounter."""
    state = go_to(state, Phase.DOOR, settings)
    return state if state.left_s else wait_for_line(state, settings)


def after_encounter(state: FlowState, settings: Settings, notice: str = "") -> FlowState:
    """Go on when the encounter of this visit is over: its questions, if there are any."""
    visit = visit_of(state)
    state = with_(state, stage=EncounterStage.NONE, wants_end=None)
    if state.phase is Phase.RESET:
        return state
    has_time = bool(phase_s(state, Phase.QUESTIONS, settings))
    if visit.questions and has_time and not visit.are_answered:
        return go_to(state, Phase.QUESTIONS, settings, notice=notice)
    return after_questions(state, settings, notice)


def after_questions(state: FlowState, settings: Settings, notice: str = "") -> FlowState:
    """Go on when the answers are complete. In practice the learner's own words come first."""
    visit = visit_of(state)
    reflects = visit.reflects and bool(visit.attempt)
    visit = with_(visit, are_answered=True, is_reflecting=reflects)
    phase = Phase.THANKS if visit.mode == "exam" else Phase.DEBRIEF
    return go_to(with_(state, visit=visit), phase, settings, notice=notice)


def leave(state: FlowState, settings: Settings, reason: RequestedEnd = "learner") -> FlowState:
    """Begin the reset. An encounter that runs is asked to end, and the reset waits for it."""
    is_running = state.stage is EncounterStage.RUNNING
    stage = state.stage if is_running else EncounterStage.NONE
    state = go_to(state, Phase.RESET, settings, stage=stage)
    return with_(state, wants_end=reason if is_running else None, wants_again=False)


def check_phase(state: FlowState, phases: set[Phase]) -> None:
    """Raise UsageError in other phases than these."""
    if state.phase not in phases:
        raise UsageError("This is not possible now; the page shows what comes next.")


def go_on(state: FlowState, settings: Settings) -> FlowState:
    """Let the page open its line for the rest of an encounter that was cut off."""
    if state.stage is not EncounterStage.INTERRUPTED:
        raise UsageError("No conversation was interrupted here.")
    visit = visit_of(state)
    state = with_(state, visit=with_(visit, resumes=visit.attempt))
    return wait_for_line(state, settings)


def pass_microphone(state: FlowState, settings: Settings) -> FlowState:
    """Go on after the microphone check: to the door, or back into an encounter."""
    if state.stage is EncounterStage.INTERRUPTED:
        return go_on(state, settings)
    return enter_door(state, settings)
