"""Entries and channels are assigned to the right speaker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from simvoice.errors import AudioFileError
from simvoice.research.recordings.match import attribute, check_fits, swapped
from simvoice.research.recordings.speaker_names import SpeakerNames
from simvoice.research.recordings.transcript import RecordingTranscript
from simvoice.research.recordings.transcript_entry import TranscriptEntry
from simvoice.timing.intervals import Intervals, intervals, shift
from simvoice.timing.turns import Speaker
from tests.planted.recordings import LEARNER_TEXT, LEARNER_TURNS, PATIENT_TEXT, PATIENT_TURNS

LEARNER, PATIENT = intervals(LEARNER_TURNS), intervals(PATIENT_TURNS)
VOICES: dict[Speaker, Intervals] = {"learner": LEARNER, "patient": PATIENT}


def entries(first: str = "Doctor", second: str = "Patient") -> list[TranscriptEntry]:
    lanes = ((first, LEARNER_TURNS, LEARNER_TEXT), (second, PATIENT_TURNS, PATIENT_TEXT))
    return [
        TranscriptEntry(label, start_s, end_s, text)
        for label, times, texts in lanes
        for (start_s, end_s), text in zip(times, texts, strict=True)
    ]


def transcript_of(given: Sequence[TranscriptEntry], length_s: float = 50.0) -> RecordingTranscript:
    return RecordingTranscript(tuple(given), length_s, (Path("talk.TextGrid"),))


def speakers(given: Sequence[TranscriptEntry]) -> list[str]:
    found, _ = attribute(transcript_of(given), SpeakerNames(), VOICES, 0)
    return [each.who for each in found]


RIGHT = ["learner"] * len(LEARNER_TURNS) + ["patient"] * len(PATIENT_TURNS)


def test_labels_tell_straight_channels_from_swapped_ones() -> None:
    assert swapped(entries(), SpeakerNames(), LEARNER, PATIENT) is False
    assert swapped(entries(), SpeakerNames(), PATIENT, LEARNER) is True


def test_bleed_on_both_channels_does_not_look_swapped() -> None:
    everything = intervals([*LEARNER_TURNS, *PATIENT_TURNS])
    assert swapped(entries(), SpeakerNames(), everything, everything) is None


def test_labels_that_name_no_speaker_tell_nothing_about_the_channels() -> None:
    assert swapped(entries("SPEAKER_00", "SPEAKER_01"), SpeakerNames(), PATIENT, LEARNER) is None


def test_labels_channels_and_voices_each_identify_the_speaker() -> None:
    assert speakers(entries()) == RIGHT
    assert speakers(entries("SPEAKER_00", "SPEAKER_01")) == RIGHT
    assert speakers(entries("", "")) == RIGHT
    words = [
        TranscriptEntry("", 3.5, 3.8, "that", is_word=True, channel=0),
        TranscriptEntry("", 3.5, 3.8, "that", is_word=True, channel=1),
    ]
    assert speakers(words) == ["learner", "patient"]


def test_entries_outside_both_voices_are_left_out_with_a_remark() -> None:
    found, remarks = attribute(
        transcript_of(
            [*entries(), TranscriptEntry("Nurse at the door", 28.0, 30.0, "knock knock")]
        ),
        SpeakerNames.parse("doctor,patient"),
        VOICES,
        0,
    )
    assert len(found) == len(RIGHT)
    assert len(remarks) == 1
    assert "entries under 'Nurse at the door' were left out: neither voice sounds" in remarks[0]


def fits(transcript: RecordingTranscript, length_s: float = 50.0) -> str:
    found, _ = attribute(transcript, SpeakerNames(), VOICES, 0)
    try:
        check_fits(transcript, found, VOICES, length_s)
    except AudioFileError as error:
        return str(error)
    return ""


def test_a_transcript_that_fits_passes_even_when_its_times_are_rough() -> None:
    assert fits(transcript_of(entries())) == ""
    rough = [TranscriptEntry(s.label, s.start_s - 0.3, s.end_s + 0.4, s.text) for s in entries()]
    assert fits(transcript_of(rough)) == ""


def test_a_transcript_longer_than_its_sound_is_refused_with_both_lengths() -> None:
    text = fits(transcript_of(entries(), 457.92))
    assert text.startswith("'talk.TextGrid' lasts 457.9 s and the sound 50.0 s, so they do not")
    assert text.endswith("or analyse without it: --no-transcript")


def test_a_transcript_of_another_conversation_is_refused() -> None:
    shuffled = [
        TranscriptEntry(s.label, 49.0 - s.end_s, 49.0 - s.start_s, s.text) for s in entries()
    ]
    assert "has speech where no one speaks in the sound" in fits(transcript_of(shuffled))


@pytest.mark.parametrize("by_s", [4.0, -3.0])
def test_a_transcript_that_is_seconds_off_is_refused(by_s: float) -> None:
    voices: dict[Speaker, Intervals] = {who: shift(v, by_s) for who, v in VOICES.items()}
    transcript = transcript_of(entries())
    found, _ = attribute(transcript, SpeakerNames(), voices, 0)
    with pytest.raises(AudioFileError, match="do not belong together"):
        check_fits(transcript, found, voices, 60.0)
