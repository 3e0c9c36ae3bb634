"""From a record or a recording to what the measures take: who spoke when, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

from simvoice.audio import FRAME_S, Pcm16, seconds
from simvoice.record.events import (
    Backchannel,
    Counts,
    Delay,
    Discarded,
    Ended,
    Hold,
    JournalEntry,
    LearnerTurn,
    LearnerVoice,
    PatientSpeech,
)
from simvoice.scoring.codebook import Need
from simvoice.timing.activity import speech_intervals
from simvoice.timing.anatomy import Anatomy, Spoken
from simvoice.timing.intervals import Intervals, bridge, intersect, intervals, total_s, union
from simvoice.timing.silences import Held, Utterance, Wait
from simvoice.timing.words import TimedWord

_Entry = TypeVar("_Entry", bound=JournalEntry)

_BRIDGE_S = 0.15
"""Seconds between two words of the patient's that are still one stretch of voice: the closure
before a stop, not a pause."""


class Recorded(Protocol):
    """What a reading needs of an attempt (`record.store.Attempt` has it)."""

    @property
    def entries(self) -> tuple[JournalEntry, ...]:
        """In the order they were written."""
        ...

    @property
    def duration_s(self) -> float:
        """Session seconds."""
        ...

    def audio(self) -> tuple[Pcm16, Pcm16]:
        """(learner, patient), int16 [n] each, 16 kHz."""
        ...


@dataclass(frozen=True, eq=False)
class Reading:
    """One attempt, read for measuring."""

    entries: tuple[JournalEntry, ...]
    """Empty without a journal."""
    spoken: Spoken
    anatomy: Anatomy
    given: frozenset[Need] = frozenset({"speech", "journal"})
    """What it was made from; a metric that needs more is not measurable."""
    words: tuple[TimedWord, ...] = ()
    """Words and when they sounded, in order of time, where they are known."""
    sound: tuple[Pcm16, Pcm16] | None = None
    """(learner, patient), int16 [n] each, 16 kHz, where it was read."""

    def of(self, kind: type[_Entry]) -> list[_Entry]:
        """The entries of one type, in order."""
        return [entry for entry in self.entries if isinstance(entry, kind)]

    @cached_property
    def lost_share(self) -> float:
        """0..1: share of the microphone's frames that never arrived, as the devices counted."""
        counts = self.of(Counts)
        length_s = self.spoken.end_s - self.spoken.start_s
        if not counts or length_s <= 0.0:
            return 0.0
        return min(1.0, counts[-1].lost_frames * FRAME_S / length_s)


def read(attempt: Recorded) -> Reading:
    """From the journal: the detector's voice intervals and the patient's word times."""
    entries = attempt.entries
    taken = _marked(entries, (Backchannel, Discarded))
    voices = [_without(_voices(entries), taken)]
    voices += [_outside(entry, voices[0]) for entry in _of(entries, LearnerTurn)]
    learner = intervals([(float(a), float(b)) for part in voices for a, b in part])
    return _reading(
        entries,
        learner=learner,
        patient=_patient(entries),
        backchannels=_marked(entries, (Backchannel,)),
        end_s=_end_s(attempt),
    )


def read_sound(attempt: Recorded) -> Reading:
    """From the two channels of sound, for comparison or when the journal lacks voice intervals.

    Backchannels, holds and delays still come from the journal. Raises AttemptError when the
    sound was not kept.
    """
    learner, patient = (speech_intervals(channel) for channel in attempt.audio())
    taken = _marked(attempt.entries, (Backchannel, Discarded))
    return _reading(
        attempt.entries,
        learner=_without(learner, taken),
        patient=patient,
        backchannels=_marked(attempt.entries, (Backchannel,)),
        end_s=_end_s(attempt),
    )


def read_channels(
    learner: Pcm16,
    patient: Pcm16,
    *,
    utterances: Sequence[Utterance] = (),
    words: Sequence[TimedWord] = (),
) -> Reading:
    """From two channels of sound without a journal: any recording of two people.

    learner, patient: int16 [n], 16 kHz, one speaker each, on one clock. utterances: what belongs
    together, where a transcript says so. words: of both speakers, in any order, where known.
    """
    given: set[Need] = {"speech", "sound"}
    if words:
        given.add("words")
    spoken = Spoken(
        learner=speech_intervals(learner),
        patient=speech_intervals(patient),
        start_s=0.0,
        end_s=seconds(max(learner.size, patient.size)),
        utterances=tuple(sorted(utterances, key=lambda u: u.start_s)),
    )
    return Reading(
        (),
        spoken,
        Anatomy(spoken),
        frozenset(given),
        tuple(sorted(words, key=lambda word: word.start_s)),
        (learner, patient),
    )


def _reading(
    entries: tuple[JournalEntry, ...],
    *,
    learner: Intervals,
    patient: Intervals,
    backchannels: Intervals,
    end_s: float,
) -> Reading:
    said = [Utterance("learner", e.start_s, e.end_s) for e in _of(entries, LearnerTurn)]
    said += [
        Utterance("patient", e.start_s, e.end_s, e.heard.rstrip().endswith("?"))
        for e in _of(entries, PatientSpeech)
        if e.end_s > e.start_s
    ]
    spoken = Spoken(
        learner=learner,
        patient=patient,
        start_s=0.0,
        end_s=end_s,
        backchannels=backchannels,
        waits=tuple(
            Wait(e.speech_end_s, e.first_sound_s, e.chosen_silence_s) for e in _of(entries, Delay)
        ),
        holds=tuple(Held(e.start_s, e.end_s, e.outcome) for e in _of(entries, Hold)),
        utterances=tuple(sorted(said, key=lambda u: u.start_s)),
    )
    return Reading(entries, spoken, Anatomy(spoken))


def _of(entries: Sequence[JournalEntry], kind: type[_Entry]) -> list[_Entry]:
    return [entry for entry in entries if isinstance(entry, kind)]


def _end_s(attempt: Recorded) -> float:
    """Where the encounter ended; without an end, where the record does."""
    ends = _of(attempt.entries, Ended)
    return ends[-1].at_s if ends else attempt.duration_s


def _voices(entries: Sequence[JournalEntry]) -> Intervals:
    return intervals([(e.start_s, e.end_s) for e in _of(entries, LearnerVoice)])


def _marked(
    entries: Sequence[JournalEntry], kinds: tuple[type[Backchannel] | type[Discarded], ...]
) -> Intervals:
    return intervals([(e.start_s, e.end_s) for e in entries if isinstance(e, kinds)])


def _without(voices: Intervals, taken: Intervals) -> Intervals:
    """Leave out the voices that are mostly something else. Subtracting would leave slivers where
    the two were timed a frame apart."""
    kept = [
        (float(start), float(end))
        for start, end in voices
        if total_s(intersect(intervals([(start, end)]), taken)) <= 0.5 * (end - start)
    ]
    return intervals(kept)


def _outside(turn: LearnerTurn, voices: Intervals) -> Intervals:
    """A committed turn that no voice interval shows counts as voiced from end to end."""
    whole = intervals([(turn.start_s, turn.end_s)])
    return whole if len(intersect(whole, voices)) == 0 else whole[:0]


def _patient(entries: Sequence[JournalEntry]) -> Intervals:
    parts = [intervals([])]
    for speech in _of(entries, PatientSpeech):
        extent = intervals([(speech.start_s, speech.end_s)])
        words = intervals([(word.start_s, word.end_s) for word in speech.words])
        parts.append(intersect(bridge(words, _BRIDGE_S), extent) if len(words) else extent)
    spoken = parts[0]
    for part in parts[1:]:
        spoken = union(spoken, part)
    return spoken
