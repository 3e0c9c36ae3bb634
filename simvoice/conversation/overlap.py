"""The learner's voice over the patient's: duck, find out what it is, go on or give way."""

from __future__ import annotations

from dataclasses import replace

from simvoice.conversation import patient_turn
from simvoice.conversation.backchannels import HUMMED, may_become_acknowledgement
from simvoice.conversation.events import Duck, Key, Transcribe, Transcribed
from simvoice.conversation.speech_gates import is_echo, is_murmur
from simvoice.conversation.state import OpenTurn, OverlapVerdict
from simvoice.conversation.step_context import StepContext

_PROBE_PATIENCE_S = 0.08
"""The probe's answer is waited for this long beyond the time to yield: giving way to an "mm-hm" is
worse than giving way a little late."""

_MURMUR_MAX_S = 0.5
"""A voice that goes on for longer than this is no "mm-hm" without words."""


def tend(context: StepContext, turn: OpenTurn) -> None:
    """Each frame while she speaks and the learner has a voice."""
    floor, state = context.rules.floor, context.state
    if state.reply is not None and state.reply.stopping_since_s is not None:
        return
    active = state.voicing.active
    length_s = turn.end_s - turn.start_s if not active else state.voicing.length_s
    if active and not turn.ducked and length_s >= floor.duck_after_s - 1e-9:
        context.do(Duck(floor.duck_db))
        turn = context.put_turn(replace(context.turn, ducked=True))
    # A single word is over before the usual time to listen in.
    is_over = state.now_s - turn.end_s >= floor.judge_after_s - 1e-9
    if not turn.probed and (is_over or length_s >= floor.probe_after_s - 1e-9):
        turn = _listen_in(context, turn)
    if _wants_floor(context, turn, length_s, active):
        patient_turn.stop(context)


def _listen_in(context: StepContext, turn: OpenTurn) -> OpenTurn:
    context.do(Transcribe(turn.key, "probe", turn.settled_until_s, context.state.now_s))
    return context.put_turn(replace(context.turn, probed=True, probing=True))


def _wants_floor(context: StepContext, turn: OpenTurn, length_s: float, active: bool) -> bool:
    floor = context.rules.floor
    if turn.verdict == "floor":
        return context.state.now_s - turn.start_s >= floor.yield_after_s - 1e-9
    if not active:
        return False
    if turn.verdict == "murmur":
        return length_s >= _MURMUR_MAX_S - 1e-9
    if length_s >= floor.backchannel_max_s - 1e-9:
        return True
    return turn.verdict is None and length_s >= floor.yield_after_s + _PROBE_PATIENCE_S - 1e-9


def on_probe(context: StepContext, event: Transcribed) -> None:
    """The first words of it, perhaps while it still goes on.

    "I" may become "I see" or "I need to tell you": while it may be either and goes on, the
    listening goes on too, with all that has been said by then.
    """
    turn = context.state.turn
    if turn is None or turn.key != event.key or not turn.probing:
        context.stale()
        return
    transcript = event.transcript
    said_of_hers = is_echo(transcript.text, context.state.sounded, turn.start_s)
    verdict: OverlapVerdict = "floor"
    if is_murmur(transcript, turn.voiced_s):
        verdict = "murmur"
    hummed = event.hum >= HUMMED
    if hummed or may_become_acknowledgement(transcript.text) or said_of_hers:
        verdict = "maybe"
    turn = context.put_turn(replace(context.turn, verdict=verdict, probing=False))
    if verdict == "maybe" and context.state.voicing.active:
        turn = _listen_in(context, turn)
    if context.state.patient_has_floor:
        tend(context, turn)


def on_probe_failed(context: StepContext, key: Key) -> None:
    """Without its words the length of the voice decides alone."""
    turn = context.state.turn
    if turn is not None and turn.key == key and turn.probing:
        context.put_turn(replace(context.turn, verdict=turn.verdict or "floor", probing=False))


def restore(context: StepContext, turn: OpenTurn) -> None:
    """It was nothing: her voice comes back to its loudness."""
    if turn.ducked:
        context.do(Duck(0.0))
