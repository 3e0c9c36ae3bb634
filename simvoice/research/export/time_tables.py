"""The tables in which every row has its times: turns, events, speech, words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

from simvoice.research.analysis.conversation import Conversation, EventKind
from simvoice.research.export.columns import CONVERSATION, Cell, Column, ExportTable
from simvoice.timing.silences import SilenceKind

WHO = Column(
    "who", "string", "Who: the learner (clinician) or the patient.", values=("learner", "patient")
)
START = Column("start_s", "number", "Where it begins, from the start of the recording.", "seconds")
END = Column("end_s", "number", "Where it ends.", "seconds")


def _turns(of: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for c in of:
        for number, turn in enumerate(c.turns, 1):
            yield {
                "conversation": c.id,
                "turn": number,
                "who": turn.who,
                "start_s": turn.start_s,
                "end_s": turn.end_s,
                "speech_s": turn.speech_s,
                "words": len(turn.text.split()) or None,
                "text": turn.text,
            }


TURNS = ExportTable(
    "turns",
    "From a speaker's first sound to the last before the other takes the floor. Speech that "
    "begins and ends inside the other's takes no floor and makes no turn.",
    (
        CONVERSATION,
        Column("turn", "integer", "Counted from 1 in each conversation.", required=True),
        WHO,
        START,
        END,
        Column("speech_s", "number", "How much of it the voice sounds; pauses not.", "seconds"),
        Column("words", "integer", "How many; empty when they are not known.", tells=True),
        Column("text", "string", "The words.", tells=True),
    ),
    _turns,
    ("conversation", "turn"),
)


def _events(of: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for c in of:
        for number, event in enumerate(c.events, 1):
            yield {
                "conversation": c.id,
                "event": number,
                "kind": event.kind,
                "start_s": event.start_s,
                "end_s": event.end_s,
                "length_s": event.length_s,
                "owner": event.owner,
                "breaker": event.breaker,
                "silence": event.silence,
                "outcome": event.outcome,
                "words_lost": event.words_lost,
                "seconds_lost": event.seconds_lost,
                "text": event.text,
            }


EVENTS = ExportTable(
    "events",
    "Pauses, gaps and overlaps (Heldner & Edlund 2010); silences of 2 s and more with owner, kind "
    "and breaker; interruptions; acknowledgements; the machine's own delay. A silence has a row "
    "beside the pause or gap that it is: count one kind at a time.",
    (
        CONVERSATION,
        Column("event", "integer", "Counted from 1 in each conversation.", required=True),
        Column(
            "kind",
            "string",
            "pause: a speaker stops and goes on. gap: nobody speaks between two speakers. "
            "overlap_between: both speak while the floor changes. overlap_within: both speak and "
            "the first keeps the floor. silence: nobody speaks for 2 s and more. hold: the patient "
            "fell silent after a blow. interruption: the owner took the floor before the other "
            "was done. interruption_attempt: the owner began in the middle and the other went on. "
            "early_start: the owner began in the last moments of the other's turn. "
            "simultaneous_start: in encounters, both began at once and the patient gave way. "
            "backchannel: a short acknowledgement. machine: the simulator's own delay.",
            values=get_args(EventKind),
        ),
        START,
        END,
        Column("length_s", "number", "Its length without the machine's own delay.", "seconds"),
        Column("owner", "string", "Whose it is: whose pause, whose turn it was to speak."),
        Column("breaker", "string", "Who ended it by speaking."),
        Column("silence", "string", "Of a silence, its kind.", values=get_args(SilenceKind)),
        Column("outcome", "string", "Of a hold.", values=("held", "filled")),
        Column("words_lost", "integer", "Words the patient never got to say.", "words"),
        Column("seconds_lost", "number", "Speech the patient never got to say.", "seconds"),
        Column("text", "string", "The words of an acknowledgement.", tells=True),
    ),
    _events,
    ("conversation", "event"),
)


def _speech(of: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for c in of:
        for number, stretch in enumerate(c.stretches, 1):
            yield {
                "conversation": c.id,
                "stretch": number,
                "who": stretch.who,
                "kind": stretch.kind,
                "start_s": stretch.start_s,
                "end_s": stretch.end_s,
            }


SPEECH = ExportTable(
    "speech",
    "Every stretch of voice: what all times above are computed from.",
    (
        CONVERSATION,
        Column("stretch", "integer", "Counted from 1 in each conversation.", required=True),
        WHO,
        Column(
            "kind",
            "string",
            "speech; backchannel: a short acknowledgement; noise: sound that was no speech.",
            values=("speech", "backchannel", "noise"),
        ),
        START,
        END,
    ),
    _speech,
    ("conversation", "stretch"),
)


def _utterances(of: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for c in of:
        for number, said in enumerate(c.utterances, 1):
            yield {
                "conversation": c.id,
                "utterance": number,
                "who": said.who,
                "start_s": said.start_s,
                "end_s": said.end_s,
                "text": said.text,
                "unsaid": said.unsaid,
            }


UTTERANCES = ExportTable(
    "utterances",
    "What was said, as the record, the transcript or the recogniser has it.",
    (
        CONVERSATION,
        Column("utterance", "integer", "Counted from 1 in each conversation.", required=True),
        WHO,
        START,
        END,
        Column("text", "string", "The words.", tells=True),
        Column("unsaid", "string", "What the patient never got to say of it.", tells=True),
    ),
    _utterances,
    ("conversation", "utterance"),
    tells=True,
)


def _words(of: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for c in of:
        for number, word in enumerate(c.words, 1):
            yield {
                "conversation": c.id,
                "word": number,
                "who": word.who,
                "start_s": word.start_s,
                "end_s": word.end_s,
                "text": word.text,
                "prob": word.prob,
            }


WORDS = ExportTable(
    "words",
    "Words with their own times, where they are known.",
    (
        CONVERSATION,
        Column("word", "integer", "Counted from 1 in each conversation.", required=True),
        WHO,
        START,
        END,
        Column("text", "string", "The word.", tells=True),
        Column(
            "prob",
            "number",
            "The recogniser's probability, 0 to 1; empty when not heard but known.",
        ),
    ),
    _words,
    ("conversation", "word"),
    tells=True,
)


def _ledger(of: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for c in of:
        for number, point in enumerate(c.ledger, 1):
            for name, value in point.values.items():
                yield {
                    "conversation": c.id,
                    "step": number,
                    "name": name,
                    "at_s": point.at_s,
                    "value": value,
                }


LEDGER = ExportTable(
    "ledger",
    "The simulated patient's trust, distress and understanding, from each moment on.",
    (
        CONVERSATION,
        Column("step", "integer", "Counted from 1 in each conversation.", required=True),
        Column("name", "string", "trust, distress or understanding.", required=True),
        Column("at_s", "number", "From when on, from the start of the recording.", "seconds"),
        Column("value", "number", "0 to 1."),
    ),
    _ledger,
    ("conversation", "step", "name"),
    tells=True,
)
