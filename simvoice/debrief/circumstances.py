"""Say in a debrief how an encounter differed from a whole, spoken one: parts, typing, its clock;
and where the learner spoke on after the patient had asked for a moment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from simvoice.display import clock, count_noun, duration
from simvoice.reading.reading import Reading
from simvoice.record.events import (
    ClockHeld,
    Header,
    JournalEntry,
    LearnerTurn,
    PatientSpeech,
    TimePassed,
)
from simvoice.sentences import split_sentences
from simvoice.timing.silences import SILENCE_S

_ASKS_FOR_A_MOMENT: Final = re.compile(
    r"\b(?:give|need|let|leave|stop|just|wait|hold on)\b[^.?!]{0,25}"
    r"\b(?:a|one) (?:second|sec|minute|moment)\b(?!['’]s)",
    re.IGNORECASE,
)
"""A sentence of the patient that asks the learner to be quiet for a while."""


def part_notes(header: Header) -> Iterator[str]:
    """Yield what a part of a conversation begins with; nothing for a retry, which has a title."""
    if header.moment is not None:
        yield f"A drill: {header.moment.title}. {header.moment.skill}"
        yield "The numbers cover this try only. What was said before it was played in advance."
    if header.continues is not None:
        first = header.continues
        yield (
            f"This goes on from attempt {first.attempt}, which was cut off at {clock(first.at_s)}. "
            "The numbers cover this part only; the first part has a debrief of its own."
        )


def typed_note(typed: int, turns: int) -> str:
    """Return what typed turns mean for the numbers. typed: of all `turns` of the learner."""
    if typed == turns:
        return "You typed all of your turns, so nothing about your speech was measured."
    return (
        f"You typed {typed} of your {count_noun(turns, 'turn')}. The measures of speech and "
        "silence leave them out."
    )


def clock_notes(entries: Sequence[JournalEntry], end_s: float) -> Iterator[str]:
    """Yield when the clock was held, and when a time was over without ending the encounter.

    end_s: session seconds at which the encounter ended.
    """
    since_s: float | None = None
    for entry in entries:
        if isinstance(entry, ClockHeld):
            if since_s is not None and not entry.held:
                yield _held_note(since_s, entry.at_s)
            since_s = entry.at_s if entry.held else None
        elif isinstance(entry, TimePassed):
            yield f"The time was over at {clock(entry.at_s)}, and the conversation went on."
    if since_s is not None:
        yield _held_note(since_s, end_s)


def _held_note(since_s: float, until_s: float) -> str:
    return (
        f"The clock was held at {clock(since_s)} for {duration(until_s - since_s)}. Silences of "
        "that time are not counted."
    )


def moment_notes(reading: Reading, name: str) -> Iterator[str]:
    """Yield where the learner spoke on within `SILENCE_S` after the patient had asked for a moment
    and had asked nothing else. name: the patient's name."""
    turns = sorted(turn.start_s for turn in reading.of(LearnerTurn))
    for speech in reading.of(PatientSpeech):
        every = split_sentences(speech.heard)
        asked = next((each for each in every if _ASKS_FOR_A_MOMENT.search(each)), None)
        if asked is None or speech.unsaid or any(e.endswith("?") for e in every if e != asked):
            continue
        gap_s = next((at - speech.end_s for at in turns if at >= speech.end_s), SILENCE_S)
        if gap_s < SILENCE_S:
            yield (
                f"At {clock(speech.start_s)} {name} asked for a moment (“{asked}”), and you spoke "
                f"on after {duration(gap_s)}."
            )
