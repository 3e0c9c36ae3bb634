"""Decide when the learner's turn is over, record it, and give the turn to the patient.

The probability combines the melody (Smart Turn), the words (a language model) and how surely the
words were recognised. A sentence that is cut off is often recognised as a whole one ("anybody at"
becomes "anybody yet?"), but less surely than the speaker's other words. The measure is relative to
the speaker's own usual sureness, so that an accent which the recogniser knows badly does not make
every answer late.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from simvoice.conversation import patient_turn
from simvoice.conversation.state import OpenTurn
from simvoice.conversation.step_context import StepContext, recorded_codes
from simvoice.patient.decisions import LearnerUtterance
from simvoice.record.events import Interruption, LearnerTurn, SimultaneousStart
from simvoice.sentences import split_sentences

# -- the probability that the turn is over

_BIAS = 1.02
_WORDS_WEIGHT = 1.43
_MELODY_WEIGHT = 0.56
_UNSURE_WEIGHT = 2.17
"""Logistic regression on 145 synthetic clinician utterances, 90 of them cut in the middle, by
`scripts/fit_turn_end.py`: AUC .97 on them, and .97 on the 96 of the floor bench, which were not
used to fit it."""

USUALLY = -0.15
"""Mean log-probability per token of a speaker whom the recogniser knows well."""
_MOST_UNSURE = 0.3
"""Nats per token; larger values carry no more information."""
_ENOUGH_TURNS = 3

_UNFINISHED = re.compile(
    r"\b(?:and|but|so|because|or|if|that|the|a|an|to|of|my|your|our|is|are|was|we|i|um|uh|er|erm|"
    r"with|for|in|about|which|when|i'm|we're|it's|going|want|like)[.,…-]*$",
    re.IGNORECASE,
)
"""Words that rarely end a finished turn; used when no model judges the words."""

_SURE = 0.9
"""A melody probability from here on outweighs such a word."""

_NAME = re.compile(r"\s(?!I\b)[A-Z][a-z]+[.?!,]*$")
_NAME_PROB = 0.2
"""Least probability for a sentence that ends with a name. No model can predict a name, so it rates
such an end too low: "my name is Doctor Lind." gets .04."""


def over_prob(text: str, melody: float | None, words: float | None, unsure: float = 0.0) -> float:
    """Return the probability, 0..1, that the turn is over.

    text: as recognised. melody: the answer of `ports.EndOfTurn`. words: the answer of
    `ports.SentenceEnd`; None for either when it is not known. unsure: see `unsureness`.
    """
    melody = 0.5 if melody is None else melody
    if words is None:
        return 0.1 if _UNFINISHED.search(text) and melody < _SURE else melody
    if any(_NAME.search(sentence) for sentence in split_sentences(text)[-1:]):
        words = max(words, _NAME_PROB)
    score = _BIAS + _WORDS_WEIGHT * _logit(words) + _MELODY_WEIGHT * _logit(melody)
    return 1.0 / (1.0 + math.exp(_UNSURE_WEIGHT * unsure - score))


def unsureness(avg_logprob: float, before: Sequence[float]) -> float:
    """Return by how many nats per token, 0..0.3, these words are less sure than usual.

    avg_logprob: of these words. before: of the speaker's turns so far, by the same recogniser.
    """
    usual = min(USUALLY, median(before)) if len(before) >= _ENOUGH_TURNS else USUALLY
    return min(_MOST_UNSURE, max(0.0, usual - avg_logprob))


def _logit(prob: float) -> float:
    clamped = min(max(prob, 1e-3), 1.0 - 1e-3)
    return math.log(clamped / (1.0 - clamped))


# -- the end of the turn

_USUAL_TURNS = 9
"""Number of turns that define the speaker's usual sureness: a few minutes of talk."""


def commit_if_over(context: StepContext) -> None:
    """Give the turn to the patient once the learner is done and the first clause is ready."""
    turn = context.state.turn
    if turn is None or turn.reply is None or not turn.reply.is_ready:
        return
    now_s = context.state.now_s
    voicing = context.state.voicing
    # A first voiced frame may be the learner's next word.
    if (
        context.state.patient_has_turn
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
    context.drop_work_on(context.state.reply)
    context.state = replace(
        context.state,
        turn=None,
        reply=reply,
        quiet_since_s=turn.end_s,
        last_turn=max(context.state.last_turn, turn.key.turn),
    )
    patient_turn.commit(context, reply)


def quiet_needed_s(context: StepContext, turn: OpenTurn) -> float:
    """Return how many seconds of quiet end the learner's turn."""
    settings = context.rules.turn_taking
    if turn.is_silent:
        return 0.0
    text = turn.utterance.text if turn.utterance is not None else ""
    if turn.end_s - turn.start_s >= settings.monologue_s - 1e-9:
        return settings.transcribe_after_s
    melody_is_pending = turn.complete_prob is None and not turn.judge_failed
    words_are_pending = turn.over_prob is None and context.rules.judges_words
    if melody_is_pending or words_are_pending:
        return settings.incomplete_wait_s
    unsure = 0.0
    if turn.transcript is not None:
        unsure = unsureness(turn.transcript.avg_logprob, context.state.sureness)
    prob = over_prob(text, turn.complete_prob, turn.over_prob, unsure)
    if prob >= settings.complete_prob:
        if turn.decision is not None and not turn.decision.yields_turn:
            return settings.statement_commit_s
        return settings.sure_commit_s if prob >= settings.sure_prob else settings.commit_after_s
    return settings.perhaps_wait_s if prob >= settings.perhaps_prob else settings.incomplete_wait_s


def _note_turn(context: StepContext, turn: OpenTurn) -> None:
    transcript, decision = turn.transcript, turn.decision
    context.note(
        LearnerTurn(
            turn=turn.key.turn,
            start_s=turn.start_s,
            end_s=turn.end_s,
            text=turn.utterance.text if turn.utterance is not None else "",
            avg_logprob=transcript.avg_logprob if transcript is not None else 0.0,
            no_speech_prob=transcript.no_speech_prob if transcript is not None else 0.0,
            complete_prob=turn.complete_prob,
            over_prob=turn.over_prob,
            codes=recorded_codes(decision) if decision is not None else (),
            is_typed=turn.is_typed,
        )
    )
    if transcript is not None:
        context.state = replace(
            context.state,
            sureness=(*context.state.sureness, transcript.avg_logprob)[-_USUAL_TURNS:],
        )
    together_s = context.rules.turn_taking.together_s
    together = turn.began_together(together_s)
    if turn.cut is not None and (together or turn.interrupted(together_s)):
        kind = SimultaneousStart if together else Interruption
        context.note(
            kind(
                turn=turn.key.turn,
                start_s=turn.start_s,
                stopped_s=turn.cut.stopped_s,
                lost_s=turn.cut.lost_s,
                lost_words=len(turn.cut.unsaid.split()),
            )
        )


def note_unanswered_turn(context: StepContext) -> None:
    """Record the learner's words when the encounter ends before the patient answers."""
    turn = context.state.turn
    if turn is not None and turn.is_typed and turn.utterance is None:
        words = LearnerUtterance(text=turn.settled_text, embedding=None)
        turn = context.put_turn(replace(turn, utterance=words))
    if turn is not None and turn.utterance is not None and turn.utterance.text:
        _note_turn(context, turn)
