"""Assign channels and transcript entries to speakers, from names, labels and voices.

Attribution uses, in this order: the channel that a transcript names, its speaker labels, and
whose voice sounds at the time of the entry.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from simvoice.errors import AudioFileError, SettingError
from simvoice.research.recordings.transcript import RecordingTranscript
from simvoice.research.recordings.transcript_entry import TranscriptEntry
from simvoice.timing.intervals import Intervals, intersect, intervals, total_s
from simvoice.timing.turns import Speaker

# -- speaker names --------------------------------------------------------------------------

_LEARNERS = (
    "learner doctor dr clinician physician student resident nurse therapist counsellor counselor "
    "provider practitioner interviewer trainee surgeon oncologist"
)
_PATIENTS = (
    "patient pt sp client family relative parent mother father caregiver carer spouse actor "
    "interviewee simulated standardized"
)


def _in_words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text.casefold()) if word]


@dataclass(frozen=True, slots=True)
class SpeakerNames:
    """The words in file, tier and label names that mean the learner and the patient."""

    learner: frozenset[str] = frozenset(_LEARNERS.split())
    patient: frozenset[str] = frozenset(_PATIENTS.split())

    @classmethod
    def parse(cls, text: str) -> SpeakerNames:
        """Parse `doctor,patient`: one word each. Raises SettingError for anything else."""
        halves = [_in_words(half) for half in text.split(",")]
        if len(halves) != 2 or any(len(half) != 1 for half in halves) or halves[0] == halves[1]:
            raise SettingError(
                f"--names {text!r} is not two different words; write the learner's first, such as: "
                "--names doctor,patient"
            )
        return cls(frozenset(halves[0]), frozenset(halves[1]))

    def speaker_of(self, label: str) -> Speaker | None:
        """Return the speaker that a label names; None when it names neither or both."""
        words = set(_in_words(label))
        is_learner, is_patient = bool(words & self.learner), bool(words & self.patient)
        if is_learner == is_patient:
            return None
        return "learner" if is_learner else "patient"

    def without_names(self, stem: str) -> str:
        """Return a file's stem without speaker names: the part that the files of a pair share."""
        known = self.learner | self.patient
        others = [w for w in re.split(r"([\W_]+)", stem) if w.casefold() not in known]
        return re.sub(r"^[\W_]+|[\W_]+$", "", re.sub(r"([\W_])[\W_]+", r"\1", "".join(others)))


# -- transcript entries ---------------------------------------------------------------------

_SWAPPED_RATIO = 1.5
"""The channels count as swapped when the other channel holds this many times more of the labelled
speech: bleed alone never gives the other channel more than an equal share."""

_LEAST_LABELLED_S = 3.0
"""Seconds of labelled speech that a judgement about the channels needs."""

_TOO_LONG_S = 1.0
"""Seconds by which a transcript may outlast its recording: aligners round to whole seconds."""

_LEAST_FIT = 0.2
"""The least overlap of transcript and voices, corrected for chance (0 chance, 1 full overlap).
Transcripts that fit reach 0.5 and more; those shifted by a minute, or of another conversation,
stay at 0 ± 0.1."""

_SPEAKERS: tuple[Speaker, Speaker] = ("learner", "patient")


@dataclass(frozen=True, slots=True)
class Attributed:
    """One entry of the transcript with its speaker."""

    who: Speaker
    entry: TranscriptEntry


def swapped(
    entries: Sequence[TranscriptEntry], names: SpeakerNames, first: Intervals, second: Intervals
) -> bool | None:
    """Return whether the labels put the learner on the second channel; None when they do not tell.

    first, second: the voices on each channel.
    """
    straight_s = crossed_s = 0.0
    for who, (own, other) in zip(_SPEAKERS, ((first, second), (second, first)), strict=True):
        spoken = _extents([e for e in entries if names.speaker_of(e.label) == who])
        straight_s += total_s(intersect(spoken, own))
        crossed_s += total_s(intersect(spoken, other))
    if straight_s + crossed_s < _LEAST_LABELLED_S:
        return None
    if crossed_s > _SWAPPED_RATIO * straight_s:
        return True
    return False if straight_s > _SWAPPED_RATIO * crossed_s else None


def attribute(
    transcript: RecordingTranscript,
    names: SpeakerNames,
    voices: dict[Speaker, Intervals],
    learner_channel: int,
) -> tuple[list[Attributed], list[str]]:
    """Return each entry with its speaker, and sentences about entries that were left out.

    The channel that the transcript names decides, else its label, else whose voice sounds at that
    time. All entries of a label that names no speaker go to the speaker whose voice overlaps them
    most. voices: by speaker. learner_channel: 0 or 1.
    """
    unnamed = {
        label: _speaker_heard([e for e in transcript.entries if e.label == label], voices)
        for label in transcript.labels()
        if label and names.speaker_of(label) is None
    }
    found: list[Attributed] = []
    for entry in transcript.entries:
        if entry.channel is not None:
            who: Speaker | None = "learner" if entry.channel == learner_channel else "patient"
        elif entry.label:
            who = names.speaker_of(entry.label) or unnamed[entry.label]
        else:
            who = _speaker_heard([entry], voices)
        if who is not None:
            found.append(Attributed(who, entry))
    left_out = [label for label, who in unnamed.items() if who is None]
    remarks = [
        f"the transcript's entries under {label!r} were left out: neither voice sounds at their "
        "times; to say who speaks, name the labels of both: --names LEARNER,PATIENT"
        for label in left_out
    ]
    return found, remarks


def check_fits(
    transcript: RecordingTranscript,
    attributed: Sequence[Attributed],
    voices: dict[Speaker, Intervals],
    length_s: float,
) -> None:
    """Raise AudioFileError when a transcript belongs to another recording.

    length_s: of the sound.
    """
    names = " and ".join(repr(path.name) for path in transcript.files)
    lasts_s = max([transcript.length_s, *(e.end_s for e in transcript.entries)], default=0.0)
    if lasts_s > length_s + _TOO_LONG_S:
        raise AudioFileError(
            f"{names} lasts {lasts_s:.1f} s and the sound {length_s:.1f} s, so they do not belong "
            "together; put the right transcript beside the sound, or analyse without it: "
            "--no-transcript"
        )
    fit = _fit(attributed, voices, length_s)
    if fit is not None and fit < _LEAST_FIT:
        raise AudioFileError(
            f"{names} has speech where no one speaks in the sound, so they do not belong together; "
            "put the right transcript beside the sound, or analyse without it: --no-transcript"
        )


def _fit(
    attributed: Sequence[Attributed], voices: dict[Speaker, Intervals], length_s: float
) -> float | None:
    """Return the share of transcribed speech that overlaps its speaker's voice, less chance."""
    spoken_s = hit_s = chance_s = 0.0
    for who in _SPEAKERS:
        spoken = _extents([each.entry for each in attributed if each.who == who])
        spoken_s += total_s(spoken)
        hit_s += total_s(intersect(spoken, voices[who]))
        chance_s += total_s(spoken) * min(1.0, total_s(voices[who]) / max(length_s, 1e-9))
    if spoken_s < _LEAST_LABELLED_S or spoken_s - chance_s <= 0.0:
        return None
    return (hit_s - chance_s) / (spoken_s - chance_s)


def _speaker_heard(
    entries: Sequence[TranscriptEntry], voices: dict[Speaker, Intervals]
) -> Speaker | None:
    """Return the speaker whose voice overlaps the entries most; None when neither does."""
    spoken = _extents(entries)
    shared = {who: total_s(intersect(spoken, voices[who])) for who in _SPEAKERS}
    if max(shared.values()) <= 0.0:
        return None
    return max(_SPEAKERS, key=lambda who: shared[who])


def _extents(entries: Sequence[TranscriptEntry]) -> Intervals:
    return intervals([(e.start_s, e.end_s) for e in entries])


def clipped(attributed: Sequence[Attributed], length_s: float) -> list[Attributed]:
    """Return the entries cut at the end of the sound; later ones are left out."""
    return [
        replace(each, entry=replace(each.entry, end_s=min(each.entry.end_s, length_s)))
        for each in attributed
        if each.entry.start_s < length_s
    ]
