"""Convert a reading to the tables of a conversation: stretches, turns, events and values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from simvoice.reading.reading import Reading
from simvoice.record.events import Backchannel, Delay, Discarded, Hold
from simvoice.research.analysis.conversation import (
    ConversationEvent,
    ConversationTurn,
    ConversationUtterance,
    EventKind,
    SpeechStretch,
    Value,
    Who,
)
from simvoice.scoring.metrics.registry import measure_reading
from simvoice.timing.overlaps import OverlapKind
from simvoice.timing.silences import Wait, machine_share_s
from simvoice.timing.turns import Between

_LEAST_MACHINE_S = 0.02
"""Seconds of the shortest delay listed: one frame."""


def stretches_of(reading: Reading) -> tuple[SpeechStretch, ...]:
    """Return speech, acknowledgements and noise of both speakers, in order of time."""
    spoken = reading.speech_times
    found = [_stretch("learner", pair) for pair in spoken.learner]
    found += [_stretch("patient", pair) for pair in spoken.patient]
    found += [_stretch("learner", pair, "backchannel") for pair in spoken.backchannels]
    found += [_stretch("patient", pair, "backchannel") for pair in spoken.patient_backchannels]
    found += [
        _stretch("learner", (noise.start_s, noise.end_s), "noise")
        for noise in reading.of(Discarded)
    ]
    return tuple(sorted(found, key=lambda s: (s.start_s, s.end_s, s.who, s.kind)))


def _stretch(
    who: Who, pair: Sequence[float], kind: Literal["speech", "backchannel", "noise"] = "speech"
) -> SpeechStretch:
    return SpeechStretch(who=who, start_s=float(pair[0]), end_s=float(pair[1]), kind=kind)


def turns_of(
    reading: Reading, utterances: Sequence[ConversationUtterance]
) -> tuple[ConversationTurn, ...]:
    """Return the turns, each with the text of the utterances whose midpoint is in it."""
    return tuple(
        ConversationTurn(
            who=turn.who,
            start_s=turn.start_s,
            end_s=turn.end_s,
            speech_s=turn.speech_s,
            text=" ".join(
                spoken.text
                for spoken in utterances
                if spoken.who == turn.who
                and turn.start_s <= (spoken.start_s + spoken.end_s) / 2.0 <= turn.end_s
            ),
        )
        for turn in reading.timeline.turns
    )


def values_of(reading: Reading) -> tuple[Value, ...]:
    """Return the value of every metric, in the order of the registry."""
    return tuple(
        Value(
            key=found.key,
            value=found.value,
            low=found.low,
            high=found.high,
            error=found.error,
            reason=found.reason,
        )
        for found in measure_reading(reading)
    )


def events_of(reading: Reading) -> tuple[ConversationEvent, ...]:
    """Return all events between and within speakers, in order of time.

    A silence of 2 s or more is listed twice, as a silence and as a pause or gap, because silences
    are counted separately.
    """
    found = [
        *_betweens(reading),
        *_silences(reading),
        *_holds(reading),
        *_overlaps(reading),
        *_machine(reading),
    ]
    return tuple(sorted(found, key=lambda e: (e.start_s, e.end_s, e.kind)))


def _betweens(reading: Reading) -> list[ConversationEvent]:
    return [
        _between(stretch, reading)
        for stretch in reading.timeline.between
        if stretch.kind in ("pause", "gap", "overlap_between", "overlap_within")
    ]


def _between(stretch: Between, reading: Reading) -> ConversationEvent:
    owner = stretch.after if stretch.kind == "gap" else stretch.before
    length_s = stretch.length_s
    if stretch.kind == "gap" and stretch.after == "patient":
        length_s -= machine_share_s(stretch.start_s, stretch.end_s, reading.speech_times.waits)
    return ConversationEvent.model_validate(
        {
            "kind": stretch.kind,
            "start_s": stretch.start_s,
            "end_s": stretch.end_s,
            "length_s": length_s,
            "owner": owner,
            "breaker": stretch.after,
        }
    )


def _silences(reading: Reading) -> list[ConversationEvent]:
    return [
        ConversationEvent(
            kind="silence",
            start_s=silence.start_s,
            end_s=silence.end_s,
            length_s=silence.length_s,
            owner=silence.owner,
            breaker=silence.breaker,
            silence=silence.kind,
            outcome=silence.outcome or "",
        )
        for silence in reading.timeline.silences
    ]


def _holds(reading: Reading) -> list[ConversationEvent]:
    return [
        ConversationEvent(
            kind="hold",
            start_s=hold.start_s,
            end_s=hold.end_s,
            length_s=hold.end_s - hold.start_s,
            owner="patient",
            breaker="learner" if hold.outcome == "filled" else "patient",
            outcome=hold.outcome,
        )
        for hold in reading.of(Hold)
    ]


_OVERLAP_EVENTS: dict[OverlapKind, EventKind] = {
    "acknowledgement": "backchannel",
    "early": "early_start",
    "interruption": "interruption",
    "attempt": "interruption_attempt",
    "together": "simultaneous_start",
}


def _overlaps(reading: Reading) -> list[ConversationEvent]:
    """Return acknowledgements, interruptions and other speech during the other's speech."""
    words = {round(entry.start_s, 3): entry.text for entry in reading.of(Backchannel)}
    return [
        ConversationEvent(
            kind=_OVERLAP_EVENTS[found.kind],
            start_s=found.start_s,
            end_s=max(found.start_s, found.end_s),
            length_s=max(0.0, found.length_s),
            owner=found.by,
            breaker=found.by if found.kind == "interruption" else None,
            words_lost=found.lost_words,
            seconds_lost=found.lost_s,
            text=words.get(round(found.start_s, 3), "") if found.by == "learner" else "",
        )
        for found in reading.overlaps
    ]


def _machine(reading: Reading) -> list[ConversationEvent]:
    found = []
    for entry in reading.of(Delay):
        machine_s = Wait(entry.speech_end_s, entry.first_sound_s, entry.chosen_silence_s).machine_s
        if machine_s >= _LEAST_MACHINE_S:
            found.append(
                ConversationEvent(
                    kind="machine",
                    start_s=entry.speech_end_s,
                    end_s=entry.speech_end_s + machine_s,
                    length_s=machine_s,
                )
            )
    return found
