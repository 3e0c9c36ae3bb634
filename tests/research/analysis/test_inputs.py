"""Paths on a command line name attempts, recordings and folders."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simvoice.errors import AttemptError, UsageError
from simvoice.research.analysis.inputs import (
    Gathered,
    InputItem,
    OwnAttempt,
    gather,
    pair,
)
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
    with pytest.raises(UsageError, match="9…' is neither the id of an attempt"):
        found("9" * 5000)
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


# -- what is left out -----------------------------------------------------------------------


def gathered(*paths: object) -> Gathered:
    return gather([str(path) for path in paths], Path("nowhere"), SpeakerNames())


def reasons(*paths: object) -> dict[str, str]:
    return {each.name: each.reason for each in gathered(*paths).left_out}


def test_every_file_of_a_folder_is_analysed_or_left_out_with_a_reason(tmp_path: Path) -> None:
    write(tmp_path / "visit.wav", both()[:16_000])
    textgrid(tmp_path / "visit.TextGrid")
    srt(tmp_path / "visit.srt")
    srt(tmp_path / "other.srt")
    for name in ("visit.txt", "visit.json", "notes.docx", ".DS_Store", "a.conversation.json"):
        (tmp_path / name).write_bytes(b"{}")
    (tmp_path / ".trash").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path.parent, target_is_directory=True)
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nothing.wav")
    (tmp_path / "empty").mkdir()
    found = gathered(tmp_path)
    assert names(found.items) == ["visit"]
    assert {each.name: each.reason for each in found.left_out} == {
        "visit.srt": "'visit.TextGrid' was read for the same sound",
        "other.srt": "no sound file beside it has its name",
        "visit.txt": "it is no transcript with times in a format that simvoice reads",
        "visit.json": "it holds no transcript",
        "notes.docx": "it is neither sound nor a transcript",
        ".DS_Store": "it is hidden: its name begins with a dot",
        ".trash": "it is hidden: its name begins with a dot",
        "a.conversation.json": "it is a result of `simvoice analyze`",
        "linked": "it is a link to a folder; give the folder itself",
        "gone.wav": "it is a link to a file that does not exist",
    }


def test_sound_is_known_by_its_ending_or_its_first_bytes(tmp_path: Path) -> None:
    for name in ("a.m4a", "b.MP4", "c.caf", "d.au", "e.sph", "f.rf64", "g.webm", "h.amr"):
        (tmp_path / name).write_bytes(b"x")
    write(tmp_path / "i.wav", both()[:16_000]).rename(tmp_path / "i")
    write(tmp_path / "j.flac", both()[:16_000]).rename(tmp_path / "j.rec")
    (tmp_path / "k.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    assert names(found(tmp_path)) == list("abcdefghij")
    assert reasons(tmp_path) == {"k.heic": "it is neither sound nor a transcript"}


def test_pipes_and_devices_are_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "visit.wav", both()[:16_000])
    os.mkfifo(tmp_path / "pipe.wav")
    os.mkfifo(tmp_path / "visit.srt")
    with socket.socket(socket.AF_UNIX) as unix:
        monkeypatch.chdir(tmp_path)  # the name of a socket is at most 108 bytes
        unix.bind("sock.flac")
    reason = "it is no regular file but a pipe, a socket or a device"
    assert reasons(tmp_path) == dict.fromkeys(("pipe.wav", "visit.srt", "sock.flac"), reason)
    given = gathered(tmp_path / "pipe.wav", tmp_path / "visit.wav", "/dev/zero")
    assert names(given.items) == ["visit"]
    assert [each.reason for each in given.left_out] == [reason, reason]
    with pytest.raises(UsageError, match="it is no regular file but a pipe"):
        gathered(tmp_path / "pipe.wav")


def test_names_that_are_not_utf_8_are_named_readably_and_left_out(tmp_path: Path) -> None:
    write(tmp_path / "visit.wav", both()[:16_000])
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    (tmp_path / "visit.wav").rename(odd)
    write(tmp_path / "visit.wav", both()[:16_000])
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/ann\xe9e"))
    folder.mkdir()
    reason = "its name is not valid UTF-8; rename it"
    assert reasons(tmp_path) == {r"caf\xe9.wav": reason, r"ann\xe9e": reason}
    assert names(gathered(odd, tmp_path / "visit.wav").items) == ["visit"]
    with pytest.raises(UsageError, match="rename the file"):
        pair(odd, odd)


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "visit.wav", both()[:16_000])
    write(tmp_path / "locked" / "b.wav", both()[:16_000])
    scan = os.scandir

    def refused(path: Any) -> Any:  # as root, permissions refuse nothing
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert reasons(tmp_path) == {"locked": "the folder cannot be read (Permission denied)"}


def test_transcripts_of_all_formats_are_found_and_the_best_is_read(tmp_path: Path) -> None:
    write(tmp_path / "v.wav", both()[:16_000])
    for name in ("v.rttm", "v.srt", "v.vtt", "v.stm", "v.ctm", "v.cha", "v.eaf", "v.TextGrid"):
        (tmp_path / name).write_text("", encoding="utf-8")
        assert [p.name for p in recording(found(tmp_path)[0]).transcripts] == [name]
        assert len(reasons(tmp_path)) == len(list(tmp_path.iterdir())) - 2


def test_the_json_of_whisper_is_a_transcript_and_other_json_is_not(tmp_path: Path) -> None:
    write(tmp_path / "v.wav", both()[:16_000])
    srt(tmp_path / "v.srt")
    (tmp_path / "v.json").write_text('{"segments": {"a": 1}}', encoding="utf-8")
    assert [p.name for p in recording(found(tmp_path)[0]).transcripts] == ["v.srt"]
    (tmp_path / "v.json").write_text(
        '{"segments": [{"start": 0, "end": 1, "text": "hi"}]}', encoding="utf-8"
    )
    assert [p.name for p in recording(found(tmp_path)[0]).transcripts] == ["v.json"]


# -- two files with two channels each -------------------------------------------------------


def test_two_files_of_one_sound_on_both_channels_are_a_pair(tmp_path: Path) -> None:
    for who, channel in (("doctor", 0), ("patient", 1)):
        pcm = np.repeat(both()[:, channel : channel + 1], 2, axis=1)
        write(tmp_path / f"v1_{who}.wav", pcm)
    (item,) = found(tmp_path)
    assert [f.name for f in recording(item).files] == ["v1_doctor.wav", "v1_patient.wav"]


def test_two_files_of_two_voices_each_are_two_visits_that_say_how_to_make_them_one(
    tmp_path: Path,
) -> None:
    for who in ("doctor", "patient"):
        write(tmp_path / f"v1_{who}.wav")
    items = found(tmp_path)
    assert names(items) == ["v1_doctor", "v1_patient"]
    assert recording(items[0]).remarks == (
        "'v1_doctor.wav' and 'v1_patient.wav' have two different channels each, so they were "
        "measured as two conversations; if each holds one speaker: --two 'v1_doctor.wav' "
        "'v1_patient.wav'",
    )
