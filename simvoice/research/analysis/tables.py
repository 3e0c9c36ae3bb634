"""Convert a reading to the tables of a conversation: stretches, turns, events and values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from simvoice.reading.reading import Reading
from simvoice.record.events import Discarded
from simvoice.research.analysis.conversation import (
    ConversationEvent,
    ConversationTurn,
    ConversationUtterance,
    SpeechStretch,
    Value,
    Who,
)
from simvoice.scoring.metrics.registry import measure_reading


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
    """Return all events between and within speakers, in order of time."""
    return tuple(
        ConversationEvent(
            kind=event.kind,
            start_s=event.start_s,
            end_s=event.end_s,
            length_s=event.length_s,
            owner=event.owner,
            breaker=event.breaker,
            silence=event.silence or "",
            outcome=event.outcome or "",
            words_lost=event.words_lost,
            seconds_lost=event.seconds_lost,
            text=event.text,
        )
        for event in reading.events
    )
