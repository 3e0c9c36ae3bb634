"""The patient's side of the floor: preparing a line, sounding it, stopping, going on, holding."""

from __future__ import annotations

from dataclasses import replace

from simvoice.conversation.checkpoint import ECHO_MEMORY_WORDS, RetryStart
from simvoice.conversation.delivered import DeliveredLine, delivered_line
from simvoice.conversation.events import (
    ClipEnded,
    ClipStarted,
    Duck,
    Key,
    SpeechReady,
    StopPlaying,
    Warm,
)
from simvoice.conversation.scene import StepContext
from simvoice.conversation.state import Cut, OpenHold, Reply, ReplyClip
from simvoice.patient.decisions import Decision
from simvoice.record.events import Delay, Hold, PatientSpeech, Trouble

_STOP_TIMEOUT_S = 2.0
"""A player that has not stopped by then is broken; the conversation goes on without it."""


def on_speech_ready(scene: StepContext, event: SpeechReady) -> None:
    """A clause is made."""
    reply = scene.find_reply(event.key)
    if reply is None or event.index != len(reply.clips) or reply.asked_s is None:
        scene.stale()
        return
    reply = replace(
        reply,
        clips=(*reply.clips, ReplyClip(event.duration_s, event.words)),
        asked_s=None,
        stages=_stage(reply, "speech", event.at_s) if event.index == 0 else reply.stages,
    )
    _clause_done(scene, reply)


def on_speech_failed(scene: StepContext, reply: Reply, what: str) -> None:
    """A clause could not be made: it is left out, and the record says so."""
    scene.note(Trouble(at_s=round(scene.state.now_s, 3), what=f"a clause was not spoken: {what}"))
    reply = replace(reply, clips=(*reply.clips, None), asked_s=None)
    _clause_done(scene, reply)


def _clause_done(scene: StepContext, reply: Reply) -> None:
    if reply.stopping_since_s is None:
        reply = scene.ask_next_clause(reply)
        if reply.committed:
            reply = scene.play_ready(reply)
    scene.put_reply(reply)
    if reply.committed:
        _finish_if_done(scene, reply)


def commit(scene: StepContext, reply: Reply) -> None:
    """From now on she has the floor; what she says cannot be taken back, only stopped."""
    state = scene.state
    if state.hold is not None and reply.decision.move.kind != "silent":
        scene.state = replace(scene.state, hold=None)
    scene.state = replace(scene.state, mind=reply.decision.state, has_spoken=True)
    if not reply.heard_before:
        scene.note_move(reply)
    if not reply.clauses:
        _stay_silent(scene, reply.decision)
        return
    reply = scene.play_ready(replace(reply, committed=True))
    scene.state = replace(scene.state, reply=reply)
    _finish_if_done(scene, reply)


def _stay_silent(scene: StepContext, decision: Decision) -> None:
    """Her move is to say nothing."""
    state = scene.state
    scene.state = replace(
        scene.state,
        reply=None,
        mind=scene.rules.mind.heard(state.mind, decision.move, "", True),
        quiet_since_s=state.now_s,
    )
    _open_hold(scene, decision, state.now_s)
    if decision.move.ending is not None:
        _end(scene, decision.move.ending)


def on_clip_started(scene: StepContext, event: ClipStarted) -> None:
    """A clause begins to sound."""
    reply = scene.state.reply
    if reply is None or reply.key != event.key or event.index >= len(reply.clips):
        scene.stale()
        return
    clip = reply.clips[event.index]
    if clip is None:
        scene.stale()
        return
    first = all(other is None or other.started_s is None for other in reply.clips)
    started = replace(clip, started_s=event.at_s)
    clips = tuple(started if i == event.index else c for i, c in enumerate(reply.clips))
    reply = replace(reply, clips=clips)
    scene.state = replace(scene.state, reply=reply)
    if first and reply.speech_end_s is not None:
        _note_delay(scene, reply, reply.speech_end_s, event.at_s)


def _note_delay(
    scene: StepContext, reply: Reply, speech_end_s: float, first_sound_s: float
) -> None:
    chosen_s = min(reply.decision.move.silence_before_s, max(0.0, first_sound_s - speech_end_s))
    stages = (*reply.stages, ("sound", first_sound_s))
    scene.note(
        Delay(
            turn=reply.key.turn,
            speech_end_s=round(speech_end_s, 3),
            first_sound_s=round(first_sound_s, 3),
            chosen_silence_s=round(chosen_s, 3),
            stages_s={name: round(at_s - speech_end_s, 3) for name, at_s in stages},
        )
    )


def on_clip_ended(scene: StepContext, event: ClipEnded) -> None:
    """A clause has sounded, to its end or to where it was stopped."""
    reply = scene.state.reply
    if reply is None or reply.key != event.key or event.index >= len(reply.clips):
        scene.stale()
        return
    clip = reply.clips[event.index]
    if clip is None:
        scene.stale()
        return
    ended = replace(clip, played_s=event.played_s)
    clips = tuple(ended if i == event.index else c for i, c in enumerate(reply.clips))
    reply = replace(reply, clips=clips, ended=reply.ended + 1)
    scene.state = replace(scene.state, reply=reply)
    if event.cut:
        _was_cut(scene, reply)
    else:
        _finish_if_done(scene, reply)


def _finish_if_done(scene: StepContext, reply: Reply) -> None:
    if reply.ended < len(reply.clauses):
        return
    if reply.stopping_since_s is not None and delivered_line(reply).unsaid:
        _was_cut(scene, reply)
    else:
        _finish(scene, reply)


def _finish(scene: StepContext, reply: Reply) -> None:
    """She has said what she set out to say."""
    line = delivered_line(reply)
    _note_speech(scene, reply, line)
    move = reply.decision.move
    complete = not line.unsaid
    heard = f"{reply.heard_before} {line.heard}".strip()
    _fall_silent(scene, line)
    scene.state = replace(
        scene.state, mind=scene.rules.mind.heard(scene.state.mind, move, heard, complete)
    )
    if scene.state.turn is not None and scene.state.turn.ducked:
        scene.put_turn(replace(scene.turn, ducked=False))
    scene.do(Duck(0.0))
    if move.ending is not None:
        _end(scene, move.ending)
        return
    prompt = scene.rules.mind.prompt_so_far(scene.state.mind)
    if prompt:
        scene.do(Warm(prompt, scene.rules.mind.messages_so_far(scene.state.mind)))
    _open_hold(scene, reply.decision, scene.state.patient_end_s)


def _was_cut(scene: StepContext, reply: Reply) -> None:
    """She fell silent before she was done. Whether for good depends on the learner's words."""
    line = delivered_line(reply)
    _note_speech(scene, reply, line)
    _fall_silent(scene, line)
    scene.do(Duck(0.0))
    cut = Cut(
        reply=reply,
        heard=f"{reply.heard_before} {line.heard}".strip(),
        unsaid=line.unsaid,
        began_s=line.start_s if line.start_s is not None else scene.state.patient_end_s,
        stopped_s=scene.state.patient_end_s,
        lost_s=line.lost_s,
    )
    if scene.state.turn is not None:
        scene.put_turn(replace(scene.turn, cut=cut, ducked=False))
    else:
        accept_cut(scene, cut)


def accept_cut(scene: StepContext, cut: Cut) -> None:
    """The learner did take the floor: she remembers only what she got to say."""
    move = cut.reply.decision.move
    scene.state = replace(
        scene.state, mind=scene.rules.mind.heard(scene.state.mind, move, cut.heard, False)
    )


def resume(scene: StepContext, cut: Cut) -> None:
    """It was no bid for the floor after all: she goes on where she was stopped."""
    if not cut.unsaid:
        move = cut.reply.decision.move
        scene.state = replace(
            scene.state, mind=scene.rules.mind.heard(scene.state.mind, move, cut.heard, True)
        )
        _open_hold(scene, cut.reply.decision, scene.state.now_s)
        if move.ending is not None:
            _end(scene, move.ending)
        return
    decision = replace(cut.reply.decision, state=scene.state.mind)
    reply = scene.new_reply(
        scene.next_key(), decision, speech_end_s=None, text=cut.unsaid, heard_before=cut.heard
    )
    scene.state = replace(scene.state, reply=replace(reply, not_before_s=scene.state.now_s))


def stop(scene: StepContext) -> None:
    """The learner takes the floor: fall silent at the end of the syllable."""
    reply = scene.state.reply
    if reply is None or not reply.committed or reply.stopping_since_s is not None:
        return
    scene.state = replace(scene.state, reply=replace(reply, stopping_since_s=scene.state.now_s))
    scene.do(StopPlaying(reply.key))


def initiative(scene: StepContext, decision: Decision) -> None:
    """She speaks without having been spoken to; nothing is heard before `tend` commits it."""
    reply = scene.new_reply(scene.next_key(), decision, speech_end_s=None)
    scene.state = replace(scene.state, reply=reply)


def repeat_line(scene: StepContext, resumed: RetryStart) -> None:
    """Another go begins with the line it was taken up at."""
    reply = scene.new_reply(Key(resumed.turn, 0), resumed.decision, speech_end_s=None)
    scene.state = replace(scene.state, reply=reply)


def tend(scene: StepContext) -> None:
    """Each frame: commit what is ready, give up what never came."""
    reply = scene.state.reply
    if reply is None:
        return
    now_s = scene.state.now_s
    if reply.asked_s is not None and now_s - reply.asked_s > scene.rules.floor.say_timeout_s:
        on_speech_failed(scene, reply, "the voice gave no answer in time")
        reply = scene.state.reply
        if reply is None:
            return
    stuck = reply.stopping_since_s is not None and now_s - reply.stopping_since_s > _STOP_TIMEOUT_S
    if stuck:
        _was_cut(scene, reply)
        return
    idle = scene.state.turn is None and not scene.state.voicing.active
    if not reply.committed and reply.is_ready and idle and now_s >= reply.not_before_s - 1e-9:
        commit(scene, reply)


def sounding_until(scene: StepContext, reply: Reply) -> Reply:
    """The reply with what has sounded up to now, for an end in the middle of a word."""
    now_s = scene.state.now_s
    clips = tuple(
        replace(clip, played_s=min(clip.duration_s, max(0.0, now_s - clip.started_s)))
        if clip is not None and clip.started_s is not None and clip.played_s == 0.0
        else clip
        for clip in reply.clips
    )
    return replace(reply, clips=clips)


def note_broken_off(scene: StepContext) -> None:
    """She has to stop at once: record what was heard until now."""
    reply = scene.state.reply
    if reply is None or not reply.committed:
        return
    scene.do(StopPlaying(reply.key))
    line = delivered_line(sounding_until(scene, reply))
    _note_speech(scene, reply, line)
    _fall_silent(scene, line)


def _note_speech(scene: StepContext, reply: Reply, line: DeliveredLine) -> None:
    if line.start_s is None or line.end_s is None:
        return
    scene.note(
        PatientSpeech(
            turn=reply.key.turn,
            line_id=reply.decision.move.line_id,
            start_s=round(line.start_s, 3),
            end_s=round(line.end_s, 3),
            text=reply.text,
            heard=line.heard,
            unsaid=line.unsaid,
            words=line.words,
        )
    )


def _fall_silent(scene: StepContext, line: DeliveredLine) -> None:
    state = scene.state
    end_s = state.now_s if line.end_s is None else line.end_s
    scene.state = replace(
        scene.state,
        reply=None,
        patient_end_s=end_s,
        quiet_since_s=max(end_s, state.quiet_since_s),
        sounded=(*state.sounded, *line.words)[-ECHO_MEMORY_WORDS:],
    )


def _open_hold(scene: StepContext, decision: Decision, since_s: float) -> None:
    hold = decision.move.hold
    if hold is not None:
        scene.state = replace(scene.state, hold=OpenHold(hold.beat, since_s, hold.window_s))


def note_hold(scene: StepContext, outcome: str, end_s: float, line_id: str | None) -> None:
    """The silence she chose is over: record how."""
    hold = scene.state.hold
    if hold is None:
        return
    scene.note(
        Hold.model_validate(
            {
                "start_s": round(hold.since_s, 3),
                "end_s": round(max(end_s, hold.since_s), 3),
                "window_s": hold.window_s,
                "outcome": outcome,
                "beat": hold.beat,
                "line_id": line_id,
            }
        )
    )
    scene.state = replace(scene.state, hold=None)


def _end(scene: StepContext, ending: str) -> None:
    scene.close("time" if scene.state.closing == "time" else "patient", ending)


def _stage(reply: Reply, name: str, at_s: float) -> tuple[tuple[str, float], ...]:
    return (*reply.stages, (name, at_s))
