"""Say in a debrief how an encounter differed from a whole, spoken one: parts, typing, its clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simvoice.display import clock, count_noun, duration
from simvoice.record.events import ClockHeld, Header, JournalEntry, TimePassed


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
