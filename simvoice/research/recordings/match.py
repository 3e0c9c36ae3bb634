"""Whose words and whose channel: from names, labels and the voices in the sound."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from simvoice.errors import AudioFileError, SettingError
from simvoice.research.recordings.transcript import RecordingTranscript
from simvoice.research.recordings.transcript_entry import TranscriptEntry
from simvoice.timing.intervals import Intervals, intersect, intervals, total_s
from simvoice.timing.turns import Speaker

# -- names ------------------------------------------------------------------------------------
# By which words files, tiers and labels name the two who talk.


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
    """The words that mean the learner (the clinician) and those that mean the patient."""

    learner: frozenset[str] = frozenset(_LEARNERS.split())
    patient: frozenset[str] = frozenset(_PATIENTS.split())

    @classmethod
    def given(cls, text: str) -> SpeakerNames:
        """From `doctor,patient`: one word each. Raises SettingError for anything else."""
        halves = [_in_words(half) for half in text.split(",")]
        if len(halves) != 2 or any(len(half) != 1 for half in halves) or halves[0] == halves[1]:
            raise SettingError(
                f"--names {text!r} is not two different words; write the learner's first, such as: "
                "--names doctor,patient"
            )
        return cls(frozenset(halves[0]), frozenset(halves[1]))

    def who(self, label: str) -> Speaker | None:
        """Whom a label means; None when it names neither, or both."""
        words = set(_in_words(label))
        is_learner, is_patient = bool(words & self.learner), bool(words & self.patient)
        if is_learner == is_patient:
            return None
        return "learner" if is_learner else "patient"

    def without(self, stem: str) -> str:
        """A file's stem without the words that name a speaker: what the files of a pair share."""
        known = self.learner | self.patient
        kept = [w for w in re.split(r"([\W_]+)", stem) if w.casefold() not in known]
        return re.sub(r"^[\W_]+|[\W_]+$", "", re.sub(r"([\W_])[\W_]+", r"\1", "".join(kept)))


# -- match ------------------------------------------------------------------------------------
# Whose words and whose channel: from a transcript's labels and the voices in the sound.


_SURE = 1.5
"""How many times more of the labelled speech must lie on the other channel before the channels
count as swapped: bleed alone never gives the other channel more than an equal share."""

_ENOUGH_S = 3.0
"""Seconds of labelled speech below which it says nothing about the channels."""

_TOO_LONG_S = 1.0
"""Seconds by which a transcript may outlast its recording: aligners round to whole seconds."""

_AGREES = 0.2
"""How much better than chance the transcript's speech must lie on voices (0 chance, 1 always).
Transcripts that fit reach 0.5 and more; shifted by a minute, or of another talk, they stay at
0 ± 0.1."""

_SPEAKERS: tuple[Speaker, Speaker] = ("learner", "patient")


@dataclass(frozen=True, slots=True)
class Attributed:
    """One entry of the transcript with the speaker it belongs to."""

    who: Speaker
    said: TranscriptEntry


def swapped(
    said: Sequence[TranscriptEntry], names: SpeakerNames, first: Intervals, second: Intervals
) -> bool | None:
    """Whether the learner is on the second channel, as the labels have it; None when they do not
    say. first, second: the voices on each channel."""
    straight_s = crossed_s = 0.0
    for who, (own, other) in zip(_SPEAKERS, ((first, second), (second, first)), strict=True):
        spoken = _extents([s for s in said if names.who(s.label) == who])
        straight_s += total_s(intersect(spoken, own))
        crossed_s += total_s(intersect(spoken, other))
    if straight_s + crossed_s < _ENOUGH_S:
        return None
    if crossed_s > _SURE * straight_s:
        return True
    return False if straight_s > _SURE * crossed_s else None


def attribute(
    transcript: RecordingTranscript,
    names: SpeakerNames,
    voices: dict[Speaker, Intervals],
    learner_channel: int,
) -> tuple[list[Attributed], list[str]]:
    """Each entry with its speaker, and sentences about what could not be attributed.

    By the channel the transcript names, else by its label, else by whose voice sounds there. A
    label that names nobody goes as a whole to the speaker in whose voice most of it lies.
    voices: by speaker. learner_channel: 0 or 1.
    """
    unnamed = {
        label: _whose([s for s in transcript.said if s.label == label], voices)
        for label in transcript.labels()
        if label and names.who(label) is None
    }
    found: list[Attributed] = []
    for said in transcript.said:
        if said.channel is not None:
            who: Speaker | None = "learner" if said.channel == learner_channel else "patient"
        elif said.label:
            who = names.who(said.label) or unnamed[said.label]
        else:
            who = _whose([said], voices)
        if who is not None:
            found.append(Attributed(who, said))
    lost = [label for label, who in unnamed.items() if who is None]
    remarks = [
        f"what the transcript has under {label!r} lies in nobody's voice and was left out; to say "
        "who it is, name the two: --names LEARNER,PATIENT"
        for label in lost
    ]
    return found, remarks


def check_fits(
    transcript: RecordingTranscript,
    attributed: Sequence[Attributed],
    voices: dict[Speaker, Intervals],
    length_s: float,
) -> None:
    """Raise AudioFileError when a transcript is not this recording's. length_s: the sound's."""
    names = " and ".join(repr(path.name) for path in transcript.files)
    lasts_s = max([transcript.length_s, *(said.end_s for said in transcript.said)], default=0.0)
    if lasts_s > length_s + _TOO_LONG_S:
        raise AudioFileError(
            f"{names} lasts {lasts_s:.1f} s and the sound {length_s:.1f} s, so they do not belong "
            "together; put the right transcript beside it, or analyse without: --no-transcript"
        )
    agreement = _agreement(attributed, voices, length_s)
    if agreement is not None and agreement < _AGREES:
        raise AudioFileError(
            f"what {names} says was spoken lies where nobody speaks in the sound, so they do not "
            "belong together; put the right transcript beside it, or analyse without: "
            "--no-transcript"
        )


def _agreement(
    attributed: Sequence[Attributed], voices: dict[Speaker, Intervals], length_s: float
) -> float | None:
    """Share of the transcript's speech that lies on its speaker's voice, less chance."""
    said_s = hit_s = chance_s = 0.0
    for who in _SPEAKERS:
        spoken = _extents([entry.said for entry in attributed if entry.who == who])
        said_s += total_s(spoken)
        hit_s += total_s(intersect(spoken, voices[who]))
        chance_s += total_s(spoken) * min(1.0, total_s(voices[who]) / max(length_s, 1e-9))
    if said_s < _ENOUGH_S or said_s - chance_s <= 0.0:
        return None
    return (hit_s - chance_s) / (said_s - chance_s)


def _whose(said: Sequence[TranscriptEntry], voices: dict[Speaker, Intervals]) -> Speaker | None:
    spoken = _extents(said)
    shared = {who: total_s(intersect(spoken, voices[who])) for who in _SPEAKERS}
    if max(shared.values()) <= 0.0:
        return None
    return max(_SPEAKERS, key=lambda who: shared[who])


def _extents(said: Sequence[TranscriptEntry]) -> Intervals:
    return intervals([(s.start_s, s.end_s) for s in said])


def clipped(attributed: Sequence[Attributed], length_s: float) -> list[Attributed]:
    """None of it outlasts the sound."""
    return [
        replace(entry, said=replace(entry.said, end_s=min(entry.said.end_s, length_s)))
        for entry in attributed
        if entry.said.start_s < length_s
    ]
