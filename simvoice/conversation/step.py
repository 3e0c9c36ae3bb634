"""Take one event; return the next state and the commands. No clock, no I/O, no thread."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from simvoice.conversation import end_of_turn, learner_turn, overlap, patient_turn, typed_turn
from simvoice.conversation.events import (
    ClipEnded,
    ClipStarted,
    Command,
    Embedded,
    EncounterEvent,
    EndRequested,
    EngineFailed,
    EngineNotice,
    Frame,
    HoldClock,
    ModelAnswered,
    ShowTimeOver,
    SpeechReady,
    Transcribed,
    TurnEndJudged,
    Typed,
    Typing,
    WordsJudged,
)
from simvoice.conversation.speech_activity import advance
from simvoice.conversation.state import EncounterClock, EncounterState, Rules
from simvoice.conversation.step_context import StepContext
from simvoice.record.events import ClockHeld, LearnerVoice, TimePassed, Trouble

_PROMPT_GROWTH = 1.6
"""Each further prompt in the same silence waits longer by this factor, as a person would."""

_QUIET_S = 1.0
"""After this much silence neither speaker is about to continue."""

_RETRY_LINE_AFTER_S = 1.0
"""A retry begins with the patient's line after this time: the learner knows where it begins."""

_LAST_WORDS_S = 8.0
"""When the time is over, the current speaker has this long to finish."""


def step(
    rules: Rules, state: EncounterState, event: EncounterEvent
) -> tuple[EncounterState, tuple[Command, ...]]:
    """Return the next state and the commands to carry out, in order."""
    if state.over:
        return state, ()
    context = StepContext(rules, state)
    context.state = replace(context.state, now_s=max(state.now_s, event.at_s))
    _dispatch(context, event)
    return context.state, tuple(context.commands)


def _dispatch(context: StepContext, event: EncounterEvent) -> None:
    match event:
        case Frame():
            _on_frame(context, event)
        case TurnEndJudged():
            learner_turn.on_turn_end_judged(context, event)
        case WordsJudged():
            learner_turn.on_words_judged(context, event)
        case Transcribed(purpose="overlap"):
            overlap.on_transcript(context, event)
        case Transcribed():
            learner_turn.on_transcript(context, event)
        case ModelAnswered():
            learner_turn.on_answer(context, event)
        case SpeechReady():
            patient_turn.on_speech_ready(context, event)
            end_of_turn.commit_if_over(context)
        case ClipStarted():
            patient_turn.on_clip_started(context, event)
        case ClipEnded():
            patient_turn.on_clip_ended(context, event)
            _decide_if_silent(context)
        case EngineFailed():
            _on_engine_failed(context, event)
        case EngineNotice():
            context.note(Trouble(at_s=context.state.now_s, what=event.what))
        case EndRequested():
            _on_end(context, event.reason)
        case Typing():
            context.state = replace(context.state, typing_s=context.state.now_s)
        case Typed():
            typed_turn.on_typed(context, event)
        case Embedded():
            typed_turn.on_embedded(context, event.key, event.embedding)
        case HoldClock():
            _hold_clock(context, event.held)
        case _:
            assert_never(event)


def _on_frame(context: StepContext, frame: Frame) -> None:
    prob = 0.0 if _ignores_microphone(context) else frame.speech_prob
    voicing, edge = advance(
        context.state.voicing, frame.at_s, prob, frame.level_dbfs, context.rules.turn_taking
    )
    context.state = replace(context.state, voicing=voicing)
    if edge.ended is not None:
        stretch = edge.ended
        context.note(
            LearnerVoice(
                start_s=stretch.start_s,
                end_s=stretch.last_voice_s,
                level_dbfs=stretch.level_dbfs,
            )
        )
    if voicing.active and voicing.last_voice_s == frame.at_s:
        learner_turn.on_voice(context, edge.began)
    typed_turn.on_frame(context)
    learner_turn.on_frame(context)
    patient_turn.on_frame(context)
    _decide_if_silent(context)
    if not context.state.over:
        _on_silence(context)


def _ignores_microphone(context: StepContext) -> bool:
    """Return True while the learner's voice is ignored.

    Half duplex: the patient's own voice must not count as the learner's. Retry: the patient's
    line comes first.
    """
    if context.state.retry is not None and not context.state.has_spoken:
        return True
    if not context.rules.half_duplex:
        return False
    tail_s = context.rules.turn_taking.echo_tail_s
    return (
        context.state.patient_has_turn or context.state.now_s < context.state.patient_end_s + tail_s
    )


def _decide_if_silent(context: StepContext) -> None:
    """Decide on words that waited for the patient's voice to end."""
    if not context.state.patient_has_turn and not context.state.over:
        learner_turn.decide(context)


def _on_silence(context: StepContext) -> None:
    """Handle silence of both speakers: holds, prompts, the opening, the end of the time."""
    if _time_is_up(context):
        return
    state, rules = context.state, context.rules
    if state.turn is not None or state.reply is not None or state.voicing.active:
        return
    if state.clock.since_s is not None:
        return
    quiet_s = state.now_s - max(state.quiet_since_s, state.typing_s)
    if state.hold is not None:
        if state.now_s - state.hold.since_s >= state.hold.window_s - 1e-9:
            decision = rules.mind.silence_held(state.mind, state.hold.beat)
            patient_turn.note_hold(context, "held", state.now_s, decision.move.line_id)
            patient_turn.take_initiative(context, decision)
        return
    if not state.has_spoken and state.retry is not None:
        if state.now_s >= _RETRY_LINE_AFTER_S:
            patient_turn.start_retry(context, state.retry)
        return
    if not state.has_spoken:
        if state.now_s >= state.typing_s + rules.turn_taking.opening_wait_s:
            patient_turn.take_initiative(context, rules.mind.open(state.mind))
        return
    if quiet_s >= rules.turn_taking.prompt_after_s * _PROMPT_GROWTH**state.mind.prompts - 1e-9:
        patient_turn.take_initiative(context, rules.mind.break_silence(state.mind, quiet_s))


def _time_is_up(context: StepContext) -> bool:
    state, rules = context.state, context.rules
    clock_s = state.clock.at(state.now_s)
    if rules.time_s is None or clock_s < rules.time_s:
        return False
    if rules.goes_on:
        _announce_time(context)
        return False
    if not rules.time_is_hard and state.closing is None and not _is_quiet(state):
        return False
    overrun_s = clock_s - rules.time_s
    busy = state.turn is not None or state.patient_has_turn
    if state.closing == "time":
        if overrun_s >= 3 * _LAST_WORDS_S:
            _on_end(context, "time")
        return True
    if busy and overrun_s < _LAST_WORDS_S:
        return True
    typed_turn.open_waiting(context)
    end_of_turn.note_unanswered_turn(context)
    patient_turn.note_cut_off(context)
    context.state = replace(context.state, turn=None, closing="time", hold=None)
    context.drop_work_on(context.state.reply)
    patient_turn.take_initiative(context, rules.mind.time_up(context.state.mind))
    return True


def _announce_time(context: StepContext) -> None:
    """Tell once that the time is over."""
    if not context.state.time_was_over:
        context.state = replace(context.state, time_was_over=True)
        context.note(TimePassed(at_s=context.state.now_s))
        context.do(ShowTimeOver(context.state.now_s))


def _hold_clock(context: StepContext, held: bool) -> None:
    """Hold the clock or let it run; a silence of the patient counts from when it runs again."""
    state, clock = context.state, context.state.clock
    if held == (clock.since_s is not None):
        return
    context.note(ClockHeld(at_s=state.now_s, held=held))
    if clock.since_s is None:
        context.state = replace(state, clock=replace(clock, since_s=state.now_s))
        return
    hold = state.hold
    context.state = replace(
        state,
        clock=EncounterClock(clock.held_s + state.now_s - clock.since_s),
        quiet_since_s=state.now_s,
        hold=None if hold is None else replace(hold, since_s=state.now_s),
    )


def _is_quiet(state: EncounterState) -> bool:
    """Return True when no one speaks or is about to, and the patient keeps no hold."""
    busy = state.turn is not None or state.reply is not None or state.hold is not None
    return not busy and state.now_s - state.quiet_since_s >= _QUIET_S - 1e-9


def _on_engine_failed(context: StepContext, event: EngineFailed) -> None:
    match event.stage:
        case "judge":
            learner_turn.on_judge_failed(context, event.key)
        case "overlap":
            overlap.on_transcript_failed(context, event.key)
        case "turn":
            turn = context.state.turn
            if turn is not None and turn.key == event.key and turn.utterance is None:
                learner_turn.not_understood(context, event.what)
            else:
                context.count_stale()
        case "embed":
            typed_turn.on_embedded(context, event.key, None)
        case "think":
            learner_turn.on_answer_failed(context, event.key, event.what)
        case "say":
            reply = context.find_reply(event.key)
            if reply is not None and reply.asked_s is not None:
                patient_turn.on_speech_failed(context, reply, event.what)
            else:
                context.count_stale()
        case _:
            assert_never(event.stage)


def _on_end(context: StepContext, reason: str) -> None:
    typed_turn.open_waiting(context)
    end_of_turn.note_unanswered_turn(context)
    patient_turn.note_cut_off(context)
    left = reason == "learner"
    ending = context.rules.mind.ending(context.state.mind, "left") if left else None
    context.close(reason, ending)
