"""Write annotation files: ELAN's EAF, Praat's TextGrid, RTTM and CTM."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pympi  # type: ignore[import-untyped]

from simvoice.research.analysis.conversation import Conversation, ConversationEvent, Who
from simvoice.rounding import round_seconds

# -- tiers ----------------------------------------------------------------------------------

_LEAST_S = 0.001
"""Seconds of the shortest annotation: ELAN counts whole milliseconds."""

TierKind = Literal["speech", "utterance", "word", "event"]

_SPEAKERS: tuple[Who, Who] = ("learner", "patient")


@dataclass(frozen=True, slots=True)
class Annotation:
    """A labelled stretch of time, seconds."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Tier:
    """A named tier; its labels are in order of time and do not overlap."""

    name: str
    kind: TierKind
    who: Who | None
    labels: tuple[Annotation, ...]


def tiers_of(found: Conversation) -> list[Tier]:
    """Return the tiers of speech, then utterances and words where known, then events."""
    tiers = [
        _tier(
            f"{who} speech",
            "speech",
            who,
            ((s.start_s, s.end_s, s.kind) for s in found.stretches if s.who == who),
        )
        for who in _SPEAKERS
    ]
    tiers += [
        _tier(f"{who} utterances", "utterance", who, ((u.start_s, u.end_s, u.text) for u in own))
        for who in _SPEAKERS
        # a typed utterance has no length, so no tier can hold it
        if (own := [u for u in found.utterances if u.who == who and u.end_s > u.start_s])
    ]
    tiers += [
        _tier(f"{who} words", "word", who, ((w.start_s, w.end_s, w.text) for w in words))
        for who in _SPEAKERS
        if (words := [w for w in found.words if w.who == who])
    ]
    return tiers + [
        _tier(name, "event", None, ((e.start_s, e.end_s, _event_text(e)) for e in events))
        for name, kinds in _EVENT_TIERS.items()
        if (events := [e for e in found.events if e.kind in kinds])
    ]


_EVENT_TIERS = {
    "between": ("pause", "gap", "overlap_between", "overlap_within"),
    "silences": ("silence",),
    "holds": ("hold",),
    "interruptions": ("interruption", "interruption_attempt", "early_start", "simultaneous_start"),
    "acknowledgements": ("backchannel",),
    "machine": ("machine",),
}


def _event_text(event: ConversationEvent) -> str:
    """Return a label such as `gap, learner` or `silence thinking, patient; broken by learner`."""
    label = event.kind.replace("_", " ")
    if event.silence:
        label += f" {event.silence.replace('_', ' ')}"
    if event.outcome:
        label += f" {event.outcome}"
    if event.owner:
        label += f", {event.owner}"
    if event.kind == "silence" and event.breaker:
        label += f"; broken by {event.breaker}"
    return f"{label}: {event.text}" if event.text else label


def _tier(
    name: str, kind: TierKind, who: Who | None, spans: Iterable[tuple[float, float, str]]
) -> Tier:
    labels = [Annotation(round_seconds(a), round_seconds(b), text) for a, b, text in spans]
    return Tier(name, kind, who, tuple(disjoint(labels)))


def disjoint(labels: Sequence[Annotation]) -> list[Annotation]:
    """Return the labels in order of time, without overlaps.

    A label that begins before the previous one ends is moved to that end. When nothing of it is
    left, its text is added to the previous label.
    """
    ordered: list[Annotation] = []
    for label in sorted(labels, key=lambda found: (found.start_s, found.end_s)):
        start_s = max(label.start_s, ordered[-1].end_s) if ordered else label.start_s
        if label.end_s - start_s >= _LEAST_S:
            ordered.append(Annotation(start_s, label.end_s, label.text))
        elif ordered:
            last = ordered.pop()
            text = f"{last.text} {label.text}".strip()
            ordered.append(Annotation(last.start_s, last.end_s, text))
    return ordered


# -- ELAN's EAF, written with pympi-ling ----------------------------------------------------

_UNDATED = "1970-01-01T00:00:00+00:00"
"""The date of undated conversations. ELAN needs one; the export's would make exports differ."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 forbids even when escaped; ELAN refuses a file that contains one."""

_MIME = {".wav": "audio/x-wav", ".flac": "audio/x-flac", ".mp3": "audio/mpeg"}


def to_eaf(found: Conversation) -> bytes:
    """Return EAF 2.8. The sound is linked by its name: put the EAF beside it, or let ELAN ask.

    The name is not percent-encoded, because ELAN looks for a file of exactly the name it reads.
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
            link = name if name.startswith("../") else f"./{name}"
            made.add_linked_file(link, relpath=link, mimetype=mime)
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
    """Return the text with U+FFFD for each character that XML forbids."""
    return _NOT_XML.sub("\ufffd", text)


def _order_time_slots(made: pympi.Eaf) -> None:
    """Number the time slots in order of time, as ELAN does; pympi numbers them tier by tier."""
    ordered = sorted(made.timeslots, key=lambda slot: (made.timeslots[slot], int(slot[2:])))
    names = {slot: f"ts{number}" for number, slot in enumerate(ordered, 1)}
    made.timeslots = {names[slot]: made.timeslots[slot] for slot in ordered}
    for aligned, *_ in made.tiers.values():
        for annotation, (start, end, text, svg) in aligned.items():
            aligned[annotation] = (names[start], names[end], text, svg)


# -- Praat's TextGrid, written with pympi-ling ----------------------------------------------


def to_textgrid(found: Conversation) -> bytes:
    """Return a TextGrid, long text format, UTF-8. Every tier covers the whole conversation."""
    tiers = tiers_of(found)
    ends = [label.end_s for tier in tiers for label in tier.labels]
    end_s = round_seconds(max([found.length_s, *ends, 0.001]))
    grid = pympi.TextGrid(xmax=end_s)
    for tier in tiers:
        made = grid.add_tier(tier.name)
        for label in tier.labels:
            # The check is quadratic and not needed: the labels are disjoint.
            made.add_interval(label.start_s, label.end_s, label.text, check=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.TextGrid"
        grid.to_file(path)
        return path.read_bytes()


# -- formats of speech scoring tools: RTTM and CTM ------------------------------------------

_CHANNELS = {"learner": "1", "patient": "2"}


def to_rttm(found: Conversation) -> bytes:
    """Return an RTTM line for each stretch of speech, including acknowledgements but not noise.

    Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan",
    appendix A.
    """
    lines = [
        f"SPEAKER {found.id} {_CHANNELS[s.who]} {s.start_s:.3f} {s.end_s - s.start_s:.3f} "
        f"<NA> <NA> {s.who} <NA> <NA>"
        for s in found.stretches
        if s.kind != "noise"
    ]
    return _joined(lines)


def to_ctm(found: Conversation) -> bytes:
    """Return a CTM line for each word, by channel (1 learner, 2 patient) and time.

    Recognised words have a confidence. Source: NIST sclite.
    """
    ordered = sorted(found.words, key=lambda w: (_CHANNELS[w.who], w.start_s, w.end_s))
    lines = []
    for word in ordered:
        text = "_".join(word.text.split())
        confidence = "" if word.prob is None else f" {word.prob:.3f}"
        lines.append(
            f"{found.id} {_CHANNELS[word.who]} {word.start_s:.3f} "
            f"{word.end_s - word.start_s:.3f} {text}{confidence}"
        )
    return _joined(lines)


def _joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8")
