"""The tables of what is in a conversation: turns, events, speech, words, ledger, own words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from simvoice.reading.timeline_events import EventKind
from simvoice.record.reflection import QUESTIONS
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.export.columns import CONVERSATION, Cell, Column, ExportTable
from simvoice.strict_model import StrictModel
from simvoice.timing.silences import SilenceKind

WHO = Column(
    "who",
    "string",
    "Speaker: the learner (clinician) or the patient.",
    values=("learner", "patient"),
)
START = Column("start_s", "number", "Start, from the start of the recording.", "seconds")
END = Column("end_s", "number", "End, from the start of the recording.", "seconds")


def _one_row_each(
    name: str,
    description: str,
    number: str,
    columns: tuple[Column, ...],
    parts: Callable[[Conversation], Iterable[StrictModel]],
    *,
    private: bool = False,
) -> ExportTable:
    """Return a table with a row for each part of a conversation.

    number: name of the column that counts the parts. columns: the further columns, each with the
    name of a field of the parts.
    """

    def rows(conversations: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
        for c in conversations:
            for count, part in enumerate(parts(c), 1):
                fields = {column.name: getattr(part, column.name) for column in columns}
                yield {"conversation": c.id, number: count, **fields}

    counted = Column(number, "integer", "Number, from 1 in each conversation.", required=True)
    every = (CONVERSATION, counted, *columns)
    return ExportTable(name, description, every, rows, ("conversation", number), private=private)


TURNS = _one_row_each(
    "turns",
    "Turns, from a speaker's first sound to the last sound before the other's turn. Speech that "
    "begins and ends within the other's speech is not a turn.",
    "turn",
    (
        WHO,
        START,
        END,
        Column("speech_s", "number", "Length of the speech in it, without pauses.", "seconds"),
        Column("words", "integer", "Number of words; empty when unknown.", private=True),
        Column("text", "string", "Text of the turn.", private=True),
    ),
    lambda c: c.turns,
)


EVENTS = _one_row_each(
    "events",
    "Pauses, gaps and overlaps (Heldner & Edlund 2010); silences of 2 s or more with owner, kind "
    "and breaker; interruptions; acknowledgements; the machine's delay. A silence is also listed "
    "as a pause or gap: count one kind at a time.",
    "event",
    (
        Column(
            "kind",
            "string",
            "pause: a speaker stops and continues. gap: silence between the turns of two speakers. "
            "overlap_between: both speak while the turn changes. overlap_within: both speak and "
            "the first speaker keeps the turn. silence: no one speaks for 2 s or more. hold: the "
            "patient is silent after hard news. interruption: the owner took the turn before the "
            "other had finished. interruption_attempt: the owner began in the middle of the "
            "other's turn and the other continued. early_start: the owner began in the last "
            "moments of the other's turn. simultaneous_start: in encounters, both began at once "
            "and the patient stopped. backchannel: a short acknowledgement. machine: the "
            "simulator's delay.",
            values=get_args(EventKind),
        ),
        START,
        END,
        Column("length_s", "number", "Length without the machine's delay.", "seconds"),
        Column(
            "owner",
            "string",
            "Speaker who paused, interrupted or acknowledged; for a gap or silence, whose turn it "
            "was to speak.",
        ),
        Column("breaker", "string", "Speaker who ended it by speaking."),
        Column("silence", "string", "Kind of a silence.", values=get_args(SilenceKind)),
        Column("outcome", "string", "Outcome of a hold.", values=("held", "filled")),
        Column("words_lost", "integer", "Words of the patient that were not spoken.", "words"),
        Column("seconds_lost", "number", "Speech of the patient that was not spoken.", "seconds"),
        Column("text", "string", "Text of an acknowledgement.", private=True),
    ),
    lambda c: c.events,
)


SPEECH = _one_row_each(
    "speech",
    "Every stretch of speech; all other times are computed from these.",
    "stretch",
    (
        WHO,
        Column(
            "kind",
            "string",
            "speech; backchannel: a short acknowledgement; noise: sound that is not speech.",
            values=("speech", "backchannel", "noise"),
        ),
        START,
        END,
    ),
    lambda c: c.stretches,
)


UTTERANCES = _one_row_each(
    "utterances",
    "Utterances, from the record, the transcript or the recogniser.",
    "utterance",
    (
        WHO,
        START,
        END,
        Column("text", "string", "Text of the utterance.", private=True),
        Column("unsaid", "string", "Rest of the patient's line that was not spoken.", private=True),
    ),
    lambda c: c.utterances,
    private=True,
)


WORDS = _one_row_each(
    "words",
    "Words with their times, where known.",
    "word",
    (
        WHO,
        START,
        END,
        Column("text", "string", "The word.", private=True),
        Column(
            "prob",
            "number",
            "The recogniser's probability, 0 to 1; empty for words that were not recognised.",
        ),
    ),
    lambda c: c.words,
    private=True,
)


ANSWERS = _one_row_each(
    "answers",
    "What the learner wrote after the encounter, in answer to the questions of an assignment. No "
    "metric comes from it.",
    "number",
    (
        Column("question", "string", "The question.", private=True),
        Column("answer", "string", "The learner's words; empty for no answer.", private=True),
        Column("written_at", "string", "When it was written; ISO 8601 with zone.", private=True),
    ),
    lambda c: c.answers,
    private=True,
)


def _reflections(conversations: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for c in conversations:
        if c.reflection is None:
            continue
        for number, moment in enumerate(c.reflection.moments, 1):
            yield {
                "conversation": c.id,
                "moment": number,
                **moment.model_dump(),
                "ended_at": c.reflection.ended_at,
            }


REFLECTIONS = ExportTable(
    "reflections",
    "What the learner wrote about moments of the conversation before reading the debrief. No "
    "metric comes from it.",
    (
        CONVERSATION,
        Column("moment", "integer", "Number, from 1 in each conversation.", required=True),
        Column("at_s", "number", "Start of the learner's words, from the start.", "seconds"),
        Column("words", "string", "The learner's words, as they were shown.", private=True),
        *(
            Column(name, "string", f"{question} Empty for no answer.", private=True)
            for name, question in QUESTIONS.items()
        ),
        Column(
            "ended_at",
            "string",
            "When the debrief was shown; ISO 8601 with zone. Empty when it was not.",
            private=True,
        ),
    ),
    _reflections,
    ("conversation", "moment"),
    private=True,
)


def _ledger(conversations: Iterable[Conversation]) -> Iterator[dict[str, Cell]]:
    for c in conversations:
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
    "Trust, distress and understanding of the simulated patient, from each moment on.",
    (
        CONVERSATION,
        Column("step", "integer", "Number, from 1 in each conversation.", required=True),
        Column("name", "string", "trust, distress or understanding.", required=True),
        Column("at_s", "number", "Time from which it holds, from the start.", "seconds"),
        Column("value", "number", "Value, 0 to 1."),
    ),
    _ledger,
    ("conversation", "step", "name"),
    private=True,
)
