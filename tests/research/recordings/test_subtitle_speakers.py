"""Subtitles of meeting programs, editors and video sites give speakers and words once each."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice.research.recordings.speaker_names import SpeakerNames
from simvoice.research.recordings.transcript import read_transcripts


def said(path: Path, text: str, names: SpeakerNames | None = None) -> list[tuple[str, str]]:
    path.write_text(text, encoding="utf-8")
    found = read_transcripts([path], names)
    assert found.remarks == ()
    return [(entry.label, entry.text) for entry in found.entries]


def cues(*texts: str) -> str:
    """Return an SRT with a cue of two seconds for each text."""
    return "\n".join(
        f"{i}\n00:00:{2 * i:02d},000 --> 00:00:{2 * i + 1:02d},500\n{text}\n"
        for i, text in enumerate(texts, 1)
    )


@pytest.mark.parametrize(
    "label",
    [
        "Smith, Jane (she/her)",
        "Dr. María-José van der Berg",
        "Shaquille O’Neil",
        "1234 SP",
        "SPEAKER_00",
        "jane.smith@clinic.org",
        "Smith Jane Mary Ann Lee",
    ],
)
def test_names_of_meeting_programs_are_labels(tmp_path: Path, label: str) -> None:
    text = cues(f"{label}: Good morning.", "Ben: Hello.", f"{label}: How are you?", "Ben: Well.")
    assert said(tmp_path / "a.srt", text) == [
        (label, "Good morning."),
        ("Ben", "Hello."),
        (label, "How are you?"),
        ("Ben", "Well."),
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "Remember: take it with food.",
        "I said: wait.",
        "Here is the plan: we operate.",
        "It is at 10:30 then.",
        "Breathe: in and out.",
    ],
)
def test_a_sentence_with_a_colon_is_text(tmp_path: Path, sentence: str) -> None:
    plain = cues(sentence, "Yes.", "And then?", "We will see.")
    assert said(tmp_path / "plain.srt", plain)[0] == ("", sentence)
    spoken = cues("Ann: Hello.", "Ben: Hi.", f"Ann: {sentence}", "Ben: I will.")
    assert said(tmp_path / "spoken.srt", spoken)[2] == ("Ann", sentence)
    on_change = cues("Ann: Hello.", "Ben: Hi.", sentence, "Ann: Good.", "Ben: Bye.", "And bye.")
    assert said(tmp_path / "change.srt", on_change)[2] == ("", sentence)


def test_a_name_that_is_given_or_usual_counts_where_it_occurs_once(tmp_path: Path) -> None:
    text = cues("Doctor: Come in.", "Thank you.", "Sit down.", "Zed: I will.", "Good.")
    assert [label for label, _ in said(tmp_path / "a.srt", text)] == ["Doctor", "", "", "", ""]
    names = SpeakerNames.parse("Doctor,Zed")
    assert [label for label, _ in said(tmp_path / "a.srt", text, names)][3] == "Zed"


def test_two_voices_in_one_cue_are_two_speakers(tmp_path: Path) -> None:
    text = (
        "WEBVTT\n\n1\n00:01.000 --> 00:03.000\n<v.loud Dr. Lynn>Hello</v> <v Mr. Ray>Hi &amp; "
        "thanks</v>\n\n00:04.000 --> 00:05.000 align:start\n- ANN: Who?\n- BEN: Me,\nof course.\n"
    )
    assert said(tmp_path / "a.vtt", text, SpeakerNames.parse("ann,ben")) == [
        ("Dr. Lynn", "Hello"),
        ("Mr. Ray", "Hi & thanks"),
        ("ANN", "Who?"),
        ("BEN", "Me, of course."),
    ]


def test_entities_and_tags_are_decoded(tmp_path: Path) -> None:
    text = cues("<i>She&#39;s</i> &lt;well&gt;,\u00a0{\\an8}Tom&nbsp;&amp; Ann")
    assert said(tmp_path / "a.srt", text) == [("", "She's <well>, Tom & Ann")]


def test_captions_that_roll_are_kept_once(tmp_path: Path) -> None:
    lines = ["good morning", "what brings you", "here today", "well it is", "my chest doctor"]
    blocks = []
    for index, line in enumerate(lines):
        before = lines[index - 1] if index else " "
        start = 3 * index
        blocks += [
            f"00:00:{start:02d}.000 --> 00:00:{start + 2:02d}.990 align:start position:0%\n"
            f"{before}\n{line.replace(' ', '<00:00:01.000><c> ', 1)}</c>\n",
            f"00:00:{start + 2:02d}.990 --> 00:00:{start + 3:02d}.000\n{line}\n \n",
        ]
    text = "WEBVTT\nKind: captions\nLanguage: en\n\n" + "\n".join(blocks)
    assert said(tmp_path / "a.vtt", text) == [("", line) for line in lines]


def test_captions_that_grow_are_kept_once(tmp_path: Path) -> None:
    words = ["so", "how", "have", "you", "been", "since", "we", "met"]
    text = "".join(
        f"{i}\n00:00:{i:02d},000 --> 00:00:{i + 1:02d},000\n{' '.join(words[:i])}\n\n"
        for i in range(1, len(words) + 1)
    )
    assert " ".join(each for _, each in said(tmp_path / "a.srt", text)) == " ".join(words)


def test_people_who_repeat_each_other_are_kept(tmp_path: Path) -> None:
    text = cues("Cancer?", "Cancer.", "Oh no.", "Oh no.", "I am sorry.", "Yes.")
    assert len(said(tmp_path / "a.srt", text)) == 6


@pytest.mark.parametrize(
    "text",
    [
        "\n\n\n" + cues("One.", "Two."),
        cues("One.", "Two.").replace("1\n0", "0").replace("2\n0", "0"),
        cues("One.", "Two.").replace(",", "."),
        cues("One.", "Two.").replace("00:00:", "00:", 1),
        cues("One.", "Two.").replace("\n\n", "\n"),
        cues("One.", "Two.").replace(" --> ", "-->"),
        "WEBVTT - made by hand\n\nSTYLE\n::cue { color: red }\n\nNOTE\nnothing\n\n"
        + cues("One.", "Two.").replace(",", "."),
    ],
    ids=["blank lines", "no numbers", "points", "no hours", "no gap", "no spaces", "blocks"],
)
@pytest.mark.parametrize("ending", ["srt", "vtt"])
def test_unusual_layouts_are_read(tmp_path: Path, text: str, ending: str) -> None:
    assert said(tmp_path / f"a.{ending}", text) == [("", "One."), ("", "Two.")]


def test_a_blank_line_inside_an_srt_cue_loses_no_words(tmp_path: Path) -> None:
    text = cues("One.", "Two\n\nthree.", "Four.")
    assert [words for _, words in said(tmp_path / "a.srt", text)] == ["One.", "Two three.", "Four."]


def test_a_cue_without_times_is_left_out_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.vtt"
    path.write_text(
        "WEBVTT\n\n00:01.000 --> 00:02.000\nOne.\n\nlost words\n\n00:03.000 --> 00:04.000\nTwo.\n",
        encoding="utf-8",
    )
    found = read_transcripts([path])
    assert [entry.text for entry in found.entries] == ["One.", "Two."]
    assert found.remarks == (
        "of the transcript 'a.vtt' 1 entry was left out: line 6 (it has no times)",
    )
