"""`step`: one event in, the next state and what to do about it out. No clock, no I/O, no thread."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from simvoice.conversation import end_of_turn, learner_turn, overlap, patient_turn
from simvoice.conversation.events import (
    ClipEnded,
    ClipStarted,
    Command,
    EncounterEvent,
    EndAsked,
    Frame,
    ModelAnswered,
    Noticed,
    SpeechReady,
    StageBroke,
    Transcribed,
    TurnEndJudged,
    WordsJudged,
)
from simvoice.conversation.speech_activity import advance
from simvoice.conversation.state import EncounterState, Rules
from simvoice.conversation.step_context import StepContext
from simvoice.record.events import LearnerVoice, Trouble

_PROMPT_GROWTH = 1.6
"""Each further prompt into the same silence waits this much longer, as a person would."""

_A_MOMENT_S = 1.0
"""Quiet for so long, nobody is about to go on."""

_AGAIN_AFTER_S = 1.0
"""Another go begins with her line after this long: the learner knows where it begins."""

_LAST_WORDS_S = 8.0
"""When the time is over, the one who speaks is given this long to finish."""


def step(
    rules: Rules, state: EncounterState, event: EncounterEvent
) -> tuple[EncounterState, tuple[Command, ...]]:
    """The next state, and the commands to carry out in order."""
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
            learner_turn.on_judged(context, event)
        case WordsJudged():
            learner_turn.on_words_judged(context, event)
        case Transcribed(purpose="probe"):
            overlap.on_probe(context, event)
        case Transcribed():
            learner_turn.on_words(context, event)
        case ModelAnswered():
            learner_turn.on_answer(context, event)
        case SpeechReady():
            patient_turn.on_speech_ready(context, event)
            end_of_turn.commit_if_over(context)
        case ClipStarted():
            patient_turn.on_clip_started(context, event)
        case ClipEnded():
            patient_turn.on_clip_ended(context, event)
            _after_speech(context)
        case StageBroke():
            _on_broken(context, event)
        case Noticed():
            context.note(Trouble(at_s=round(context.state.now_s, 3), what=event.what))
        case EndAsked():
            _on_end(context, event.reason)
        case _:
            assert_never(event)


def _on_frame(context: StepContext, frame: Frame) -> None:
    prob = 0.0 if _is_deaf(context) else frame.speech_prob
    voicing, edge = advance(
        context.state.voicing, frame.at_s, prob, frame.level_dbfs, context.rules.floor
    )
    context.state = replace(context.state, voicing=voicing)
    if edge.ended is not None:
        stretch = edge.ended
        context.note(
            LearnerVoice(
                start_s=round(stretch.start_s, 3),
                end_s=round(stretch.last_voice_s, 3),
                level_dbfs=round(stretch.level_dbfs, 1),
            )
        )
    if voicing.active and voicing.last_voice_s == frame.at_s:
        learner_turn.on_voice(context, edge.began)
    learner_turn.tend(context)
    patient_turn.tend(context)
    _after_speech(context)
    if not context.state.over:
        _tend_silence(context)


def _is_deaf(context: StepContext) -> bool:
    """Half duplex: her own voice must not be taken for the learner's. And another go begins with
    her line: there is nothing to answer before."""
    if context.state.again is not None and not context.state.has_spoken:
        return True
    if not context.rules.half_duplex:
        return False
    tail_s = context.rules.floor.echo_tail_s
    return (
        context.state.patient_has_floor
        or context.state.now_s < context.state.patient_end_s + tail_s
    )


def _after_speech(context: StepContext) -> None:
    """Her voice has just fallen silent: words that waited for it are thought about."""
    if not context.state.patient_has_floor and not context.state.over:
        learner_turn.think(context)


def _tend_silence(context: StepContext) -> None:
    """Nobody has the floor: holds, prompts, the opening, the end of the time."""
    state, rules = context.state, context.rules
    if _time_is_up(context):
        return
    if state.turn is not None or state.reply is not None or state.voicing.active:
        return
    quiet_s = state.now_s - state.quiet_since_s
    if state.hold is not None:
        if state.now_s - state.hold.since_s >= state.hold.window_s - 1e-9:
            decision = rules.mind.silence_held(state.mind, state.hold.beat)
            patient_turn.note_hold(context, "held", state.now_s, decision.move.line_id)
            patient_turn.initiative(context, decision)
        return
    if not state.has_spoken and state.again is not None:
        if state.now_s >= _AGAIN_AFTER_S:
            patient_turn.repeat_line(context, state.again)
        return
    if not state.has_spoken:
        if state.now_s >= rules.floor.opening_wait_s:
            patient_turn.initiative(context, rules.mind.open(state.mind))
        return
    if quiet_s >= rules.floor.prompt_after_s * _PROMPT_GROWTH**state.mind.prompts - 1e-9:
        patient_turn.initiative(context, rules.mind.break_silence(state.mind, quiet_s))


def _time_is_up(context: StepContext) -> bool:
    state, rules = context.state, context.rules
    if rules.time_s is None or state.now_s < rules.time_s:
        return False
    if not rules.time_is_hard and state.closing is None and not _is_quiet(state):
        return False
    overrun_s = state.now_s - rules.time_s
    busy = state.turn is not None or state.patient_has_floor
    if state.closing == "time":
        if overrun_s >= 3 * _LAST_WORDS_S:
            _on_end(context, "time")
        return True
    if busy and overrun_s < _LAST_WORDS_S:
        return True
    end_of_turn.note_unanswered(context)
    patient_turn.note_broken_off(context)
    context.state = replace(context.state, turn=None, closing="time", hold=None)
    context.drop_reply(context.state.reply)
    patient_turn.initiative(context, rules.mind.time_up(context.state.mind))
    return True


def _is_quiet(state: EncounterState) -> bool:
    """Nobody speaks, or is about to, and no silence is being kept."""
    taken = state.turn is not None or state.reply is not None or state.hold is not None
    return not taken and state.now_s - state.quiet_since_s >= _A_MOMENT_S - 1e-9


def _on_broken(context: StepContext, event: StageBroke) -> None:
    match event.stage:
        case "judge":
            learner_turn.on_judge_failed(context, event.key)
        case "probe":
            overlap.on_probe_failed(context, event.key)
        case "turn":
            turn = context.state.turn
            if turn is not None and turn.key == event.key and turn.said is None:
                learner_turn.not_understood(context, event.what)
            else:
                context.stale()
        case "think":
            learner_turn.on_think_failed(context, event.key, event.what)
        case "say":
            reply = context.find_reply(event.key)
            if reply is not None and reply.asked_s is not None:
                patient_turn.on_speech_failed(context, reply, event.what)
            else:
                context.stale()
        case _:
            assert_never(event.stage)


def _on_end(context: StepContext, reason: str) -> None:
    end_of_turn.note_unanswered(context)
    patient_turn.note_broken_off(context)
    left = context.rules.mind.ending(context.state.mind, "left") if reason == "learner" else None
    context.close(reason, left)
