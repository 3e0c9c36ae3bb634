"""Paths on a command line name attempts, recordings and folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice.errors import AttemptError, UsageError
from simvoice.research.analysis.inputs import InputItem, OwnAttempt, gather, pair
from simvoice.research.analysis.recording import Recording
from simvoice.research.recordings.speaker_names import SpeakerNames
from tests.planted.recordings import both, srt, textgrid, write
from tests.planted.talk import record


def names(items: list[InputItem]) -> list[str]:
    return [item.name for item in items]


def found(*paths: object, called: SpeakerNames | None = None) -> list[InputItem]:
    return gather([str(path) for path in paths], Path("nowhere"), called or SpeakerNames()).items


def recording(item: InputItem) -> Recording:
    assert isinstance(item, Recording)
    return item


def test_a_folder_is_searched_in_a_fixed_order(tmp_path: Path) -> None:
    for name in ("b/two.wav", "a/one.flac", "three.WAV", ".hidden/no.wav", "a/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    assert names(found(tmp_path)) == ["a/one", "b/two", "three"]


def test_files_of_one_channel_whose_names_differ_in_the_speaker_are_a_pair(tmp_path: Path) -> None:
    pcm = both()[:16_000]
    for name in ("v1_doctor", "v1_patient", "v2-Patient", "v2-Dr", "v3_doctor"):
        write(tmp_path / f"{name}.wav", pcm[:, :1])
    items = found(tmp_path)
    assert names(items) == ["v1", "v2", "v3_doctor"]
    assert [f.name for f in recording(items[0]).files] == ["v1_doctor.wav", "v1_patient.wav"]
    assert [f.name for f in recording(items[1]).files] == ["v2-Dr.wav", "v2-Patient.wav"]


def test_two_channel_files_are_two_visits_under_any_name(tmp_path: Path) -> None:
    for name in ("visit_doctor.wav", "visit_patient.wav"):
        write(tmp_path / name, both()[:16_000])
    assert names(found(tmp_path)) == ["visit_doctor", "visit_patient"]


def test_other_speaker_names_can_mark_a_pair(tmp_path: Path) -> None:
    for name in ("1 kundin.wav", "1 ärztin.wav"):
        write(tmp_path / name, both()[:16_000, :1])
    (item,) = found(tmp_path, called=SpeakerNames.parse("ärztin,kundin"))
    assert [f.name for f in recording(item).files] == ["1 ärztin.wav", "1 kundin.wav"]


def test_the_most_informative_transcript_beside_a_file_is_found(tmp_path: Path) -> None:
    write(tmp_path / "talk.wav", both()[:16_000])
    srt(tmp_path / "talk.srt")
    srt(tmp_path / "talker.srt")
    (item,) = found(tmp_path / "talk.wav")
    assert [p.name for p in recording(item).transcripts] == ["talk.srt"]
    textgrid(tmp_path / "talk.doctor.TextGrid")
    textgrid(tmp_path / "talk.patient.TextGrid")
    (item,) = found(tmp_path / "talk.wav")
    assert [p.name for p in recording(item).transcripts] == [
        "talk.doctor.TextGrid",
        "talk.patient.TextGrid",
    ]


def test_a_pair_has_the_transcripts_of_both_or_one_for_both(tmp_path: Path) -> None:
    for who in ("doctor", "patient"):
        write(tmp_path / f"v1_{who}.wav", both()[:16_000, :1])
        write(tmp_path / f"v2_{who}.wav", both()[:16_000, :1])
        textgrid(tmp_path / f"v1_{who}.TextGrid")
    srt(tmp_path / "v2.srt")
    one, two = found(tmp_path)
    assert [p.name for p in recording(one).transcripts] == [
        "v1_doctor.TextGrid",
        "v1_patient.TextGrid",
    ]
    assert [p.name for p in recording(two).transcripts] == ["v2.srt"]


def test_attempts_are_found_by_id_by_folder_and_in_a_folder(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    own = OwnAttempt(attempt.id, tmp_path)
    assert gather([attempt.id], tmp_path, SpeakerNames()).items == [own]
    assert found(tmp_path / attempt.id) == [own]
    assert found(tmp_path) == [own]
    assert found(tmp_path, tmp_path / attempt.id) == [own]


def test_errors_for_missing_paths_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is neither the id of an attempt nor an existing path"):
        found(tmp_path / "gone.wav")
    with pytest.raises(AttemptError, match="there is no attempt 20261122-101530-case-abcd"):
        found("20261122-101530-case-abcd")
    with pytest.raises(UsageError, match="there is no attempt and no recording in"):
        found(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        pair(tmp_path / "a.wav", tmp_path / "b.wav")


def test_transcripts_given_with_their_sound_are_not_recordings(
    tmp_path: Path,
) -> None:
    write(tmp_path / "visit.wav", both()[:16_000])
    textgrid(tmp_path / "visit.TextGrid")
    items = found(*sorted(tmp_path.iterdir()))
    assert names(items) == ["visit"]
    assert [text.name for text in recording(items[0]).transcripts] == ["visit.TextGrid"]


def test_a_transcript_without_its_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'a\.TextGrid' is a transcript; give the sound"):
        found(textgrid(tmp_path / "a.TextGrid"))
