"""The learner's side of the floor: a turn begins, pauses, goes on, is understood, is over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import FRAME_S
from simvoice.conversation import end_of_turn, overlap, patient_turn
from simvoice.conversation.backchannels import HUMMED, is_acknowledgement, lower_words
from simvoice.conversation.events import (
    AskModel,
    Drop,
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
"""Sound before the onset that is transcribed too: a soft consonant comes before the voice."""

_LONG_PAUSE_S = 0.4
"""A silence inside a turn that is shortened before it is transcribed."""


# -- frames


def on_voice(context: StepContext, began: bool) -> None:
    """The learner's voice is on in this frame."""
    state = context.state
    if state.turn is None:
        if began:
            _open_turn(context)
        return
    turn = state.turn
    if began and state.voicing.start_s - turn.end_s >= _LONG_PAUSE_S - 1e-9:
        pause = (turn.end_s, state.voicing.start_s)
        turn = context.put_turn(replace(context.turn, pauses=(*turn.pauses, pause)))
    if turn.words_asked_s is not None or turn.judged_asked:
        turn = _go_on(context, turn)
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
        overlapped=context.state.patient_has_floor,
    )
    context.state = replace(context.state, turn=turn)


def _go_on(context: StepContext, turn: OpenTurn) -> OpenTurn:
    """The learner goes on after a pause: the work on the pause is thrown away."""
    context.do(Drop(turn.key))
    settled, until_s = turn.settled_text, turn.settled_until_s
    long_enough = turn.end_s - until_s >= context.rules.floor.settle_span_s - 1e-9
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
            judged_asked=False,
            words_asked_s=None,
            complete_prob=None,
            judge_broke=False,
            over_prob=None,
            transcript=None,
            said=None,
            decision=None,
            thinking_since_s=None,
            reply=None,
            stages=(),
            probed=False,
            probing=False,
            verdict=None,
        )
    )


def tend(context: StepContext) -> None:
    """Each frame while the learner has a turn: ask what is due, give up what never came."""
    turn = context.state.turn
    if turn is None:
        return
    if context.state.patient_has_floor:
        overlap.tend(context, turn)
        turn = context.state.turn
        if turn is None:
            return
    floor, now_s = context.rules.floor, context.state.now_s
    off_s = now_s - turn.end_s
    over_patient = context.state.patient_has_floor
    if off_s >= floor.judge_after_s - 1e-9 and not turn.judged_asked and not over_patient:
        context.do(JudgeTurnEnd(turn.key, turn.start_s, now_s))
        turn = context.put_turn(replace(context.turn, judged_asked=True))
    if turn.words_asked_s is None and turn.settling_until_s is None:
        if off_s >= floor.transcribe_after_s - 1e-9:
            _ask_words(context, turn, now_s)
        elif now_s - turn.settled_until_s >= floor.longest_span_s - 1e-9:
            _settle(context, turn, now_s)
    _give_up_late(context)
    end_of_turn.commit_if_over(context)


def _ask_words(context: StepContext, turn: OpenTurn, until_s: float) -> None:
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
    context.put_turn(replace(context.turn, words_asked_s=context.state.now_s))


def _settle(context: StepContext, turn: OpenTurn, until_s: float) -> None:
    """The span is as long as the recogniser takes: have it transcribed while speech goes on."""
    key = Key(turn.key.turn, turn.key.revision + 1)
    context.do(
        Drop(turn.key), Transcribe(key, "turn", turn.settled_until_s, until_s, pauses=turn.pauses)
    )
    context.put_turn(replace(context.turn, key=key, settling_until_s=until_s, judged_asked=False))


def _give_up_late(context: StepContext) -> None:
    turn = context.state.turn
    if turn is None:
        return
    floor, now_s = context.rules.floor, context.state.now_s
    if turn.settling_until_s is not None:
        if now_s - turn.settling_until_s > floor.hear_timeout_s:
            not_understood(context, "the recogniser gave no answer in time")
        return
    if turn.words_asked_s is not None and turn.transcript is None and turn.said is None:
        if now_s - turn.words_asked_s > floor.hear_timeout_s and turn.decision is None:
            not_understood(context, "the recogniser gave no answer in time")
        return
    if turn.thinking_since_s is not None and turn.decision is not None:
        is_tie = isinstance(turn.decision.query, Rank)
        limit_s = floor.rank_timeout_s if is_tie else floor.improvise_timeout_s
        if now_s - turn.thinking_since_s > limit_s:
            _decided(context, turn, turn.decision)
        return
    reply = turn.reply
    late = reply is not None and reply.asked_s is not None
    if reply is not None and late and now_s - (reply.asked_s or 0.0) > floor.say_timeout_s:
        patient_turn.on_speech_failed(context, reply, "the voice gave no answer in time")


# -- results


def on_judged(context: StepContext, event: TurnEndJudged) -> None:
    """Smart Turn has answered."""
    turn = context.state.turn
    if turn is None or turn.key != event.key or turn.complete_prob is not None:
        context.stale()
        return
    context.put_turn(
        replace(
            context.turn,
            complete_prob=event.complete_prob,
            stages=(*turn.stages, ("judged", event.at_s)),
        )
    )


def on_judge_failed(context: StepContext, key: Key) -> None:
    """Without Smart Turn the words decide alone."""
    turn = context.state.turn
    if turn is not None and turn.key == key:
        context.put_turn(replace(context.turn, judge_broke=True))


def on_words_judged(context: StepContext, event: WordsJudged) -> None:
    """Whether the words sound finished."""
    turn = context.state.turn
    if turn is None or turn.key != event.key or turn.over_prob is not None:
        context.stale()
        return
    context.put_turn(
        replace(
            context.turn, over_prob=event.over_prob, stages=(*turn.stages, ("over", event.at_s))
        )
    )


def on_words(context: StepContext, event: Transcribed) -> None:
    """The words of the turn so far."""
    turn = context.state.turn
    if turn is None or turn.key != event.key or turn.transcript is not None:
        context.stale()
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
        floor=context.rules.floor,
    )
    text = event.transcript.text.strip()
    sounded = context.state.sounded
    if reason is None and turn.overlapped and is_echo(text, sounded, turn.start_s):
        reason = "the patient's own words, come back through the microphone"
    over_hers = turn.overlapped and context.state.patient_has_floor
    has_words = bool(lower_words(text)) or event.hum >= HUMMED
    if over_hers and has_words and is_murmur(event.transcript, turn.voiced_s, event.hum):
        _acknowledged(context, turn, text)
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
        _acknowledged(context, turn, full)
        return
    context.put_turn(replace(context.turn, said=_said(context, turn, full, event.embedding)))
    if context.state.patient_has_floor:
        patient_turn.stop(context)
    else:
        think(context)


def _said(
    context: StepContext, turn: OpenTurn, text: str, embedding: NDArray[np.float32] | None
) -> LearnerUtterance:
    hold = context.state.hold
    return LearnerUtterance(
        text=text,
        embedding=embedding,
        duration_s=turn.end_s - turn.start_s,
        filled_hold=hold.beat if hold is not None else None,
    )


def _is_backchannel(context: StepContext, turn: OpenTurn, text: str, hum: float) -> bool:
    # "Yes" over her last word, when she has just asked something, is an answer.
    still_hers = context.state.patient_has_floor or turn.cut is not None
    over_hers = turn.overlapped and (still_hers or turn.end_s < context.state.patient_end_s)
    transcript = turn.transcript
    if over_hers and transcript is not None and is_murmur(transcript, turn.voiced_s, hum):
        return True
    said_nothing = hum >= HUMMED or is_acknowledgement(text)
    return said_nothing and (over_hers or context.state.hold is not None)


def think(context: StepContext) -> None:
    """Have the patient decide, once the words are known and her voice is silent."""
    turn = context.state.turn
    if turn is None or turn.said is None or turn.decision is not None:
        return
    said = turn.said
    if turn.cut is not None:
        interrupted = turn.interrupted(context.rules.floor.together_s)
        said = replace(said, interrupted=interrupted, unsaid=turn.cut.unsaid)
        # What was heard is committed before the interruption is handled.
        patient_turn.accept_cut(context, turn.cut)
    decision = context.rules.mind.respond(context.state.mind, said)
    turn = context.put_turn(
        replace(
            context.turn,
            said=said,
            decision=decision,
            stages=(*turn.stages, ("decided", context.state.now_s)),
        )
    )
    if decision.query is not None:
        context.do(AskModel(turn.key, decision.query))
        context.put_turn(replace(context.turn, thinking_since_s=context.state.now_s))
    else:
        _decided(context, turn, decision)


def on_answer(context: StepContext, event: ModelAnswered) -> None:
    """The language model has answered the patient's query."""
    turn = context.state.turn
    waits = turn is not None and turn.key == event.key and turn.thinking_since_s is not None
    if turn is None or turn.decision is None or not waits:
        context.stale()
        return
    decision = context.rules.mind.settle(context.state.mind, turn.decision, event.answer)
    turn = context.put_turn(replace(context.turn, stages=(*turn.stages, ("answered", event.at_s))))
    _decided(context, turn, decision)


def on_think_failed(context: StepContext, key: Key, what: str) -> None:
    """The model failed: the authored line is said."""
    turn = context.state.turn
    if turn is None or turn.key != key or turn.decision is None or turn.thinking_since_s is None:
        context.stale()
        return
    context.note(
        Trouble(at_s=round(context.state.now_s, 3), what=f"no answer of the model: {what}")
    )
    _decided(context, turn, turn.decision)


def not_understood(context: StepContext, what: str) -> None:
    """The recogniser failed on words that may have been said: she did not catch it."""
    turn = context.state.turn
    if turn is None:
        return
    context.note(Trouble(at_s=round(context.state.now_s, 3), what=f"words not recognised: {what}"))
    if turn.settling_until_s is not None:
        # A piece of a long turn is lost; what follows can still be understood.
        context.put_turn(
            replace(context.turn, settled_until_s=turn.settling_until_s, settling_until_s=None)
        )
        return
    if context.state.patient_has_floor:
        context.state = replace(context.state, turn=None)
        return
    if turn.settled_text:
        context.put_turn(replace(context.turn, said=_said(context, turn, turn.settled_text, None)))
        think(context)
        return
    if turn.cut is not None:
        patient_turn.accept_cut(context, turn.cut)
    decision = context.rules.mind.confused(context.state.mind)
    turn = context.put_turn(
        replace(context.turn, said=LearnerUtterance(text="", embedding=None), decision=decision)
    )
    _decided(context, turn, decision)


def _decided(context: StepContext, turn: OpenTurn, decision: Decision) -> None:
    decision = replace(decision, query=None)
    context.put_turn(replace(context.turn, decision=decision, thinking_since_s=None))
    reply = context.new_reply(turn.key, decision, speech_end_s=turn.end_s, stages=turn.stages)
    context.put_turn(replace(context.turn, reply=reply))
    end_of_turn.commit_if_over(context)


# -- not a turn after all


def _discard(context: StepContext, turn: OpenTurn, text: str, reason: str) -> None:
    context.note(
        Discarded(
            start_s=round(turn.start_s, 3), end_s=round(turn.end_s, 3), text=text, reason=reason
        )
    )
    _withdraw(context, turn)


def _acknowledged(context: StepContext, turn: OpenTurn, text: str) -> None:
    context.note(Backchannel(start_s=round(turn.start_s, 3), end_s=round(turn.end_s, 3), text=text))
    _withdraw(context, turn)


def _withdraw(context: StepContext, turn: OpenTurn) -> None:
    """The turn never was one: the patient goes on as if nothing had happened."""
    context.do(Drop(turn.key))
    overlap.restore(context, turn)
    context.state = replace(context.state, turn=None)
    if turn.cut is not None:
        patient_turn.resume(context, turn.cut)
