"""EAF files meet ELAN's demands beyond the schema, so that ELAN opens them unchanged."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as etree

import pytest

from simvoice.research.analysis.conversation import (
    Conversation,
    ConversationUtterance,
    ConversationWord,
    InputFile,
)
from simvoice.research.export.annotations import tiers_of, to_eaf


def utterances_of(*given: tuple[float, float, str]) -> tuple[ConversationUtterance, ...]:
    return tuple(
        ConversationUtterance(who="learner", start_s=a, end_s=b, text=text) for a, b, text in given
    )


def words_of(*given: tuple[float, float, str]) -> tuple[ConversationWord, ...]:
    return tuple(
        ConversationWord(who="patient", start_s=a, end_s=b, text=text) for a, b, text in given
    )


@pytest.fixture(scope="session")
def awkward(recording: Conversation) -> Conversation:
    """Overlaps, equal times, words of no length and of less than ELAN's millisecond."""
    utterances = utterances_of((0, 2, "a"), (0, 2, "b"), (1, 3, "c"), (1.5, 2.5, "d"), (3, 5, "e"))
    words = words_of(
        (0, 0, "none"),
        (0.5, 0.5, "none"),
        (0.5, 0.5004, "short"),
        (1.0004, 1.0009, "short"),
        (2, 2.0005, "half"),
        (2.0015, 2.0025, "one"),
        (3, 4, "touches"),
        (4, 5, "touched"),
        (86399.9994, 86400.0006, "past the end"),
    )
    return recording.model_copy(update={"utterances": utterances, "words": words})


@pytest.fixture(params=["attempt", "recording", "awkward"])
def found(request: pytest.FixtureRequest) -> Conversation:
    conversation: Conversation = request.getfixturevalue(request.param)
    return conversation


def test_elan_keeps_every_annotation_unchanged(found: Conversation) -> None:
    """ELAN orders a tier by the position of its time slots, not by their times, and copies a slot
    that two tiers share. Annotations of a tier that overlap or have no length are errors, which it
    cuts or drops at the next edit."""
    root = etree.fromstring(to_eaf(found))
    slots = {slot.attrib["TIME_SLOT_ID"]: slot for slot in root.iter("TIME_SLOT")}
    position = {name: number for number, name in enumerate(slots)}
    used: list[str] = []
    for wanted, tier in zip(tiers_of(found), root.iter("TIER"), strict=True):
        assert tier.attrib["TIER_ID"] == wanted.name
        read: list[tuple[int, int, str]] = []
        last = -1
        for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
            begin, end = (annotation.attrib[f"TIME_SLOT_REF{i}"] for i in (1, 2))
            assert last < position[begin] < position[end]
            last = position[end]
            used += [begin, end]
            start_ms, end_ms = (int(slots[name].attrib["TIME_VALUE"]) for name in (begin, end))
            read.append((start_ms, end_ms, annotation.findtext("ANNOTATION_VALUE") or ""))
        assert read == [
            (round(label.start_s * 1000), round(label.end_s * 1000), label.text)
            for label in wanted.labels
        ]
        assert all(begin < end for begin, end, _ in read)
        assert all(end <= begin for (_, end, _), (begin, _, _) in itertools.pairwise(read))
    assert sorted(used) == sorted(slots), "a slot belongs to one annotation"


def test_no_tier_has_a_parent(found: Conversation) -> None:
    """A type without constraints needs a tier without a parent and aligned annotations."""
    root = etree.fromstring(to_eaf(found))
    for kind in root.iter("LINGUISTIC_TYPE"):
        assert kind.attrib["TIME_ALIGNABLE"] == "true"
        assert "CONSTRAINTS" not in kind.attrib
    assert not [tier for tier in root.iter("TIER") if "PARENT_REF" in tier.attrib]
    assert not list(root.iter("REF_ANNOTATION"))
    ids = [a.attrib["ANNOTATION_ID"] for a in root.iter("ALIGNABLE_ANNOTATION")]
    assert all(re.fullmatch(r"a\d+", name) for name in ids), "ELAN continues the numbers"


@pytest.mark.parametrize(
    "bad", ["\x00", "\x01", "\x0b", "\x0c", "\x1b", "\x1f", "\ufffe", "\uffff", "\ud800"]
)
def test_a_character_that_xml_forbids_is_replaced_and_nothing_else_changes(
    attempt: Conversation, bad: str
) -> None:
    texts = (f"it is{bad} serious", "Zoë 👩‍⚕️ 𝒳\ttab\u200b \x7f\x85")
    changed = attempt.model_copy(
        update={
            "utterances": utterances_of((0, 1, texts[0]), (2, 3, texts[1])),
            "inputs": tuple(
                file.model_copy(update={"name": f"a{bad}.wav"}) for file in attempt.inputs
            ),
        }
    )
    root = etree.fromstring(to_eaf(changed))
    tier = next(t for t in root.iter("TIER") if t.attrib["TIER_ID"] == "learner utterances")
    read = [value.text for value in tier.iter("ANNOTATION_VALUE")]
    assert read == ["it is\ufffd serious", texts[1]]
    assert [m.attrib["RELATIVE_MEDIA_URL"] for m in root.iter("MEDIA_DESCRIPTOR")] == [
        "./a\ufffd.wav" for file in attempt.inputs if file.role == "sound"
    ]


@pytest.mark.parametrize(
    "name", ["Vísita 1.wav", "a%20b.wav", '50% [b] #3 & "c" <d>.wav', "10:30.wav", "面接.flac"]
)
def test_the_sound_is_linked_by_its_exact_name(recording: Conversation, name: str) -> None:
    """ELAN does not decode the name: it looks beside the EAF for a file of exactly this name."""
    sound = next(file for file in recording.inputs if file.role == "sound")
    inputs: tuple[InputFile, ...] = (sound.model_copy(update={"name": name}),)
    root = etree.fromstring(to_eaf(recording.model_copy(update={"inputs": inputs})))
    (media,) = root.iter("MEDIA_DESCRIPTOR")
    assert media.attrib["MEDIA_URL"] == media.attrib["RELATIVE_MEDIA_URL"] == f"./{name}"
