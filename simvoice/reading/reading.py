"""Read a record or a recording for measuring: who spoke when, and what happened."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol, TypeVar

import numpy as np

from simvoice.audio import FRAME_S, Pcm16, seconds
from simvoice.errors import AttemptError
from simvoice.reading.align import SAME_S, align, patient_word_intervals
from simvoice.reading.coded_turns import code_turns_in_context, rises_in_sound
from simvoice.reading.news import CUES, tells_news
from simvoice.reading.questions import AskedQuestion, asked_questions
from simvoice.reading.timeline_events import TimelineEvent, timeline_events
from simvoice.record.events import (
    Backchannel,
    ClockHeld,
    Delay,
    Discarded,
    Ended,
    Header,
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
from simvoice.timing.intervals import Intervals, intersect, intervals, total_s, union
from simvoice.timing.measure_sound import Blocks, SoundMeasurement, measure_channels, measure_sound
from simvoice.timing.overlaps import Overlap, overlaps, split_acknowledgements, with_depth
from simvoice.timing.prosody import VoiceProfile, join_profiles
from simvoice.timing.silences import HoldInterval, Utterance, Wait
from simvoice.timing.timeline import SpeechTimes, Timeline
from simvoice.timing.turns import Speaker, TimedWord

Need = Literal["speech", "sound", "words", "journal"]
"""speech: who spoke when, from a journal or from two channels. sound: the waveform itself.
words: what was said. journal: the record of an attempt."""

_Entry = TypeVar("_Entry", bound=JournalEntry)

_LOST_END_S = 2.0
"""Seconds by which the sound may end before the last words of the journal. A process that is killed
loses up to 1 s of sound; where more is missing, the sound does not tell who spoke when."""


class RecordedAttempt(Protocol):
    """What a reading needs of an attempt; `record.store.Attempt` provides it."""

    @property
    def entries(self) -> tuple[JournalEntry, ...]:
        """The journal, in the order in which it was written."""
        ...

    @property
    def header(self) -> Header:
        """What was known before the first frame."""
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
    """One attempt or recording, read for measuring."""

    entries: tuple[JournalEntry, ...]
    """Empty without a journal."""
    timeline: Timeline
    available: frozenset[Need] = frozenset({"speech", "journal"})
    """What the reading was made from; a metric that needs more is not measurable."""
    words: tuple[TimedWord, ...] = ()
    """Words with their times, in order of time, where they are known."""
    overlaps: tuple[Overlap, ...] = ()
    """Overlaps, in order of time; from the journal where there is one."""
    sound: SoundMeasurement | None = None
    """Measurements of the sound; None where it was not stored, or does not tell who spoke when."""
    questions: tuple[AskedQuestion, ...] | None = None
    """The patient's questions, in order; None where the record does not say which lines ask."""
    sound_fault: str = ""
    """Why stored sound was not used, a sentence; empty otherwise."""

    @property
    def speech_times(self) -> SpeechTimes:
        """When each speaker spoke."""
        return self.timeline.speech_times

    def of(self, kind: type[_Entry]) -> list[_Entry]:
        """The journal's entries of one type, in order."""
        return [entry for entry in self.entries if isinstance(entry, kind)]

    @cached_property
    def events(self) -> tuple[TimelineEvent, ...]:
        """Pauses, gaps, silences, overlaps and delays, in order of time."""
        return timeline_events(self.timeline, self.overlaps, self.entries)

    @cached_property
    def lost_share(self) -> float:
        """Share of the microphone's frames that the devices counted as lost, 0..1."""
        counts = self.of(LossCounts)
        length_s = self.speech_times.end_s - self.speech_times.start_s
        if not counts or length_s <= 0.0:
            return 0.0
        return min(1.0, counts[-1].lost_frames * FRAME_S / length_s)


def read(attempt: RecordedAttempt) -> Reading:
    """Read an attempt: who spoke when from its sound, where this was stored, and what happened from
    its journal.

    Interruptions, backchannels, holds, delays and words come from the journal, at the times at
    which they are heard (`reading.align`). Without stored sound, all times come from the journal.
    Each of the learner's turns is coded in its context (`reading.coded_turns`).
    """
    sound, fault = _measured_sound(attempt)
    journal = attempt.entries
    patient = patient_word_intervals(journal) if sound is None else sound.patient.speech
    heard = align(journal, patient, None if sound is None else sound.learner.speech)
    entries = code_turns_in_context(heard, attempt.header.shows, rises_in_sound(attempt))
    excluded = _marked_intervals(entries, (Backchannel, Discarded))
    if sound is None:
        voices = [_drop_covered(_learner_voices(entries), excluded)]
        voices += [_unvoiced_turn(entry, voices[0]) for entry in _spoken(entries)]
        learner = intervals([(float(a), float(b)) for part in voices for a, b in part])
    else:
        learner = _drop_covered(_with_a_voice(sound.learner.speech, entries), excluded)
    cue_lines = frozenset(each.line for each in attempt.header.shows)
    reading = _reading(entries, learner, patient, _end_s(attempt), sound, cue_lines)
    asks = attempt.header.asks
    questions = None if asks is None else asked_questions(entries, asks)
    return replace(reading, questions=questions, sound_fault=fault)


def _measured_sound(attempt: RecordedAttempt) -> tuple[SoundMeasurement | None, str]:
    """(the measured sound, why stored sound is not used). Sound with a hole is not used, because it
    does not tell who spoke when."""
    try:
        learner, patient = attempt.audio()
    except AttemptError:
        return None, ""
    if seconds(len(learner)) < _last_s(attempt.entries) - _LOST_END_S:
        return None, "The stored sound ends before the conversation does."
    measured = measure_channels(learner, patient, learner_end=_file_end(attempt.header, learner))
    for line in _entries_of(attempt.entries, PatientSpeech):
        extent = intervals([(line.start_s, line.end_s)])
        if line.heard and len(intersect(extent, measured.patient.speech)) == 0:
            return None, "In the stored sound, a line of the patient is missing."
    return measured, ""


def _file_end(header: Header, learner: Pcm16) -> int | None:
    """Samples until the end of the sound file that was the microphone; None for a microphone.

    After its end the line gives digital silence, so that the patient can answer
    (`devices.wav.WavLine`).
    """
    if header.devices.get("kind") != "file":
        return None
    sound = np.flatnonzero(learner)
    return int(sound[-1]) + 1 if sound.size else None


def _last_s(entries: Sequence[JournalEntry]) -> float:
    """Session seconds of the end of the last turn or line in the journal."""
    ends = [turn.end_s for turn in _spoken(entries)]
    ends += [line.end_s for line in _entries_of(entries, PatientSpeech)]
    return max(ends, default=0.0)


def read_channels(
    learner: Pcm16,
    patient: Pcm16,
    *,
    utterances: Sequence[Utterance] = (),
    words: Sequence[TimedWord] = (),
) -> Reading:
    """Read two channels of sound without a journal: any recording of two people.

    learner, patient: int16 [n], 16 kHz, one speaker each, on one clock. utterances: from a
    transcript, where there is one. words: of both speakers, in any order, where known.
    """
    return read_blocks([(learner, patient)], utterances=utterances, words=words)


def read_blocks(
    blocks: Blocks,
    *,
    utterances: Sequence[Utterance] = (),
    words: Sequence[TimedWord] = (),
) -> Reading:
    """The same for sound in pieces of any length; memory does not grow with the length."""
    return read_measured_sound(measure_sound(blocks), utterances=utterances, words=words)


def read_measured_sound(
    sound: SoundMeasurement,
    *,
    utterances: Sequence[Utterance] = (),
    words: Sequence[TimedWord] = (),
) -> Reading:
    """The same for sound that is already measured."""
    in_order = tuple(sorted(words, key=lambda word: word.start_s))
    learner, patient = sound.learner, sound.patient
    voices: dict[Speaker, VoiceProfile] = {"learner": learner.voice, "patient": patient.voice}
    found = overlaps(learner.speech, patient.speech, voices, in_order)
    available: set[Need] = {"speech", "sound"}
    if words:
        available.add("words")
    return read_speech(
        {"learner": learner.speech, "patient": patient.speech},
        found,
        sound.length_s,
        utterances=utterances,
        words=in_order,
        sound=sound,
        available=frozenset(available),
    )


def read_speech(
    speech: Mapping[Speaker, Intervals],
    found: Sequence[Overlap],
    length_s: float,
    *,
    utterances: Sequence[Utterance] = (),
    words: tuple[TimedWord, ...] = (),
    sound: SoundMeasurement | None = None,
    available: frozenset[Need] = frozenset({"speech"}),
) -> Reading:
    """Make a reading where it is already known who spoke when: a transcript, planted truth.

    speech: all speech of each speaker, acknowledgements included. found: the overlaps.
    """
    acknowledged = [overlap for overlap in found if overlap.kind == "acknowledgement"]
    learner, learner_backchannels = split_acknowledgements(
        speech["learner"], [o for o in acknowledged if o.by == "learner"]
    )
    patient, patient_backchannels = split_acknowledgements(
        speech["patient"], [o for o in acknowledged if o.by == "patient"]
    )
    times = SpeechTimes(
        learner=learner,
        patient=patient,
        start_s=0.0,
        end_s=length_s,
        backchannels=learner_backchannels,
        patient_backchannels=patient_backchannels,
        utterances=tuple(sorted(utterances, key=lambda u: u.start_s)),
    )
    deep = tuple(with_depth(found, speech["learner"], speech["patient"]))
    return Reading((), Timeline(times), available, words, deep, sound)


def _reading(
    entries: tuple[JournalEntry, ...],
    learner: Intervals,
    patient: Intervals,
    end_s: float,
    sound: SoundMeasurement | None,
    cue_lines: Collection[str],
) -> Reading:
    utterances = [
        Utterance("learner", e.start_s, e.end_s, is_news=tells_news(e)) for e in _spoken(entries)
    ]
    feelings = {move.turn for move in _entries_of(entries, PatientMove) if move.kind in CUES}
    utterances += [
        Utterance(
            "patient",
            e.start_s,
            e.end_s,
            is_question=e.heard.rstrip().endswith("?"),
            is_cue=e.turn in feelings or e.line_id in cue_lines,
        )
        for e in _entries_of(entries, PatientSpeech)
        if e.end_s > e.start_s
    ]
    times = SpeechTimes(
        learner=learner,
        patient=patient,
        start_s=0.0,
        end_s=end_s,
        backchannels=_marked_intervals(entries, (Backchannel,)),
        waits=tuple(
            Wait(e.speech_end_s, e.first_sound_s, e.chosen_silence_s)
            for e in _entries_of(entries, Delay)
        ),
        holds=tuple(
            HoldInterval(e.start_s, e.end_s, e.outcome) for e in _entries_of(entries, Hold)
        ),
        asides=_asides(entries, end_s),
        utterances=tuple(sorted(utterances, key=lambda u: u.start_s)),
    )
    available: set[Need] = {"speech", "journal", "words"}
    if sound is not None:
        available.add("sound")
    words = _words(entries)
    found = _overlaps(entries, times, words, sound)
    return Reading(entries, Timeline(times), frozenset(available), words, found, sound)


def _words(entries: Sequence[JournalEntry]) -> tuple[TimedWord, ...]:
    """Words with their times, in order of time.

    The patient's words have their recorded times. The learner's are spread evenly over each turn,
    because the recogniser gives no times. Typed words have none.
    """
    found = [
        TimedWord("patient", word.text, word.start_s, word.end_s)
        for speech in _entries_of(entries, PatientSpeech)
        for word in speech.words
    ]
    for turn in _spoken(entries):
        texts = turn.text.split()
        step_s = (turn.end_s - turn.start_s) / max(1, len(texts))
        found += [
            TimedWord("learner", text, turn.start_s + k * step_s, turn.start_s + (k + 1) * step_s)
            for k, text in enumerate(texts)
        ]
    return tuple(sorted(found, key=lambda word: word.start_s))


def _overlaps(
    entries: Sequence[JournalEntry],
    times: SpeechTimes,
    words: Sequence[TimedWord],
    sound: SoundMeasurement | None,
) -> tuple[Overlap, ...]:
    """Overlaps of an attempt, in order of time.

    Interruptions, simultaneous starts and acknowledgements are those decided live, from the
    journal. Early starts, attempts and the patient's overlaps are classified from the times.
    """
    found = [
        Overlap("interruption", "learner", e.start_s, e.stopped_s, e.lost_s, e.lost_words)
        for e in _entries_of(entries, Interruption)
    ]
    found += [
        Overlap("together", "learner", e.start_s, e.stopped_s, e.lost_s, e.lost_words)
        for e in _entries_of(entries, SimultaneousStart)
    ]
    found += [
        Overlap("acknowledgement", "learner", e.start_s, e.end_s)
        for e in _entries_of(entries, Backchannel)
    ]
    voices: dict[Speaker, VoiceProfile] = {
        "learner": sound.learner.voice if sound else join_profiles(()),
        "patient": sound.patient.voice if sound else join_profiles(()),
    }
    decided = tuple(found)
    for overlap in overlaps(times.learner, times.patient, voices, words):
        is_known = any(o.start_s - SAME_S <= overlap.start_s <= o.end_s + SAME_S for o in decided)
        by_learner = overlap.by == "learner"
        if not is_known and not (
            by_learner and overlap.kind in ("interruption", "acknowledgement")
        ):
            found.append(overlap)
    learner = union(times.learner, times.backchannels)
    return tuple(with_depth(found, learner, times.patient))


def _entries_of(entries: Sequence[JournalEntry], kind: type[_Entry]) -> list[_Entry]:
    return [entry for entry in entries if isinstance(entry, kind)]


def _spoken(entries: Sequence[JournalEntry]) -> list[LearnerTurn]:
    """The learner's turns that were spoken."""
    return [turn for turn in _entries_of(entries, LearnerTurn) if not turn.is_typed]


_TYPED_S = 0.1
"""Seconds after a typed turn that count as an aside where no answer of the patient follows."""


def _asides(entries: Sequence[JournalEntry], end_s: float) -> Intervals:
    """Times in which no one was to speak: from a typed turn to its answer, and held clocks."""
    answered = {delay.turn: delay.first_sound_s for delay in _entries_of(entries, Delay)}
    found = [
        (turn.start_s, max(turn.end_s + _TYPED_S, answered.get(turn.turn, 0.0)))
        for turn in _entries_of(entries, LearnerTurn)
        if turn.is_typed
    ]
    since_s: float | None = None
    for change in _entries_of(entries, ClockHeld):
        if since_s is not None and not change.held:
            found.append((since_s, change.at_s))
        since_s = change.at_s if change.held else None
    if since_s is not None:
        found.append((since_s, end_s))
    return intervals(found)


def _end_s(attempt: RecordedAttempt) -> float:
    """Session seconds at which the encounter ended; without that entry, the end of the record."""
    ends = _entries_of(attempt.entries, Ended)
    return ends[-1].at_s if ends else attempt.duration_s


def _learner_voices(entries: Sequence[JournalEntry]) -> Intervals:
    return intervals([(e.start_s, e.end_s) for e in _entries_of(entries, LearnerVoice)])


def _with_a_voice(found: Intervals, entries: Sequence[JournalEntry]) -> Intervals:
    """The stretches of sound in which the live voice detector found a voice.

    The times of a stretch come from its sound, but sound alone does not tell a voice from a door.
    """
    spoken: list[LearnerVoice | LearnerTurn | Backchannel] = [*_spoken(entries)]
    spoken += [e for e in entries if isinstance(e, LearnerVoice | Backchannel)]
    near = intervals([(e.start_s - SAME_S, e.end_s + SAME_S) for e in spoken])
    is_voice = [len(intersect(intervals(found[k : k + 1]), near)) > 0 for k in range(len(found))]
    return intervals(found[np.array(is_voice, dtype=np.bool_)])


def _marked_intervals(
    entries: Sequence[JournalEntry], kinds: tuple[type[Backchannel] | type[Discarded], ...]
) -> Intervals:
    return intervals([(e.start_s, e.end_s) for e in entries if isinstance(e, kinds)])


def _drop_covered(voices: Intervals, excluded: Intervals) -> Intervals:
    """Drop voice intervals of which more than half is excluded.

    Subtraction would leave slivers where the two were timed a frame apart.
    """
    remaining = [
        (float(start), float(end))
        for start, end in voices
        if total_s(intersect(intervals([(start, end)]), excluded)) <= 0.5 * (end - start)
    ]
    return intervals(remaining)


def _unvoiced_turn(turn: LearnerTurn, voices: Intervals) -> Intervals:
    """The whole turn where no voice interval shows it; otherwise empty."""
    whole = intervals([(turn.start_s, turn.end_s)])
    return whole if len(intersect(whole, voices)) == 0 else whole[:0]
