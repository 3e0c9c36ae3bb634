"""One step in the making: the state so far and the commands so far, and what every part shares."""

from __future__ import annotations

from dataclasses import replace

from simvoice import markup
from simvoice.conversation.checkpoint import checkpoint
from simvoice.conversation.clauses import split_clauses, spoken_clauses
from simvoice.conversation.events import Close, Command, Drop, Key, Note, Play, Synthesise
from simvoice.conversation.reflection import ledger_moments, reflection_entry
from simvoice.conversation.state import EncounterState, OpenTurn, Reply, Rules
from simvoice.patient.decisions import Decision, Move
from simvoice.record.events import Coded, Ended, JournalEntry, LedgerStep, PatientMove


class StepContext:
    """Collects what one event changes and asks for. Lives for one step only."""

    __slots__ = ("commands", "rules", "state")

    def __init__(self, rules: Rules, state: EncounterState) -> None:
        self.rules = rules
        self.state = state
        self.commands: list[Command] = []

    @property
    def turn(self) -> OpenTurn:
        """The learner's turn, which must be there."""
        assert self.state.turn is not None
        return self.state.turn

    def put_turn(self, turn: OpenTurn) -> OpenTurn:
        """Store the learner's turn as it is now, and return it."""
        self.state = replace(self.state, turn=turn)
        return turn

    def put_reply(self, reply: Reply) -> None:
        """Store a reply where it belongs: with its turn while speculative, else on stage."""
        turn = self.state.turn
        if turn is not None and turn.reply is not None and turn.reply.key == reply.key:
            self.put_turn(replace(self.turn, reply=reply))
        elif self.state.reply is not None and self.state.reply.key == reply.key:
            self.state = replace(self.state, reply=reply)

    def find_reply(self, key: Key) -> Reply | None:
        """The reply that still awaits work under this key."""
        turn = self.state.turn
        if turn is not None and turn.reply is not None and turn.reply.key == key:
            return turn.reply
        reply = self.state.reply
        return reply if reply is not None and reply.key == key else None

    def do(self, *commands: Command) -> None:
        """Ask for something."""
        self.commands.extend(commands)

    def note(self, entry: JournalEntry) -> None:
        """Write into the record."""
        self.commands.append(Note(entry))

    def stale(self) -> None:
        """Count a result that came too late."""
        self.state = replace(self.state, stale=self.state.stale + 1)

    def next_key(self) -> Key:
        """A key for a new turn of either speaker."""
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
        heard_before: str = "",
    ) -> Reply:
        """A reply whose first clause is asked for at once."""
        since_s = self.state.now_s if speech_end_s is None else speech_end_s
        clauses, spoken = move_clauses(decision.move, text)
        reply = Reply(
            key=key,
            decision=decision,
            clauses=clauses,
            spoken=spoken,
            created_s=self.state.now_s,
            speech_end_s=speech_end_s,
            not_before_s=since_s + decision.move.silence_before_s,
            stages=stages,
            heard_before=heard_before,
        )
        return self.ask_next_clause(reply)

    def ask_next_clause(self, reply: Reply) -> Reply:
        """Have the next clause made, if there is one and none is being made."""
        index = len(reply.clips)
        if reply.asked_s is not None or index >= len(reply.clauses):
            return reply
        move = reply.decision.move
        self.do(Synthesise(reply.key, index, reply.spoken[index], move.affect, move.mood))
        return replace(reply, asked_s=self.state.now_s)

    def drop_reply(self, reply: Reply | None) -> None:
        """Nobody wants it any more."""
        if reply is not None:
            self.do(Drop(reply.key))

    def play_ready(self, reply: Reply) -> Reply:
        """Hand the player every clause that is made and not yet queued."""
        while reply.queued < len(reply.clips):
            if reply.clips[reply.queued] is not None:
                self.do(Play(reply.key, reply.queued))
                reply = replace(reply, queued=reply.queued + 1)
            else:
                reply = replace(reply, queued=reply.queued + 1, ended=reply.ended + 1)
        return reply

    def note_move(self, reply: Reply) -> None:
        """Record what she decided, at the moment it counts, and how to come back to it."""
        decision, move = reply.decision, reply.decision.move
        at_s = round(self.state.now_s, 3)
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
                    )
                    for s in decision.steps
                ),
                ledger=dict(decision.state.ledger),
                disclosed=decision.opens,
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
        """End the encounter. She is asked how it felt, however it ended."""
        if self.state.over:
            return
        self.state = replace(self.state, over=True)
        at_s = round(self.state.now_s, 3)
        said = self.rules.mind.reflect(self.state.mind, ending)
        if said:
            self.note(reflection_entry(said, self.state.moments, at_s))
        entry = Ended.model_validate({"at_s": at_s, "reason": reason, "ending": ending})
        self.note(entry)
        self.do(Close(reason, ending))


def move_clauses(move: Move, text: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The clauses of a move in plain words, and as the voice is given them.

    text: the words that are left of it, after a false barge-in; None for all of them.
    """
    line = markup.parse(move.spoken)
    if line.text != move.text:
        line = markup.Marked(move.text)
    if text is not None:
        line = markup.rest(line, text)
    return split_clauses(line.text), spoken_clauses(line)


def recorded_codes(decision: Decision) -> tuple[Coded, ...]:
    """The decision's codes as the record has them."""
    return tuple(
        Coded(code=code.name, words=code.words, confidence=code.confidence)
        for code in decision.codes
    )
