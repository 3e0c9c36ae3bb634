"""The flow of a station, in virtual time."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simvoice.errors import UsageError
from simvoice.hub_client.station_messages import (
    Accommodations,
    ModeName,
    OnCrash,
    Phase,
    StationSettings,
)
from simvoice.station.flow import advance, effects, left_s, restarted, unsettled
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
    Arrived,
    CameBack,
    Chosen,
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
    WasReset,
)
from tests.station.visits import CASE, SETTINGS, Walk, assignment

ENDED = EncounterEnded("learner", has_record=True)
CRASHED = EncounterEnded("fault", has_record=True)


def test_an_exam_goes_from_consent_to_thanks() -> None:
    walk = Walk()
    seen = [walk.tell(Arrived(uuid4())).phase]
    walk.tell(Agree())
    seen.append(walk.phase)
    exam = assignment()
    for event in (
        SignedIn(UUID(int=1), exam, 60.0),
        AcceptTerms(),
        MicrophonePassed(),
        EnterRoom(),
        EncounterBegun("a1"),
        EncounterRuns(),
        ENDED,
        HandIn(answers=("well", "more")),
        Done(),
        WasReset(),
    ):
        if walk.tell(event).phase is not seen[-1]:
            seen.append(walk.phase)
    assert seen == [
        Phase.CONSENT,
        Phase.CODE,
        Phase.TERMS,
        Phase.MICROPHONE,
        Phase.DOOR,
        Phase.ENCOUNTER,
        Phase.QUESTIONS,
        Phase.THANKS,
        Phase.RESET,
        Phase.WELCOME,
    ]
    assert walk.state.visit is None


def test_a_practice_without_a_code_has_no_terms_and_a_debrief() -> None:
    walk = Walk().arrive().tell(Chosen(CASE, 60.0))
    assert walk.phase is Phase.MICROPHONE
    walk.tell(MicrophonePassed(), EnterRoom(), EncounterBegun("a1"), EncounterRuns(), ENDED)
    assert walk.phase is Phase.DEBRIEF


def test_only_the_beginning_of_an_exam_releases_it() -> None:
    walk = Walk().to_door(assignment())
    assert not walk.visit.is_released
    walk.tell(EnterRoom(), EncounterBegun("a1"))
    assert walk.visit.is_released
    assert not Walk().talk(assignment("practice")).visit.is_released


def test_the_bell_ends_the_reading_time() -> None:
    walk = Walk().to_door(assignment(reading_s=150.0))
    assert walk.tell(Tick(), after_s=29.0).state.said.number == 0
    assert walk.tell(Tick(), after_s=2.0).state.said.text == "Two minutes left."
    walk.tell(Tick(), after_s=120.0)
    assert walk.phase is Phase.ENCOUNTER
    assert walk.state.said.bell


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_a_learner_who_leaves_is_asked_and_then_the_station_resets(factor: float) -> None:
    walk = Walk()
    walk.tell(TechnicianPrepares(Accommodations(time_factor=factor)), Arrived(uuid4()), Agree())
    walk.tell(Tick(), after_s=factor * SETTINGS.code_s - 0.1)
    assert not walk.state.is_warned
    walk.tell(Tick(), after_s=0.2)
    assert walk.state.is_warned
    walk.tell(Tick(), after_s=factor * 30.0)
    assert walk.phase is Phase.RESET


def test_staying_gives_the_time_of_the_phase_again() -> None:
    walk = Walk().arrive().tell(Tick(), after_s=SETTINGS.code_s + 10.0)
    assert walk.state.is_warned
    walk.tell(Stay())
    assert not walk.state.is_warned
    assert left_s(walk.state, walk.now_s) == SETTINGS.code_s


def test_answers_whose_time_is_over_count_as_they_are() -> None:
    walk = Walk().talk(assignment()).tell(ENDED, WriteAnswers(answers=("half a", "")))
    walk.tell(Tick(), after_s=301.0)
    assert walk.phase is Phase.THANKS
    assert walk.visit.answers == ("half a", "")


def test_a_held_clock_stands_still_and_runs_on() -> None:
    walk = Walk().to_door(assignment())
    walk.tell(TechnicianHolds(True), after_s=10.0).tell(Tick(), after_s=1000.0)
    assert left_s(walk.state, walk.now_s) == 50.0
    walk.tell(TechnicianHolds(False)).tell(Tick(), after_s=20.0)
    assert left_s(walk.state, walk.now_s) == 30.0


def test_an_encounter_is_held_and_asked_to_end() -> None:
    walk = Walk().talk(assignment())
    before = walk.state
    assert effects(before, walk.tell(TechnicianHolds(True)).state) == (HoldEncounter(True),)
    before = walk.state
    assert effects(before, walk.tell(TechnicianEnds()).state) == (EndEncounter("technician"),)


def test_a_lost_microphone_leads_through_its_check_back_into_the_encounter() -> None:
    walk = Walk().talk(assignment()).tell(EncounterEnded("device", has_record=True))
    assert (walk.phase, walk.state.stage) == (Phase.MICROPHONE, EncounterStage.INTERRUPTED)
    walk.tell(MicrophonePassed())
    assert walk.phase is Phase.ENCOUNTER
    assert walk.visit.resumes == "a1"
    walk.tell(EncounterBegun("a2"))
    assert walk.visit.attempts == ("a1", "a2")
    assert walk.visit.resumes == ""


def test_a_lost_microphone_is_offered_to_go_on_also_where_a_crash_ends() -> None:
    walk = Walk(StationSettings(on_crash=OnCrash.END)).talk(assignment())
    assert walk.tell(EncounterEnded("device", has_record=True)).phase is Phase.MICROPHONE


@pytest.mark.parametrize(
    ("on_crash", "phase"),
    [(OnCrash.CONTINUE, Phase.ENCOUNTER), (OnCrash.END, Phase.QUESTIONS)],
)
def test_a_crash_continues_or_ends_as_the_station_is_set(on_crash: OnCrash, phase: Phase) -> None:
    settings = StationSettings(on_crash=on_crash)
    state = Walk(settings).talk(assignment()).state
    after = restarted(state, 10.0, 5.0, has_record=True, settings=settings)
    assert after.phase is phase
    if on_crash is OnCrash.CONTINUE:
        assert after.stage is EncounterStage.INTERRUPTED
        going_on = advance(after, GoOn(), 6.0, settings)
        assert going_on.visit is not None
        assert going_on.visit.resumes == "a1"


def test_an_encounter_that_is_cut_off_again_and_again_ends() -> None:
    walk = Walk().talk(assignment())
    for count in range(2, 7):
        walk.tell(CRASHED, GoOn(), EncounterBegun(f"a{count}"), EncounterRuns())
    assert walk.tell(CRASHED).phase is Phase.QUESTIONS


def test_a_fault_says_what_it_is_and_ends_the_encounter_when_it_comes_back() -> None:
    full = EncounterEnded("fault", has_record=True, message="The disk is full.")
    walk = Walk().talk(assignment()).tell(full)
    assert walk.state.stage is EncounterStage.INTERRUPTED
    assert walk.state.notice.startswith("The disk is full.")
    walk.tell(GoOn(), EncounterBegun("a2"), EncounterRuns(), full)
    assert walk.phase is Phase.QUESTIONS
    assert walk.state.notice.startswith("The disk is full.")
    assert walk.visit.attempts == ("a1", "a2")


def test_a_learner_who_is_gone_after_a_long_power_cut_is_not_shown() -> None:
    state = Walk().talk(assignment()).state
    after = restarted(state, 3600.0, 5.0, has_record=True, settings=SETTINGS)
    assert after.phase is Phase.RESET


def test_a_code_counts_as_used_only_when_something_was_recorded() -> None:
    walk = Walk().to_door(assignment()).tell(EnterRoom(), EncounterBegun("a1"))
    walk.tell(EncounterEnded("fault", has_record=False, message="The disk is full."))
    assert walk.phase is Phase.ENCOUNTER
    assert walk.state.notice == "The disk is full."
    assert not walk.visit.has_begun
    assert walk.visit.attempts == ()
    walk.tell(EncounterBegun("a2"), EncounterRuns())
    assert walk.visit.has_begun


def test_a_drill_has_its_tries_with_a_look_between_them() -> None:
    walk = Walk().talk(assignment("drill")).tell(ENDED)
    assert walk.phase is Phase.DEBRIEF
    for count in (2, 3):
        walk.tell(NextTry(), EncounterBegun(f"a{count}"), EncounterRuns(), ENDED)
    assert walk.visit.tries_left == 0
    with pytest.raises(UsageError, match="tries"):
        walk.tell(NextTry())


def test_the_minutes_of_a_drill_end_a_try_and_leave_no_further_one() -> None:
    walk = Walk().talk(assignment("drill")).tell(Tick(), after_s=601.0)
    assert walk.state.wants_end == "time"
    walk.tell(ENDED)
    assert walk.phase is Phase.DEBRIEF
    assert walk.visit.tries_left == 0


def test_a_practice_is_tried_again_from_a_moment_without_new_questions() -> None:
    walk = Walk().talk(assignment("practice", questions=("Why?",)))
    walk.tell(ENDED, HandIn(answers=("because",)), ShowDebrief(), Retry(turn=4))
    assert (walk.visit.retries, walk.visit.retry_turn) == ("a1", 4)
    walk.tell(EncounterBegun("a2"), EncounterRuns(), ENDED)
    assert walk.phase is Phase.DEBRIEF


def test_own_words_come_before_the_debrief_of_a_practice_and_its_record_waits() -> None:
    walk = Walk().talk(assignment("practice", questions=())).tell(ENDED)
    assert (walk.phase, walk.visit.is_reflecting) == (Phase.DEBRIEF, True)
    assert unsettled(walk.state) == "a1"  # something may still be added to it
    with pytest.raises(UsageError):
        walk.tell(Retry(turn=1))
    walk.tell(Tick(), after_s=1190.0).tell(ShowDebrief())
    assert (walk.visit.is_reflecting, unsettled(walk.state)) == (False, "")
    assert walk.state.left_s == 1200.0  # writing takes nothing of the time to read
    assert walk.tell(ShowDebrief()).state.left_s == 1200.0
    walk.tell(Retry(turn=1), EncounterBegun("a2"), EncounterRuns(), ENDED)
    assert walk.visit.is_reflecting
    walk.tell(Tick(), after_s=1200.0)
    assert walk.state.is_warned
    assert walk.tell(Tick(), after_s=31.0).phase is Phase.RESET


@pytest.mark.parametrize(
    ("mode", "reflects", "wanted"),
    [("practice", True, True), ("practice", False, False), ("drill", True, False)],
)
def test_only_a_practice_reflects_and_only_where_its_assignment_says_so(
    mode: ModeName, reflects: bool, wanted: bool
) -> None:
    walk = Walk().talk(assignment(mode, questions=(), reflects=reflects)).tell(ENDED)
    assert (walk.phase, walk.visit.is_reflecting) == (Phase.DEBRIEF, wanted)


def test_nobody_tries_an_exam_again() -> None:
    walk = Walk().talk(assignment(questions=())).tell(ENDED)
    with pytest.raises(UsageError):
        walk.tell(Retry(turn=1))


def test_a_technician_begins_the_encounter_again_as_another_attempt() -> None:
    walk = Walk().talk(assignment()).tell(TechnicianBeginsAgain())
    assert walk.state.wants_end == "technician"
    walk.tell(ENDED)
    assert (walk.phase, walk.state.stage) == (Phase.ENCOUNTER, EncounterStage.WAITING)
    walk.tell(EncounterBegun("a2"), EncounterRuns())
    assert walk.visit.attempts == ("a1", "a2")
    assert walk.tell(ENDED).phase is Phase.QUESTIONS


@pytest.mark.parametrize("agreed", [False, True])
def test_a_learner_is_signed_in_from_afar_and_still_agrees(agreed: bool) -> None:
    walk = Walk()
    if agreed:
        walk.arrive()
    walk.tell(SignedIn(UUID(int=1), assignment(), 60.0, from_afar=True, session=uuid4()))
    if not agreed:
        assert walk.phase is Phase.CONSENT
        walk.tell(Agree())
    assert walk.phase is Phase.TERMS


def test_clearing_forgets_the_next_learner_and_no_encounter() -> None:
    walk = Walk().tell(TechnicianPrepares(Accommodations(captions=True)), TechnicianClears())
    assert not walk.tell(Arrived(uuid4())).visit.accommodations.captions
    assert walk.tell(TechnicianClears()).phase is Phase.RESET
    assert Walk().talk(assignment()).tell(TechnicianClears()).phase is Phase.ENCOUNTER


def test_a_technician_cannot_agree_for_the_learner() -> None:
    with pytest.raises(UsageError, match="Only the learner"):
        Walk().sign_in(assignment()).tell(TechnicianAdvances())


def test_a_reset_waits_for_the_end_of_the_encounter() -> None:
    walk = Walk().talk(assignment())
    before = walk.state
    assert effects(before, walk.tell(TechnicianResets()).state) == (EndEncounter("technician"),)
    before = walk.state
    assert Reset() in effects(before, walk.tell(ENDED).state)


def test_a_test_encounter_is_reset_at_its_end() -> None:
    walk = Walk().tell(TechnicianTests(), EncounterBegun("t1"), EncounterRuns())
    assert walk.phase is Phase.TEST
    walk.tell(Tick(), after_s=121.0)
    assert (walk.phase, walk.state.wants_end) == (Phase.RESET, "time")
    assert walk.tell(ENDED).state.stage is EncounterStage.NONE


def test_a_record_is_over_after_the_questions_and_not_before() -> None:
    walk = Walk().talk(assignment())
    assert unsettled(walk.state) == "a1"
    assert unsettled(walk.tell(ENDED).state) == "a1"
    before = walk.state
    walk.tell(HandIn(answers=("a", "b")))
    assert unsettled(walk.state) == ""
    assert Settle() in effects(before, walk.state)


def test_the_case_is_prepared_as_soon_as_it_is_known() -> None:
    walk = Walk().arrive()
    before = walk.state
    assert Prepare(CASE) in effects(before, walk.tell(Chosen(CASE, 60.0)).state)


# -- whatever happens

_FIXED: tuple[FlowEvent, ...] = (
    *(Tick(), Agree(), AcceptTerms(), MicrophonePassed(), EnterRoom(), GoOn(), NextTry()),
    *(Retry(turn=2), Done(), Leave(), Stay(), EncounterRuns(), PatientNotReady(), WasReset()),
    CameBack(UUID(int=1)),
    *(WriteAnswers(answers=("a", "b")), HandIn(answers=("c", "d")), Chosen(CASE, 60.0)),
    *(EncounterEnded("learner", True), EncounterEnded("device", True)),
    *(EncounterEnded("fault", True), EncounterEnded("fault", False)),
    *(TechnicianResets(), TechnicianAdvances(), TechnicianHolds(True), TechnicianHolds(False)),
    *(TechnicianBeginsAgain(), TechnicianEnds(), TechnicianClears(), TechnicianTests()),
)
_ASSIGNED = {mode: assignment(mode) for mode in ("exam", "practice", "drill")}


def _onward(state: FlowState, number: int) -> FlowEvent:
    """Return what happens next when all goes well, so that long visits are reached, too."""
    assigned = tuple(_ASSIGNED.values())[number % 3]
    onward: dict[Phase, FlowEvent] = {
        Phase.WELCOME: Arrived(UUID(int=number)),
        Phase.CONSENT: Agree(),
        Phase.CODE: SignedIn(UUID(int=1), assigned, 60.0),
        Phase.TERMS: AcceptTerms(),
        Phase.MICROPHONE: MicrophonePassed(),
        Phase.DOOR: EnterRoom(),
        Phase.QUESTIONS: HandIn(answers=("c", "d")),
        Phase.DEBRIEF: NextTry() if state.visit and state.visit.tries_left else Done(),
        Phase.THANKS: Done(),
        Phase.RESET: WasReset(),
    }
    by_stage: dict[EncounterStage, FlowEvent] = {
        EncounterStage.WAITING: EncounterBegun(f"a{number}"),
        EncounterStage.RUNNING: EncounterEnded("learner", True),
        EncounterStage.INTERRUPTED: GoOn(),
    }
    if state.phase in (Phase.ENCOUNTER, Phase.TEST) or state.stage is EncounterStage.RUNNING:
        return by_stage[state.stage]
    return onward[state.phase]


_STEPS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.none(), st.sampled_from(_FIXED)),
        st.sampled_from((0.0, 0.0, 0.0, 0.5, 40.0, 400.0, 8000.0)),
    ),
    max_size=40,
)
"""What happens, or None for what happens when all goes well; and how much time passes before."""

_Steps = list[tuple[FlowEvent | None, float]]


def _walked(steps: _Steps) -> Walk:
    walk = Walk()
    for number, (given_event, after_s) in enumerate(steps):
        walk.tell(Tick(), after_s=after_s)
        _check(walk.state)
        event = given_event or _onward(walk.state, number)
        if _is_possible(walk.state, event):
            with suppress(UsageError):
                walk.tell(event)
        _check(walk.state)
    return walk


def _is_possible(state: FlowState, event: FlowEvent) -> bool:
    """Events of the encounter and of the reset come only from what runs."""
    if isinstance(event, EncounterRuns | EncounterEnded):
        return state.stage is EncounterStage.RUNNING
    if isinstance(event, WasReset):
        return Reset() in effects(FlowState(), state)
    return True


def _check(state: FlowState) -> None:
    is_free = state.phase in (Phase.WELCOME, Phase.TEST)
    assert (state.visit is None) or not is_free
    assert state.visit is not None or is_free or state.phase is Phase.RESET
    assert state.left_s is None or state.left_s > 0
    assert (
        state.left_s is not None
        or state.phase in (Phase.WELCOME, Phase.RESET)
        or (state.stage is EncounterStage.RUNNING and state.wants_end)
    )
    if state.stage is not EncounterStage.NONE:
        assert state.phase in (Phase.ENCOUNTER, Phase.MICROPHONE, Phase.TEST, Phase.RESET)
    if state.phase is Phase.ENCOUNTER:
        assert state.stage is not EncounterStage.NONE
    if state.phase in (Phase.MICROPHONE, Phase.DOOR, Phase.ENCOUNTER, Phase.QUESTIONS):
        assert state.visit is not None
        assert state.visit.is_consented
        assert state.visit.case


@settings(deadline=None)
@given(_STEPS)
def test_every_order_of_events_leaves_a_state_that_makes_sense(steps: _Steps) -> None:
    _walked(steps)


@settings(deadline=None)
@given(_STEPS, st.sampled_from((0.0, 3.0, 20.0)), st.booleans(), st.booleans())
def test_a_kill_after_any_event_comes_back_to_the_phase_and_loses_no_attempt(
    steps: _Steps, away_s: float, was_recorded: bool, is_measured: bool
) -> None:
    walk = _walked(steps)
    state = FlowState.model_validate_json(walk.state.model_dump_json())
    assert state == walk.state
    is_running = state.stage is EncounterStage.RUNNING
    has_record = was_recorded or not is_running
    after = restarted(state, away_s, 17.0, has_record, SETTINGS, is_measured=is_measured)
    _check(after)
    before, left = state.visit, after.visit
    if before is not None and left is not None:
        lost = set(before.attempts) - set(left.attempts)
        assert lost <= (set() if has_record else {before.attempt})
        assert left.session == before.session
    has_time = state.left_s is None or state.left_s > away_s or state.is_held
    if not is_running and has_time and state.phase is not Phase.TEST:
        assert after.phase is state.phase
    if after.phase is Phase.RESET:
        assert Reset() in effects(FlowState(), after)


def test_the_walks_of_these_properties_reach_every_phase() -> None:
    """The properties above would hold of walks that never leave the welcome page."""
    walk, seen = Walk(), set()
    for number in range(60):
        walk.tell(_onward(walk.state, number))
        seen.add(walk.phase)
    assert seen == set(Phase) - {Phase.TEST}


@pytest.mark.parametrize("phase", [Phase.TERMS, Phase.DOOR, Phase.ENCOUNTER, Phase.QUESTIONS])
def test_a_clock_that_jumps_across_a_reboot_asks_for_the_code_and_ends_no_visit(
    phase: Phase,
) -> None:
    exam = assignment("exam")
    walk = Walk().sign_in(exam)
    if phase is not Phase.TERMS:
        walk.tell(AcceptTerms(), MicrophonePassed())
    if phase in (Phase.ENCOUNTER, Phase.QUESTIONS):
        walk.tell(EnterRoom(), EncounterBegun("a1"), EncounterRuns())
    if phase is Phase.QUESTIONS:
        walk.tell(ENDED, WriteAnswers(answers=("half a thou", "")))
    year_s = 365 * 86_400.0
    assert restarted(walk.state, year_s, 10.0, True, SETTINGS).phase is not phase  # measured
    back = restarted(walk.state, 60.0, 10.0, True, SETTINGS, is_measured=False)
    assert not back.is_away
    walk.state = restarted(walk.state, year_s, 10.0, True, SETTINGS, is_measured=False)
    walk.now_s = 10.0
    assert (walk.phase, walk.state.is_away, walk.state.left_s) == (phase, True, 300.0)
    for event in (GoOn(), EnterRoom(), HandIn(answers=("", "")), CameBack(UUID(int=9))):
        with pytest.raises(UsageError, match="code of the visit that was interrupted"):
            walk.tell(event)
    given_up = advance(walk.state, Tick(), 10.0 + 301.0, SETTINGS)
    assert given_up.phase is Phase.RESET
    walk.tell(CameBack(UUID(int=1)))
    assert (walk.phase, walk.state.is_away) == (phase, False)
    assert walk.state.left_s is not None
    assert walk.state.left_s > 1.0
    if phase is Phase.QUESTIONS:
        assert walk.visit.answers == ("half a thou", "")


def test_a_visit_without_a_code_ends_when_the_computer_was_off_for_long() -> None:
    walk = Walk().to_door()
    after = restarted(walk.state, 86_400.0, 10.0, False, SETTINGS, is_measured=False)
    assert after.phase is Phase.RESET
