"""Names of files, tiers and labels identify the speaker."""

from __future__ import annotations

import pytest

from simvoice.errors import SettingError
from simvoice.research.recordings.speaker_names import SpeakerNames


@pytest.mark.parametrize(
    ("label", "who"),
    [
        ("Doctor", "learner"),
        ("DR. LYNN", "learner"),
        ("student_03", "learner"),
        ("Patient", "patient"),
        ("simulated patient", "patient"),
        ("day1_consultation01_patient", "patient"),
        ("Doctor1", "learner"),
        ("GP", "learner"),
        ("Jane Smith, MD", "learner"),
        ("HCP 2", "learner"),
        ("family doctor", "learner"),
        ("1234 SP", "patient"),
        ("the son", "patient"),
        ("Daughter", "patient"),
        ("SPEAKER_00", None),
        ("doctor and patient", None),
        ("", None),
        ("doctrine", None),
    ],
)
def test_the_usual_words_name_both_speakers(label: str, who: str | None) -> None:
    assert SpeakerNames().speaker_of(label) == who


@pytest.mark.parametrize(
    ("given", "learner", "patient"),
    [
        ("SPEAKER_00,SPEAKER_01", "SPEAKER_00", "SPEAKER_01"),
        ("Dr Smith,Mr Jones", "dr. smith", "Transcript of Mr Jones"),
        ("Doctor1,Doctor2", "doctor1", "Doctor 2"),
        ("GP,son|daughter", "The GP", "the daughter"),
        ("Smith, Jane; Jones, Al", "Smith, Jane (she/her)", "jones al"),
        ("O’Neil,N'Dour", "O'Neil", "N’Dour"),
    ],
)
def test_any_names_can_be_given(given: str, learner: str, patient: str) -> None:
    names = SpeakerNames.parse(given)
    assert (names.speaker_of(learner), names.speaker_of(patient)) == ("learner", "patient")
    assert names.speaker_of("SPEAKER_02") is None


def test_other_words_can_be_given() -> None:
    names = SpeakerNames.parse("Ärztin, Kundin")
    assert (names.speaker_of("Ärztin 2"), names.speaker_of("KUNDIN")) == ("learner", "patient")
    assert names.speaker_of("doctor") is None


@pytest.mark.parametrize("text", ["doctor", "a,b,c", "x,x", ",", "a|b,b", "-,patient"])
def test_anything_but_two_different_names_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"write the learner's first"):
        SpeakerNames.parse(text)


@pytest.mark.parametrize(
    ("stem", "shared"),
    [
        ("day1_consultation01_doctor", "day1_consultation01"),
        ("patient-visit 3", "visit 3"),
        ("visit.doctor.take2", "visit.take2"),
        ("visit2_doctor1", "visit2_1"),
        ("doctor", ""),
    ],
)
def test_the_files_of_a_pair_share_the_rest_of_their_names(stem: str, shared: str) -> None:
    assert SpeakerNames().without_names(stem) == shared
