"""Names of files, tiers and labels identify the speaker."""

from __future__ import annotations

import pytest

from simvoice.errors import SettingError
from simvoice.research.recordings.match import SpeakerNames


@pytest.mark.parametrize(
    ("label", "who"),
    [
        ("Doctor", "learner"),
        ("DR. LYNN", "learner"),
        ("student_03", "learner"),
        ("Patient", "patient"),
        ("simulated patient", "patient"),
        ("day1_consultation01_patient", "patient"),
        ("SPEAKER_00", None),
        ("doctor and patient", None),
        ("", None),
        ("doctrine", None),
    ],
)
def test_the_usual_words_name_both_speakers(label: str, who: str | None) -> None:
    assert SpeakerNames().speaker_of(label) == who


def test_other_words_can_be_given() -> None:
    names = SpeakerNames.parse("Ärztin, Kundin")
    assert (names.speaker_of("Ärztin 2"), names.speaker_of("KUNDIN")) == ("learner", "patient")
    assert names.speaker_of("doctor") is None


@pytest.mark.parametrize("text", ["doctor", "a,b,c", "x,x", ",", "two words,patient"])
def test_anything_but_two_different_words_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"write the learner's first"):
        SpeakerNames.parse(text)


@pytest.mark.parametrize(
    ("stem", "shared"),
    [
        ("day1_consultation01_doctor", "day1_consultation01"),
        ("patient-visit 3", "visit 3"),
        ("visit.doctor.take2", "visit.take2"),
        ("doctor", ""),
    ],
)
def test_the_files_of_a_pair_share_the_rest_of_their_names(stem: str, shared: str) -> None:
    assert SpeakerNames().without_names(stem) == shared
