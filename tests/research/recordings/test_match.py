"""Entries and channels are assigned to the right speaker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from simvoice.errors import AudioFileError
from simvoice.research.recordings.match import attribute, check_fits, clipped, swapped
from simvoice.research.recordings.speaker_names import SpeakerNames
from simvoice.research.recordings.transcript import RecordingTranscript, read_transcripts
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


# -- which comes first ----------------------------------------------------------------------


def words_of(who: str, channel: int | None = 0) -> list[TranscriptEntry]:
    lanes = {"learner": (LEARNER_TURNS, LEARNER_TEXT), "patient": (PATIENT_TURNS, PATIENT_TEXT)}
    times, texts = lanes[who]
    return [
        TranscriptEntry("", start_s, end_s, text.split()[0], is_word=True, channel=channel)
        for (start_s, end_s), text in zip(times, texts, strict=True)
    ]


def write_ctm(path: Path, who: str, file: str, channel: str = "1") -> Path:
    path.write_text(
        "".join(
            f"{file} {channel} {e.start_s} {e.end_s - e.start_s:.3f} {e.text}\n"
            for e in words_of(who)
        ),
        encoding="utf-8",
    )
    return path


def shares(paths: Sequence[Path]) -> tuple[int, int]:
    """Return the entries of learner and patient."""
    found, remarks = attribute(read_transcripts(paths), SpeakerNames(), VOICES, 0)
    assert remarks == []
    return tuple(sum(each.who == who for each in found) for who in ("learner", "patient"))


BOTH = (len(LEARNER_TURNS), len(PATIENT_TURNS))


@pytest.mark.parametrize(
    ("first", "second"),
    [("visit_doctor", "visit_patient"), ("doctor_visit.1", "doctor_visit.2"), ("v.x", "v.y")],
)
def test_two_files_of_words_with_one_channel_are_two_speakers(
    tmp_path: Path, first: str, second: str
) -> None:
    one = write_ctm(tmp_path / f"{first}.ctm", "learner", "visit")
    other = write_ctm(tmp_path / f"{second}.ctm", "patient", "visit")
    assert shares([one, other]) == BOTH


@pytest.mark.parametrize(
    ("first", "second"), [("v1_doctor", "v1_patient"), ("v1_a", "v1_b"), ("A", "B")]
)
def test_the_first_column_of_one_file_of_words_tells_two_speakers(
    tmp_path: Path, first: str, second: str
) -> None:
    text = write_ctm(tmp_path / "one.ctm", "learner", first).read_text("utf-8")
    text += write_ctm(tmp_path / "two.ctm", "patient", second).read_text("utf-8")
    (tmp_path / "both.ctm").write_text(text, encoding="utf-8")
    assert shares([tmp_path / "both.ctm"]) == BOTH


def test_the_channel_tells_where_no_label_names_a_speaker(tmp_path: Path) -> None:
    text = write_ctm(tmp_path / "one.ctm", "learner", "doctor_visit", "1").read_text("utf-8")
    text += write_ctm(tmp_path / "two.ctm", "patient", "doctor_visit", "2").read_text("utf-8")
    (tmp_path / "doctor_visit.ctm").write_text(text, encoding="utf-8")
    assert shares([tmp_path / "doctor_visit.ctm"]) == BOTH


# -- past the end of the sound --------------------------------------------------------------


def test_a_last_entry_past_the_end_is_cut_with_a_remark() -> None:
    late = [*entries(), TranscriptEntry("Patient", 48.0, 3599.0, "Thanks for watching")]
    transcript = transcript_of(late)
    found, _ = attribute(transcript, SpeakerNames(), VOICES, 0)
    check_fits(transcript, found, VOICES, 50.0)
    inside, remarks = clipped(transcript, found, 50.0)
    assert max(each.entry.end_s for each in inside) == 50.0
    assert remarks == [
        "1 entry of 'talk.TextGrid' went beyond the end of the sound, to 3599.0 s of 50.0 s, and "
        "was cut there"
    ]


def test_one_entry_after_the_end_is_left_out_and_many_are_another_recording() -> None:
    after = [TranscriptEntry("Patient", 70.0 + i, 70.5 + i, "hello") for i in range(4)]
    assert fits(transcript_of([*entries(), after[0]])) == ""
    assert "do not belong together" in fits(transcript_of([*entries(), *after]))
    assert fits(transcript_of(entries(), 57.0)) == ""
