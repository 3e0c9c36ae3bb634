"""Assign channels and transcript entries to speakers, from names, labels and voices.

Attribution uses, in this order: a label that names a speaker (with a file for each speaker, the
name of the file), the channel that a transcript names, and whose voice sounds at that time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simvoice.errors import AudioFileError
from simvoice.research.recordings.file_names import shown_name
from simvoice.research.recordings.speaker_names import SpeakerNames
from simvoice.research.recordings.transcript import RecordingTranscript
from simvoice.research.recordings.transcript_entry import TranscriptEntry
from simvoice.timing.intervals import Intervals, intersect, intervals, total_s
from simvoice.timing.turns import Speaker

# -- transcript entries ---------------------------------------------------------------------

_SWAPPED_RATIO = 1.5
"""The channels count as swapped when the other channel holds this many times more of the labelled
speech: bleed alone never gives the other channel more than an equal share."""

_LEAST_LABELLED_S = 3.0
"""Seconds of labelled speech that a judgement about the channels needs."""

_TOO_LONG_S = 1.0
"""Seconds by which a transcript may outlast its recording without a remark: aligners round to whole
seconds."""

_LONGER_S = 10.0
"""Seconds by which the length that a transcript states may exceed the sound: a recorder that was
stopped early. More is another recording."""

_LATE_SHARE = 0.05
"""The share of entries that may begin after the end of the sound, or one: speech recognition
invents words in silence, and a time may be mistyped."""

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

    A label that names a speaker decides, else the channel that the transcript names, else whose
    voice sounds at that time. All entries of a label that names no speaker go to the speaker whose
    voice overlaps them most. voices: by speaker. learner_channel: 0 or 1.
    """
    unnamed = {
        label: _speaker_heard(own, voices)
        for label in transcript.labels()
        if label
        and names.speaker_of(label) is None
        and (own := [e for e in transcript.entries if e.label == label and e.channel is None])
    }
    found: list[Attributed] = []
    for entry in transcript.entries:
        who = names.speaker_of(entry.label) if entry.label else None
        if who is None and entry.channel is not None:
            who = "learner" if entry.channel == learner_channel else "patient"
        elif who is None:
            who = unnamed[entry.label] if entry.label else _speaker_heard([entry], voices)
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
    names = files_of(transcript)
    late = [e for e in transcript.entries if e.start_s > length_s + _TOO_LONG_S]
    lasts_s = max([transcript.length_s, *(e.end_s for e in late)])
    if transcript.length_s > length_s + _LONGER_S or len(late) > max(
        1.0, _LATE_SHARE * len(transcript.entries)
    ):
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
        own = [each.entry for each in attributed if each.who == who]
        # An end past the sound is a mistake, and would count as speech that no one hears.
        spoken = _extents([entry for entry in own if entry.end_s <= length_s + _TOO_LONG_S])
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


def clipped(
    transcript: RecordingTranscript, attributed: Sequence[Attributed], length_s: float
) -> tuple[list[Attributed], list[str]]:
    """Return the entries cut at the end of the sound, and remarks; later ones are left out."""
    found = [
        replace(each, entry=replace(each.entry, end_s=min(each.entry.end_s, length_s)))
        for each in attributed
        if each.entry.start_s < length_s
    ]
    beyond = [e for e in transcript.entries if e.end_s > length_s + _TOO_LONG_S]
    if not beyond:
        return found, []
    latest_s = max(e.end_s for e in beyond)
    count, were = (f"{len(beyond)} entries", "were") if len(beyond) > 1 else ("1 entry", "was")
    return found, [
        f"{count} of {files_of(transcript)} went beyond the end of the sound, to {latest_s:.1f} s "
        f"of {length_s:.1f} s, and {were} cut there"
    ]


def files_of(transcript: RecordingTranscript) -> str:
    """Return the names of the transcript's files for a message."""
    return " and ".join(repr(shown_name(path)) for path in transcript.files)
