"""What the verbs of a technician change in the state of a station."""

from __future__ import annotations

from typing import assert_never

from simvoice.errors import UsageError
from simvoice.hub_client.station_messages import Phase
from simvoice.station.moves import (
    Settings,
    after_encounter,
    after_questions,
    back,
    go_to,
    leave,
    pass_microphone,
    wait_for_line,
    with_,
)
from simvoice.station.visit import (
    NO_CHANGES,
    EncounterStage,
    FlowState,
    TechnicianAdvances,
    TechnicianBeginsAgain,
    TechnicianClears,
    TechnicianEnds,
    TechnicianHolds,
    TechnicianPrepares,
    TechnicianResets,
    TechnicianTests,
)

# -- what a technician commands


def obey(
    state: FlowState,
    event: TechnicianResets
    | TechnicianAdvances
    | TechnicianHolds
    | TechnicianBeginsAgain
    | TechnicianEnds
    | TechnicianClears
    | TechnicianPrepares
    | TechnicianTests,
    settings: Settings,
) -> FlowState:
    """Return the state after a verb. Raises UsageError with a sentence."""
    match event:
        case TechnicianResets():
            return state if state.phase is Phase.RESET else leave(state, settings, "technician")
        case TechnicianAdvances():
            return _technician_advances(state, settings)
        case TechnicianHolds():
            if state.left_s is None or state.phase is Phase.RESET:
                raise UsageError("There is no clock to hold in this phase.")
            return with_(state, is_held=event.is_held)
        case TechnicianBeginsAgain():
            return _technician_begins_again(state, settings)
        case TechnicianEnds():
            if state.stage is EncounterStage.RUNNING:
                return with_(state, wants_end="technician")
            if state.stage is EncounterStage.INTERRUPTED:
                return after_encounter(state, settings)
            raise UsageError("No encounter is running at this station.")
        case TechnicianClears():
            return _technician_clears(state, settings)
        case TechnicianPrepares():
            return _technician_prepares(state, event)
        case TechnicianTests():
            _check_free(state)
            return go_to(state, Phase.TEST, settings, stage=EncounterStage.WAITING)
        case _:
            assert_never(event)


def _technician_prepares(state: FlowState, event: TechnicianPrepares) -> FlowState:
    """Set accommodations; for a learner who is here, the time that is left grows, too."""
    visit = state.visit
    if state.phase in (Phase.WELCOME, Phase.TEST, Phase.RESET) or visit is None:
        return with_(state, prepared=event.accommodations)
    before = visit.accommodations.time_factor
    visit = with_(visit, accommodations=visit.accommodations.joined(event.accommodations))
    grown = visit.accommodations.time_factor / before
    left_s = None if state.left_s is None else state.left_s * grown
    drill_s = None if visit.drill_left_s is None else visit.drill_left_s * grown
    return with_(state, visit=with_(visit, drill_left_s=drill_s), left_s=left_s)


def _check_free(state: FlowState) -> None:
    if state.phase is not Phase.WELCOME:
        raise UsageError("A learner is at this station; reset it first.")


def _technician_advances(state: FlowState, settings: Settings) -> FlowState:
    if state.is_away:  # the technician knows who is there
        return back(state, settings)
    match state.phase:
        case Phase.WELCOME:
            raise UsageError("No learner is at this station; sign one in instead.")
        case Phase.CONSENT | Phase.TERMS:
            raise UsageError("Only the learner can agree to this page.")
        case Phase.CODE:
            raise UsageError("A code is needed here; sign the learner in instead.")
        case Phase.MICROPHONE:
            return pass_microphone(state, settings)
        case Phase.DOOR:
            return wait_for_line(state, settings)
        case Phase.ENCOUNTER if state.stage is EncounterStage.WAITING:
            raise UsageError("The encounter has not begun; reset the station to end the visit.")
        case Phase.ENCOUNTER:
            return obey(state, TechnicianEnds(), settings)
        case Phase.QUESTIONS:
            return after_questions(state, settings)
        case Phase.DEBRIEF | Phase.THANKS | Phase.TEST:
            return leave(state, settings, "technician")
        case Phase.RESET:
            raise UsageError("The station is being reset; wait a moment.")
        case _:
            assert_never(state.phase)


def _technician_begins_again(state: FlowState, settings: Settings) -> FlowState:
    if state.stage is EncounterStage.RUNNING and state.phase is Phase.ENCOUNTER:
        return with_(state, wants_end="technician", wants_again=True)
    again = {Phase.ENCOUNTER, Phase.QUESTIONS, Phase.DEBRIEF, Phase.THANKS}
    is_cut = state.stage is EncounterStage.INTERRUPTED
    if state.visit is None or not state.visit.case or not (state.phase in again or is_cut):
        raise UsageError("No encounter has begun at this station, so none can begin again.")
    visit = with_(state.visit, resumes="", retries="")
    return wait_for_line(with_(state, visit=visit, wants_end=None), settings)


def _technician_clears(state: FlowState, settings: Settings) -> FlowState:
    state = with_(state, prepared=NO_CHANGES)
    before = {Phase.CONSENT, Phase.CODE, Phase.TERMS, Phase.MICROPHONE, Phase.DOOR}
    is_begun = state.visit is not None and state.visit.has_begun
    return leave(state, settings) if state.phase in before and not is_begun else state
