"""The learner's voice over the patient's: duck, transcribe the overlap, then continue or stop."""

from __future__ import annotations

from dataclasses import replace

from simvoice.acknowledgements import may_become_acknowledgement
from simvoice.conversation import patient_turn
from simvoice.conversation.backchannels import HUMMED
from simvoice.conversation.events import Duck, Key, Transcribe, Transcribed
from simvoice.conversation.speech_gates import is_echo, is_murmur
from simvoice.conversation.state import OpenTurn, OverlapVerdict
from simvoice.conversation.step_context import StepContext

_TRANSCRIPT_GRACE_S = 0.08
"""How long the patient waits for the overlap transcript beyond the time to yield: to stop for an
"mm-hm" is worse than to stop slightly late."""

_MURMUR_MAX_S = 0.5
"""A voice longer than this is not an "mm-hm" without words."""


def on_frame(context: StepContext, turn: OpenTurn) -> None:
    """Handle one frame in which both speak: duck, request a transcript, or stop the patient."""
    settings, state = context.rules.turn_taking, context.state
    if state.reply is not None and state.reply.stopping_since_s is not None:
        return
    active = state.voicing.active
    length_s = turn.end_s - turn.start_s if not active else state.voicing.length_s
    if active and not turn.ducked and length_s >= settings.duck_after_s - 1e-9:
        context.do(Duck(settings.duck_db))
        turn = context.put_turn(replace(context.turn, ducked=True))
    # A single word ends before the usual time to transcribe the overlap.
    is_over = state.now_s - turn.end_s >= settings.judge_after_s - 1e-9
    if not turn.overlap_asked and (is_over or length_s >= settings.probe_after_s - 1e-9):
        turn = _ask_transcript(context, turn)
    if _wants_turn(context, turn, length_s, active):
        patient_turn.stop(context)


def _ask_transcript(context: StepContext, turn: OpenTurn) -> OpenTurn:
    context.do(Transcribe(turn.key, "overlap", turn.settled_until_s, context.state.now_s))
    return context.put_turn(replace(context.turn, overlap_asked=True, overlap_pending=True))


def _wants_turn(context: StepContext, turn: OpenTurn, length_s: float, active: bool) -> bool:
    settings = context.rules.turn_taking
    if turn.verdict == "bid":
        return context.state.now_s - turn.start_s >= settings.yield_after_s - 1e-9
    if not active:
        return False
    if turn.verdict == "murmur":
        return length_s >= _MURMUR_MAX_S - 1e-9
    if length_s >= settings.backchannel_max_s - 1e-9:
        return True
    return turn.verdict is None and length_s >= settings.yield_after_s + _TRANSCRIPT_GRACE_S - 1e-9


def on_transcript(context: StepContext, event: Transcribed) -> None:
    """Judge the overlap by its transcript so far.

    "I" may become "I see" or "I need to tell you". While both are possible and the voice continues,
    the whole overlap is transcribed again.
    """
    turn = context.state.turn
    if turn is None or turn.key != event.key or not turn.overlap_pending:
        context.count_stale()
        return
    transcript = event.transcript
    echoes_patient = is_echo(transcript.text, context.state.delivered_words, turn.start_s)
    verdict: OverlapVerdict = "bid"
    if is_murmur(transcript, turn.voiced_s):
        verdict = "murmur"
    hummed = event.hum >= HUMMED
    if hummed or may_become_acknowledgement(transcript.text) or echoes_patient:
        verdict = "maybe"
    turn = context.put_turn(replace(context.turn, verdict=verdict, overlap_pending=False))
    if verdict == "maybe" and context.state.voicing.active:
        turn = _ask_transcript(context, turn)
    if context.state.patient_has_turn:
        on_frame(context, turn)


def on_transcript_failed(context: StepContext, key: Key) -> None:
    """Without a transcript the length of the voice decides alone."""
    turn = context.state.turn
    if turn is not None and turn.key == key and turn.overlap_pending:
        context.put_turn(
            replace(context.turn, verdict=turn.verdict or "bid", overlap_pending=False)
        )


def restore_loudness(context: StepContext, turn: OpenTurn) -> None:
    """Restore the patient's loudness when the overlap was not a bid for the turn."""
    if turn.ducked:
        context.do(Duck(0.0))
