"""What the patient says to a turn of the learner: the first source that has something to say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from simvoice.coding.codebook import EMPATHY, QUESTIONS
from simvoice.patient.case.fields import VoiceBends
from simvoice.patient.case.schema import Beat, Case, CaseLine, Reaction
from simvoice.patient.decisions import LearnerUtterance, Move, MoveKind, PatientState, PlannedHold
from simvoice.patient.intake import Intake
from simvoice.patient.ledger import count, ending_reached, holds
from simvoice.patient.retrieval import LineMatcher, Match, last_question, points_back, wording
from simvoice.patient.voice import mood_of, spoken, wording_of

# -- choice -----------------------------------------------------------------------------------
# One possible reply, and picking lines from the author's pools.


PICK_AMONG = 3
"""Of the lines an author lists, one of the first that are left: variety, and the author's order."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A reply before it becomes a move."""

    kind: MoveKind
    line: CaseLine | None
    """None: silence."""
    reason: str
    text: str = ""
    """Its words; empty for the line's own in her present state."""
    hold: PlannedHold | None = None
    ending: str | None = None
    counts: tuple[str, ...] = field(default=())
    """Reactions with a limit that this uses up."""


class AuthoredLines:
    """The author's lines, with what may be said now."""

    def __init__(self, case: Case, answers: LineMatcher) -> None:
        self.lines = {line.id: line for line in case.lines}
        self._answers = answers

    def may_say(self, state: PatientState, line_id: str, *, asked: bool = False) -> bool:
        """Not said yet, its condition holds, and every fact it tells may be told."""
        line = self.lines[line_id]
        return (
            line.id not in state.said
            and holds(line.when, state)
            and self._answers.gates_open(state, line, asked=asked)
        )

    def first(
        self, state: PatientState, ids: Iterable[str], *, asked: bool = False
    ) -> CaseLine | None:
        """The first that may be said."""
        return next(
            (self.lines[each] for each in ids if self.may_say(state, each, asked=asked)), None
        )

    def pick(
        self, state: PatientState, ids: Iterable[str], *, asked: bool = False
    ) -> CaseLine | None:
        """One of the first few that may be said, by the encounter's seed and turn."""
        left = [each for each in ids if self.may_say(state, each, asked=asked)][:PICK_AMONG]
        if not left:
            return None
        key = f"{state.seed}/{state.turns}/{left[0]}".encode()
        number = int.from_bytes(hashlib.blake2b(key, digest_size=4).digest(), "big")
        return self.lines[left[number % len(left)]]


def to_move(choice: Choice, state: PatientState, bends: VoiceBends) -> Move:
    """The move of a choice. bends: how far her voice follows what she feels."""
    if choice.line is None:
        return Move("silent", "", hold=choice.hold, ending=choice.ending)
    text = choice.text or wording(choice.line, state)
    hold = choice.hold
    if hold is None and choice.line.hold is not None:
        hold = PlannedHold(choice.line.id, choice.line.hold.window_s)
    move = Move(choice.kind, text, hold=hold, ending=choice.ending)
    return worded(move, choice.line, state, text, bends)


def worded(move: Move, line: CaseLine, state: PatientState, text: str, bends: VoiceBends) -> Move:
    """The move with these words of the line's, as she says them in her present state."""
    marked, affect = wording_of(line, state, text)
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
# What she says to a turn of the learner's: the first of these that has something to say.


SURE = 0.60
"""Likeness from which the nearest line is said without asking anyone."""
POSSIBLE = 0.35
"""Likeness from which a line may be the answer at all."""
LIKELY = 0.45
"""Likeness from which one of two that tie is preferred to a reaction, small talk is answered, and
a question about what was just said is taken for one about something else."""
CLEAR_BY = 0.05
"""How much nearer than the next the nearest has to be; closer, and it is a tie."""
STATEMENT_SURE = 0.74
"""A statement is answered like a question only when it is all but an exemplar."""
WORDS_ALONE = 0.72
"""Without an embedder likeness is of words only; the thresholds shrink by this."""
SHORTLIST = 4
FIRST_QUESTION, QUESTION_EVERY = 7, 4
"""The learner's turns until she asks of herself, and between her questions."""
KIND = EMPATHY | {"apology", "hostility", "blaming", "elicit", "reflection", "summary", "autonomy"}
"""What she answers before she asks."""
CUT_KEPT = 3
"""Turns of the learner's after which nobody means a line she was stopped in by "go on"."""
RECENT = 3
"""Lines back that an invitation to go on may mean."""


@dataclass(frozen=True)
class PolicyInput:
    """What there is to reply to."""

    said: LearnerUtterance
    heard: Intake
    matches: tuple[Match, ...]
    scale: float
    """What the thresholds are multiplied with."""
    hurts: bool = False
    """What was said lowered her trust or raised her distress."""

    @property
    def state(self) -> PatientState:
        """Her state with the ledger moved."""
        return self.heard.state

    @property
    def asks(self) -> bool:
        """The learner asked something."""
        return any(name in self.heard.stimuli for name in QUESTIONS)

    @property
    def best(self) -> Match | None:
        """The nearest line."""
        return self.matches[0] if self.matches else None

    @property
    def is_tie(self) -> bool:
        """Two lines are about as near as each other."""
        return len(self.matches) > 1 and self.matches[0].score - self.matches[1].score < CLEAR_BY

    @cached_property
    def question(self) -> str:
        """The question it ends with, after other words; empty without one."""
        return last_question(self.said.text) if self.asks else ""

    def prefers_answer(self, cause: str, *, over_questions: bool = True) -> bool:
        """Whether the question it ends with is answered, instead of a reaction to `cause`.

        What hurts is met first; a kindness before a question only colours the answer. To be
        preferred to a reaction that goes over questions, the answer has to be clear.
        """
        words, best = self.heard.stimuli.get(cause, ""), self.best
        if not (self.question and words and best) or words in self.question or self.hurts:
            return False
        least = LIKELY if over_questions and self.is_tie else POSSIBLE
        return best.outcome.how != "told" and best.score >= least * self.scale


ReplySource = Callable[[PolicyInput], Choice | None]


class ReplyPolicy:
    """The order in which she considers what to say."""

    def __init__(self, case: Case, script: AuthoredLines, answers: LineMatcher) -> None:
        self.case = case
        self.script = script
        self.answers = answers
        self.order: tuple[ReplySource, ...] = (
            self.over_questions,
            self.beat,
            self.too_much,
            self.say_again,
            self.broken_silence,
            self.goodbye,
            self.reply_to_answer,
            self.more,
            self.her_turn_to_ask,
            self.answer,
            self.due_question,
            self.reaction,
            self.unanswerable,
            self.own_question,
            self.acknowledge,
        )

    def choose(self, turn: PolicyInput) -> Choice:
        """The first reply there is; silence when there is none."""
        for consider in self.order:
            choice = consider(turn)
            if choice is not None:
                return choice
        return Choice("silent", None, "there was nothing to say to that")

    # -- in their order -------------------------------------------------------------------

    def over_questions(self, turn: PolicyInput) -> Choice | None:
        return self._react(turn, over_questions=True)

    def too_much(self, turn: PolicyInput) -> Choice | None:
        ending = ending_reached(self.case, turn.state, "overwhelmed")
        line = self.script.pick(turn.state, ending.lines) if ending else None
        if ending is None or line is None:
            return None
        return Choice("close", line, f"it became too much: {ending.title}", ending=ending.id)

    def say_again(self, turn: PolicyInput) -> Choice | None:
        state = turn.state
        if "repeat_request" not in turn.heard.stimuli or not state.spoken:
            return None
        line = self.script.lines.get(state.last_line or "")
        reason = "was asked to say it again"
        if line is None:
            line = self.script.pick(state, self.case.pools.unclear)
            return Choice("clarify", line, reason) if line else None
        return Choice("answer", line, reason, text=line.again or state.spoken[-1])

    def beat(self, turn: PolicyInput) -> Choice | None:
        if not turn.heard.beats:
            return None
        beat = turn.heard.beats[-1]
        cause = next((name for name in beat.on if name in turn.heard.stimuli), "")
        if beat.hold is None and turn.prefers_answer(cause):
            return None
        line = self.script.first(turn.state, beat.lines, asked=turn.asks)
        if line is None:
            return None
        return Choice("feel", line, beat.label, hold=_hold(beat))

    def broken_silence(self, turn: PolicyInput) -> Choice | None:
        if "hold_filled" not in turn.heard.stimuli:
            return None
        window = self.case.windows.get(turn.said.filled_hold or "")
        line = self.script.pick(turn.state, window.filled) if window else None
        return Choice("feel", line, "the silence was filled") if line else None

    def goodbye(self, turn: PolicyInput) -> Choice | None:
        if "closing" not in turn.heard.stimuli or turn.asks:
            return None
        held_back = self._react(turn, over_questions=False, only="closing")
        if held_back is not None:
            return held_back
        ending = ending_reached(self.case, turn.state, "closing")
        line = self.script.pick(turn.state, ending.lines) if ending else None
        if ending is None:
            return None
        return Choice("close", line, f"the learner ended it: {ending.title}", ending=ending.id)

    def reply_to_answer(self, turn: PolicyInput) -> Choice | None:
        asked = turn.heard.answered
        if asked is None or asked.asks is None:
            return None
        if turn.asks and turn.best and turn.best.score >= SURE * turn.scale:
            return None
        for reply in asked.asks.replies:
            cause = next((name for name in reply.on if name in turn.heard.stimuli), None)
            if cause is not None and not turn.prefers_answer(cause):
                line = self.script.pick(turn.state, reply.lines)
                if line is not None:
                    return Choice("react", line, f"the question was answered ({asked.id})")
        return None

    def more(self, turn: PolicyInput) -> Choice | None:
        """She was invited to go on."""
        if "elicit" not in turn.heard.stimuli:
            return None
        following = self._following(turn.state)
        if turn.state.cut and turn.state.turns - turn.state.cut_turn <= CUT_KEPT:
            following.insert(0, turn.state.cut)
        line = self.script.first(turn.state, following, asked=True)
        if line is not None:
            return Choice("answer", line, "was invited to go on")
        best = turn.best
        if best and best.score >= SURE * turn.scale and best.outcome.how == "say":
            return None
        line = self.script.pick(turn.state, self.case.pools.go_on, asked=True)
        return Choice("answer", line, "was invited to go on") if line else None

    def her_turn_to_ask(self, turn: PolicyInput) -> Choice | None:
        if "invite_questions" not in turn.heard.stimuli:
            return None
        return self._must_ask(turn, "was asked for questions")

    def answer(self, turn: PolicyInput) -> Choice | None:
        best = turn.best
        if best is None:
            return None
        wanted = SURE if turn.asks else STATEMENT_SURE
        if turn.asks and best.score >= POSSIBLE * turn.scale and not turn.is_tie:
            wanted = LIKELY if "small_talk" in turn.heard.stimuli else POSSIBLE
        if best.score < wanted * turn.scale or self._astray(turn, best):
            return None
        return self.outcome(turn, best)

    def reaction(self, turn: PolicyInput) -> Choice | None:
        return self._react(turn, over_questions=False)

    def unanswerable(self, turn: PolicyInput) -> Choice | None:
        """A question nobody wrote an answer to; the nearest possible one, else honesty."""
        if not turn.asks:
            return None
        best = turn.best
        further = self._further(turn) if best and self._astray(turn, best) else None
        if further is not None:
            return further
        if best and best.score >= POSSIBLE * turn.scale:
            return self.outcome(turn, best)
        pools = self.case.pools
        pool = pools.unclear if _obscure(turn) else pools.unknown
        line = self.script.pick(turn.state, pool) or self.script.pick(
            turn.state, (*pools.unknown, *pools.unclear)
        )
        return Choice("clarify", line, "no line answers that") if line else None

    def due_question(self, turn: PolicyInput) -> Choice | None:
        """What she has to know does not wait for ever, though never over kindness."""
        put = sum(each in turn.state.said for each in self.case.must_ask)
        due = turn.state.turns >= FIRST_QUESTION + QUESTION_EVERY * put
        if turn.asks or not due or not KIND.isdisjoint(turn.heard.stimuli):
            return None
        return self.own_question(turn)

    def own_question(self, turn: PolicyInput) -> Choice | None:
        if turn.state.pending_question is not None or "machine" in turn.heard.stimuli:
            return None
        return self._must_ask(turn, "had something to ask")

    def acknowledge(self, turn: PolicyInput) -> Choice | None:
        if "acknowledge" in turn.heard.stimuli:
            return Choice("silent", None, "was listened to, and needed nothing more")
        line = self.script.pick(turn.state, self.case.pools.acknowledge)
        return Choice("react", line, "took in what was said") if line else None

    # -- shared ---------------------------------------------------------------------------

    def outcome(self, turn: PolicyInput, match: Match) -> Choice | None:
        """The reply for a line that matched."""
        outcome = match.outcome
        near = f"likeness {match.score:.2f}"
        if outcome.how == "told":
            line = self.script.pick(turn.state, self.case.pools.told_already)
            return Choice("answer", line, f"had told that before ({near})") if line else None
        reasons = {
            "say": f"was asked ({near})",
            "again": f"was asked once more ({near})",
            "instead": f"was asked, and keeps it back for now ({near})",
        }
        return Choice("answer", outcome.line, reasons[outcome.how], text=outcome.text)

    def _following(self, state: PatientState) -> list[str]:
        """Lines that go on from what she spoke of, which may lie a reaction or two back."""
        recent = (state.last_line, *reversed(state.said[-RECENT:]))
        return [line.id for last in recent for line in self.case.lines if last in line.follows]

    def _astray(self, turn: PolicyInput, best: Match) -> bool:
        """It asks about what was just said, and the nearest line is about something else."""
        is_near = (
            best.score >= LIKELY * turn.scale or turn.state.last_line in best.outcome.line.follows
        )
        return not is_near and points_back(self.answers.focus(turn.said.text))

    def _further(self, turn: PolicyInput) -> Choice | None:
        """What there is to tell about what was just said."""
        line = self.script.first(turn.state, self._following(turn.state), asked=True)
        line = line or self.script.pick(turn.state, self.case.pools.go_on, asked=True)
        return Choice("answer", line, "was asked more about what was said") if line else None

    def _must_ask(self, turn: PolicyInput, reason: str) -> Choice | None:
        line = self.script.first(turn.state, self.case.must_ask)
        if line is not None:
            return Choice("ask", line, reason)
        for each in self._unanswered(turn.state):
            line = self.script.lines[each]
            if line.again and line.again not in turn.state.spoken:
                return Choice("ask", line, "the question had not been answered", text=line.again)
        return None

    def _unanswered(self, state: PatientState) -> Iterator[str]:
        for each in self.case.must_ask:
            line = self.script.lines[each]
            if each in state.said and each not in state.asked and holds(line.when, state):
                yield each

    def _react(self, turn: PolicyInput, *, over_questions: bool, only: str = "") -> Choice | None:
        stimuli = {only} if only else set(turn.heard.stimuli)
        for reaction in self.case.reactions:
            if reaction.over_questions != over_questions or stimuli.isdisjoint(reaction.on):
                continue
            if not self._may_react(turn.state, reaction) or self._comes_after(turn, reaction):
                continue
            cause = _cause(reaction, stimuli)
            if turn.prefers_answer(cause, over_questions=over_questions):
                continue
            line = self.script.pick(turn.state, reaction.lines)
            if line is not None:
                kind: MoveKind = "react"
                return Choice(kind, line, f"reacts to {cause}", counts=(reaction.id,))
        return None

    def _comes_after(self, turn: PolicyInput, reaction: Reaction) -> bool:
        """It is for after a blow that has only just fallen: that is met first."""
        fell = {beat.id for beat in turn.heard.beats if beat.hold is not None}
        return not fell.isdisjoint(reaction.when.after)

    def _may_react(self, state: PatientState, reaction: Reaction) -> bool:
        limit = reaction.at_most
        return holds(reaction.when, state) and (limit is None or count(state, reaction.id) < limit)


def _cause(reaction: Reaction, stimuli: Collection[str]) -> str:
    return next(each for each in reaction.on if each in stimuli)


def _hold(beat: Beat) -> PlannedHold | None:
    return PlannedHold(beat.id, beat.hold.window_s) if beat.hold else None


def _obscure(turn: PolicyInput) -> bool:
    return len(turn.said.text.split()) <= 3 or "jargon" in turn.heard.stimuli
