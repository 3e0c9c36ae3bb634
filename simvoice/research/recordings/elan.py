"""Read ELAN's annotation files (EAF).

Tiers that depend on another one annotate it (translations, notes) and are read only when they hold
its words. Source: EAF 3.0, EAFv3.0.xsd.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from simvoice.research.recordings.tiers import (
    has_no_words,
    holds_speech,
    holds_words,
    speaker_label,
    without_marks,
)
from simvoice.research.recordings.transcript_entry import (
    EntryCollector,
    TranscriptEntry,
    cannot_read,
)

_MOST_DIGITS = 12
"""Digits of a time in milliseconds: thirty years."""

_PIECE = 1 << 16
"""Bytes that are parsed at a time: what comes before a damaged place is kept."""


@dataclass(slots=True)
class _Times:
    """The time slots in order, and their times in seconds; some have none."""

    known: dict[str, float] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def add(self, slot: Element) -> None:
        key, value = slot.get("TIME_SLOT_ID", ""), slot.get("TIME_VALUE", "")
        self.order.append(key)
        if value.isdecimal() and len(value) <= _MOST_DIGITS:
            self.known[key] = int(value) / 1000.0

    def fill(self) -> None:
        """Share the time between two known slots among those in between, as ELAN shows them."""
        fixed = [index for index, key in enumerate(self.order) if key in self.known]
        for first, last in pairwise(fixed):
            start_s, end_s = self.known[self.order[first]], self.known[self.order[last]]
            for index in range(first + 1, last):
                share = (index - first) / (last - first)
                self.known[self.order[index]] = start_s + share * (end_s - start_s)


def read(name: str, data: bytes) -> EntryCollector:
    """Return the annotations of the tiers of speech. Raises AudioFileError."""
    found = EntryCollector(name)
    times = _Times()
    has_root = False
    for element in _elements(data, found):
        if element.tag == "TIME_SLOT":
            times.add(element)
        elif element.tag == "TIME_ORDER":
            times.fill()
        elif element.tag == "TIER":
            _read_tier(element, times, found)
            element.clear()
        has_root |= element.tag in ("ANNOTATION_DOCUMENT", "TIME_ORDER")
    if not has_root:
        raise cannot_read(name, "EAF")
    return found


def _elements(data: bytes, found: EntryCollector) -> Iterator[Element]:
    """Yield elements as they end; a damaged file gives those before the damage, and a note."""
    parser: XMLPullParser[Element] = XMLPullParser(("end",))
    try:
        for at in range(0, len(data), _PIECE):
            parser.feed(data[at : at + _PIECE])
            yield from _ended(parser)
        parser.close()
    except ParseError as error:
        yield from _ended(parser)
        line, _ = error.position
        found.notes.append(
            f"the transcript {found.name!r} is damaged at line {line}; whole tiers before it were "
            "read"
        )


def _ended(parser: XMLPullParser[Element]) -> Iterator[Element]:
    for _, element in cast(Iterator[tuple[str, Element]], parser.read_events()):
        yield element


def _read_tier(tier: Element, times: _Times, found: EntryCollector) -> None:
    name = tier.get("TIER_ID", "")
    is_word = holds_words(name) or holds_words(tier.get("LINGUISTIC_TYPE_REF", ""))
    if not holds_speech(name) or (tier.get("PARENT_REF") and not is_word):
        return
    label = speaker_label(tier.get("PARTICIPANT", "") or name)
    for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
        place = f"annotation {annotation.get('ANNOTATION_ID', '')} of the tier {name!r}"
        text = without_marks(annotation.findtext("ANNOTATION_VALUE") or "")
        if has_no_words(text):
            continue
        ends = [times.known.get(annotation.get(f"TIME_SLOT_REF{number}", "")) for number in (1, 2)]
        if ends[0] is None or ends[1] is None:
            found.leave_out(place, "it has no times")
        else:
            found.add(TranscriptEntry(label, ends[0], ends[1], text, is_word=is_word), place)
