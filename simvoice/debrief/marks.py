"""Marks on the timeline: notable moments of timing, each with a sentence."""

from __future__ import annotations

from simvoice.debrief.model import TimingMark, TimingMarkKind, Who
from simvoice.display import count_noun, duration
from simvoice.reading.reading import Reading
from simvoice.reading.timeline_events import TimelineEvent
from simvoice.timing.turns import PAUSE_S

_GAP_S = 0.2
"""Shortest gap that is marked, in seconds. Shorter gaps are normal in conversation."""
_MACHINE_S = 0.2
"""Shortest delay of the machine that is marked, in seconds."""


def timing_marks(reading: Reading, name: str) -> list[TimingMark]:
    """Return the marks in order of time: the events of the reading that a learner should see.

    name: the patient's name. A silence stands for its pause or gap, and a hold for the silence in
    it.
    """
    silences = {(s.start_s, s.end_s) for s in reading.timeline.silences}
    marks = []
    for event in reading.events:
        is_between = event.kind in ("pause", "gap")
        if is_between and (
            (event.start_s, event.end_s) in silences
            or reading.timeline.is_in_hold(event.start_s, event.end_s)
        ):
            continue
        kind = _mark_kind(event)
        if kind is not None:
            marks.append(_mark(event, kind, name))
    return sorted(marks, key=lambda mark: (mark.start_s, mark.end_s, mark.kind))


def _mark_kind(event: TimelineEvent) -> TimingMarkKind | None:
    """The kind of the mark of an event; None for an event that is not marked."""
    match event.kind:
        case "pause":
            return "pause" if event.length_s >= PAUSE_S else None
        case "gap":
            return "gap" if event.length_s >= _GAP_S else None
        case "machine":
            return "machine" if event.length_s >= _MACHINE_S else None
        case "silence":
            return "silence" if event.silence != "hold" else None
        case "overlap_between" | "overlap_within":
            return "overlap"
        case "simultaneous_start":
            return "together"
        case "backchannel":
            return "backchannel" if event.owner == "learner" else None
        case "hold" | "interruption":
            return event.kind if event.kind == "hold" or event.owner == "learner" else None
        case "interruption_attempt" | "early_start":
            return None


def _mark(event: TimelineEvent, kind: TimingMarkKind, name: str) -> TimingMark:
    is_overlap = kind in ("overlap", "interruption", "together", "backchannel")
    return TimingMark(
        kind=kind,
        start_s=event.start_s,
        end_s=event.end_s,
        label=_label(event, kind, name),
        owner=None if kind in ("overlap", "together") else event.owner,
        breaker=None if (is_overlap and kind != "overlap") or kind == "pause" else event.breaker,
        silence="hold" if kind == "hold" else event.silence or "",
        outcome=event.outcome if kind == "hold" else None,
        length_s=event.length_s,
        words_lost=event.words_lost or 0,
        seconds_lost=event.seconds_lost or 0.0,
    )


def _label(event: TimelineEvent, kind: TimingMarkKind, name: str) -> str:
    length = duration(event.length_s)
    match kind:
        case "pause":
            return f"{_subject(event.owner, name)} paused for {length}."
        case "gap":
            finished = name if event.owner == "learner" else "you"
            return f"{_subject(event.owner, name)} began {length} after {finished} finished."
        case "overlap":
            return f"You and {name} both spoke for {length}."
        case "silence":
            return _silence_label(event, name)
        case "hold":
            ending = f"you spoke after {length}"
            if event.outcome == "held":
                ending = f"you let the silence last {length}"
            return f"{name} fell silent, and {ending}."
        case "interruption":
            return _interruption_label(event, name)
        case "together":
            return f"You and {name} started at the same time; {name} stopped."
        case "backchannel":
            words = f": “{event.text}”" if event.text else ""
            return f"You acknowledged while {name} spoke{words}."
        case "machine":
            return f"The machine took {length} to answer; this is not counted."


def _subject(who: Who | None, name: str) -> str:
    return "You" if who == "learner" else name


def _silence_label(event: TimelineEvent, name: str) -> str:
    length = duration(event.length_s)
    broke = {"learner": "you spoke", "patient": f"{name} spoke", None: "someone spoke"}
    match event.silence:
        case "chosen":
            return f"{name} chose to stay silent for {length}; then {broke[event.breaker]}."
        case "answering":
            return f"{name} spoke {length} after you finished."
        case "after_news":
            return f"Silence of {length} after your words; then {broke[event.breaker]}."
        case "after_cue":
            return f"{name} finished speaking; you spoke after {length}."
        case "after_question":
            return f"{name} asked a question; you spoke after {length}."
        case "after_statement":
            return f"{name} finished speaking; you spoke after {length}."
        case "unanswered":
            return f"{name} finished speaking, and spoke again after {length}."
        case "mid_turn":
            return f"{_subject(event.owner, name)} paused for {length} and then continued."
        case _:
            return f"No one spoke for {length}."


def _interruption_label(event: TimelineEvent, name: str) -> str:
    if not event.words_lost:
        return f"You interrupted {name} in the middle of the last word."
    lost = duration(event.seconds_lost or 0.0)
    left = f"{count_noun(event.words_lost, 'word')} ({lost})"
    return f"You interrupted {name}, who had {left} left to say."
