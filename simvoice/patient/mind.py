"""The patient's mind: pure decisions from the patient's state and what happens.

The same case, state and event give the same decision. The seed in the state only picks among lines
that the author treats as equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from simvoice.coding.behaviour import ends_asking
from simvoice.coding.codebook import Code
from simvoice.patient import ledger, llm_guard, llm_prompt
from simvoice.patient.case.schema import Case, CaseLine
from simvoice.patient.decisions import (
    Affect,
    Answer,
    Decision,
    Improvise,
    LearnerUtterance,
    LedgerStep,
    Mood,
    Move,
    MoveKind,
    PatientState,
    Query,
    Rank,
    Reflection,
)
from simvoice.patient.intake import take_in
from simvoice.patient.ledger import Trigger, ending_reached
from simvoice.patient.policy import (
    CLEAR_BY,
    POSSIBLE,
    SHORTLIST,
    WORDS_ALONE,
    AuthoredLines,
    PolicyInput,
    ReplyChoice,
    ReplyPolicy,
    to_move,
    with_wording,
)
from simvoice.patient.reflection import reflections
from simvoice.patient.retrieval import CaseIndex, LineMatcher, Match
from simvoice.patient.voice import spoken, style_of
from simvoice.ports import Message, VoiceStyle

# -- memory -----------------------------------------------------------------------------------
# What the patient remembers: the delivered speech and the learner's transcripts.


POINT_MADE = 0.75
"""Least share of a line's words for the line to count as said although it was interrupted."""
TRANSCRIPT_ENTRIES = 16
"""Entries of the transcript to keep: twice what a prompt shows."""


def remember_delivered(
    case: Case, line: CaseLine | None, state: PatientState, move: Move, text: str, complete: bool
) -> PatientState:
    """The state after `text` of the move was delivered. An empty text changes nothing."""
    text = text.strip()
    if not text:
        return state
    share = len(text.split()) / max(1, len(move.text.split()))
    is_said = complete or share >= POINT_MADE
    state = replace(
        state,
        spoken=(*state.spoken, text),
        transcript=(*state.transcript, ("patient", text))[-TRANSCRIPT_ENTRIES:],
    )
    if line is None:
        return replace(state, last_line=None) if is_said else state
    told = {fact for fact in line.tells if is_said or _mentions(case, fact, text)}
    state = replace(state, disclosed=state.disclosed | told, last_line=line.id)
    if not is_said:
        return replace(state, cut=line.id, cut_turn=state.turns)
    return replace(
        state,
        said=state.said if line.id in state.said else (*state.said, line.id),
        cut=None if state.cut == line.id else state.cut,
        pending_question=line.id if line.asks else state.pending_question,
    )


def remember_transcript(state: PatientState, text: str) -> PatientState:
    """The state after the learner said `text`."""
    return replace(
        state,
        turns=state.turns + 1,
        prompts=0,
        transcript=(*state.transcript, ("learner", text))[-TRANSCRIPT_ENTRIES:],
    )


def _mentions(case: Case, fact_id: str, text: str) -> bool:
    fact = next(each for each in case.facts if each.id == fact_id)
    return any(re.search(mention, text, re.IGNORECASE) for mention in fact.mentions)


# -- mind -------------------------------------------------------------------------------------


RANK_WEIGHT = 0.03
"""Similarity that one nat a token of the language model is worth in a tie."""


class Patient:
    """The patient of one case; implements `conversation.state.Mind`."""

    def __init__(
        self,
        case: Case,
        index: CaseIndex | None = None,
        *,
        ranks: bool = False,
        strong: bool = False,
    ) -> None:
        """index: None without an embedder; words alone decide then.

        ranks: ask the language model to decide ties between lines. Embedded models need a second
        for it and decide no better (docs/choosing-the-language-model.md). strong: a stronger model
        is available; it gets the scene as a chat, decides ties and has more latitude.
        """
        self.case = case
        self.strong = strong
        self._ranks = ranks or strong
        self._answers = LineMatcher(case, index)
        self._script = AuthoredLines(case, self._answers)
        self._replies = ReplyPolicy(case, self._script, self._answers)
        self._scale = 1.0 if index is not None else WORDS_ALONE

    # -- events ---------------------------------------------------------------------------

    def start(self, seed: int) -> PatientState:
        """The state of the patient when the learner comes in."""
        return ledger.start(self.case, seed)

    def open(self, state: PatientState) -> Decision:
        """Decide the opening line."""
        line = self._script.first(state, (self.case.opening,))
        return self._decide(state, ReplyChoice("open", line, "the learner came in"))

    def respond(self, state: PatientState, utterance: LearnerUtterance) -> Decision:
        """Decide the reply to the learner's utterance. The state is the one before it."""
        codes = self.case.coder.code(utterance.text)
        state = remember_transcript(state, utterance.text)
        intake = take_in(self.case, self._script.lines, state, utterance, codes)
        # rules see the beats from before this turn, and the patient's question as answered or
        # dropped
        moved, steps = ledger.apply(
            self.case, replace(intake.state, beats=state.beats), intake.stimuli
        )
        intake = replace(intake, state=replace(moved, beats=intake.state.beats))
        if "hold_filled" in intake.stimuli:
            intake = replace(
                intake, state=_with_beat(intake.state, f"{utterance.filled_hold}_filled")
            )
        matches = self._answers.ranked(intake.state, utterance.text, utterance.embedding)
        scale = self._scale if utterance.embedding is not None else WORDS_ALONE
        turn = PolicyInput(utterance, intake, tuple(matches), scale, ledger.hurts(steps))
        choice = self._replies.choose(turn)
        query, shortlist, similarity = self._query(turn, choice)
        decision = self._decide(
            intake.state,
            choice,
            codes,
            steps,
            query=query,
            shortlist=shortlist,
            similarity=similarity,
        )
        return replace(decision, yields_turn=ends_asking(utterance.text, codes))

    def settle(self, state_before: PatientState, decision: Decision, answer: Answer) -> Decision:
        """Decide with the language model's answer to the query; without a usable answer the
        authored move stays."""
        if isinstance(decision.query, Rank) and len(answer.scores) == len(decision.shortlist):
            return self._settle_rank(decision, answer.scores)
        if isinstance(decision.query, Improvise) and answer.text.strip():
            return self._settle_improvised(decision, answer)
        return replace(decision, query=None)

    def silence_held(self, state: PatientState, name: str) -> Decision:
        """Decide what follows a hold that the learner let stand. name: the beat or line of the
        hold."""
        window = self.case.windows.get(name)
        moved, steps = ledger.apply(self.case, state, {"hold_held": ""})
        moved = _with_beat(moved, f"{name}_held")
        line = self._script.first(moved, window.held) if window else None
        kind: MoveKind = "feel" if line else "silent"
        return self._decide(
            moved, ReplyChoice(kind, line, "the learner let the silence stand"), steps=steps
        )

    def break_silence(self, state: PatientState, silence_s: float) -> Decision:
        """Decide what the patient says when no one has spoken for `silence_s` seconds.

        The patient prompts, with other words each time, and then waits. A learner who does not
        answer a question and a lull have different stimuli.
        """
        prompts = self.case.prompts
        level = state.prompts
        froze = state.pending_question is not None
        moved, steps = ledger.apply(self.case, state, {"froze" if froze else "empty_silence": ""})
        moved = replace(moved, prompts=level + 1)
        lines = prompts.levels[level] if level < len(prompts.levels) else ()
        line = self._script.pick(moved, prompts.asked) if froze else None
        line = line or self._script.pick(moved, lines)
        if line is None:
            silent = ReplyChoice("silent", None, f"waited ({silence_s:.0f} s of silence)")
            return self._decide(moved, silent, steps=steps)
        what = "no answer" if froze else "no one spoke"
        choice = ReplyChoice("prompt", line, f"{what} for {silence_s:.0f} s")
        return self._decide(moved, choice, steps=steps)

    def time_up(self, state: PatientState) -> Decision:
        """Decide the last line when the time of the encounter is over."""
        ending = ending_reached(self.case, state, "time")
        if ending is None:
            return self._decide(state, ReplyChoice("silent", None, "the time was over"))
        line = self._script.pick(state, ending.lines)
        choice = ReplyChoice("close", line, f"the time was over: {ending.title}", ending=ending.id)
        return self._decide(state, choice)

    def confused(self, state: PatientState) -> Decision:
        """Decide the reply to speech that was not understood."""
        line = self._script.pick(state, self.case.pools.unheard)
        return self._decide(state, ReplyChoice("clarify", line, "could not make out the words"))

    def lost_thread(self, state: PatientState) -> Decision:
        """Decide what the patient says when the conversation goes on after it was cut off."""
        pools = self.case.pools
        line = self._script.pick(state, pools.lost_thread) or self._script.pick(
            state, pools.unheard
        )
        return self._decide(state, ReplyChoice("clarify", line, "lost the thread for a moment"))

    def record_delivery(
        self, state: PatientState, move: Move, delivered_text: str, complete: bool
    ) -> PatientState:
        """The state after `delivered_text` of a move was played; the rest counts as not said."""
        line = self._script.lines.get(move.line_id or "")
        return remember_delivered(self.case, line, state, move, delivered_text, complete)

    def focus(self, text: str) -> str:
        """The part of a text to embed for `LearnerUtterance.embedding`."""
        return self._answers.focus(text)

    # -- queries --------------------------------------------------------------------------

    def ending(self, state: PatientState, trigger: Trigger) -> str | None:
        """The id of the ending that `trigger` would reach; None if there is none."""
        ending = ending_reached(self.case, state, trigger)
        return ending.id if ending else None

    def reflect(self, state: PatientState, ending: str | None) -> tuple[Reflection, ...]:
        """The reflection by the patient. ending: id of the ending that was reached; None for
        none."""
        return reflections(self.case, state, ending)

    def style(self, affect: Affect, mood: Mood = "even") -> VoiceStyle:
        """The voice style for an affect and a mood."""
        return style_of(self.case.person, affect, mood)

    def prompt_so_far(self, state: PatientState) -> str:
        """The start of the next prompt, to be evaluated while the learner is speaking."""
        return llm_prompt.screenplay_so_far(self.case, state)

    def messages_so_far(self, state: PatientState) -> tuple[Message, ...]:
        """The same for a stronger model; empty if there is none."""
        return llm_prompt.chat_so_far(self.case, state) if self.strong else ()

    def prompt_prefix(self) -> str:
        """The start of every prompt; for `LanguageModel.warm`."""
        return llm_prompt.screenplay_prefix(self.case)

    # -- private --------------------------------------------------------------------------

    def _decide(
        self,
        state: PatientState,
        choice: ReplyChoice,
        codes: Sequence[Code] = (),
        steps: Sequence[LedgerStep] = (),
        *,
        query: Query | None = None,
        shortlist: tuple[str, ...] = (),
        similarity: tuple[float, ...] = (),
    ) -> Decision:
        for name in choice.counts:
            state = ledger.count_once_more(state, name)
        move = to_move(choice, state, self.case.person.bends)
        return Decision(
            state=state,
            move=move,
            reason=choice.reason,
            codes=tuple(codes),
            steps=tuple(steps),
            discloses=self._new_facts(state, choice.line),
            query=query,
            shortlist=shortlist,
            similarity=similarity,
        )

    def _new_facts(self, state: PatientState, line: CaseLine | None) -> tuple[str, ...]:
        return tuple(fact for fact in line.tells if fact not in state.disclosed) if line else ()

    def _query(
        self, turn: PolicyInput, choice: ReplyChoice
    ) -> tuple[Query | None, tuple[str, ...], tuple[float, ...]]:
        """The query for the language model, with shortlist and similarities: which of several tied
        lines, or a new line if no line answers."""
        if choice.kind == "answer" and self._ranks:
            tied = self._tied(turn, choice)
            if tied:
                prompt = llm_prompt.screenplay(self.case, turn.state)
                texts = tuple(match.reply.text for match in tied)
                ids = tuple(match.reply.line.id for match in tied)
                rank = Rank(prompt, texts, self._messages(turn.state))
                return rank, ids, tuple(match.score for match in tied)
        unanswered = choice.kind == "clarify" and turn.asks and "machine" not in turn.intake.stimuli
        if (
            unanswered
            and self.case.improvise.allowed
            and "repeat_request" not in turn.intake.stimuli
        ):
            prompt = llm_prompt.screenplay(self.case, turn.state)
            improvise = Improvise(
                prompt,
                llm_guard.latitude(self.strong).max_tokens,
                temperature=self.case.improvise.temperature,
                messages=self._messages(turn.state),
            )
            return improvise, (), ()
        return None, (), ()

    def _messages(self, state: PatientState) -> tuple[Message, ...]:
        return llm_prompt.chat_messages(self.case, state) if self.strong else ()

    def _tied(self, turn: PolicyInput, choice: ReplyChoice) -> list[Match]:
        best = turn.best
        if best is None or choice.line is not best.reply.line or "elicit" in turn.intake.stimuli:
            return []
        near = [
            match
            for match in turn.matches[:SHORTLIST]
            if best.score - match.score < CLEAR_BY
            and match.score >= POSSIBLE * turn.scale
            and match.reply.how != "told"
        ]
        return near if len(near) > 1 else []

    def _settle_rank(self, decision: Decision, scores: Sequence[float]) -> Decision:
        top = max(scores)
        weighed = [
            similarity + RANK_WEIGHT * (score - top)
            for similarity, score in zip(decision.similarity, scores, strict=True)
        ]
        number = weighed.index(max(weighed))
        line = self._script.lines[decision.shortlist[number]]
        assert isinstance(decision.query, Rank)
        text = decision.query.candidates[number]
        move = with_wording(decision.move, line, decision.state, text, self.case.person.bends)
        return replace(
            decision,
            move=move,
            query=None,
            discloses=self._new_facts(decision.state, line),
            reason=f"was asked (the model chose among {len(scores)})",
        )

    def _settle_improvised(self, decision: Decision, answer: Answer) -> Decision:
        verdict = llm_guard.judge(self.case, decision.state, answer.text, strong=answer.strong)
        if verdict.text is None:
            move = replace(decision.move, source="fallback")
            reason = f"{decision.reason}; the guard refused the model's line: {verdict.reason}"
            return replace(decision, move=move, query=None, reason=reason)
        affect, mood = decision.move.affect, decision.move.mood
        marked = spoken(verdict.text, affect, mood, self.case.person.bends)
        move = Move("answer", verdict.text, affect=affect, mood=mood, spoken=marked, source="model")
        reason = "no line answers that; made one from what may be told"
        return replace(decision, move=move, query=None, discloses=(), reason=reason)


def _with_beat(state: PatientState, beat: str) -> PatientState:
    return replace(state, beats=state.beats | {beat})
