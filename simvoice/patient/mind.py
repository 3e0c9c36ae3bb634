"""The patient: pure decisions from her state and what happens to her.

Same case, state and stimulus, same decision; the seed in the state only picks among lines the
author holds equal.
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
    Choice,
    PolicyInput,
    ReplyPolicy,
    to_move,
    worded,
)
from simvoice.patient.reflection import reflections
from simvoice.patient.retrieval import CaseIndex, LineMatcher, Match
from simvoice.patient.voice import spoken, style_of
from simvoice.ports import Message, VoiceStyle

# -- memory -----------------------------------------------------------------------------------
# What she remembers having said: only what was heard.


POINT_MADE = 0.75
"""Share of a line's words from which it counts as said, though she was cut off."""
KEPT_TURNS = 16
"""Entries of the transcript kept: twice what a prompt shows."""


def remember_delivered(
    case: Case, line: CaseLine | None, state: PatientState, move: Move, text: str, complete: bool
) -> PatientState:
    """The state after `text` of the move's words sounded. Nothing heard, nothing said."""
    text = text.strip()
    if not text:
        return state
    share = len(text.split()) / max(1, len(move.text.split()))
    made = complete or share >= POINT_MADE
    state = replace(
        state,
        spoken=(*state.spoken, text),
        transcript=(*state.transcript, ("patient", text))[-KEPT_TURNS:],
    )
    if line is None:
        return replace(state, last_line=None) if made else state
    told = {fact for fact in line.tells if made or _betrayed(case, fact, text)}
    state = replace(state, disclosed=state.disclosed | told, last_line=line.id)
    if not made:
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
        transcript=(*state.transcript, ("learner", text))[-KEPT_TURNS:],
    )


def _betrayed(case: Case, fact_id: str, text: str) -> bool:
    fact = next(each for each in case.facts if each.id == fact_id)
    return any(re.search(mention, text, re.IGNORECASE) for mention in fact.mentions)


# -- mind -------------------------------------------------------------------------------------


RANK_WEIGHT = 0.03
"""Likeness that one nat a token of the model's is worth in a tie."""


class Patient:
    """One case, ready to be talked with. Fulfils `encounter.state.Mind`."""

    def __init__(
        self,
        case: Case,
        index: CaseIndex | None = None,
        *,
        ranks: bool = False,
        strong: bool = False,
    ) -> None:
        """index: None when no embedder is there; words alone decide then.

        ranks: whether ties between lines are put to the language model. The embedded ones cost
        a second and settle ties no better (docs/choosing-the-language-model.md). strong: there
        is a stronger model; it is given the scene as a chat, settles ties and has more room.
        """
        self.case = case
        self.strong = strong
        self._ranks = ranks or strong
        self._answers = LineMatcher(case, index)
        self._script = AuthoredLines(case, self._answers)
        self._replies = ReplyPolicy(case, self._script, self._answers)
        self._scale = 1.0 if index is not None else WORDS_ALONE

    # -- what happens to her --------------------------------------------------------------

    def start(self, seed: int) -> PatientState:
        """How she is when the learner comes in."""
        return ledger.start(self.case, seed)

    def open(self, state: PatientState) -> Decision:
        """She speaks first."""
        line = self._script.first(state, (self.case.opening,))
        return self._decide(state, Choice("open", line, "the learner had come in"))

    def hear(self, state: PatientState, said: LearnerUtterance) -> Decision:
        """The learner said something."""
        codes = self.case.coder.code(said.text)
        state = remember_transcript(state, said.text)
        heard = take_in(self.case, self._script.lines, state, said, codes)
        # rules see the beats as they were before this turn, and the question as it was settled
        moved, steps = ledger.apply(
            self.case, replace(heard.state, beats=state.beats), heard.stimuli
        )
        heard = replace(heard, state=replace(moved, beats=heard.state.beats))
        if "hold_filled" in heard.stimuli:
            heard = replace(heard, state=_happened(heard.state, f"{said.filled_hold}_filled"))
        matches = self._answers.ranked(heard.state, said.text, said.embedding)
        scale = self._scale if said.embedding is not None else WORDS_ALONE
        turn = PolicyInput(said, heard, tuple(matches), scale, ledger.hurts(steps))
        choice = self._replies.choose(turn)
        query, shortlist, likeness = self._query(turn, choice)
        decision = self._decide(
            heard.state, choice, codes, steps, query=query, shortlist=shortlist, likeness=likeness
        )
        return replace(decision, hands_over=ends_asking(said.text, codes))

    def settle(self, state_before: PatientState, decision: Decision, answer: Answer) -> Decision:
        """The language model answered the decision's query; its authored move stays else."""
        if isinstance(decision.query, Rank) and len(answer.scores) == len(decision.shortlist):
            return self._settle_rank(decision, answer.scores)
        if isinstance(decision.query, Improvise) and answer.text.strip():
            return self._settle_improvised(decision, answer)
        return replace(decision, query=None)

    def held(self, state: PatientState, name: str) -> Decision:
        """The learner let the silence after the beat or line `name` stand."""
        window = self.case.windows.get(name)
        moved, steps = ledger.apply(self.case, state, {"hold_held": ""})
        moved = _happened(moved, f"{name}_held")
        line = self._script.first(moved, window.held) if window else None
        kind: MoveKind = "feel" if line else "silent"
        return self._decide(moved, Choice(kind, line, "the silence was let stand"), steps=steps)

    def prompt(self, state: PatientState, silence_s: float) -> Decision:
        """Nobody has spoken for a while. She tries, differently each time, then waits.

        Whose turn it was makes two kinds of it: a learner who freezes when asked, and a lull.
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
            silent = Choice("silent", None, f"waited ({silence_s:.0f} s of silence)")
            return self._decide(moved, silent, steps=steps)
        what = "nobody had answered" if froze else "nobody had spoken"
        choice = Choice("prompt", line, f"{what} for {silence_s:.0f} s")
        return self._decide(moved, choice, steps=steps)

    def time_up(self, state: PatientState) -> Decision:
        """The encounter's time is over."""
        ending = ending_reached(self.case, state, "time")
        if ending is None:
            return self._decide(state, Choice("silent", None, "the time was over"))
        line = self._script.pick(state, ending.lines)
        choice = Choice("close", line, f"the time was over: {ending.title}", ending=ending.id)
        return self._decide(state, choice)

    def confused(self, state: PatientState) -> Decision:
        """The learner spoke and it could not be understood."""
        line = self._script.pick(state, self.case.pools.unheard)
        return self._decide(state, Choice("clarify", line, "could not make out the words"))

    def heard(
        self, state: PatientState, move: Move, heard_text: str, complete: bool
    ) -> PatientState:
        """This much of her line sounded; only that is told, said and remembered."""
        line = self._script.lines.get(move.line_id or "")
        return remember_delivered(self.case, line, state, move, heard_text, complete)

    def focus(self, text: str) -> str:
        """The text to embed for `Said.embedding`."""
        return self._answers.focus(text)

    # -- what others need to know ---------------------------------------------------------

    def ending(self, state: PatientState, trigger: Trigger) -> str | None:
        """The id of the ending that this would be; `left` when the learner just stops."""
        ending = ending_reached(self.case, state, trigger)
        return ending.id if ending else None

    def afterwards(self, state: PatientState, ending: str | None) -> tuple[Reflection, ...]:
        """What she says when asked how it felt; ending: the one reached, None for none."""
        return reflections(self.case, state, ending)

    def style(self, affect: Affect, mood: Mood = "even") -> VoiceStyle:
        """How a line with this affect sounds in this mood."""
        return style_of(self.case.person, affect, mood)

    def prompt_so_far(self, state: PatientState) -> str:
        """What the next prompt begins with, to be evaluated while the learner is thinking."""
        return llm_prompt.screenplay_so_far(self.case, state)

    def messages_so_far(self, state: PatientState) -> tuple[Message, ...]:
        """The same for a stronger model; empty when there is none."""
        return llm_prompt.chat_so_far(self.case, state) if self.strong else ()

    def prompt_prefix(self) -> str:
        """What every prompt begins with; for `LanguageModel.warm`."""
        return llm_prompt.screenplay_prefix(self.case)

    # -- inside ---------------------------------------------------------------------------

    def _decide(
        self,
        state: PatientState,
        choice: Choice,
        codes: Sequence[Code] = (),
        steps: Sequence[LedgerStep] = (),
        *,
        query: Query | None = None,
        shortlist: tuple[str, ...] = (),
        likeness: tuple[float, ...] = (),
    ) -> Decision:
        for name in choice.counts:
            state = ledger.counted(state, name)
        move = to_move(choice, state, self.case.person.bends)
        return Decision(
            state=state,
            move=move,
            reason=choice.reason,
            codes=tuple(codes),
            steps=tuple(steps),
            opens=self._opens(state, choice.line),
            query=query,
            shortlist=shortlist,
            likeness=likeness,
        )

    def _opens(self, state: PatientState, line: CaseLine | None) -> tuple[str, ...]:
        return tuple(fact for fact in line.tells if fact not in state.disclosed) if line else ()

    def _query(
        self, turn: PolicyInput, choice: Choice
    ) -> tuple[Query | None, tuple[str, ...], tuple[float, ...]]:
        """What to ask the model: which of two close lines, or for a line nobody wrote."""
        if choice.kind == "answer" and self._ranks:
            tied = self._tied(turn, choice)
            if tied:
                prompt = llm_prompt.screenplay(self.case, turn.state)
                texts = tuple(match.outcome.text for match in tied)
                ids = tuple(match.outcome.line.id for match in tied)
                rank = Rank(prompt, texts, self._messages(turn.state))
                return rank, ids, tuple(match.score for match in tied)
        unanswered = choice.kind == "clarify" and turn.asks and "machine" not in turn.heard.stimuli
        if (
            unanswered
            and self.case.improvise.allowed
            and "repeat_request" not in turn.heard.stimuli
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

    def _tied(self, turn: PolicyInput, choice: Choice) -> list[Match]:
        best = turn.best
        if best is None or choice.line is not best.outcome.line or "elicit" in turn.heard.stimuli:
            return []
        near = [
            match
            for match in turn.matches[:SHORTLIST]
            if best.score - match.score < CLEAR_BY
            and match.score >= POSSIBLE * turn.scale
            and match.outcome.how != "told"
        ]
        return near if len(near) > 1 else []

    def _settle_rank(self, decision: Decision, scores: Sequence[float]) -> Decision:
        top = max(scores)
        weighed = [
            likeness + RANK_WEIGHT * (score - top)
            for likeness, score in zip(decision.likeness, scores, strict=True)
        ]
        number = weighed.index(max(weighed))
        line = self._script.lines[decision.shortlist[number]]
        assert isinstance(decision.query, Rank)
        text = decision.query.candidates[number]
        move = worded(decision.move, line, decision.state, text, self.case.person.bends)
        return replace(
            decision,
            move=move,
            query=None,
            opens=self._opens(decision.state, line),
            reason=f"was asked (the model chose among {len(scores)})",
        )

    def _settle_improvised(self, decision: Decision, answer: Answer) -> Decision:
        verdict = llm_guard.judge(self.case, decision.state, answer.text, strong=answer.strong)
        if verdict.text is None:
            move = replace(decision.move, source="fallback")
            reason = f"{decision.reason}; the guard refused the model's line: {verdict.reason}"
            return replace(decision, move=move, query=None, reason=reason)
        affect, mood = decision.move.affect, decision.move.mood
        said = spoken(verdict.text, affect, mood, self.case.person.bends)
        move = Move("answer", verdict.text, affect=affect, mood=mood, spoken=said, source="model")
        reason = "no line answers that; made one from what may be told"
        return replace(decision, move=move, query=None, opens=(), reason=reason)


def _happened(state: PatientState, beat: str) -> PatientState:
    return replace(state, beats=state.beats | {beat})
