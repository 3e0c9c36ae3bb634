"""List what happened between the speakers, once, for every reader.

The debrief words these events, the export lists them and the pictures draw them. So an event has
the same times and the same length everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from simvoice.record.events import Backchannel, Delay, Hold, JournalEntry
from simvoice.timing.overlaps import Overlap, OverlapKind
from simvoice.timing.silences import SilenceKind, Wait, machine_share_s
from simvoice.timing.timeline import Timeline
from simvoice.timing.turns import Between, Speaker

EventKind = Literal[
    "pause",
    "gap",
    "overlap_between",
    "overlap_within",
    "silence",
    "hold",
    "interruption",
    "interruption_attempt",
    "early_start",
    "simultaneous_start",
    "backchannel",
    "machine",
]

_LEAST_MACHINE_S = 0.02
"""Seconds of the shortest delay listed: one frame."""


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """An event between the speakers or within one speaker's turn, session seconds."""

    kind: EventKind
    start_s: float
    end_s: float
    length_s: float
    """Seconds. Of a gap or silence: without the machine's delay. Of an overlap: the time in which
    both voices sound."""
    owner: Speaker | None = None
    """The speaker who paused, interrupted or acknowledged; for a gap or silence, whose turn it was.
    """
    breaker: Speaker | None = None
    """The speaker who ended it by speaking."""
    silence: SilenceKind | None = None
    """Only for a silence."""
    outcome: Literal["held", "filled"] | None = None
    """Only for a hold, and for the silence of a hold."""
    words_lost: int | None = None
    seconds_lost: float | None = None
    text: str = ""


def timeline_events(
    timeline: Timeline, overlaps: Sequence[Overlap], entries: Sequence[JournalEntry]
) -> tuple[TimelineEvent, ...]:
    """All events, in order of time.

    A silence of 2 s or more is listed twice, as a silence and as a pause or gap, because silences
    are counted separately.
    """
    found = (
        *_betweens(timeline),
        *_silences(timeline),
        *_holds(entries),
        *_overlaps(overlaps, entries),
        *_machine_delays(entries),
    )
    return tuple(sorted(found, key=lambda event: (event.start_s, event.end_s, event.kind)))


def _betweens(timeline: Timeline) -> Iterator[TimelineEvent]:
    for stretch in timeline.between:
        match stretch.kind:
            case "pause" | "gap" | "overlap_between" | "overlap_within" as kind:
                yield TimelineEvent(
                    kind,
                    stretch.start_s,
                    stretch.end_s,
                    _length_s(stretch, timeline),
                    owner=stretch.after if kind == "gap" else stretch.before,
                    breaker=stretch.after,
                )
            case _:
                continue


def _length_s(stretch: Between, timeline: Timeline) -> float:
    if stretch.kind != "gap" or stretch.after != "patient":
        return stretch.length_s
    waits = timeline.speech_times.waits
    return stretch.length_s - machine_share_s(stretch.start_s, stretch.end_s, waits)


def _silences(timeline: Timeline) -> Iterator[TimelineEvent]:
    for silence in timeline.silences:
        yield TimelineEvent(
            "silence",
            silence.start_s,
            silence.end_s,
            silence.length_s,
            owner=silence.owner,
            breaker=silence.breaker,
            silence=silence.kind,
            outcome=silence.outcome,
        )


def _holds(entries: Sequence[JournalEntry]) -> Iterator[TimelineEvent]:
    for hold in entries:
        if isinstance(hold, Hold):
            yield TimelineEvent(
                "hold",
                hold.start_s,
                hold.end_s,
                hold.end_s - hold.start_s,
                owner="patient",
                breaker="learner" if hold.outcome == "filled" else "patient",
                outcome=hold.outcome,
            )


_OVERLAPS: Mapping[OverlapKind, EventKind] = MappingProxyType(
    {
        "acknowledgement": "backchannel",
        "early": "early_start",
        "interruption": "interruption",
        "attempt": "interruption_attempt",
        "together": "simultaneous_start",
    }
)


def _overlaps(
    overlaps: Sequence[Overlap], entries: Sequence[JournalEntry]
) -> Iterator[TimelineEvent]:
    """Acknowledgements, interruptions and other speech during the other speaker's speech."""
    texts = {e.start_s: e.text for e in entries if isinstance(e, Backchannel)}
    for found in overlaps:
        end_s = max(found.start_s, found.end_s)
        is_acknowledgement = found.kind == "acknowledgement"
        yield TimelineEvent(
            _OVERLAPS[found.kind],
            found.start_s,
            end_s,
            end_s - found.start_s if is_acknowledgement else found.both_s,
            owner=found.by,
            breaker=found.by if found.kind == "interruption" else None,
            words_lost=found.lost_words,
            seconds_lost=found.lost_s,
            text=texts.get(found.start_s, "") if found.by == "learner" else "",
        )


def _machine_delays(entries: Sequence[JournalEntry]) -> Iterator[TimelineEvent]:
    for entry in entries:
        if not isinstance(entry, Delay):
            continue
        wait = Wait(entry.speech_end_s, entry.first_sound_s, entry.chosen_silence_s)
        if wait.machine_s >= _LEAST_MACHINE_S:
            yield TimelineEvent(
                "machine", wait.start_s, wait.start_s + wait.machine_s, wait.machine_s
            )
