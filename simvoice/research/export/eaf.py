"""ELAN's EAF, written with pympi-ling."""

from __future__ import annotations

import re
from pathlib import Path

import pympi  # type: ignore[import-untyped]

from simvoice.research.analysis.conversation import Conversation
from simvoice.research.export.tiers import tiers_of

_UNDATED = "1970-01-01T00:00:00+00:00"
"""ELAN wants a date; that of the export would make every export differ."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped; ELAN opens nothing of a file that has one."""

_MIME = {".wav": "audio/x-wav", ".flac": "audio/x-flac", ".mp3": "audio/mpeg"}


def to_eaf(found: Conversation) -> bytes:
    """EAF 2.8. The sound is linked by its bare name: put the EAF beside it, or let ELAN ask.

    The name stands as it is, not percent-encoded: ELAN looks for a file of the very name it reads.
    """
    made = pympi.Eaf(author="simvoice")
    made.adocument["DATE"] = found.when or _UNDATED
    made.remove_tier("default")
    made.remove_linguistic_type("default-lt")
    made.properties = []
    for file in found.inputs:
        if file.role == "sound" and file.name:
            mime = _MIME.get(Path(file.name).suffix.casefold(), "application/octet-stream")
            name = _in_xml(file.name)
            place = name if name.startswith("../") else f"./{name}"
            made.add_linked_file(place, relpath=place, mimetype=mime)
    tiers = tiers_of(found)
    for kind in dict.fromkeys(tier.kind for tier in tiers):
        made.add_linguistic_type(kind, timealignable=True)
    for tier in tiers:
        made.add_tier(tier.name, ling=tier.kind, part=tier.who or "")
        for label in tier.labels:
            start_ms, end_ms = round(label.start_s * 1000), round(label.end_s * 1000)
            made.add_annotation(tier.name, start_ms, end_ms, _in_xml(label.text))
    _order_time_slots(made)
    text: str = pympi.Elan.to_string(made)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _in_xml(text: str) -> str:
    """With U+FFFD for each character that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _order_time_slots(made: pympi.Eaf) -> None:
    """Number the time slots in order of time, as ELAN itself does; pympi goes tier by tier."""
    ordered = sorted(made.timeslots, key=lambda slot: (made.timeslots[slot], int(slot[2:])))
    names = {slot: f"ts{number}" for number, slot in enumerate(ordered, 1)}
    made.timeslots = {names[slot]: made.timeslots[slot] for slot in ordered}
    for aligned, *_ in made.tiers.values():
        for annotation, (start, end, text, svg) in aligned.items():
            aligned[annotation] = (names[start], names[end], text, svg)
