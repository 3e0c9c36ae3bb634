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
from simvoice.conversation.scene import StepContext
from simvoice.conversation.speech_activity import advance
from simvoice.conversation.state import EncounterState, Rules
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
    scene = StepContext(rules, state)
    scene.state = replace(scene.state, now_s=max(state.now_s, event.at_s))
    _dispatch(scene, event)
    return scene.state, tuple(scene.commands)


def _dispatch(scene: StepContext, event: EncounterEvent) -> None:
    match event:
        case Frame():
            _on_frame(scene, event)
        case TurnEndJudged():
            learner_turn.on_judged(scene, event)
        case WordsJudged():
            learner_turn.on_words_judged(scene, event)
        case Transcribed(purpose="probe"):
            overlap.on_probe(scene, event)
        case Transcribed():
            learner_turn.on_words(scene, event)
        case ModelAnswered():
            learner_turn.on_answer(scene, event)
        case SpeechReady():
            patient_turn.on_speech_ready(scene, event)
            end_of_turn.commit_if_over(scene)
        case ClipStarted():
            patient_turn.on_clip_started(scene, event)
        case ClipEnded():
            patient_turn.on_clip_ended(scene, event)
            _after_speech(scene)
        case StageBroke():
            _on_broken(scene, event)
        case Noticed():
            scene.note(Trouble(at_s=round(scene.state.now_s, 3), what=event.what))
        case EndAsked():
            _on_end(scene, event.reason)
        case _:
            assert_never(event)


def _on_frame(scene: StepContext, frame: Frame) -> None:
    prob = 0.0 if _is_deaf(scene) else frame.speech_prob
    voicing, edge = advance(
        scene.state.voicing, frame.at_s, prob, frame.level_dbfs, scene.rules.floor
    )
    scene.state = replace(scene.state, voicing=voicing)
    if edge.ended is not None:
        stretch = edge.ended
        scene.note(
            LearnerVoice(
                start_s=round(stretch.start_s, 3),
                end_s=round(stretch.last_voice_s, 3),
                level_dbfs=round(stretch.level_dbfs, 1),
            )
        )
    if voicing.active and voicing.last_voice_s == frame.at_s:
        learner_turn.on_voice(scene, edge.began)
    learner_turn.tend(scene)
    patient_turn.tend(scene)
    _after_speech(scene)
    if not scene.state.over:
        _tend_silence(scene)


def _is_deaf(scene: StepContext) -> bool:
    """Half duplex: her own voice must not be taken for the learner's. And another go begins with
    her line: there is nothing to answer before."""
    if scene.state.again is not None and not scene.state.has_spoken:
        return True
    if not scene.rules.half_duplex:
        return False
    tail_s = scene.rules.floor.echo_tail_s
    return scene.state.patient_has_floor or scene.state.now_s < scene.state.patient_end_s + tail_s


def _after_speech(scene: StepContext) -> None:
    """Her voice has just fallen silent: words that waited for it are thought about."""
    if not scene.state.patient_has_floor and not scene.state.over:
        learner_turn.think(scene)


def _tend_silence(scene: StepContext) -> None:
    """Nobody has the floor: holds, prompts, the opening, the end of the time."""
    state, rules = scene.state, scene.rules
    if _time_is_up(scene):
        return
    if state.turn is not None or state.reply is not None or state.voicing.active:
        return
    quiet_s = state.now_s - state.quiet_since_s
    if state.hold is not None:
        if state.now_s - state.hold.since_s >= state.hold.window_s - 1e-9:
            decision = rules.mind.held(state.mind, state.hold.beat)
            patient_turn.note_hold(scene, "held", state.now_s, decision.move.line_id)
            patient_turn.initiative(scene, decision)
        return
    if not state.has_spoken and state.again is not None:
        if state.now_s >= _AGAIN_AFTER_S:
            patient_turn.repeat_line(scene, state.again)
        return
    if not state.has_spoken:
        if state.now_s >= rules.floor.opening_wait_s:
            patient_turn.initiative(scene, rules.mind.open(state.mind))
        return
    if quiet_s >= rules.floor.prompt_after_s * _PROMPT_GROWTH**state.mind.prompts - 1e-9:
        patient_turn.initiative(scene, rules.mind.prompt(state.mind, quiet_s))


def _time_is_up(scene: StepContext) -> bool:
    state, rules = scene.state, scene.rules
    if rules.time_s is None or state.now_s < rules.time_s:
        return False
    if not rules.time_is_hard and state.closing is None and not _is_quiet(state):
        return False
    overrun_s = state.now_s - rules.time_s
    busy = state.turn is not None or state.patient_has_floor
    if state.closing == "time":
        if overrun_s >= 3 * _LAST_WORDS_S:
            _on_end(scene, "time")
        return True
    if busy and overrun_s < _LAST_WORDS_S:
        return True
    end_of_turn.note_unanswered(scene)
    patient_turn.note_broken_off(scene)
    scene.state = replace(scene.state, turn=None, closing="time", hold=None)
    scene.drop_reply(scene.state.reply)
    patient_turn.initiative(scene, rules.mind.time_up(scene.state.mind))
    return True


def _is_quiet(state: EncounterState) -> bool:
    """Nobody speaks, or is about to, and no silence is being kept."""
    taken = state.turn is not None or state.reply is not None or state.hold is not None
    return not taken and state.now_s - state.quiet_since_s >= _A_MOMENT_S - 1e-9


def _on_broken(scene: StepContext, event: StageBroke) -> None:
    match event.stage:
        case "judge":
            learner_turn.on_judge_failed(scene, event.key)
        case "probe":
            overlap.on_probe_failed(scene, event.key)
        case "turn":
            turn = scene.state.turn
            if turn is not None and turn.key == event.key and turn.said is None:
                learner_turn.not_understood(scene, event.what)
            else:
                scene.stale()
        case "think":
            learner_turn.on_think_failed(scene, event.key, event.what)
        case "say":
            reply = scene.find_reply(event.key)
            if reply is not None and reply.asked_s is not None:
                patient_turn.on_speech_failed(scene, reply, event.what)
            else:
                scene.stale()
        case _:
            assert_never(event.stage)


def _on_end(scene: StepContext, reason: str) -> None:
    end_of_turn.note_unanswered(scene)
    patient_turn.note_broken_off(scene)
    left = scene.rules.mind.ending(scene.state.mind, "left") if reason == "learner" else None
    scene.close(reason, left)
