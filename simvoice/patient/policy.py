"""Choose what the patient says to a turn of the learner: the first of several sources that has a
reply."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from simvoice.coding.codebook import QUESTIONS, group
from simvoice.patient.case.fields import VoiceBends
from simvoice.patient.case.schema import Beat, Case, CaseLine, Reaction
from simvoice.patient.decisions import LearnerUtterance, Move, MoveKind, PatientState, PlannedHold
from simvoice.patient.intake import Intake
from simvoice.patient.ledger import count, ending_reached, holds
from simvoice.patient.retrieval import (
    LineMatcher,
    Match,
    current_wording,
    last_question,
    points_back,
)
from simvoice.patient.voice import marked_wording, mood_of, spoken

# -- choice -----------------------------------------------------------------------------------
# A reply, and the choice among the author's lines.


PICK_AMONG = 3
"""The pick is one of the first lines that are left: this gives variety and respects the author's
order."""


@dataclass(frozen=True, slots=True)
class ReplyChoice:
    """A possible reply, before it becomes a move."""

    kind: MoveKind
    line: CaseLine | None
    """The line to say; None for silence."""
    reason: str
    text: str = ""
    """The text to say; empty for the line's wording in the present state."""
    hold: PlannedHold | None = None
    ending: str | None = None
    counts: tuple[str, ...] = field(default=())
    """Ids of the reactions that count once more with this reply."""


class AuthoredLines:
    """The author's lines, and which of them the patient may say in a state."""

    def __init__(self, case: Case, answers: LineMatcher) -> None:
        self.lines = {line.id: line for line in case.lines}
        self._answers = answers

    def may_say(self, state: PatientState, line_id: str, *, asked: bool = False) -> bool:
        """Whether the line is not said yet, its condition holds, and the patient may tell its
        facts."""
        line = self.lines[line_id]
        return (
            line.id not in state.said
            and holds(line.when, state)
            and self._answers.gates_open(state, line, asked=asked)
        )

    def first(
        self, state: PatientState, ids: Iterable[str], *, asked: bool = False
    ) -> CaseLine | None:
        """The first of the lines that may be said."""
        return next(
            (self.lines[each] for each in ids if self.may_say(state, each, asked=asked)), None
        )

    def pick(
        self, state: PatientState, ids: Iterable[str], *, asked: bool = False
    ) -> CaseLine | None:
        """One of the first `PICK_AMONG` lines that may be said, by the encounter's seed and
        turn."""
        left = [each for each in ids if self.may_say(state, each, asked=asked)][:PICK_AMONG]
        if not left:
            return None
        key = f"{state.seed}/{state.turns}/{left[0]}".encode()
        number = int.from_bytes(hashlib.blake2b(key, digest_size=4).digest(), "big")
        return self.lines[left[number % len(left)]]


def to_move(choice: ReplyChoice, state: PatientState, bends: VoiceBends) -> Move:
    """The move of a reply. bends: how far the patient's voice follows feelings."""
    if choice.line is None:
        return Move("silent", "", hold=choice.hold, ending=choice.ending)
    text = choice.text or current_wording(choice.line, state)
    hold = choice.hold
    if hold is None and choice.line.hold is not None:
        hold = PlannedHold(choice.line.id, choice.line.hold.window_s)
    move = Move(choice.kind, text, hold=hold, ending=choice.ending)
    return with_wording(move, choice.line, state, text, bends)


def with_wording(
    move: Move, line: CaseLine, state: PatientState, text: str, bends: VoiceBends
) -> Move:
    """The move with this text of the line, with affect, mood and marks for the state."""
    marked, affect = marked_wording(line, state, text)
    mood = mood_of(state)
    return replace(
        move,
        text=text,
        line_id=line.id,
        affect=affect,
        mood=mood,
        spoken=spoken(marked, affect, mood, bends),
        silence_before_s=line.silence_before_s,
    )


# -- policy -----------------------------------------------------------------------------------
# The sources of replies, in their order.


SURE = 0.60
"""Least similarity at which the best line is said without doubt."""
POSSIBLE = 0.35
"""Least similarity of a possible answer."""
LIKELY = 0.45
"""Least similarity at which one of two tied lines comes before a reaction, and small talk is
answered, and a question about what was just said may be about another subject."""
CLEAR_BY = 0.05
"""Least difference between the best and the second line; a smaller one is a tie."""
STATEMENT_SURE = 0.74
"""Least similarity at which a statement is answered like a question: nearly an exemplar."""
WORDS_ALONE = 0.72
"""Factor for the thresholds without an embedder, when similarity is by words only."""
SHORTLIST = 4
"""Most lines in a tie."""
FIRST_QUESTION, QUESTION_EVERY = 7, 4
"""Turns of the learner before the patient's first own question, and between own questions."""
ANSWERED_FIRST: Final = group("answered_first")
"""Codes that the patient responds to before asking an own question."""
CUT_TURNS = 3
"""Turns of the learner for which "go on" can refer to an interrupted line."""
RECENT = 3
"""Number of last lines that an invitation to go on can refer to."""


@dataclass(frozen=True)
class PolicyInput:
    """The input of the policy: the learner's turn and what the patient takes from it."""

    utterance: LearnerUtterance
    intake: Intake
    matches: tuple[Match, ...]
    scale: float
    """Factor for all similarity thresholds."""
    hurts: bool = False
    """The turn lowered trust or raised distress."""

    @property
    def state(self) -> PatientState:
        """The state with the ledger after this turn."""
        return self.intake.state

    @property
    def asks(self) -> bool:
        """Whether the learner asked something."""
        return any(name in self.intake.stimuli for name in QUESTIONS)

    @property
    def best(self) -> Match | None:
        """The best match, None if there is none."""
        return self.matches[0] if self.matches else None

    @property
    def is_tie(self) -> bool:
        """Whether the two best lines have nearly the same similarity."""
        return len(self.matches) > 1 and self.matches[0].score - self.matches[1].score < CLEAR_BY

    @cached_property
    def question(self) -> str:
        """The question at the end of the turn, after other words; empty if there is none."""
        return last_question(self.utterance.text) if self.asks else ""

    def prefers_answer(self, cause: str, *, over_questions: bool = True) -> bool:
        """Whether to answer the question at the end of the turn instead of reacting to `cause`.

        A harmful turn gets the reaction first; a kindness before a question only colours the
        answer. A reaction that comes before questions gives way only to a clear answer.
        """
        words, best = self.intake.stimuli.get(cause, ""), self.best
        if not (self.question and words and best) or words in self.question or self.hurts:
            return False
        threshold = LIKELY if over_questions and self.is_tie else POSSIBLE
        return best.reply.how != "told" and best.score >= threshold * self.scale


ReplySource = Callable[[PolicyInput], ReplyChoice | None]


class ReplyPolicy:
    """The sources of replies in the order in which they are asked."""

    def __init__(self, case: Case, script: AuthoredLines, answers: LineMatcher) -> None:
        self.case = case
        self.script = script
        self.answers = answers
        self.order: tuple[ReplySource, ...] = (
            self.urgent_reaction,
            self.beat,
            self.overwhelmed,
            self.repeat_line,
            self.filled_silence,
            self.goodbye,
            self.reply_to_answer,
            self.go_on,
            self.invited_question,
            self.answer,
            self.due_question,
            self.reaction,
            self.unanswerable,
            self.own_question,
            self.acknowledge,
        )

    def choose(self, turn: PolicyInput) -> ReplyChoice:
        """The first reply of any source; silence if there is none."""
        for consider in self.order:
            choice = consider(turn)
            if choice is not None:
                return choice
        return ReplyChoice("silent", None, "had no reply to that")

    # -- sources, in their order ----------------------------------------------------------

    def urgent_reaction(self, turn: PolicyInput) -> ReplyChoice | None:
        """A reaction that comes before the answer to a question."""
        return self._react(turn, over_questions=True)

    def overwhelmed(self, turn: PolicyInput) -> ReplyChoice | None:
        """The ending for distress that the patient cannot take."""
        ending = ending_reached(self.case, turn.state, "overwhelmed")
        line = self.script.pick(turn.state, ending.lines) if ending else None
        if ending is None or line is None:
            return None
        return ReplyChoice("close", line, f"could not take more: {ending.title}", ending=ending.id)

    def repeat_line(self, turn: PolicyInput) -> ReplyChoice | None:
        """The last line again, or its second wording, when the learner asks for it."""
        state = turn.state
        if "repeat_request" not in turn.intake.stimuli or not state.spoken:
            return None
        line = self.script.lines.get(state.last_line or "")
        reason = "was asked to repeat it"
        if line is None:
            line = self.script.pick(state, self.case.pools.unclear)
            return ReplyChoice("clarify", line, reason) if line else None
        return ReplyChoice("answer", line, reason, text=line.again or state.spoken[-1])

    def beat(self, turn: PolicyInput) -> ReplyChoice | None:
        """The line of the beat that this turn started."""
        if not turn.intake.beats:
            return None
        beat = turn.intake.beats[-1]
        cause = next((name for name in beat.on if name in turn.intake.stimuli), "")
        if beat.hold is None and turn.prefers_answer(cause):
            return None
        line = self.script.first(turn.state, beat.lines, asked=turn.asks)
        if line is None:
            return None
        return ReplyChoice("feel", line, beat.label, hold=_hold(beat))

    def filled_silence(self, turn: PolicyInput) -> ReplyChoice | None:
        """The line after a hold that the learner filled."""
        if "hold_filled" not in turn.intake.stimuli:
            return None
        window = self.case.windows.get(turn.utterance.filled_hold or "")
        line = self.script.pick(turn.state, window.filled) if window else None
        return ReplyChoice("feel", line, "the silence was filled") if line else None

    def goodbye(self, turn: PolicyInput) -> ReplyChoice | None:
        """The ending after a goodbye, or what the patient says first."""
        if "closing" not in turn.intake.stimuli or turn.asks:
            return None
        held_back = self._react(turn, over_questions=False, only="closing")
        if held_back is not None:
            return held_back
        ending = ending_reached(self.case, turn.state, "closing")
        line = self.script.pick(turn.state, ending.lines) if ending else None
        if ending is None:
            return None
        return ReplyChoice("close", line, f"the learner ended it: {ending.title}", ending=ending.id)

    def reply_to_answer(self, turn: PolicyInput) -> ReplyChoice | None:
        """The reply to an answer to the patient's question."""
        asked = turn.intake.answered
        if asked is None or asked.asks is None:
            return None
        if turn.asks and turn.best and turn.best.score >= SURE * turn.scale:
            return None
        for reply in asked.asks.replies:
            cause = next((name for name in reply.on if name in turn.intake.stimuli), None)
            if cause is not None and not turn.prefers_answer(cause):
                line = self.script.pick(turn.state, reply.lines)
                if line is not None:
                    return ReplyChoice("react", line, f"the question was answered ({asked.id})")
        return None

    def go_on(self, turn: PolicyInput) -> ReplyChoice | None:
        """The learner invited the patient to go on."""
        if "elicit" not in turn.intake.stimuli:
            return None
        following = self._continuations(turn.state)
        if turn.state.cut and turn.state.turns - turn.state.cut_turn <= CUT_TURNS:
            following.insert(0, turn.state.cut)
        line = self.script.first(turn.state, following, asked=True)
        if line is not None:
            return ReplyChoice("answer", line, "was invited to go on")
        best = turn.best
        if best and best.score >= SURE * turn.scale and best.reply.how == "say":
            return None
        line = self.script.pick(turn.state, self.case.pools.go_on, asked=True)
        return ReplyChoice("answer", line, "was invited to go on") if line else None

    def invited_question(self, turn: PolicyInput) -> ReplyChoice | None:
        """A question of the patient when the learner invites questions."""
        if "invite_questions" not in turn.intake.stimuli:
            return None
        return self._must_ask(turn, "was asked for questions")

    def answer(self, turn: PolicyInput) -> ReplyChoice | None:
        """The best matched line, if it is similar enough."""
        best = turn.best
        if best is None:
            return None
        wanted = SURE if turn.asks else STATEMENT_SURE
        if turn.asks and best.score >= POSSIBLE * turn.scale and not turn.is_tie:
            wanted = LIKELY if "small_talk" in turn.intake.stimuli else POSSIBLE
        if best.score < wanted * turn.scale or self._matches_other_subject(turn, best):
            return None
        return self.matched_reply(turn, best)

    def reaction(self, turn: PolicyInput) -> ReplyChoice | None:
        """A reaction that comes after the answer to a question."""
        return self._react(turn, over_questions=False)

    def unanswerable(self, turn: PolicyInput) -> ReplyChoice | None:
        """A question without a sure answer: the best possible line, or a line that says so."""
        if not turn.asks:
            return None
        best = turn.best
        more = self._tell_more(turn) if best and self._matches_other_subject(turn, best) else None
        if more is not None:
            return more
        if best and best.score >= POSSIBLE * turn.scale:
            return self.matched_reply(turn, best)
        pools = self.case.pools
        pool = pools.unclear if _is_obscure(turn) else pools.unknown
        line = self.script.pick(turn.state, pool) or self.script.pick(
            turn.state, (*pools.unknown, *pools.unclear)
        )
        return ReplyChoice("clarify", line, "no line answers that") if line else None

    def due_question(self, turn: PolicyInput) -> ReplyChoice | None:
        """A question that the patient must ask and that is due, but never before a response to
        kindness."""
        asked = sum(each in turn.state.said for each in self.case.must_ask)
        due = turn.state.turns >= FIRST_QUESTION + QUESTION_EVERY * asked
        if turn.asks or not due or not ANSWERED_FIRST.isdisjoint(turn.intake.stimuli):
            return None
        return self.own_question(turn)

    def own_question(self, turn: PolicyInput) -> ReplyChoice | None:
        """A question that the patient must ask."""
        if turn.state.pending_question is not None or "machine" in turn.intake.stimuli:
            return None
        return self._must_ask(turn, "had something to ask")

    def acknowledge(self, turn: PolicyInput) -> ReplyChoice | None:
        """An acknowledgement, or silence after an acknowledgement of the learner."""
        if "acknowledge" in turn.intake.stimuli:
            return ReplyChoice("silent", None, "was listened to, and needs no reply")
        line = self.script.pick(turn.state, self.case.pools.acknowledge)
        return ReplyChoice("react", line, "acknowledged what was said") if line else None

    def matched_reply(self, turn: PolicyInput, match: Match) -> ReplyChoice | None:
        """The reply for a matched line."""
        matched = match.reply
        near = f"similarity {match.score:.2f}"
        if matched.how == "told":
            line = self.script.pick(turn.state, self.case.pools.told_already)
            return ReplyChoice("answer", line, f"told that before ({near})") if line else None
        reasons = {
            "say": f"was asked ({near})",
            "again": f"was asked again ({near})",
            "instead": f"was asked, and does not tell it yet ({near})",
        }
        return ReplyChoice("answer", matched.line, reasons[matched.how], text=matched.text)

    def _continuations(self, state: PatientState) -> list[str]:
        """Ids of lines that continue one of the last lines."""
        recent = (state.last_line, *reversed(state.said[-RECENT:]))
        return [line.id for last in recent for line in self.case.lines if last in line.follows]

    def _matches_other_subject(self, turn: PolicyInput, best: Match) -> bool:
        """Whether the question is about what was just said, and the best line about another
        subject."""
        is_near = (
            best.score >= LIKELY * turn.scale or turn.state.last_line in best.reply.line.follows
        )
        return not is_near and points_back(self.answers.focus(turn.utterance.text))

    def _tell_more(self, turn: PolicyInput) -> ReplyChoice | None:
        """A line that tells more about what was just said."""
        line = self.script.first(turn.state, self._continuations(turn.state), asked=True)
        line = line or self.script.pick(turn.state, self.case.pools.go_on, asked=True)
        return ReplyChoice("answer", line, "was asked more about what was said") if line else None

    def _must_ask(self, turn: PolicyInput, reason: str) -> ReplyChoice | None:
        line = self.script.first(turn.state, self.case.must_ask)
        if line is not None:
            return ReplyChoice("ask", line, reason)
        for each in self._unanswered(turn.state):
            line = self.script.lines[each]
            if line.again and line.again not in turn.state.spoken:
                return ReplyChoice("ask", line, "the question was not answered", text=line.again)
        return None

    def _unanswered(self, state: PatientState) -> Iterator[str]:
        for each in self.case.must_ask:
            line = self.script.lines[each]
            if each in state.said and each not in state.asked and holds(line.when, state):
                yield each

    def _react(
        self, turn: PolicyInput, *, over_questions: bool, only: str = ""
    ) -> ReplyChoice | None:
        stimuli = {only} if only else set(turn.intake.stimuli)
        for reaction in self.case.reactions:
            if reaction.over_questions != over_questions or stimuli.isdisjoint(reaction.on):
                continue
            if not self._may_react(turn.state, reaction) or self._follows_new_hold(turn, reaction):
                continue
            cause = _cause(reaction, stimuli)
            if turn.prefers_answer(cause, over_questions=over_questions):
                continue
            line = self.script.pick(turn.state, reaction.lines)
            if line is not None:
                kind: MoveKind = "react"
                return ReplyChoice(kind, line, f"reacts to {cause}", counts=(reaction.id,))
        return None

    def _follows_new_hold(self, turn: PolicyInput, reaction: Reaction) -> bool:
        """Whether the reaction belongs after a beat with a hold that this turn started: the beat
        comes first."""
        new_holds = {beat.id for beat in turn.intake.beats if beat.hold is not None}
        return not new_holds.isdisjoint(reaction.when.after)

    def _may_react(self, state: PatientState, reaction: Reaction) -> bool:
        limit = reaction.at_most
        return holds(reaction.when, state) and (limit is None or count(state, reaction.id) < limit)


def _cause(reaction: Reaction, stimuli: Collection[str]) -> str:
    return next(each for each in reaction.on if each in stimuli)


def _hold(beat: Beat) -> PlannedHold | None:
    return PlannedHold(beat.id, beat.hold.window_s) if beat.hold else None


def _is_obscure(turn: PolicyInput) -> bool:
    return len(turn.utterance.text.split()) <= 3 or "jargon" in turn.intake.stimuli
