"""From a record or a recording to what the measures take: who spoke when, and what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

from simvoice.audio import FRAME_S, Pcm16
from simvoice.errors import AttemptError
from simvoice.record.events import (
    Backchannel,
    Delay,
    Discarded,
    Ended,
    Hold,
    Interruption,
    JournalEntry,
    LearnerTurn,
    LearnerVoice,
    LossCounts,
    PatientMove,
    PatientSpeech,
    SimultaneousStart,
)
from simvoice.scoring.instruments.news import CUES, tells_news
from simvoice.scoring.instruments.places import Rises, by_ear
from simvoice.scoring.metrics.definitions import Need
from simvoice.timing.anatomy import Anatomy, SpeechTimes
from simvoice.timing.intervals import Intervals, bridge, intersect, intervals, total_s, union
from simvoice.timing.measure_sound import Blocks, SoundMeasurement, measure_blocks, measure_sound
from simvoice.timing.overlaps import Overlap, overlaps, without
from simvoice.timing.prosody import VoiceProfile, join
from simvoice.timing.silences import Held, Utterance, Wait
from simvoice.timing.turns import Speaker, TimedWord

_Entry = TypeVar("_Entry", bound=JournalEntry)

_BRIDGE_S = 0.15
"""Seconds between two words of the patient's that are still one stretch of voice: the closure
before a stop, not a pause."""

_SAME_S = 0.3
"""Seconds by which the floor's time of an onset and a detector's may differ."""


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
    spoken: SpeechTimes
    anatomy: Anatomy
    given: frozenset[Need] = frozenset({"speech", "journal"})
    """What it was made from; a metric that needs more is not measurable."""
    words: tuple[TimedWord, ...] = ()
    """Words and when they sounded, in order of time, where they are known."""
    overlaps: tuple[Overlap, ...] = ()
    """What happened where both spoke, in order of time: from the journal where there is one."""
    heard: SoundMeasurement | None = None
    """What the sound itself showed, where it was read."""
    rises: Rises | None = None
    """Whether the voice rises at the end of a turn; None where there is no sound to ask."""

    def of(self, kind: type[_Entry]) -> list[_Entry]:
        """The entries of one type, in order."""
        return [entry for entry in self.entries if isinstance(entry, kind)]

    @cached_property
    def lost_share(self) -> float:
        """0..1: share of the microphone's frames that never arrived, as the devices counted."""
        counts = self.of(LossCounts)
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
        rises=by_ear(attempt),
    )


def read_best(attempt: Recorded) -> Reading:
    """From the sound where it was kept, since its errors are known; else from the journal."""
    try:
        return read_sound(attempt)
    except AttemptError:
        return read(attempt)


def read_sound(attempt: Recorded) -> Reading:
    """From the two channels of sound, as any recording is read.

    Interruptions, backchannels, holds, delays and words still come from the journal. Raises
    AttemptError when the sound was not kept.
    """
    heard = measure_blocks(*attempt.audio())
    taken = _marked(attempt.entries, (Backchannel, Discarded))
    return _reading(
        attempt.entries,
        learner=_without(heard.learner.speech, taken),
        patient=heard.patient.speech,
        backchannels=_marked(attempt.entries, (Backchannel,)),
        end_s=_end_s(attempt),
        heard=heard,
        rises=by_ear(attempt),
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
    return read_blocks([(learner, patient)], utterances=utterances, words=words)


def read_blocks(
    blocks: Blocks,
    *,
    utterances: Sequence[Utterance] = (),
    words: Sequence[TimedWord] = (),
) -> Reading:
    """The same for sound that comes in pieces of any length: memory does not grow with it."""
    return read_heard(measure_sound(blocks), utterances=utterances, words=words)


def read_heard(
    heard: SoundMeasurement,
    *,
    utterances: Sequence[Utterance] = (),
    words: Sequence[TimedWord] = (),
) -> Reading:
    """The same for sound that was listened to already."""
    in_order = tuple(sorted(words, key=lambda word: word.start_s))
    learner, patient = heard.learner, heard.patient
    voices: dict[Speaker, VoiceProfile] = {"learner": learner.voice, "patient": patient.voice}
    found = overlaps(learner.speech, patient.speech, voices, in_order)
    given: set[Need] = {"speech", "sound"}
    if words:
        given.add("words")
    return read_spoken(
        {"learner": learner.speech, "patient": patient.speech},
        found,
        heard.length_s,
        utterances=utterances,
        words=in_order,
        heard=heard,
        given=frozenset(given),
    )


def read_spoken(
    speech: Mapping[Speaker, Intervals],
    found: Sequence[Overlap],
    length_s: float,
    *,
    utterances: Sequence[Utterance] = (),
    words: tuple[TimedWord, ...] = (),
    heard: SoundMeasurement | None = None,
    given: frozenset[Need] = frozenset({"speech"}),
) -> Reading:
    """The same where it is known already who spoke when: a transcript, planted truth.

    speech: all that each one said, acknowledgements included. found: what happened where both
    spoke.
    """
    murmurs = [overlap for overlap in found if overlap.kind == "acknowledgement"]
    learner, nods = without(speech["learner"], [o for o in murmurs if o.by == "learner"])
    patient, hers = without(speech["patient"], [o for o in murmurs if o.by == "patient"])
    spoken = SpeechTimes(
        learner=learner,
        patient=patient,
        start_s=0.0,
        end_s=length_s,
        backchannels=nods,
        patient_backchannels=hers,
        utterances=tuple(sorted(utterances, key=lambda u: u.start_s)),
    )
    return Reading((), spoken, Anatomy(spoken), given, words, tuple(found), heard)


def _reading(
    entries: tuple[JournalEntry, ...],
    *,
    learner: Intervals,
    patient: Intervals,
    backchannels: Intervals,
    end_s: float,
    rises: Rises,
    heard: SoundMeasurement | None = None,
) -> Reading:
    said = [
        Utterance("learner", e.start_s, e.end_s, is_news=tells_news(e))
        for e in _of(entries, LearnerTurn)
    ]
    feelings = {move.turn for move in _of(entries, PatientMove) if move.kind in CUES}
    said += [
        Utterance(
            "patient",
            e.start_s,
            e.end_s,
            is_question=e.heard.rstrip().endswith("?"),
            is_cue=e.turn in feelings,
        )
        for e in _of(entries, PatientSpeech)
        if e.end_s > e.start_s
    ]
    spoken = SpeechTimes(
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
    given: set[Need] = {"speech", "journal", "words"}
    if heard is not None:
        given.add("sound")
    words = _words(entries)
    found = _overlaps(entries, spoken, words, heard)
    return Reading(entries, spoken, Anatomy(spoken), frozenset(given), words, found, heard, rises)


def _words(entries: Sequence[JournalEntry]) -> tuple[TimedWord, ...]:
    """The patient's as they sounded; the learner's evenly spread over each turn, since the
    recogniser gives no times."""
    found = [
        TimedWord("patient", word.text, word.start_s, word.end_s)
        for speech in _of(entries, PatientSpeech)
        for word in speech.words
    ]
    for turn in _of(entries, LearnerTurn):
        texts = turn.text.split()
        step_s = (turn.end_s - turn.start_s) / max(1, len(texts))
        found += [
            TimedWord("learner", text, turn.start_s + k * step_s, turn.start_s + (k + 1) * step_s)
            for k, text in enumerate(texts)
        ]
    return tuple(sorted(found, key=lambda word: word.start_s))


def _overlaps(
    entries: Sequence[JournalEntry],
    spoken: SpeechTimes,
    words: Sequence[TimedWord],
    heard: SoundMeasurement | None,
) -> tuple[Overlap, ...]:
    """Interruptions, simultaneous starts and acknowledgements as the floor decided them while it
    happened; what the floor does not decide (early starts, attempts, the patient's) from the times.
    """
    found = [
        Overlap("interruption", "learner", e.start_s, e.stopped_s, e.lost_s, e.lost_words)
        for e in _of(entries, Interruption)
    ]
    found += [
        Overlap("together", "learner", e.start_s, e.stopped_s, e.lost_s, e.lost_words)
        for e in _of(entries, SimultaneousStart)
    ]
    found += [
        Overlap("acknowledgement", "learner", e.start_s, e.end_s) for e in _of(entries, Backchannel)
    ]
    voices: dict[Speaker, VoiceProfile] = {
        "learner": heard.learner.voice if heard else join(()),
        "patient": heard.patient.voice if heard else join(()),
    }
    known = [overlap.start_s for overlap in found]
    for overlap in overlaps(spoken.learner, spoken.patient, voices, words):
        is_new = all(abs(overlap.start_s - start_s) > _SAME_S for start_s in known)
        decided = overlap.by == "learner" and overlap.kind in ("interruption", "acknowledgement")
        if is_new and not decided:
            found.append(overlap)
    return tuple(sorted(found, key=lambda overlap: overlap.start_s))


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
