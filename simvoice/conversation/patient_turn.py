"""The patient's turn: prepare a line, play it, stop, resume it, keep a hold."""

from __future__ import annotations

from dataclasses import replace

from simvoice.conversation.checkpoint import ECHO_MEMORY_WORDS, RetryStart
from simvoice.conversation.delivered import DeliveredLine, delivered_line
from simvoice.conversation.events import (
    ClipEnded,
    ClipStarted,
    Duck,
    Key,
    ShowLine,
    SpeechReady,
    StopPlaying,
    WarmModel,
)
from simvoice.conversation.state import Cut, OpenHold, Reply, ReplyClip
from simvoice.conversation.step_context import StepContext
from simvoice.patient.decisions import Decision
from simvoice.record.events import Delay, Hold, PatientSpeech, Trouble

_STOP_TIMEOUT_S = 2.0
"""A player that has not stopped by then has failed; the conversation continues without it."""


def on_speech_ready(context: StepContext, event: SpeechReady) -> None:
    """Store a synthesised clause."""
    reply = context.find_reply(event.key)
    if reply is None or event.index != len(reply.clips) or reply.asked_s is None:
        context.count_stale()
        return
    reply = replace(
        reply,
        clips=(*reply.clips, ReplyClip(event.duration_s, event.words)),
        asked_s=None,
        stages=(*reply.stages, ("speech", event.at_s)) if event.index == 0 else reply.stages,
    )
    _clause_done(context, reply)


def on_speech_failed(context: StepContext, reply: Reply, what: str) -> None:
    """Skip a clause that could not be synthesised, and record it."""
    context.note(Trouble(at_s=context.state.now_s, what=f"a clause was not spoken: {what}"))
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
    """Give the patient the turn. From here on the reply can only be stopped, not withdrawn."""
    state = context.state
    if state.hold is not None and reply.decision.move.kind != "silent":
        context.state = replace(context.state, hold=None)
    context.state = replace(context.state, mind=reply.decision.state, has_spoken=True)
    if not reply.delivered_before:
        context.note_move(reply)
    if not reply.clauses:
        _stay_silent(context, reply.decision)
        return
    reply = context.play_ready(replace(reply, committed=True))
    context.state = replace(context.state, reply=reply)
    _finish_if_done(context, reply)


def _stay_silent(context: StepContext, decision: Decision) -> None:
    """Carry out a move that says nothing."""
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


def _playing_clip(context: StepContext, key: Key, index: int) -> tuple[Reply, ReplyClip] | None:
    """Return the current reply and its clip; None when the player means another reply."""
    reply = context.state.reply
    if reply is None or reply.key != key or index >= len(reply.clips):
        return None
    clip = reply.clips[index]
    return None if clip is None else (reply, clip)


def on_clip_started(context: StepContext, event: ClipStarted) -> None:
    """Store when a clause began; the first clause of an answer ends the delay."""
    playing = _playing_clip(context, event.key, event.index)
    if playing is None:
        context.count_stale()
        return
    reply, clip = playing
    first = all(other is None or other.started_s is None for other in reply.clips)
    started = replace(clip, started_s=event.at_s)
    clips = tuple(started if i == event.index else c for i, c in enumerate(reply.clips))
    reply = replace(reply, clips=clips)
    context.state = replace(context.state, reply=reply)
    if first:
        context.do(ShowLine(event.at_s, reply.text))
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
            speech_end_s=speech_end_s,
            first_sound_s=first_sound_s,
            chosen_silence_s=chosen_s,
            stages_s={name: at_s - speech_end_s for name, at_s in stages},
        )
    )


def on_clip_ended(context: StepContext, event: ClipEnded) -> None:
    """Store how much of a clause was played."""
    playing = _playing_clip(context, event.key, event.index)
    if playing is None:
        context.count_stale()
        return
    reply, clip = playing
    ended = replace(clip, played_s=event.played_s)
    clips = tuple(ended if i == event.index else c for i, c in enumerate(reply.clips))
    reply = replace(reply, clips=clips, ended=reply.ended + 1)
    context.state = replace(context.state, reply=reply)
    if event.cut:
        _on_cut(context, reply)
    else:
        _finish_if_done(context, reply)


def _finish_if_done(context: StepContext, reply: Reply) -> None:
    if reply.ended < len(reply.clauses):
        return
    if reply.stopping_since_s is not None and delivered_line(reply).unsaid:
        _on_cut(context, reply)
    else:
        _finish(context, reply)


def _finish(context: StepContext, reply: Reply) -> None:
    """Finish a reply that was played to its end."""
    line = delivered_line(reply)
    _note_speech(context, reply, line)
    move = reply.decision.move
    complete = not line.unsaid
    delivered = f"{reply.delivered_before} {line.delivered}".strip()
    _fall_silent(context, line)
    context.state = replace(
        context.state,
        mind=context.rules.mind.record_delivery(context.state.mind, move, delivered, complete),
    )
    if context.state.turn is not None and context.state.turn.ducked:
        context.put_turn(replace(context.turn, ducked=False))
    context.do(Duck(0.0))
    if move.ending is not None:
        _end(context, move.ending)
        return
    prompt = context.rules.mind.prompt_so_far(context.state.mind)
    if prompt:
        context.do(WarmModel(prompt, context.rules.mind.messages_so_far(context.state.mind)))
    _open_hold(context, reply.decision, context.state.patient_end_s)


def _on_cut(context: StepContext, reply: Reply) -> None:
    """Store a reply that was stopped. The learner's words decide whether it stays stopped."""
    line = delivered_line(reply)
    _note_speech(context, reply, line)
    _fall_silent(context, line)
    context.do(Duck(0.0))
    cut = Cut(
        reply=reply,
        delivered=f"{reply.delivered_before} {line.delivered}".strip(),
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
    """The learner has taken the turn: the patient remembers only what was delivered."""
    move = cut.reply.decision.move
    context.state = replace(
        context.state,
        mind=context.rules.mind.record_delivery(context.state.mind, move, cut.delivered, False),
    )


def resume(context: StepContext, cut: Cut) -> None:
    """It was not a bid for the turn: the patient continues where it was stopped."""
    if not cut.unsaid:
        move = cut.reply.decision.move
        context.state = replace(
            context.state,
            mind=context.rules.mind.record_delivery(context.state.mind, move, cut.delivered, True),
        )
        _open_hold(context, cut.reply.decision, context.state.now_s)
        if move.ending is not None:
            _end(context, move.ending)
        return
    decision = replace(cut.reply.decision, state=context.state.mind)
    reply = context.new_reply(
        context.next_key(),
        decision,
        speech_end_s=None,
        text=cut.unsaid,
        delivered_before=cut.delivered,
    )
    context.state = replace(context.state, reply=replace(reply, not_before_s=context.state.now_s))


def stop(context: StepContext) -> None:
    """Stop at the end of the syllable, because the learner takes the turn."""
    reply = context.state.reply
    if reply is None or not reply.committed or reply.stopping_since_s is not None:
        return
    context.state = replace(
        context.state, reply=replace(reply, stopping_since_s=context.state.now_s)
    )
    context.do(StopPlaying(reply.key))


def take_initiative(context: StepContext, decision: Decision) -> None:
    """Prepare a line that answers no turn. `on_frame` commits it when both are silent."""
    reply = context.new_reply(context.next_key(), decision, speech_end_s=None)
    context.state = replace(context.state, reply=reply)


def start_retry(context: StepContext, start: RetryStart) -> None:
    """Prepare the line of the checkpoint, with which a retry begins."""
    reply = context.new_reply(Key(start.turn, 0), start.decision, speech_end_s=None)
    context.state = replace(context.state, reply=reply)


def on_frame(context: StepContext) -> None:
    """Handle one frame: commit a reply that is ready, and apply timeouts."""
    reply = context.state.reply
    if reply is None:
        return
    now_s = context.state.now_s
    if (
        reply.asked_s is not None
        and now_s - reply.asked_s > context.rules.turn_taking.say_timeout_s
    ):
        on_speech_failed(context, reply, "the voice gave no answer in time")
        reply = context.state.reply
        if reply is None:
            return
    stuck = reply.stopping_since_s is not None and now_s - reply.stopping_since_s > _STOP_TIMEOUT_S
    if stuck:
        _on_cut(context, reply)
        return
    idle = context.state.turn is None and not context.state.voicing.active
    if not reply.committed and reply.is_ready and idle and now_s >= reply.not_before_s - 1e-9:
        commit(context, reply)


def with_played_until_now(context: StepContext, reply: Reply) -> Reply:
    """Return the reply with the sound played so far, for an end in the middle of a word."""
    now_s = context.state.now_s
    clips = tuple(
        replace(clip, played_s=min(clip.duration_s, max(0.0, now_s - clip.started_s)))
        if clip is not None and clip.started_s is not None and clip.played_s == 0.0
        else clip
        for clip in reply.clips
    )
    return replace(reply, clips=clips)


def note_cut_off(context: StepContext) -> None:
    """Stop the patient at once, and record what was delivered so far."""
    reply = context.state.reply
    if reply is None or not reply.committed:
        return
    context.do(StopPlaying(reply.key))
    line = delivered_line(with_played_until_now(context, reply))
    _note_speech(context, reply, line)
    _fall_silent(context, line)


def _note_speech(context: StepContext, reply: Reply, line: DeliveredLine) -> None:
    if line.start_s is None or line.end_s is None:
        return
    context.note(
        PatientSpeech(
            turn=reply.key.turn,
            line_id=reply.decision.move.line_id,
            start_s=line.start_s,
            end_s=line.end_s,
            text=reply.text,
            heard=line.delivered,
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
        delivered_words=(*state.delivered_words, *line.words)[-ECHO_MEMORY_WORDS:],
    )


def _open_hold(context: StepContext, decision: Decision, since_s: float) -> None:
    hold = decision.move.hold
    if hold is not None:
        context.state = replace(context.state, hold=OpenHold(hold.beat, since_s, hold.window_s))


def note_hold(context: StepContext, outcome: str, end_s: float, line_id: str | None) -> None:
    """Record how the patient's hold ended."""
    hold = context.state.hold
    if hold is None:
        return
    context.note(
        Hold.model_validate(
            {
                "start_s": hold.since_s,
                "end_s": max(end_s, hold.since_s),
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
