"""The learner's turn: it begins, pauses, continues, is transcribed and gets a reply.

`end_of_turn` decides when it is over.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simvoice.acknowledgements import is_acknowledgement, lower_words
from simvoice.audio import FRAME_S
from simvoice.conversation import end_of_turn, overlap, patient_turn
from simvoice.conversation.backchannels import HUMMED
from simvoice.conversation.events import (
    AskModel,
    DropWork,
    JudgeTurnEnd,
    Key,
    ModelAnswered,
    Transcribe,
    Transcribed,
    TurnEndJudged,
    WordsJudged,
)
from simvoice.conversation.speech_gates import is_echo, is_murmur, rejection_reason
from simvoice.conversation.state import OpenTurn
from simvoice.conversation.step_context import StepContext
from simvoice.patient.decisions import Decision, LearnerUtterance, Rank
from simvoice.record.events import (
    Backchannel,
    Discarded,
    Trouble,
)

_LEAD_S = 0.2
"""Sound before the onset that is also transcribed: a soft consonant can precede the voice."""

_LONG_PAUSE_S = 0.4
"""A silence inside a turn from this length on is shortened before transcription."""

# -- frames


def on_voice(context: StepContext, began: bool) -> None:
    """Handle a frame with the learner's voice; began: a stretch of voice begins with it."""
    state = context.state
    if state.turn is None:
        if began:
            _open_turn(context)
        return
    turn = state.turn
    if began and state.voicing.start_s - turn.end_s >= _LONG_PAUSE_S - 1e-9:
        pause = (turn.end_s, state.voicing.start_s)
        turn = context.put_turn(replace(context.turn, pauses=(*turn.pauses, pause)))
    if turn.transcript_asked_s is not None or turn.turn_end_asked:
        turn = _continue_turn(context, turn)
    context.put_turn(
        replace(
            context.turn,
            end_s=state.now_s,
            voiced_s=turn.voiced_s + FRAME_S,
            level_dbfs=max(turn.level_dbfs, state.voicing.level_dbfs),
        )
    )


def _open_turn(context: StepContext) -> None:
    voicing = context.state.voicing
    turn = OpenTurn(
        key=context.next_key(),
        start_s=voicing.start_s,
        end_s=voicing.last_voice_s,
        voiced_s=voicing.voiced_s,
        level_dbfs=voicing.level_dbfs,
        settled_until_s=max(0.0, voicing.start_s - _LEAD_S),
        overlapped=context.state.patient_has_turn,
    )
    context.state = replace(context.state, turn=turn)


def _continue_turn(context: StepContext, turn: OpenTurn) -> OpenTurn:
    """Continue a turn after a pause: drop the work that was started in the pause."""
    context.do(DropWork(turn.key))
    settled, until_s = turn.settled_text, turn.settled_until_s
    if turn.is_silent:
        until_s = max(until_s, context.state.voicing.start_s - _LEAD_S)
    long_enough = turn.end_s - until_s >= context.rules.turn_taking.settle_span_s - 1e-9
    if turn.transcript is not None and long_enough:
        settled = f"{settled} {turn.transcript.text}".strip()
        until_s = turn.end_s
    return context.put_turn(
        replace(
            context.turn,
            key=Key(turn.key.turn, turn.key.revision + 1),
            settled_text=settled,
            settled_until_s=until_s,
            settling_until_s=None,
            turn_end_asked=False,
            transcript_asked_s=None,
            complete_prob=None,
            judge_failed=False,
            over_prob=None,
            transcript=None,
            utterance=None,
            decision=None,
            thinking_since_s=None,
            reply=None,
            stages=(),
            overlap_asked=False,
            overlap_pending=False,
            verdict=None,
        )
    )


def on_frame(context: StepContext) -> None:
    """Handle one frame of the learner's turn: request what is due, apply timeouts, end the turn."""
    turn = context.state.turn
    if turn is None:
        return
    if context.state.patient_has_turn and not turn.is_silent:
        overlap.on_frame(context, turn)
        turn = context.state.turn
        if turn is None:
            return
    settings, now_s = context.rules.turn_taking, context.state.now_s
    off_s = now_s - turn.end_s
    over_patient = context.state.patient_has_turn
    if off_s >= settings.judge_after_s - 1e-9 and not turn.turn_end_asked and not over_patient:
        context.do(JudgeTurnEnd(turn.key, turn.start_s, now_s))
        turn = context.put_turn(replace(context.turn, turn_end_asked=True))
    if turn.transcript_asked_s is None and turn.settling_until_s is None:
        if off_s >= settings.transcribe_after_s - 1e-9:
            _ask_transcript(context, turn, now_s)
        elif now_s - turn.settled_until_s >= settings.longest_span_s - 1e-9:
            _settle_span(context, turn, now_s)
    _apply_timeouts(context)
    end_of_turn.commit_if_over(context)


def _ask_transcript(context: StepContext, turn: OpenTurn, until_s: float) -> None:
    context.do(
        Transcribe(
            turn.key,
            "turn",
            turn.settled_until_s,
            until_s,
            before=turn.settled_text,
            pauses=turn.pauses,
        )
    )
    context.put_turn(replace(context.turn, transcript_asked_s=context.state.now_s))


def _settle_span(context: StepContext, turn: OpenTurn, until_s: float) -> None:
    """Transcribe a span of the longest accepted length while the learner goes on speaking."""
    key = Key(turn.key.turn, turn.key.revision + 1)
    context.do(
        DropWork(turn.key),
        Transcribe(key, "turn", turn.settled_until_s, until_s, pauses=turn.pauses),
    )
    context.put_turn(replace(context.turn, key=key, settling_until_s=until_s, turn_end_asked=False))


def _apply_timeouts(context: StepContext) -> None:
    """Continue without an engine that did not answer in time."""
    turn = context.state.turn
    if turn is None:
        return
    settings, now_s = context.rules.turn_taking, context.state.now_s
    if turn.settling_until_s is not None:
        if now_s - turn.settling_until_s > settings.hear_timeout_s:
            not_understood(context, "the recogniser gave no answer in time")
        return
    if turn.transcript_asked_s is not None and turn.transcript is None and turn.utterance is None:
        late = now_s - turn.transcript_asked_s > settings.hear_timeout_s
        if late and turn.is_silent:
            take_typed(context, turn, None)
        elif late and turn.decision is None:
            not_understood(context, "the recogniser gave no answer in time")
        return
    if turn.thinking_since_s is not None and turn.decision is not None:
        is_tie = isinstance(turn.decision.query, Rank)
        limit_s = settings.rank_timeout_s if is_tie else settings.improvise_timeout_s
        if now_s - turn.thinking_since_s > limit_s:
            _prepare_reply(context, turn, turn.decision)
        return
    reply = turn.reply
    late = reply is not None and reply.asked_s is not None
    if reply is not None and late and now_s - (reply.asked_s or 0.0) > settings.say_timeout_s:
        patient_turn.on_speech_failed(context, reply, "the voice gave no answer in time")


# -- answers of the engines


def on_turn_end_judged(context: StepContext, event: TurnEndJudged) -> None:
    """Store Smart Turn's answer."""
    turn = context.state.turn
    if turn is None or turn.key != event.key or turn.complete_prob is not None:
        context.count_stale()
        return
    context.put_turn(
        replace(
            context.turn,
            complete_prob=event.complete_prob,
            stages=(*turn.stages, ("judged", event.at_s)),
        )
    )


def on_judge_failed(context: StepContext, key: Key) -> None:
    """Without Smart Turn's answer the words decide alone."""
    turn = context.state.turn
    if turn is not None and turn.key == key:
        context.put_turn(replace(context.turn, judge_failed=True))


def on_words_judged(context: StepContext, event: WordsJudged) -> None:
    """Store the probability that the words are finished."""
    turn = context.state.turn
    if turn is None or turn.key != event.key or turn.over_prob is not None:
        context.count_stale()
        return
    context.put_turn(
        replace(
            context.turn, over_prob=event.over_prob, stages=(*turn.stages, ("over", event.at_s))
        )
    )


def on_transcript(context: StepContext, event: Transcribed) -> None:
    """Take the transcript: discard sound that is not speech, note a backchannel, or decide."""
    turn = context.state.turn
    if turn is None or turn.key != event.key or turn.transcript is not None:
        context.count_stale()
        return
    if turn.settling_until_s is not None:
        text = f"{turn.settled_text} {event.transcript.text}".strip()
        context.put_turn(
            replace(
                context.turn,
                settled_text=text,
                settled_until_s=turn.settling_until_s,
                settling_until_s=None,
            )
        )
        return
    reason = rejection_reason(
        event.transcript,
        voiced_s=turn.voiced_s,
        length_s=turn.end_s - turn.start_s,
        level_dbfs=turn.level_dbfs,
        settings=context.rules.turn_taking,
    )
    text = event.transcript.text.strip()
    delivered_words = context.state.delivered_words
    if reason is None and turn.overlapped and is_echo(text, delivered_words, turn.start_s):
        reason = "the patient's own words, picked up by the microphone"
    over_patient = turn.overlapped and context.state.patient_has_turn
    has_words = bool(lower_words(text)) or event.hum >= HUMMED
    if over_patient and has_words and is_murmur(event.transcript, turn.voiced_s, event.hum):
        _note_backchannel(context, turn, text)
        return
    if reason is not None and not turn.settled_text:
        _discard(context, turn, text, reason)
        return
    full = f"{turn.settled_text} {'' if reason else text}".strip()
    turn = context.put_turn(
        replace(
            context.turn,
            transcript=replace(event.transcript, text="" if reason else text),
            stages=(*turn.stages, ("words", event.at_s)),
        )
    )
    if _is_backchannel(context, turn, full, event.hum):
        _note_backchannel(context, turn, full)
        return
    context.put_turn(
        replace(context.turn, utterance=_utterance(context, turn, full, event.embedding))
    )
    if context.state.patient_has_turn:
        patient_turn.stop(context)
    else:
        decide(context)


def _utterance(
    context: StepContext, turn: OpenTurn, text: str, embedding: NDArray[np.float32] | None
) -> LearnerUtterance:
    hold = context.state.hold
    return LearnerUtterance(
        text=text,
        embedding=embedding,
        duration_s=turn.end_s - turn.start_s,
        filled_hold=hold.beat if hold is not None else None,
    )


def take_typed(context: StepContext, turn: OpenTurn, embedding: NDArray[np.float32] | None) -> None:
    """Let the patient decide on a typed turn; embedding: None where words alone decide."""
    context.put_turn(
        replace(turn, utterance=_utterance(context, turn, turn.settled_text, embedding))
    )
    if not context.state.patient_has_turn:
        decide(context)


def _is_backchannel(context: StepContext, turn: OpenTurn, text: str, hum: float) -> bool:
    # "Yes" over the last word of the patient's question is an answer.
    patient_spoke_on = context.state.patient_has_turn or turn.cut is not None
    over_patient = turn.overlapped and (
        patient_spoke_on or turn.end_s < context.state.patient_end_s
    )
    transcript = turn.transcript
    if over_patient and transcript is not None and is_murmur(transcript, turn.voiced_s, hum):
        return True
    said_nothing = hum >= HUMMED or is_acknowledgement(text)
    return said_nothing and (over_patient or context.state.hold is not None)


def decide(context: StepContext) -> None:
    """Let the patient decide, once the words are known and the patient's voice is silent."""
    turn = context.state.turn
    if turn is None or turn.utterance is None or turn.decision is not None:
        return
    utterance = turn.utterance
    if turn.cut is not None:
        interrupted = turn.interrupted(context.rules.turn_taking.together_s)
        utterance = replace(utterance, interrupted=interrupted, unsaid=turn.cut.unsaid)
        # The patient first stores what was delivered, then handles the interruption.
        patient_turn.accept_cut(context, turn.cut)
    decision = context.rules.mind.respond(context.state.mind, utterance)
    turn = context.put_turn(
        replace(
            context.turn,
            utterance=utterance,
            decision=decision,
            stages=(*turn.stages, ("decided", context.state.now_s)),
        )
    )
    if decision.query is not None:
        context.do(AskModel(turn.key, decision.query))
        context.put_turn(replace(context.turn, thinking_since_s=context.state.now_s))
    else:
        _prepare_reply(context, turn, decision)


def on_answer(context: StepContext, event: ModelAnswered) -> None:
    """Complete the decision with the language model's answer."""
    turn = context.state.turn
    is_awaited = turn is not None and turn.key == event.key and turn.thinking_since_s is not None
    if turn is None or turn.decision is None or not is_awaited:
        context.count_stale()
        return
    decision = context.rules.mind.settle(context.state.mind, turn.decision, event.answer)
    turn = context.put_turn(replace(context.turn, stages=(*turn.stages, ("answered", event.at_s))))
    _prepare_reply(context, turn, decision)


def on_answer_failed(context: StepContext, key: Key, what: str) -> None:
    """Without the language model the patient says the authored line."""
    turn = context.state.turn
    if turn is None or turn.key != key or turn.decision is None or turn.thinking_since_s is None:
        context.count_stale()
        return
    context.note(Trouble(at_s=context.state.now_s, what=f"no answer of the model: {what}"))
    _prepare_reply(context, turn, turn.decision)


def not_understood(context: StepContext, what: str) -> None:
    """Without a transcript the patient says that the words were not understood."""
    turn = context.state.turn
    if turn is None:
        return
    context.note(Trouble(at_s=context.state.now_s, what=f"words not recognised: {what}"))
    if turn.settling_until_s is not None:
        # One span of a long turn is lost; the next one can still be transcribed.
        context.put_turn(
            replace(context.turn, settled_until_s=turn.settling_until_s, settling_until_s=None)
        )
        return
    if context.state.patient_has_turn:
        context.state = replace(context.state, turn=None)
        return
    if turn.settled_text:
        context.put_turn(
            replace(context.turn, utterance=_utterance(context, turn, turn.settled_text, None))
        )
        decide(context)
        return
    if turn.cut is not None:
        patient_turn.accept_cut(context, turn.cut)
    decision = context.rules.mind.confused(context.state.mind)
    turn = context.put_turn(
        replace(
            context.turn, utterance=LearnerUtterance(text="", embedding=None), decision=decision
        )
    )
    _prepare_reply(context, turn, decision)


def _prepare_reply(context: StepContext, turn: OpenTurn, decision: Decision) -> None:
    decision = replace(decision, query=None)
    context.put_turn(replace(context.turn, decision=decision, thinking_since_s=None))
    reply = context.new_reply(turn.key, decision, speech_end_s=turn.end_s, stages=turn.stages)
    context.put_turn(replace(context.turn, reply=reply))
    end_of_turn.commit_if_over(context)


# -- sound that was not a turn


def _discard(context: StepContext, turn: OpenTurn, text: str, reason: str) -> None:
    context.note(Discarded(start_s=turn.start_s, end_s=turn.end_s, text=text, reason=reason))
    _remove_turn(context, turn)


def _note_backchannel(context: StepContext, turn: OpenTurn, text: str) -> None:
    context.note(Backchannel(start_s=turn.start_s, end_s=turn.end_s, text=text))
    _remove_turn(context, turn)


def _remove_turn(context: StepContext, turn: OpenTurn) -> None:
    """Remove a turn that was none, and let the patient continue."""
    context.do(DropWork(turn.key))
    overlap.restore_loudness(context, turn)
    context.state = replace(context.state, turn=None)
    if turn.cut is not None:
        patient_turn.resume(context, turn.cut)
