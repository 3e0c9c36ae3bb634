"""The flow of a station as a pure state machine: one event in, the next state out.

`advance` has no clock and no I/O. `effects` says what follows from the change of a state. What is
in `FlowState` is saved after each event, so a program that is killed goes on with `restarted`.

    welcome -> consent -> code -> terms -> microphone -> door -> encounter -> questions
            -> debrief (practice, drill) or thanks (exam) -> reset -> welcome

In practice the phase of the debrief begins with the learner's own words (`Visit.is_reflecting`).
"""

from __future__ import annotations

from typing import Final, assert_never

from simvoice.errors import UsageError
from simvoice.hub_client.station_messages import OnCrash, Phase
from simvoice.station.moves import (
    AWAY_S,
    LONGEST_ENCOUNTER_S,
    MOST_INTERRUPTIONS,
    WARNING_S,
    Settings,
    after_encounter,
    after_questions,
    back,
    check_phase,
    factor,
    go_on,
    go_to,
    leave,
    pass_microphone,
    say,
    visit_of,
    wait_for_line,
    whole_s,
    with_,
)
from simvoice.station.verbs import obey
from simvoice.station.view import (
    AcceptTerms,
    Agree,
    Done,
    EnterRoom,
    GoOn,
    HandIn,
    Leave,
    MicrophonePassed,
    NextTry,
    Retry,
    ShowDebrief,
    Stay,
    WriteAnswers,
)
from simvoice.station.visit import (
    NO_CHANGES,
    Announce,
    Arrived,
    CameBack,
    Chosen,
    Effect,
    EncounterBegun,
    EncounterEnded,
    EncounterRuns,
    EncounterStage,
    EndEncounter,
    FlowEvent,
    FlowState,
    HoldEncounter,
    PatientNotReady,
    Prepare,
    Reset,
    Said,
    Settle,
    SignedIn,
    TechnicianAdvances,
    TechnicianBeginsAgain,
    TechnicianClears,
    TechnicianEnds,
    TechnicianHolds,
    TechnicianPrepares,
    TechnicianResets,
    TechnicianTests,
    Tick,
    Visit,
    WasReset,
)

_ANNOUNCED_S: Final = ((120.0, "Two minutes left."), (30.0, "Thirty seconds left."))
"""Moments before the end of a phase at which the time is announced, with the words."""

_ANNOUNCING: Final = frozenset({Phase.DOOR, Phase.QUESTIONS})

_WARNED: Final = frozenset(
    {Phase.CONSENT, Phase.CODE, Phase.TERMS, Phase.MICROPHONE, Phase.ENCOUNTER, Phase.DEBRIEF}
)
"""Phases at whose end the learner is asked whether to stay; then comes the reset."""

_AFTERWARDS: Final = frozenset({Phase.DEBRIEF, Phase.THANKS, Phase.RESET})
"""Phases in which a learner loses nothing when their time is over."""

_WITHOUT_LINE: Final = frozenset({EncounterStage.WAITING, EncounterStage.INTERRUPTED})

WARNING: Final = "Are you still here? This station is about to begin again for the next learner."

_ENTER: Final = "The reading time is over. Please go in."
_DRILL_OVER: Final = "The time of this drill is over."
_QUESTIONS_OVER: Final = "The time for your answers is over. They were kept as they are."

ANNOUNCEMENTS: Final = (
    *(words for _, words in _ANNOUNCED_S),
    *(_ENTER, _DRILL_OVER, WARNING),
)
"""Everything that is said aloud, for those who render it before it is needed."""

_DEVICE: Final = "The microphone was lost. Connect it and check it; then you go on where you were."
_CUT_OFF: Final = "The conversation was interrupted. Nothing is lost, and you can go on."
_ENDED_BY_CRASH: Final = "The conversation was interrupted and has ended. What you said is kept."
_NOT_BEGUN: Final = "The conversation ended before it began. Try again, or ask for help."
_TOO_OFTEN: Final = "The conversation was interrupted too often and has ended. It is kept."


def advance(state: FlowState, event: FlowEvent, now_s: float, settings: Settings) -> FlowState:
    """Return the state after an event.

    now_s: elapsed time of the station in seconds; an earlier one than before counts as none.
    Raises UsageError with a sentence when the event is not possible in this phase.
    """
    state = _elapse(state, now_s, settings)
    match event:
        case Tick():
            return state
        case Arrived():
            return _arrive(state, event, settings)
        case SignedIn():
            return _sign_in(state, event, settings)
        case CameBack():
            return _come_back(state, event, settings)
        case Chosen():
            return _choose(state, event, settings)
        case PatientNotReady():
            is_waiting = state.phase is Phase.ENCOUNTER and state.stage in _WITHOUT_LINE
            if not is_waiting or state.is_warned or state.is_held or state.is_away:
                return state
            return with_(state, left_s=whole_s(state, settings))
        case EncounterBegun():
            return _begin_encounter(state, event)
        case EncounterRuns():
            return _note_begun(state) if state.stage is EncounterStage.RUNNING else state
        case EncounterEnded():
            return _end_encounter(state, event, settings)
        case Announce():
            return say(state, event.text, is_quiet=True)
        case WasReset():
            return FlowState(at_s=state.at_s, said=Said(number=state.said.number))
        case (
            TechnicianResets()
            | TechnicianAdvances()
            | TechnicianHolds()
            | TechnicianBeginsAgain()
            | TechnicianEnds()
            | TechnicianClears()
            | TechnicianPrepares()
            | TechnicianTests()
        ):
            return obey(state, event, settings)
        case _:
            return _press(state, event, settings)


def effects(before: FlowState, after: FlowState) -> tuple[Effect, ...]:
    """Return what follows from the change of a state. before: a new state after a restart."""
    found: list[Effect] = []
    case_before = before.visit.case if before.visit else ""
    if after.visit is not None and after.visit.case and after.visit.case != case_before:
        found.append(Prepare(after.visit.case))
    if after.stage is EncounterStage.RUNNING:
        if after.wants_end and not before.wants_end:
            found.append(EndEncounter(after.wants_end))
        if after.is_held != before.is_held:
            found.append(HoldEncounter(after.is_held))
    if unsettled(before) != unsettled(after) or _attempts(before) != _attempts(after):
        found.append(Settle())
    is_resetting = after.phase is Phase.RESET and after.stage is not EncounterStage.RUNNING
    was_resetting = before.phase is Phase.RESET and before.stage is not EncounterStage.RUNNING
    if is_resetting and not was_resetting:
        found.append(Reset())
    return tuple(found)


def unsettled(state: FlowState) -> str:
    """Return the attempt whose record is not over: something may still be added to it."""
    visit = state.visit
    if visit is None or _is_fresh(state):
        return ""
    is_writing = state.phase is Phase.QUESTIONS or _is_reflecting(state)
    return visit.attempt if is_writing or state.stage is not EncounterStage.NONE else ""


def _is_reflecting(state: FlowState) -> bool:
    return state.phase is Phase.DEBRIEF and state.visit is not None and state.visit.is_reflecting


def _is_fresh(state: FlowState) -> bool:
    """Return True when the next encounter of this visit has not begun, and the last is over."""
    return (
        state.stage is EncounterStage.WAITING
        and state.visit is not None
        and not state.visit.resumes
    )


def _attempts(state: FlowState) -> tuple[str, ...]:
    return state.visit.attempts if state.visit is not None else ()


def restarted(
    state: FlowState,
    passed_s: float,
    now_s: float,
    has_record: bool,
    settings: Settings,
    *,
    is_measured: bool = True,
) -> FlowState:
    """Return the state with which a program goes on that was killed in `state`.

    passed_s: seconds since the state was saved. has_record: the last attempt of the visit has a
    record on the disk. is_measured: no reboot is between, so a clock that nobody sets has counted
    `passed_s`. A time that was not measured ends no visit under a code: it is asked for again.
    """
    state = with_(state, at_s=now_s - max(0.0, passed_s))
    if state.stage is EncounterStage.RUNNING:
        state = _end_encounter(state, EncounterEnded("fault", has_record), settings)
    if state.phase is Phase.TEST:
        state = leave(state, settings)
    after = _elapse(state, now_s, settings)
    is_handed_in = state.phase is Phase.QUESTIONS and after.phase is not Phase.QUESTIONS
    is_ended = state.phase not in _AFTERWARDS and (is_handed_in or after.phase is Phase.RESET)
    if is_measured or not is_ended or state.visit is None or state.visit.code is None:
        return after
    left_s = AWAY_S * factor(state)
    return with_(state, at_s=now_s, is_away=True, is_warned=False, is_held=False, left_s=left_s)


# -- time


def left_s(state: FlowState, now_s: float) -> float | None:
    """Return the seconds until the phase is over; None without a limit."""
    if state.left_s is None or state.is_held:
        return state.left_s
    return max(0.0, state.left_s - max(0.0, now_s - state.at_s))


def _elapse(state: FlowState, now_s: float, settings: Settings) -> FlowState:
    """Return the state at `now_s`, with everything that time alone has caused since."""
    passed_s = max(0.0, now_s - state.at_s)
    state = with_(state, at_s=now_s)
    while passed_s > 0.0 and not state.is_held:
        state, passed_s = _elapse_once(state, passed_s, settings)
    return state


def _elapse_once(state: FlowState, passed_s: float, settings: Settings) -> tuple[FlowState, float]:
    """Let time pass up to the next thing that it causes. Returns the rest of it."""
    drill_s = _drill_left_s(state)
    step_s = min(each for each in (state.left_s, drill_s, passed_s) if each is not None)
    before_s = state.left_s
    if state.left_s is not None:
        state = with_(state, left_s=state.left_s - step_s)
    if drill_s is not None and state.visit is not None:
        state = with_(state, visit=with_(state.visit, drill_left_s=drill_s - step_s))
        if drill_s - step_s <= 0.0:
            state = say(state, _DRILL_OVER)
            if state.stage is EncounterStage.RUNNING:
                state = with_(state, wants_end="time")
    is_told = state.phase in _ANNOUNCING and not state.is_warned and not state.is_away
    if before_s is not None and is_told:
        state = _announce_time(state, before_s)
    if state.left_s is not None and state.left_s <= 0.0:
        state = _time_over(state, settings)
    return state, passed_s - step_s


def _drill_left_s(state: FlowState) -> float | None:
    """Return what is left for all tries while it runs: in a try and between two of them."""
    visit = state.visit
    if visit is None or not visit.drill_left_s:
        return None
    is_between = state.phase is Phase.DEBRIEF and visit.tries_left > 0
    runs = state.stage is EncounterStage.RUNNING or is_between
    return visit.drill_left_s if runs else None


def _announce_time(state: FlowState, before_s: float) -> FlowState:
    for moment_s, words in _ANNOUNCED_S:
        if state.left_s is not None and state.left_s <= moment_s < before_s:
            state = say(state, words)
    return state


def _time_over(state: FlowState, settings: Settings) -> FlowState:
    """Return the state after the time of the phase, or of its warning, is over."""
    if state.is_away:
        return leave(state, settings, "time")
    match state.phase:
        case Phase.DOOR:
            return say(wait_for_line(state, settings), _ENTER, bell=True)
        case Phase.ENCOUNTER if state.stage is EncounterStage.RUNNING:
            return with_(state, wants_end="time", left_s=None)
        case Phase.QUESTIONS:
            return with_(after_questions(state, settings), notice=_QUESTIONS_OVER)
        case phase if phase in _WARNED and not state.is_warned:
            return say(with_(state, is_warned=True, left_s=WARNING_S * factor(state)), WARNING)
        case _:
            return leave(state, settings, "time")


# -- the visit


def _arrive(state: FlowState, event: Arrived, settings: Settings) -> FlowState:
    check_phase(state, {Phase.WELCOME})
    visit = Visit(session=event.session, accommodations=state.prepared)
    state = with_(state, visit=visit, prepared=NO_CHANGES)
    return go_to(state, Phase.CONSENT, settings)


def _sign_in(state: FlowState, event: SignedIn, settings: Settings) -> FlowState:
    if event.from_afar and state.phase is Phase.WELCOME and event.session is not None:
        state = _arrive(state, Arrived(event.session), settings)
    allowed = {Phase.CONSENT, Phase.CODE} if event.from_afar else {Phase.CODE}
    check_phase(state, allowed)
    if state.is_away:
        raise UsageError("A visit was cut off here; reset the station first.")
    visit = visit_of(state)
    if visit.code is not None and not event.from_afar:
        raise UsageError("A code was entered already; choose what to do.")
    assignment = event.assignment
    wanted = visit.accommodations.joined(event.accommodations)
    visit = with_(
        visit,
        code=event.code,
        is_exam_code=assignment is not None,
        code_expires_at=event.expires_at,
        choices=event.choices,
        accommodations=wanted,
    )
    if assignment is not None:
        visit = _assigned(visit, Chosen(assignment.case, event.reading_s, assignment))
    state = with_(state, visit=visit)
    return _after_code(state, settings) if visit.is_consented else state


def _come_back(state: FlowState, event: CameBack, settings: Settings) -> FlowState:
    if not state.is_away:
        raise UsageError("No code is asked for now; the page shows what comes next.")
    if visit_of(state).code != event.code:
        raise UsageError(
            "This is not the code of the visit that was interrupted here. Enter that one, or press "
            "“Leave” to begin a visit of your own."
        )
    return back(state, settings)


def _assigned(visit: Visit, event: Chosen) -> Visit:
    """Return the visit with what the learner will do."""
    assignment = event.assignment
    accommodations, drill_s = visit.accommodations, None
    if assignment is not None:
        accommodations = accommodations.joined(assignment.options.accommodations)
        if assignment.mode == "drill" and assignment.options.drill is not None:
            drill_s = 60.0 * assignment.options.drill.minutes * accommodations.time_factor
    questions = assignment.options.questions if assignment is not None else ()
    return with_(
        visit,
        case=event.case,
        reading_s=event.reading_s,
        assignment=assignment,
        accommodations=accommodations,
        drill_left_s=drill_s,
        answers=("",) * len(questions),
    )


def _choose(state: FlowState, event: Chosen, settings: Settings) -> FlowState:
    check_phase(state, {Phase.CODE})
    visit = visit_of(state)
    if event.assignment is not None and event.assignment.id not in visit.choices:
        raise UsageError("This assignment is not among those that you can choose.")
    state = with_(state, visit=_assigned(visit, event))
    return _after_code(state, settings)


def _after_code(state: FlowState, settings: Settings) -> FlowState:
    """Go on when the code, and for a person the choice, is made."""
    visit = visit_of(state)
    if not visit.case:
        return go_to(state, Phase.CODE, settings)
    if visit.assignment is None:  # a free practice has no terms beyond those of the consent page
        return go_to(state, Phase.MICROPHONE, settings)
    return go_to(state, Phase.TERMS, settings)


# -- the encounter


def _begin_encounter(state: FlowState, event: EncounterBegun) -> FlowState:
    if state.phase is Phase.TEST:
        return with_(state, stage=EncounterStage.RUNNING)
    visit = visit_of(state)
    if state.stage is not EncounterStage.WAITING:
        raise UsageError("The encounter cannot begin now; wait for the page to change.")
    if not visit.resumes and not visit.retries:  # one from the beginning, with its own questions
        answers = ("",) * len(visit.questions)
        visit = with_(visit, interruptions=0, answers=answers, are_answered=False)
    visit = with_(
        visit,
        attempts=(*visit.attempts, event.attempt),
        is_released=visit.is_released or visit.mode == "exam",
        resumes="",
        retries="",
        is_reflecting=False,
    )
    return with_(
        state,
        visit=visit,
        stage=EncounterStage.RUNNING,
        left_s=LONGEST_ENCOUNTER_S,
        is_warned=False,
        notice="",
        wants_end=None,
    )


def _note_begun(state: FlowState) -> FlowState:
    if state.visit is None or state.visit.has_begun:
        return state
    return with_(state, visit=with_(state.visit, has_begun=True))


def _end_encounter(state: FlowState, event: EncounterEnded, settings: Settings) -> FlowState:
    """Go on after the line of an encounter was closed, whatever closed it."""
    if state.phase is Phase.TEST or state.visit is None:
        return leave(with_(state, stage=EncounterStage.NONE), settings)
    visit = state.visit
    asked, again = state.wants_end, state.wants_again
    state = with_(state, stage=EncounterStage.NONE, wants_end=None, wants_again=False)
    if event.has_record:
        state = _note_begun(state)
    elif event.was_built:
        state = with_(state, visit=with_(visit, attempts=visit.attempts[:-1]))
    visit = visit_of(state)
    if state.phase is Phase.RESET:
        return state
    if again:
        return wait_for_line(with_(state, visit=with_(visit, resumes="")), settings)
    is_cut = event.reason in ("device", "closed", "stopped", "fault") and not asked
    if not event.has_record:
        if not asked:
            return wait_for_line(state, settings, event.message or _NOT_BEGUN)
        return after_encounter(state, settings) if visit.attempts else leave(state, settings)
    if visit.drill is not None:
        done = visit.tries_done + (0 if is_cut else 1)
        state = with_(state, visit=with_(visit, tries_done=done))
        return after_encounter(state, settings, _ENDED_BY_CRASH if is_cut else "")
    if is_cut:
        return _interrupted(state, event, settings)
    return after_encounter(state, settings)


def _interrupted(state: FlowState, event: EncounterEnded, settings: Settings) -> FlowState:
    visit = visit_of(state)
    visit = with_(visit, interruptions=visit.interruptions + 1)
    state = with_(state, visit=visit)
    is_fault = event.reason == "fault" and bool(event.message)  # no crash: it says what is wrong
    if is_fault and visit.interruptions > 1:
        return after_encounter(state, settings, f"{event.message} {_ENDED_BY_CRASH}")
    if visit.interruptions > MOST_INTERRUPTIONS:
        return after_encounter(state, settings, _TOO_OFTEN)
    if event.reason != "device" and settings.on_crash is OnCrash.END:
        return after_encounter(state, settings, _ENDED_BY_CRASH)
    phase = Phase.MICROPHONE if event.reason == "device" else Phase.ENCOUNTER
    notice = _DEVICE if event.reason == "device" else f"{event.message} {_CUT_OFF}".strip()
    state = go_to(state, phase, settings, stage=EncounterStage.INTERRUPTED, notice=notice)
    return with_(state, left_s=whole_s(state, settings))


# -- what the learner presses


def _press(
    state: FlowState,
    event: Agree
    | AcceptTerms
    | MicrophonePassed
    | EnterRoom
    | GoOn
    | WriteAnswers
    | HandIn
    | NextTry
    | Retry
    | ShowDebrief
    | Done
    | Leave
    | Stay,
    settings: Settings,
) -> FlowState:
    if state.is_away and not isinstance(event, Leave):
        raise UsageError("Enter the code of the visit that was interrupted here.")
    match event:
        case Agree():
            check_phase(state, {Phase.CONSENT})
            state = with_(state, visit=with_(visit_of(state), is_consented=True))
            return _after_code(state, settings)
        case AcceptTerms():
            check_phase(state, {Phase.TERMS})
            return go_to(state, Phase.MICROPHONE, settings)
        case MicrophonePassed():
            check_phase(state, {Phase.MICROPHONE})
            return pass_microphone(state, settings)
        case EnterRoom():
            check_phase(state, {Phase.DOOR})
            return wait_for_line(state, settings)
        case GoOn():
            check_phase(state, {Phase.ENCOUNTER})
            return go_on(state, settings)
        case WriteAnswers():
            check_phase(state, {Phase.QUESTIONS})
            return _written(state, event.answers)
        case HandIn():
            check_phase(state, {Phase.QUESTIONS})
            return after_questions(_written(state, event.answers), settings)
        case NextTry():
            check_phase(state, {Phase.DEBRIEF})
            if visit_of(state).tries_left == 0:
                raise UsageError("All tries of this drill are used.")
            return wait_for_line(state, settings)
        case Retry():
            return _retry(state, event, settings)
        case ShowDebrief():
            check_phase(state, {Phase.DEBRIEF})
            return _show_debrief(state, settings)
        case Done():
            check_phase(state, {Phase.DEBRIEF, Phase.THANKS})
            return leave(state, settings)
        case Leave():
            if state.phase in (Phase.WELCOME, Phase.RESET):
                return state
            return leave(state, settings)
        case Stay():
            if not state.is_warned:
                return state
            return with_(state, is_warned=False, left_s=whole_s(state, settings))
        case _:
            assert_never(event)


def _written(state: FlowState, answers: tuple[str, ...]) -> FlowState:
    visit = visit_of(state)
    if len(answers) != len(visit.questions):
        raise UsageError("The answers do not match the questions; load the page again.")
    return with_(state, visit=with_(visit, answers=answers))


def _show_debrief(state: FlowState, settings: Settings) -> FlowState:
    """Show the debrief after the learner's own words; its time begins then."""
    visit = visit_of(state)
    if not visit.is_reflecting:
        return state
    visit = with_(visit, is_reflecting=False)
    return go_to(with_(state, visit=visit), Phase.DEBRIEF, settings)


def _retry(state: FlowState, event: Retry, settings: Settings) -> FlowState:
    check_phase(state, {Phase.DEBRIEF})
    visit = visit_of(state)
    if visit.mode != "practice" or not visit.attempt or visit.is_reflecting:
        raise UsageError("Only a practice can be tried again from a moment.")
    visit = with_(visit, retries=visit.attempt, retry_turn=event.turn)
    return wait_for_line(with_(state, visit=visit), settings)
