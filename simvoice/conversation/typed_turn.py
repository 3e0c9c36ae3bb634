"""A turn that the learner types instead of speaking.

It is complete when it is sent, so nothing is transcribed and no end of turn is judged. It never
interrupts the patient: what is sent meanwhile waits until the patient has finished. Words that are
sent before the patient answers belong to the same turn, and so do spoken ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simvoice.conversation import learner_turn
from simvoice.conversation.events import DropWork, Embed, Key, Typed
from simvoice.conversation.state import OpenTurn
from simvoice.conversation.step_context import StepContext


def on_typed(context: StepContext, event: Typed) -> None:
    """Take typed words: into the open typed turn, or into the next one."""
    text = " ".join(event.text.split())
    if not text:
        return
    context.state = replace(context.state, typing_s=context.state.now_s)
    turn = context.state.turn
    if turn is None or not turn.is_silent:
        context.state = replace(context.state, typed=(*context.state.typed, text))
        on_frame(context)
        return
    context.do(DropWork(turn.key))
    key = Key(turn.key.turn, turn.key.revision + 1)
    _put_turn(context, key, turn.start_s, f"{turn.settled_text} {text}")


def on_frame(context: StepContext) -> None:
    """Open the turn of the words that wait, when the patient is silent and no turn is open."""
    state = context.state
    first_line_waits = state.retry is not None and not state.has_spoken
    if not (state.turn is not None or state.patient_has_turn or first_line_waits):
        open_waiting(context)


def open_waiting(context: StepContext) -> None:
    """Open the turn of the waiting words, also while the patient speaks, unless one is open."""
    state = context.state
    if state.typed and state.turn is None:
        context.state = replace(state, typed=())
        _put_turn(context, context.next_key(), state.now_s, " ".join(state.typed))


def _put_turn(context: StepContext, key: Key, start_s: float, text: str) -> None:
    now_s = context.state.now_s
    turn = OpenTurn(
        key=key,
        start_s=start_s,
        end_s=now_s,
        voiced_s=0.0,
        level_dbfs=0.0,
        settled_text=text,
        settled_until_s=now_s,
        turn_end_asked=True,
        transcript_asked_s=now_s,
        is_typed=True,
    )
    context.state = replace(context.state, turn=turn)
    context.do(Embed(key, text))


def on_embedded(context: StepContext, key: Key, embedding: NDArray[np.float32] | None) -> None:
    """Let the patient decide on typed words."""
    turn = context.state.turn
    if turn is None or turn.key != key or turn.utterance is not None:
        context.count_stale()
        return
    learner_turn.take_typed(context, turn, embedding)
