"""Every transcript format is read, whole or with one bad entry, in any usual encoding."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from simvoice.errors import AudioFileError
from simvoice.research.recordings.speaker_names import SpeakerNames
from simvoice.research.recordings.transcript import RecordingTranscript, read_transcripts
from simvoice.research.recordings.transcript_entry import TranscriptEntry

LINES = (
    ("Doctor", 1.0, 2.5, "Come in, José."),
    ("Patient", 3.0, 4.25, "It’s my café."),
    ("Doctor", 5.0, 6.0, "I see"),
)
"""What every file below holds, with letters that Windows-1252 writes in other bytes than UTF-8."""

Write = Callable[[float], str]
"""Writes the file with another end of the last entry."""


def _clock(at_s: float, point: str) -> str:
    whole, ms = divmod(round(at_s * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{point}{ms:03d}"


def _ended(end_s: float) -> list[tuple[str, float, float, str]]:
    return [*LINES[:-1], (*LINES[-1][:2], end_s, LINES[-1][3])]


def textgrid(end_s: float) -> str:
    tiers = []
    for number, who in enumerate(("Doctor", "Patient"), 1):
        own = [(a, b, text) for label, a, b, text in _ended(end_s) if label == who]
        entries = "".join(
            f"        intervals [{index}]:\n            xmin = {a} \n            xmax = {b} \n"
            f'            text = "{text}" \n'
            for index, (a, b, text) in enumerate(own, 1)
        )
        tiers.append(
            f'    item [{number}]:\n        class = "IntervalTier" \n        name = "{who}" \n'
            f"        xmin = 0 \n        xmax = 8 \n        intervals: size = {len(own)} \n"
            + entries
        )
    return (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0 \nxmax = 8 \n'
        "tiers? <exists> \nsize = 2 \nitem []: \n" + "".join(tiers)
    )


def short_textgrid(end_s: float) -> str:
    tiers = []
    for who in ("Doctor", "Patient"):
        own = [(a, b, text) for label, a, b, text in _ended(end_s) if label == who]
        entries = "".join(f'{a}\n{b}\n"{text}"\n' for a, b, text in own)
        tiers.append(f'"IntervalTier"\n"{who}"\n0\n8\n{len(own)}\n{entries}')
    return 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n8\n<exists>\n2\n' + "".join(
        tiers
    )


def eaf(end_s: float) -> str:
    slots, tiers = "", {"Doctor": "", "Patient": ""}
    for number, (who, a, b, text) in enumerate(_ended(end_s)):
        for which, at_s in ((1, a), (2, b)):
            slots += (
                f'<TIME_SLOT TIME_SLOT_ID="ts{number}{which}" TIME_VALUE="{round(at_s * 1000)}"/>\n'
            )
        tiers[who] += (
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" '
            f'TIME_SLOT_REF1="ts{number}1" TIME_SLOT_REF2="ts{number}2">'
            f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>\n"
        )
    named = "".join(
        f'<TIER TIER_ID="t-{who}" PARTICIPANT="{who}" LINGUISTIC_TYPE_REF="x">\n{entries}</TIER>\n'
        for who, entries in tiers.items()
    )
    notes = (
        '<TIER TIER_ID="gloss" PARENT_REF="t-Doctor"><ANNOTATION><REF_ANNOTATION '
        'ANNOTATION_ID="r1" ANNOTATION_REF="a0"><ANNOTATION_VALUE>aside</ANNOTATION_VALUE>'
        "</REF_ANNOTATION></ANNOTATION></TIER>\n"
    )
    order = f"<TIME_ORDER>\n{slots}</TIME_ORDER>\n"
    return f"<ANNOTATION_DOCUMENT>\n{order}{named}{notes}</ANNOTATION_DOCUMENT>\n"


def chat(end_s: float) -> str:
    codes = {"Doctor": "DOC", "Patient": "PAT"}
    said = "".join(
        f"*{codes[who]}:\t{text} \x15{round(a * 1000)}_{round(b * 1000)}\x15\n"
        for who, a, b, text in _ended(end_s)
    )
    head = "@UTF8\n@Begin\n@Participants:\tDOC Doctor Doctor, PAT Patient\n"
    return f"{head}{said}%com:\tno one else\n@End\n"


def ctm(end_s: float) -> str:
    channels = {"Doctor": "1", "Patient": "2"}
    return ";; by hand\n" + "".join(
        f"visit {channels[who]} {a} {b - a:.3f} {text.split()[-1]} 0.9\n"
        for who, a, b, text in _ended(end_s)
    )


def stm(end_s: float) -> str:
    return "".join(f"visit 1 {who} {a} {b} <o,f0> {text}\n" for who, a, b, text in _ended(end_s))


def rttm(end_s: float) -> str:
    return "".join(
        f"SPEAKER visit 1 {a} {b - a:.3f} <NA> <NA> {who} <NA> <NA>\n"
        for who, a, b, _ in _ended(end_s)
    )


def srt(end_s: float) -> str:
    return "\n".join(
        f"{index}\n{_clock(a, ',')} --> {_clock(b, ',')}\n{who}: {text}\n"
        for index, (who, a, b, text) in enumerate(_ended(end_s), 1)
    )


def vtt(end_s: float) -> str:
    return "WEBVTT\n\n" + "\n".join(
        f"{_clock(a, '.')} --> {_clock(b, '.')}\n<v {who}>{text}</v>\n"
        for who, a, b, text in _ended(end_s)
    )


def whisper(end_s: float) -> str:
    segments = [
        {"id": index, "start": a, "end": b, "text": f" {text}"}
        for index, (_, a, b, text) in enumerate(_ended(end_s))
    ]
    return json.dumps({"text": "", "segments": segments, "language": "en"}, ensure_ascii=False)


def whisperx(end_s: float) -> str:
    segments = [
        {
            "start": a,
            "end": b,
            "text": text,
            "speaker": who,
            "words": [{"word": word, "speaker": who} for word in text.split()]
            if index == 1
            else [{"word": text, "start": a, "end": b, "score": 0.9, "speaker": who}],
        }
        for index, (who, a, b, text) in enumerate(_ended(end_s))
    ]
    return json.dumps({"segments": segments, "word_segments": []}, ensure_ascii=False)


@dataclass(frozen=True)
class Format:
    """One transcript format, and how one entry of it is broken."""

    name: str
    write: Write
    broken: tuple[str, str]
    """What is replaced in the entry of the patient, and by what."""
    place: str
    """How the remark names that entry."""
    has_labels: bool = True
    has_texts: bool = True
    whole_texts: bool = True
    """Whether an entry has all the words: a CTM above has only the last."""


FORMATS = (
    Format("long.TextGrid", textgrid, ("xmin = 3.0 ", "xmin = three "), "line 32"),
    Format("short.TextGrid", short_textgrid, ("\n3.0\n", "\n\n"), "line 26"),
    Format("talk.eaf", eaf, ('TIME_SLOT_REF1="ts11"', 'TIME_SLOT_REF1="gone"'), "annotation a1"),
    Format("talk.cha", chat, ("\x153000_4250\x15", ""), "line 5"),
    Format(
        "talk.ctm", ctm, ("2 3.0 1.250", "2 3.0"), "line 3", has_labels=False, whole_texts=False
    ),
    Format("talk.stm", stm, ("3.0 4.25", "4.25 3.0"), "line 2"),
    Format("talk.rttm", rttm, ("1 3.0 1.250", "1 nan 1.250"), "line 2", has_texts=False),
    Format("talk.srt", srt, ("00:00:03,000", "00:0O:03,000"), "line 6"),
    Format("talk.vtt", vtt, ("00:00:04.250", "00:00:02.250"), "line 6"),
    Format(
        "whisper.json", whisper, ('"start": 3.0', '"start": null'), "segment 2", has_labels=False
    ),
    Format("whisperx.json", whisperx, ('"start": 3.0', '"start": -3.0'), "segment 2"),
)

each_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)


def utterances(path: Path) -> list[TranscriptEntry]:
    """Return the entries in order; of a file that has both, the utterances."""
    found = read_transcripts([path]).entries
    return [entry for entry in found if not entry.is_word] or list(found)


def check(form: Format, found: list[TranscriptEntry], expected: list[tuple]) -> None:
    assert [(e.start_s, pytest.approx(e.end_s)) for e in found] == [
        (a, b) for _, a, b, _ in expected
    ]
    texts = [text if form.whole_texts else text.split()[-1] for _, _, _, text in expected]
    assert [entry.text for entry in found] == (texts if form.has_texts else [""] * len(texts))
    if form.has_labels:
        names = SpeakerNames()
        assert [names.speaker_of(entry.label) for entry in found] == [
            {"Doctor": "learner", "Patient": "patient"}[who] for who, *_ in expected
        ]


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "utf-8": lambda text: text.encode(),
    "byte order mark": lambda text: text.encode("utf-8-sig"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "cp1252": lambda text: text.encode("cp1252"),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 without a mark": lambda text: text.encode("utf-16-le"),
}


@each_format
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_whole_transcript_is_read_in_any_encoding(
    tmp_path: Path, form: Format, encoding: str
) -> None:
    text = form.write(6.0)
    if form.name.endswith(".eaf") and encoding in ("cp1252", "utf-16"):
        text = f'<?xml version="1.0" encoding="{encoding}"?>\n{text}'
    if form.name.endswith(".eaf") and encoding == "utf-16 without a mark":
        pytest.skip("XML in UTF-16 has a mark")
    path = tmp_path / form.name
    path.write_bytes(ENCODINGS[encoding](text))
    check(form, utterances(path), list(LINES))
    assert [r for r in read_transcripts([path]).remarks if "left out" in r] == []


@each_format
def test_one_broken_entry_is_left_out_by_name_and_the_others_are_read(
    tmp_path: Path, form: Format
) -> None:
    text = form.write(6.0)
    assert form.broken[0] in text
    path = tmp_path / form.name
    path.write_text(text.replace(*form.broken), encoding="utf-8")
    check(form, utterances(path), [LINES[0], LINES[2]])
    (remark,) = [r for r in read_transcripts([path]).remarks if "left out" in r]
    assert remark.startswith(f"of the transcript {form.name!r} 1 entry was left out: {form.place}")


@each_format
def test_an_end_past_the_sound_is_read_as_it_is(tmp_path: Path, form: Format) -> None:
    path = tmp_path / form.name
    path.write_text(form.write(90.0), encoding="utf-8")
    check(form, utterances(path), _ended(90.0))


@each_format
def test_other_content_under_the_same_ending_is_refused_with_the_remedy(
    tmp_path: Path, form: Format
) -> None:
    path = tmp_path / form.name
    for content in (b"", b"Minutes of the meeting\n\nApologies: none\n", bytes(range(256)) * 40):
        path.write_bytes(content)
        with pytest.raises(AudioFileError, match="--no-transcript") as caught:
            read_transcripts([path])
        assert form.name in str(caught.value)


@each_format
def test_a_transcript_that_is_cut_off_gives_what_is_left(tmp_path: Path, form: Format) -> None:
    text = form.write(6.0)
    path = tmp_path / form.name
    for share in (0.5, 0.7, 0.9, 0.99):
        path.write_text(text[: round(len(text) * share)], encoding="utf-8")
        found = read_or_error(path)
        if isinstance(found, str):
            assert form.name in found
            continue
        known = {start_s: text for _, start_s, _, text in LINES}
        for entry in found.entries:
            assert entry.is_word or (
                entry.text in known[entry.start_s] and len(found.entries) <= len(LINES) + 2
            )


def read_or_error(path: Path) -> RecordingTranscript | str:
    try:
        return read_transcripts([path])
    except AudioFileError as error:
        return str(error)


@pytest.mark.slow
@pytest.mark.timeout(30)  # patterns that look back take minutes for these
@each_format
@pytest.mark.parametrize(
    "piece",
    [
        "\n",
        " ",
        "[",
        "<",
        "<v ",
        "{\\",
        '"',
        "\x15",
        "\x00",
        "&",
        "+",
        "9",
        "a: ",
        "1\n",
        "-->",
        "{",
        "<a>",
    ],
)
def test_hostile_content_is_read_or_refused_at_once(
    tmp_path: Path, form: Format, piece: str
) -> None:
    text = form.write(6.0)
    middle = len(text) // 2
    path = tmp_path / form.name
    path.write_text(text[:middle] + piece * 100_000 + text[middle:], encoding="utf-8")
    assert isinstance(read_or_error(path), RecordingTranscript | str)
