"""When the learner's turn is over, and what the record gets then."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from simvoice.conversation import patient_turn
from simvoice.conversation.state import OpenTurn
from simvoice.conversation.step_context import StepContext, recorded_codes
from simvoice.record.events import Interruption, LearnerTurn, SimultaneousStart

# -- turn end ---------------------------------------------------------------------------------
# Is the learner's turn over? The melody (Smart Turn), the words (a language model) and how surely
# they were recognised, together.
#
# A sentence that is cut off is often misheard as a whole one ("anybody at" becomes "anybody yet?"),
# and then less surely than the speaker's other words. The measure is the speaker's own usual
# sureness: an accent that the recogniser knows badly must not make every answer late.


_BIAS = 1.02
_WORDS_WEIGHT = 1.43
_MELODY_WEIGHT = 0.56
_UNSURE_WEIGHT = 2.17
"""Logistic regression on 145 synthetic clinician utterances, 90 of them cut in the middle, by
`scripts/fit_turn_end.py`: AUC .97 on them, and .97 on the floor bench's 96, which it never saw."""

USUALLY = -0.15
"""Mean log-probability a token of a speaker whom the recogniser knows well."""
_MOST_UNSURE = 0.3
"""Nats; what is more unsure than that says no more."""
_ENOUGH_TURNS = 3

_UNFINISHED = re.compile(
    r"\b(?:and|but|so|because|or|if|that|the|a|an|to|of|my|your|our|is|are|was|we|i|um|uh|er|erm|"
    r"with|for|in|about|which|when|i'm|we're|it's|going|want|like)[.,…-]*$",
    re.IGNORECASE,
)
"""Words that a finished turn hardly ever ends with, for when no model is there to ask."""

_SURE = 0.9
"""A melody this final outweighs such a word."""


_NAME = re.compile(r"(?:[^.?!]|\b(?:Dr|Mrs?|Ms)\.)\s(?!I\b)[A-Z][a-z]+[.?!,]*$")
_NAME_PROB = 0.2
"""No model expects a name to end a sentence, because it could not expect the name: "my name is
Doctor Lind." gets .04."""


def over_prob(text: str, melody: float | None, words: float | None, unsure: float = 0.0) -> float:
    """Probability, 0..1, that the turn is over.

    text: as recognised. melody: Smart Turn's answer. words: `ports.LastWords`' answer; None for
    either when it is not known. unsure: see `unsureness`.
    """
    melody = 0.5 if melody is None else melody
    if words is None:
        return 0.1 if _UNFINISHED.search(text) and melody < _SURE else melody
    if _NAME.search(text):
        words = max(words, _NAME_PROB)
    score = _BIAS + _WORDS_WEIGHT * _logit(words) + _MELODY_WEIGHT * _logit(melody)
    return 1.0 / (1.0 + math.exp(_UNSURE_WEIGHT * unsure - score))


def unsureness(avg_logprob: float, before: Sequence[float]) -> float:
    """Nats a token, 0..0.3, by which these words are less sure than the speaker's usually are.

    avg_logprob: of the words. before: of the speaker's turns so far, by the same recogniser.
    """
    usual = min(USUALLY, median(before)) if len(before) >= _ENOUGH_TURNS else USUALLY
    return min(_MOST_UNSURE, max(0.0, usual - avg_logprob))


def _logit(prob: float) -> float:
    kept = min(max(prob, 1e-3), 1.0 - 1e-3)
    return math.log(kept / (1.0 - kept))


# -- the end of a turn ------------------------------------------------------------------------
# The learner's turn is over: when, what goes into the record, and the patient has the floor.


_USUAL_TURNS = 9
"""Turns that show how surely a speaker is usually recognised: a few minutes of talk."""


def commit_if_over(context: StepContext) -> None:
    """Give the floor to the patient once the learner is done and her first clause is there."""
    turn = context.state.turn
    if turn is None or turn.reply is None or not turn.reply.is_ready:
        return
    now_s = context.state.now_s
    voicing = context.state.voicing
    # a first voiced frame may be the learner's next word
    if (
        context.state.patient_has_floor
        or voicing.last_voice_s >= now_s - 1e-9
        or voicing.run_s > 0.0
    ):
        return
    if now_s < max(turn.end_s + quiet_needed_s(context, turn), turn.reply.not_before_s) - 1e-9:
        return
    reply = turn.reply
    reply = replace(reply, stages=(*reply.stages, ("committed", now_s)))
    _note_turn(context, turn)
    if context.state.hold is not None:
        patient_turn.note_hold(context, "filled", turn.start_s, reply.decision.move.line_id)
    context.drop_reply(context.state.reply)
    context.state = replace(
        context.state,
        turn=None,
        reply=reply,
        quiet_since_s=turn.end_s,
        last_turn=max(context.state.last_turn, turn.key.turn),
    )
    patient_turn.commit(context, reply)


def quiet_needed_s(context: StepContext, turn: OpenTurn) -> float:
    """How long the learner has to be quiet before the turn is over."""
    floor = context.rules.floor
    text = turn.said.text if turn.said is not None else ""
    if turn.end_s - turn.start_s >= floor.monologue_s - 1e-9:
        return floor.transcribe_after_s
    melody_is_due = turn.complete_prob is None and not turn.judge_broke
    words_are_due = turn.over_prob is None and context.rules.judges_words
    if melody_is_due or words_are_due:
        return floor.incomplete_wait_s
    unsure = 0.0
    if turn.transcript is not None:
        unsure = unsureness(turn.transcript.avg_logprob, context.state.sureness)
    prob = over_prob(text, turn.complete_prob, turn.over_prob, unsure)
    if prob >= floor.complete_prob:
        if turn.decision is not None and not turn.decision.hands_over:
            return floor.statement_commit_s
        return floor.sure_commit_s if prob >= floor.sure_prob else floor.commit_after_s
    return floor.perhaps_wait_s if prob >= floor.perhaps_prob else floor.incomplete_wait_s


def _note_turn(context: StepContext, turn: OpenTurn) -> None:
    said, transcript, decision = turn.said, turn.transcript, turn.decision
    text = said.text if said is not None else ""
    context.note(
        LearnerTurn(
            turn=turn.key.turn,
            start_s=round(turn.start_s, 3),
            end_s=round(turn.end_s, 3),
            text=text,
            avg_logprob=transcript.avg_logprob if transcript is not None else 0.0,
            no_speech_prob=transcript.no_speech_prob if transcript is not None else 0.0,
            complete_prob=turn.complete_prob,
            over_prob=turn.over_prob,
            codes=recorded_codes(decision) if decision is not None else (),
        )
    )
    if transcript is not None:
        context.state = replace(
            context.state,
            sureness=(*context.state.sureness, transcript.avg_logprob)[-_USUAL_TURNS:],
        )
    together_s = context.rules.floor.together_s
    together = turn.began_together(together_s)
    if turn.cut is not None and (together or turn.interrupted(together_s)):
        kind = SimultaneousStart if together else Interruption
        context.note(
            kind(
                turn=turn.key.turn,
                start_s=round(turn.start_s, 3),
                stopped_s=round(turn.cut.stopped_s, 3),
                lost_s=round(turn.cut.lost_s, 3),
                lost_words=len(turn.cut.unsaid.split()),
            )
        )


def note_unanswered(context: StepContext) -> None:
    """The encounter ends before the patient could answer: the learner's words are kept."""
    turn = context.state.turn
    if turn is not None and turn.said is not None and turn.said.text:
        _note_turn(context, turn)
