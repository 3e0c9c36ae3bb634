"""TextGrid, EAF, RTTM and CTM are read back by the tools that use them."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as etree
from pathlib import Path
from typing import Any

import pympi
import pytest

from simvoice.research.analysis.conversation import Conversation, ConversationWord
from simvoice.research.export.annotations import (
    Annotation,
    disjoint,
    tiers_of,
    to_ctm,
    to_eaf,
    to_rttm,
    to_textgrid,
)
from simvoice.research.recordings.transcript import read_transcripts

HOUSE = Path(__file__).resolve().parents[3]


@pytest.fixture(params=["attempt", "recording"])
def found(request: pytest.FixtureRequest) -> Conversation:
    conversation: Conversation = request.getfixturevalue(request.param)
    return conversation


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def voice(found: Conversation, who: str) -> list[tuple[float, float]]:
    return [(s.start_s, s.end_s) for s in found.stretches if s.who == who]


# -- Praat ----------------------------------------------------------------------------------


def read_by_praat(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.research.export.praat_reads", str(path)],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=True,
    )
    read: dict[str, Any] = json.loads(done.stdout)
    return read


@pytest.mark.slow
def test_praat_reads_the_textgrid_with_every_stretch_and_word(
    found: Conversation, tmp_path: Path
) -> None:
    read = read_by_praat(write(tmp_path / "tälk 1.TextGrid", to_textgrid(found)))
    assert read["length_s"] == pytest.approx(found.length_s, abs=0.001)
    for who in ("learner", "patient"):
        times = [(start, end) for start, end, _ in read["tiers"][f"{who} speech"]]
        assert times == [pytest.approx(pair, abs=0.0015) for pair in voice(found, who)]
    texts = [text for *_, text in read["tiers"]["patient utterances"]]
    assert "My mother died of" in texts
    silences = [text for *_, text in read["tiers"]["silences"]]
    assert len(silences) == sum(e.kind == "silence" for e in found.events)


@pytest.mark.slow
def test_our_reader_reads_our_textgrid_and_eaf_as_transcripts(
    found: Conversation, tmp_path: Path
) -> None:
    path = write(tmp_path / "talk.TextGrid", to_textgrid(found))
    entries = [e for e in read_transcripts([path]).entries if not e.is_word]
    as_eaf = write(tmp_path / "talk.eaf", to_eaf(found))
    assert [(e.label, e.text) for e in read_transcripts([as_eaf]).entries if not e.is_word] == [
        (u.who, u.text) for u in sorted(found.utterances, key=lambda u: (u.start_s, u.end_s))
    ]
    assert [(e.text, round(e.start_s, 2)) for e in entries] == [
        (u.text, round(u.start_s, 2))
        for u in sorted(found.utterances, key=lambda u: (u.start_s, u.end_s))
    ]


@pytest.mark.slow
def test_quotes_in_a_text_are_escaped(attempt: Conversation, tmp_path: Path) -> None:
    quoted = attempt.utterances[0].model_copy(update={"text": 'She said "no", <twice> & left'})
    changed = attempt.model_copy(update={"utterances": (quoted,)})
    path = write(tmp_path / "q.TextGrid", to_textgrid(changed))
    assert read_by_praat(path)["tiers"]["patient utterances"][0][2] == quoted.text
    eaf = pympi.Eaf(str(write(tmp_path / "q.eaf", to_eaf(changed))))
    assert eaf.get_annotation_data_for_tier("patient utterances")[0][2] == quoted.text


# -- ELAN -----------------------------------------------------------------------------------


def test_pympi_reads_the_eaf_back(found: Conversation, tmp_path: Path) -> None:
    eaf = pympi.Eaf(str(write(tmp_path / "talk.eaf", to_eaf(found))))
    assert list(eaf.get_tier_names()) == [tier.name for tier in tiers_of(found)]
    for who in ("learner", "patient"):
        read = [
            (a / 1000, b / 1000)
            for a, b, _ in sorted(eaf.get_annotation_data_for_tier(f"{who} speech"))
        ]
        assert read == [pytest.approx(pair, abs=0.0011) for pair in voice(found, who)]


CHILDREN = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "CONSTRAINT"]
"""The elements that we write, in the order of the schema."""


def test_the_eaf_follows_its_schema(found: Conversation) -> None:
    """EAF 2.8: order of elements, required attributes, identifiers, references and times."""
    data = to_eaf(found)
    assert data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n')
    root = etree.fromstring(data)
    assert root.tag == "ANNOTATION_DOCUMENT"
    assert {"AUTHOR", "DATE", "VERSION", "FORMAT"} <= set(root.attrib)
    tags = [child.tag for child in root]
    assert tags == sorted(tags, key=CHILDREN.index)
    assert tags.count("HEADER") == tags.count("TIME_ORDER") == 1

    slots = {s.attrib["TIME_SLOT_ID"]: int(s.attrib["TIME_VALUE"]) for s in root.iter("TIME_SLOT")}
    assert len(slots) == len(list(root.iter("TIME_SLOT")))
    assert list(slots.values()) == sorted(slots.values())
    types = {t.attrib["LINGUISTIC_TYPE_ID"]: t.attrib for t in root.iter("LINGUISTIC_TYPE")}
    ids = [a.attrib["ANNOTATION_ID"] for a in root.iter("ALIGNABLE_ANNOTATION")]
    assert len(ids) == len(set(ids)) > 0
    used = set()
    for tier in root.iter("TIER"):
        assert types[tier.attrib["LINGUISTIC_TYPE_REF"]]["TIME_ALIGNABLE"] == "true"
        before = 0
        for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
            refs = [annotation.attrib[f"TIME_SLOT_REF{i}"] for i in (1, 2)]
            start, end = (slots[ref] for ref in refs)
            assert before <= start < end
            before = end
            used.update(refs)
            assert [child.tag for child in annotation] == ["ANNOTATION_VALUE"]
    assert used == set(slots)
    names = [tier.attrib["TIER_ID"] for tier in root.iter("TIER")]
    assert len(names) == len(set(names))


def test_the_eaf_links_the_sound_by_its_name(recording: Conversation) -> None:
    media = next(etree.fromstring(to_eaf(recording)).iter("MEDIA_DESCRIPTOR"))
    assert media.attrib["RELATIVE_MEDIA_URL"] == "./Vísita 1.wav"
    assert media.attrib["MIME_TYPE"] == "audio/x-wav"


# -- the line formats -----------------------------------------------------------------------


def test_rttm_contains_every_stretch_of_speech(found: Conversation) -> None:
    lines = [line.split() for line in to_rttm(found).decode().splitlines()]
    assert all(len(line) == 10 and line[0] == "SPEAKER" for line in lines)
    for who, channel in (("learner", "1"), ("patient", "2")):
        read = [(float(x[3]), float(x[3]) + float(x[4])) for x in lines if x[7] == who]
        spoken = [
            (s.start_s, s.end_s) for s in found.stretches if s.who == who and s.kind != "noise"
        ]
        assert read == [pytest.approx(pair, abs=0.002) for pair in spoken]
        assert {x[2] for x in lines if x[7] == who} == {channel}


def test_the_words_of_a_ctm_are_read_back(attempt: Conversation, tmp_path: Path) -> None:
    word = ConversationWord(who="learner", start_s=3.5, end_s=3.75, text="that's it", prob=0.5)
    changed = attempt.model_copy(update={"words": (*attempt.words, word)})
    path = write(tmp_path / "talk.ctm", to_ctm(changed))
    assert path.read_text("utf-8").splitlines()[0] == f"{attempt.id} 1 3.500 0.250 that's_it 0.500"
    entries = read_transcripts([path]).entries
    assert [e.channel for e in entries].count(1) == len(attempt.words)


# -- tiers ----------------------------------------------------------------------------------


def test_overlapping_labels_are_separated_without_losing_text() -> None:
    given = [
        Annotation(0.0, 2.0, "a"),
        Annotation(1.0, 3.0, "b"),
        Annotation(1.5, 2.5, "c"),
        Annotation(4.0, 5.0, "d"),
    ]
    assert disjoint(given) == [
        Annotation(0.0, 2.0, "a"),
        Annotation(2.0, 3.0, "b c"),
        Annotation(4.0, 5.0, "d"),
    ]


@pytest.mark.slow
def test_an_empty_conversation_gives_valid_files(attempt: Conversation, tmp_path: Path) -> None:
    empty = attempt.model_copy(
        update={"length_s": 0.0, "stretches": (), "utterances": (), "words": (), "events": ()}
    )
    read = read_by_praat(write(tmp_path / "e.TextGrid", to_textgrid(empty)))
    assert read["tiers"] == {"learner speech": [], "patient speech": []}
    assert len(list(pympi.Eaf(str(write(tmp_path / "e.eaf", to_eaf(empty)))).get_tier_names())) == 2
