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
from simvoice.conversation.state import Cut, OpenHold, Reply, ReplyClip
from simvoice.conversation.step_context import StepContext
from simvoice.patient.decisions import Decision
from simvoice.record.events import Delay, Hold, PatientSpeech, Trouble

_STOP_TIMEOUT_S = 2.0
"""A player that has not stopped by then is broken; the conversation goes on without it."""


def on_speech_ready(context: StepContext, event: SpeechReady) -> None:
    """A clause is made."""
    reply = context.find_reply(event.key)
    if reply is None or event.index != len(reply.clips) or reply.asked_s is None:
        context.stale()
        return
    reply = replace(
        reply,
        clips=(*reply.clips, ReplyClip(event.duration_s, event.words)),
        asked_s=None,
        stages=_stage(reply, "speech", event.at_s) if event.index == 0 else reply.stages,
    )
    _clause_done(context, reply)


def on_speech_failed(context: StepContext, reply: Reply, what: str) -> None:
    """A clause could not be made: it is left out, and the record says so."""
    context.note(
        Trouble(at_s=round(context.state.now_s, 3), what=f"a clause was not spoken: {what}")
    )
    reply = replace(reply, clips=(*reply.clips, None), asked_s=None)
    _clause_done(context, reply)


def _clause_done(context: StepContext, reply: Reply) -> None:
    if reply.stopping_since_s is None:
        reply = context.ask_next_clause(reply)
        if reply.committed:
            reply = context.play_ready(reply)
    context.put_reply(reply)
    if reply.committed:
        _finish_if_done(context, reply)


def commit(context: StepContext, reply: Reply) -> None:
    """From now on she has the floor; what she says cannot be taken back, only stopped."""
    state = context.state
    if state.hold is not None and reply.decision.move.kind != "silent":
        context.state = replace(context.state, hold=None)
    context.state = replace(context.state, mind=reply.decision.state, has_spoken=True)
    if not reply.heard_before:
        context.note_move(reply)
    if not reply.clauses:
        _stay_silent(context, reply.decision)
        return
    reply = context.play_ready(replace(reply, committed=True))
    context.state = replace(context.state, reply=reply)
    _finish_if_done(context, reply)


def _stay_silent(context: StepContext, decision: Decision) -> None:
    """Her move is to say nothing."""
    state = context.state
    context.state = replace(
        context.state,
        reply=None,
        mind=context.rules.mind.record_delivery(state.mind, decision.move, "", True),
        quiet_since_s=state.now_s,
    )
    _open_hold(context, decision, state.now_s)
    if decision.move.ending is not None:
        _end(context, decision.move.ending)


def on_clip_started(context: StepContext, event: ClipStarted) -> None:
    """A clause begins to sound."""
    reply = context.state.reply
    if reply is None or reply.key != event.key or event.index >= len(reply.clips):
        context.stale()
        return
    clip = reply.clips[event.index]
    if clip is None:
        context.stale()
        return
    first = all(other is None or other.started_s is None for other in reply.clips)
    started = replace(clip, started_s=event.at_s)
    clips = tuple(started if i == event.index else c for i, c in enumerate(reply.clips))
    reply = replace(reply, clips=clips)
    context.state = replace(context.state, reply=reply)
    if first and reply.speech_end_s is not None:
        _note_delay(context, reply, reply.speech_end_s, event.at_s)


def _note_delay(
    context: StepContext, reply: Reply, speech_end_s: float, first_sound_s: float
) -> None:
    chosen_s = min(reply.decision.move.silence_before_s, max(0.0, first_sound_s - speech_end_s))
    stages = (*reply.stages, ("sound", first_sound_s))
    context.note(
        Delay(
            turn=reply.key.turn,
            speech_end_s=round(speech_end_s, 3),
            first_sound_s=round(first_sound_s, 3),
            chosen_silence_s=round(chosen_s, 3),
            stages_s={name: round(at_s - speech_end_s, 3) for name, at_s in stages},
        )
    )


def on_clip_ended(context: StepContext, event: ClipEnded) -> None:
    """A clause has sounded, to its end or to where it was stopped."""
    reply = context.state.reply
    if reply is None or reply.key != event.key or event.index >= len(reply.clips):
        context.stale()
        return
    clip = reply.clips[event.index]
    if clip is None:
        context.stale()
        return
    ended = replace(clip, played_s=event.played_s)
    clips = tuple(ended if i == event.index else c for i, c in enumerate(reply.clips))
    reply = replace(reply, clips=clips, ended=reply.ended + 1)
    context.state = replace(context.state, reply=reply)
    if event.cut:
        _was_cut(context, reply)
    else:
        _finish_if_done(context, reply)


def _finish_if_done(context: StepContext, reply: Reply) -> None:
    if reply.ended < len(reply.clauses):
        return
    if reply.stopping_since_s is not None and delivered_line(reply).unsaid:
        _was_cut(context, reply)
    else:
        _finish(context, reply)


def _finish(context: StepContext, reply: Reply) -> None:
    """She has said what she set out to say."""
    line = delivered_line(reply)
    _note_speech(context, reply, line)
    move = reply.decision.move
    complete = not line.unsaid
    heard = f"{reply.heard_before} {line.heard}".strip()
    _fall_silent(context, line)
    context.state = replace(
        context.state,
        mind=context.rules.mind.record_delivery(context.state.mind, move, heard, complete),
    )
    if context.state.turn is not None and context.state.turn.ducked:
        context.put_turn(replace(context.turn, ducked=False))
    context.do(Duck(0.0))
    if move.ending is not None:
        _end(context, move.ending)
        return
    prompt = context.rules.mind.prompt_so_far(context.state.mind)
    if prompt:
        context.do(Warm(prompt, context.rules.mind.messages_so_far(context.state.mind)))
    _open_hold(context, reply.decision, context.state.patient_end_s)


def _was_cut(context: StepContext, reply: Reply) -> None:
    """She fell silent before she was done. Whether for good depends on the learner's words."""
    line = delivered_line(reply)
    _note_speech(context, reply, line)
    _fall_silent(context, line)
    context.do(Duck(0.0))
    cut = Cut(
        reply=reply,
        heard=f"{reply.heard_before} {line.heard}".strip(),
        unsaid=line.unsaid,
        began_s=line.start_s if line.start_s is not None else context.state.patient_end_s,
        stopped_s=context.state.patient_end_s,
        lost_s=line.lost_s,
    )
    if context.state.turn is not None:
        context.put_turn(replace(context.turn, cut=cut, ducked=False))
    else:
        accept_cut(context, cut)


def accept_cut(context: StepContext, cut: Cut) -> None:
    """The learner did take the floor: she remembers only what she got to say."""
    move = cut.reply.decision.move
    context.state = replace(
        context.state,
        mind=context.rules.mind.record_delivery(context.state.mind, move, cut.heard, False),
    )


def resume(context: StepContext, cut: Cut) -> None:
    """It was no bid for the floor after all: she goes on where she was stopped."""
    if not cut.unsaid:
        move = cut.reply.decision.move
        context.state = replace(
            context.state,
            mind=context.rules.mind.record_delivery(context.state.mind, move, cut.heard, True),
        )
        _open_hold(context, cut.reply.decision, context.state.now_s)
        if move.ending is not None:
            _end(context, move.ending)
        return
    decision = replace(cut.reply.decision, state=context.state.mind)
    reply = context.new_reply(
        context.next_key(), decision, speech_end_s=None, text=cut.unsaid, heard_before=cut.heard
    )
    context.state = replace(context.state, reply=replace(reply, not_before_s=context.state.now_s))


def stop(context: StepContext) -> None:
    """The learner takes the floor: fall silent at the end of the syllable."""
    reply = context.state.reply
    if reply is None or not reply.committed or reply.stopping_since_s is not None:
        return
    context.state = replace(
        context.state, reply=replace(reply, stopping_since_s=context.state.now_s)
    )
    context.do(StopPlaying(reply.key))


def initiative(context: StepContext, decision: Decision) -> None:
    """She speaks without having been spoken to; nothing is heard before `tend` commits it."""
    reply = context.new_reply(context.next_key(), decision, speech_end_s=None)
    context.state = replace(context.state, reply=reply)


def repeat_line(context: StepContext, resumed: RetryStart) -> None:
    """Another go begins with the line it was taken up at."""
    reply = context.new_reply(Key(resumed.turn, 0), resumed.decision, speech_end_s=None)
    context.state = replace(context.state, reply=reply)


def tend(context: StepContext) -> None:
    """Each frame: commit what is ready, give up what never came."""
    reply = context.state.reply
    if reply is None:
        return
    now_s = context.state.now_s
    if reply.asked_s is not None and now_s - reply.asked_s > context.rules.floor.say_timeout_s:
        on_speech_failed(context, reply, "the voice gave no answer in time")
        reply = context.state.reply
        if reply is None:
            return
    stuck = reply.stopping_since_s is not None and now_s - reply.stopping_since_s > _STOP_TIMEOUT_S
    if stuck:
        _was_cut(context, reply)
        return
    idle = context.state.turn is None and not context.state.voicing.active
    if not reply.committed and reply.is_ready and idle and now_s >= reply.not_before_s - 1e-9:
        commit(context, reply)


def sounding_until(context: StepContext, reply: Reply) -> Reply:
    """The reply with what has sounded up to now, for an end in the middle of a word."""
    now_s = context.state.now_s
    clips = tuple(
        replace(clip, played_s=min(clip.duration_s, max(0.0, now_s - clip.started_s)))
        if clip is not None and clip.started_s is not None and clip.played_s == 0.0
        else clip
        for clip in reply.clips
    )
    return replace(reply, clips=clips)


def note_broken_off(context: StepContext) -> None:
    """She has to stop at once: record what was heard until now."""
    reply = context.state.reply
    if reply is None or not reply.committed:
        return
    context.do(StopPlaying(reply.key))
    line = delivered_line(sounding_until(context, reply))
    _note_speech(context, reply, line)
    _fall_silent(context, line)


def _note_speech(context: StepContext, reply: Reply, line: DeliveredLine) -> None:
    if line.start_s is None or line.end_s is None:
        return
    context.note(
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


def _fall_silent(context: StepContext, line: DeliveredLine) -> None:
    state = context.state
    end_s = state.now_s if line.end_s is None else line.end_s
    context.state = replace(
        context.state,
        reply=None,
        patient_end_s=end_s,
        quiet_since_s=max(end_s, state.quiet_since_s),
        sounded=(*state.sounded, *line.words)[-ECHO_MEMORY_WORDS:],
    )


def _open_hold(context: StepContext, decision: Decision, since_s: float) -> None:
    hold = decision.move.hold
    if hold is not None:
        context.state = replace(context.state, hold=OpenHold(hold.beat, since_s, hold.window_s))


def note_hold(context: StepContext, outcome: str, end_s: float, line_id: str | None) -> None:
    """The silence she chose is over: record how."""
    hold = context.state.hold
    if hold is None:
        return
    context.note(
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
    context.state = replace(context.state, hold=None)


def _end(context: StepContext, ending: str) -> None:
    context.close("time" if context.state.closing == "time" else "patient", ending)


def _stage(reply: Reply, name: str, at_s: float) -> tuple[tuple[str, float], ...]:
    return (*reply.stages, (name, at_s))
