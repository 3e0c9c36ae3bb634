"""Transcripts of all formats are read; broken ones are refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simvoice.errors import AudioFileError
from simvoice.research.recordings.chat import without_codes
from simvoice.research.recordings.speaker_names import SpeakerNames
from simvoice.research.recordings.transcript import read_transcripts
from simvoice.research.recordings.transcript_entry import TranscriptEntry
from tests.planted.recordings import LEARNER_TEXT, LEARNER_TURNS, PATIENT_TURNS, srt, textgrid


def problem(path: Path) -> str:
    with pytest.raises(AudioFileError) as caught:
        read_transcripts([path])
    return str(caught.value)


def test_a_textgrid_gives_labels_times_and_words(tmp_path: Path) -> None:
    found = read_transcripts([textgrid(tmp_path / "talk.TextGrid")])
    doctor = [s for s in found.entries if s.label == "Doctor"]
    assert [(s.start_s, s.end_s) for s in doctor] == list(LEARNER_TURNS)
    assert [s.text for s in doctor] == list(LEARNER_TEXT)
    assert len(found.entries) == len(LEARNER_TURNS) + len(PATIENT_TURNS)
    assert found.length_s == 50.0


def test_a_textgrid_in_utf_16_and_in_the_short_form_is_read(tmp_path: Path) -> None:
    text = textgrid(tmp_path / "long.TextGrid").read_text("utf-8")
    (tmp_path / "wide.TextGrid").write_bytes(text.replace("know", "knöw").encode("utf-16"))
    assert read_transcripts([tmp_path / "wide.TextGrid"]).entries[1].text.endswith("knöw")
    short = (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2.5\n<exists>\n1\n'
        '"IntervalTier"\n"patient"\n0\n2.5\n2\n0\n1\n""\n1\n2.5\n"so ""they"" said"\n'
    )
    (tmp_path / "short.TextGrid").write_text(short, encoding="utf-8")
    assert read_transcripts([tmp_path / "short.TextGrid"]).entries == (
        TranscriptEntry("patient", 1.0, 2.5, 'so "they" said'),
    )


def test_a_time_with_an_exponent_is_read_correctly(tmp_path: Path) -> None:
    path = textgrid(tmp_path / "talk.TextGrid")
    path.write_text(path.read_text("utf-8").replace("xmin = 1.0 ", "xmin = 2.5e-05 "), "utf-8")
    first = read_transcripts([path]).entries[0]
    assert first.start_s == pytest.approx(2.5e-05)


def test_word_tiers_give_words_and_phone_tiers_are_left_out(tmp_path: Path) -> None:
    path = textgrid(tmp_path / "talk.TextGrid", first="doctor - words", second="doctor - phones")
    found = read_transcripts([path])
    assert {s.label for s in found.entries} == {"doctor"}
    assert all(s.is_word for s in found.entries)


def test_marks_of_transcribers_are_removed(tmp_path: Path) -> None:
    path = textgrid(tmp_path / "talk.TextGrid")
    path.write_text(
        path.read_text("utf-8")
        .replace("and your mother", "<UNIN/> and <UNSURE>your</UNSURE> mother")
        .replace("Oh no.", "<UNIN/>"),
        "utf-8",
    )
    texts = [s.text for s in read_transcripts([path]).entries]
    assert "and your mother" in texts
    assert len(texts) == len(LEARNER_TURNS) + len(PATIENT_TURNS) - 1


@pytest.mark.parametrize("labels", [("DOCTOR: ", "PATIENT: "), ("[Doctor]: ", "- Patient: ")])
def test_subtitles_name_speakers_before_a_colon(tmp_path: Path, labels: tuple[str, str]) -> None:
    found = read_transcripts([srt(tmp_path / "talk.srt", labels=labels)])
    assert {s.label.casefold() for s in found.entries} == {"doctor", "patient"}
    assert found.entries[1].text == LEARNER_TEXT[0]
    assert (found.entries[1].start_s, found.entries[1].end_s) == LEARNER_TURNS[0]


def test_webvtt_voice_tags_name_speakers_and_clock_times_do_not(tmp_path: Path) -> None:
    path = tmp_path / "talk.vtt"
    path.write_text(
        "WEBVTT\n\n00:01.000 --> 00:02.500\n<v Dr. Lynn>Come <i>in</i>\n\n"
        "01:00:03.250 --> 01:00:04.000\nI said: at 10:30 then\n",
        encoding="utf-8",
    )
    assert read_transcripts([path]).entries == (
        TranscriptEntry("Dr. Lynn", 1.0, 2.5, "Come in"),
        TranscriptEntry("", 3603.25, 3604.0, "I said: at 10:30 then"),
    )


def test_ctm_gives_words_by_channel(tmp_path: Path) -> None:
    path = tmp_path / "talk.ctm"
    path.write_text(
        ";; made by hand\ntalk A 1.0 0.25 hello 0.98\ntalk 2 1.5 0.5 you\n\ntalk 1 2.0 0.3 <eps>\n",
        encoding="utf-8",
    )
    assert read_transcripts([path]).entries == (
        TranscriptEntry("", 1.0, 1.25, "hello", is_word=True, channel=0),
        TranscriptEntry("", 1.5, 2.0, "you", is_word=True, channel=1),
    )


def test_two_files_with_equal_tier_names_are_two_speakers(tmp_path: Path) -> None:
    paths = [
        textgrid(tmp_path / f"visit_{who}.TextGrid", first="Speaker", second="Notes")
        for who in ("doctor", "patient")
    ]
    labels = {entry.label for entry in read_transcripts(paths).entries}
    assert {SpeakerNames().speaker_of(label) for label in labels} == {"learner", "patient"}


def test_entries_of_two_files_carry_the_file_names(tmp_path: Path) -> None:
    paths = []
    for name in ("visit_doctor.srt", "visit_patient.srt"):
        paths.append(tmp_path / name)
        paths[-1].write_text("1\n00:00:01,000 --> 00:00:02,000\nHello\n", encoding="utf-8")
    labels = {entry.label for entry in read_transcripts(paths).entries}
    assert labels == {"visit_doctor", "visit_patient"}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.TextGrid", "hello", "cannot be read as a TextGrid"),
        ("a.TextGrid", 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n', "TextGrid"),
        ("a.srt", "hello", "cannot be read as SRT"),
        ("a.vtt", "hello", "cannot be read as VTT"),
        ("a.vtt", "WEBVTT\n\n", "contains no words"),
        ("a.ctm", "talk 1 one two three", "line 1 (it is not `file channel"),
        ("a.ctm", "talk 1 nan 0.5 hello", "line 1 (a time is not a"),
        ("a.ctm", "talk 1 2.0 -0.5 hello", "line 1 (it ends before it starts)"),
        ("a.ctm", ";; nothing", "contains no words"),
    ],
)
def test_the_error_for_a_broken_transcript_names_the_remedy(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    found = problem(path)
    assert says in found
    assert name in found
    assert found.endswith("--no-transcript")


def test_the_codes_of_chat_are_no_words() -> None:
    text = "<I want> [//] I (wan)t &-um the [: a] cookie@f (.) &=laughs xxx +..."
    assert without_codes(text) == "I want I want um the cookie..."
    assert without_codes("do you +/?") == "do you?"
    assert without_codes("thank_you , mum .") == "thank you, mum."


def test_words_of_whisperx_without_times_share_the_time_around_them(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    words = [
        {"word": "In", "start": 1.0, "end": 1.2},
        {"word": "1984"},
        {"word": "and"},
        {"word": "now.", "start": 2.2, "end": 2.5, "speaker": "B"},
        {"word": "Yes"},
    ]
    segment = {"start": 1.0, "end": 3.0, "text": "In 1984", "speaker": "A", "words": words}
    path.write_text(json.dumps({"segments": [segment]}), encoding="utf-8")
    found = read_transcripts([path])
    assert [(e.label, e.start_s, e.end_s, e.text) for e in found.entries if e.is_word] == [
        ("A", 1.0, 1.2, "In"),
        ("A", 1.2, pytest.approx(1.7), "1984"),
        ("A", pytest.approx(1.7), pytest.approx(2.2), "and"),
        ("B", 2.2, 2.5, "now."),
        ("A", 2.5, 3.0, "Yes"),
    ]
    assert found.remarks == (
        "3 words of the transcript 'a.json' have no times; they share the time between the words "
        "around them",
    )


def test_the_json_of_whisper_cpp_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        '{"transcription": [{"offsets": {"from": 500, "to": 1500}, "text": " Hello."}]}',
        encoding="utf-8",
    )
    assert read_transcripts([path]).entries == (TranscriptEntry("", 0.5, 1.5, "Hello."),)


def test_an_interval_without_its_closing_quote_costs_no_other(tmp_path: Path) -> None:
    path = textgrid(tmp_path / "talk.TextGrid")
    text = path.read_text("utf-8")
    path.write_text(text.replace('"and your mother"', '"and your mother'), "utf-8")
    found = read_transcripts([path])
    assert len(found.entries) == len(LEARNER_TURNS) + len(PATIENT_TURNS)
    assert "and your mother" in [entry.text.strip() for entry in found.entries]


def test_tiers_of_elan_that_hold_words_give_words_and_slots_without_times_share_them(
    tmp_path: Path,
) -> None:
    slots = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="s{i}"' + (f' TIME_VALUE="{t}"' if t else "") + "/>"
        for i, t in enumerate(("1000", "", "2000"))
    )
    words = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{i}" TIME_SLOT_REF1="s{i}" '
        f'TIME_SLOT_REF2="s{i + 1}"><ANNOTATION_VALUE>{word}</ANNOTATION_VALUE>'
        "</ALIGNABLE_ANNOTATION></ANNOTATION>"
        for i, word in enumerate(("good", "day"))
    )
    path = tmp_path / "a.eaf"
    path.write_text(
        f"<ANNOTATION_DOCUMENT><TIME_ORDER>{slots}</TIME_ORDER>"
        f'<TIER TIER_ID="Doctor words" PARENT_REF="Doctor">{words}</TIER></ANNOTATION_DOCUMENT>',
        encoding="utf-8",
    )
    assert read_transcripts([path]).entries == (
        TranscriptEntry("Doctor", 1.0, 1.5, "good", is_word=True),
        TranscriptEntry("Doctor", 1.5, 2.0, "day", is_word=True),
    )
