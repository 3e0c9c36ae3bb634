"""The context of one step: the state and commands so far, and what all parts of a step share."""

from __future__ import annotations

from dataclasses import replace

from simvoice import markup
from simvoice.conversation.checkpoint import checkpoint
from simvoice.conversation.clauses import split_clauses, spoken_clauses
from simvoice.conversation.events import Close, Command, DropWork, Key, Note, Play, Synthesise
from simvoice.conversation.reflection import ledger_moments, reflection_entry
from simvoice.conversation.state import EncounterState, OpenTurn, Reply, Rules
from simvoice.patient.decisions import Decision, Move
from simvoice.record.events import Coded, Ended, JournalEntry, LedgerStep, PatientMove


class StepContext:
    """Collects the changes and commands of one event. Used for one step only."""

    __slots__ = ("commands", "rules", "state")

    def __init__(self, rules: Rules, state: EncounterState) -> None:
        self.rules = rules
        self.state = state
        self.commands: list[Command] = []

    @property
    def turn(self) -> OpenTurn:
        """The learner's turn, which must exist."""
        assert self.state.turn is not None
        return self.state.turn

    def put_turn(self, turn: OpenTurn) -> OpenTurn:
        """Store the learner's turn and return it."""
        self.state = replace(self.state, turn=turn)
        return turn

    def put_reply(self, reply: Reply) -> None:
        """Store a reply: with the learner's turn until it is committed, then in the state."""
        turn = self.state.turn
        if turn is not None and turn.reply is not None and turn.reply.key == reply.key:
            self.put_turn(replace(self.turn, reply=reply))
        elif self.state.reply is not None and self.state.reply.key == reply.key:
            self.state = replace(self.state, reply=reply)

    def find_reply(self, key: Key) -> Reply | None:
        """Return the reply that still waits for work with this key."""
        turn = self.state.turn
        if turn is not None and turn.reply is not None and turn.reply.key == key:
            return turn.reply
        reply = self.state.reply
        return reply if reply is not None and reply.key == key else None

    def do(self, *commands: Command) -> None:
        """Add commands."""
        self.commands.extend(commands)

    def note(self, entry: JournalEntry) -> None:
        """Write an entry into the record."""
        self.commands.append(Note(entry))

    def count_stale(self) -> None:
        """Count a result that came after it was needed."""
        self.state = replace(self.state, stale=self.state.stale + 1)

    def next_key(self) -> Key:
        """Return a key for a new turn of either speaker."""
        number = self.state.last_turn + 1
        self.state = replace(self.state, last_turn=number)
        return Key(number, 0)

    # -- replies

    def new_reply(
        self,
        key: Key,
        decision: Decision,
        *,
        speech_end_s: float | None,
        stages: tuple[tuple[str, float], ...] = (),
        text: str | None = None,
        delivered_before: str = "",
    ) -> Reply:
        """Return a new reply, and request its first clause.

        speech_end_s: end of the learner's turn that it answers; None for the patient's own
        initiative. text: the rest of the line after a false barge-in; None for the whole line.
        """
        since_s = self.state.now_s if speech_end_s is None else speech_end_s
        clauses, spoken = move_clauses(decision.move, text)
        reply = Reply(
            key=key,
            decision=decision,
            clauses=clauses,
            spoken=spoken,
            speech_end_s=speech_end_s,
            not_before_s=since_s + decision.move.silence_before_s,
            stages=stages,
            delivered_before=delivered_before,
        )
        return self.ask_next_clause(reply)

    def ask_next_clause(self, reply: Reply) -> Reply:
        """Request the next clause, unless there is none or one is pending."""
        index = len(reply.clips)
        if reply.asked_s is not None or index >= len(reply.clauses):
            return reply
        move = reply.decision.move
        is_last = index == len(reply.clauses) - 1
        clause = reply.spoken[index]
        self.do(Synthesise(reply.key, index, clause, move.affect, move.mood, is_last))
        return replace(reply, asked_s=self.state.now_s)

    def drop_work_on(self, reply: Reply | None) -> None:
        """Cancel all work on a reply."""
        if reply is not None:
            self.do(DropWork(reply.key))

    def play_ready(self, reply: Reply) -> Reply:
        """Queue every synthesised clause that is not queued yet; skip those that failed."""
        while reply.queued < len(reply.clips):
            if reply.clips[reply.queued] is not None:
                self.do(Play(reply.key, reply.queued))
                reply = replace(reply, queued=reply.queued + 1)
            else:
                reply = replace(reply, queued=reply.queued + 1, ended=reply.ended + 1)
        return reply

    def note_move(self, reply: Reply) -> None:
        """Record the patient's decision when it takes effect, with a checkpoint for a retry."""
        decision, move = reply.decision, reply.decision.move
        at_s = self.state.now_s
        moments = self.state.moments
        self.state = replace(
            self.state, moments=(*moments, *ledger_moments(decision, at_s, moments))
        )
        self.note(
            PatientMove(
                turn=reply.key.turn,
                at_s=at_s,
                kind=move.kind,
                line_id=move.line_id,
                reason=decision.reason,
                steps=tuple(
                    LedgerStep(
                        name=s.name,
                        before=s.before,
                        after=s.after,
                        cause=s.cause,
                        words=s.words,
                        instead=s.instead,
                        suggests=s.suggests,
                        after_you=s.after_you,
                    )
                    for s in decision.steps
                ),
                ledger=dict(decision.state.ledger),
                disclosed=decision.discloses,
                chosen_silence_s=move.silence_before_s,
                source=move.source,
            )
        )
        self.note(
            checkpoint(
                decision,
                turn=reply.key.turn,
                last_turn=self.state.last_turn,
                at_s=self.state.now_s,
                sureness=self.state.sureness,
            )
        )

    def close(self, reason: str, ending: str | None = None) -> None:
        """End the encounter and record the patient's reflection, whatever the ending is."""
        if self.state.over:
            return
        self.state = replace(self.state, over=True)
        at_s = self.state.now_s
        reflections = self.rules.mind.reflect(self.state.mind, ending)
        if reflections:
            self.note(reflection_entry(reflections, self.state.moments, at_s))
        entry = Ended.model_validate({"at_s": at_s, "reason": reason, "ending": ending})
        self.note(entry)
        self.do(Close(reason, ending))


def move_clauses(move: Move, text: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the clauses of a move in plain words, and with the marks that the voice reads.

    text: the rest of the line after a false barge-in; None for the whole line.
    """
    line = markup.parse(move.spoken)
    if line.text != move.text:
        line = markup.Marked(move.text)
    if text is not None:
        line = markup.rest(line, text)
    return split_clauses(line.text), spoken_clauses(line)


def recorded_codes(decision: Decision) -> tuple[Coded, ...]:
    """Return the decision's codes in the form of the record."""
    return tuple(
        Coded(code=code.name, words=code.words, confidence=code.confidence)
        for code in decision.codes
    )
