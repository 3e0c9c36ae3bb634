"""What an annotation tool shows of a conversation: named tiers of labelled stretches of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from simvoice.research.analysis.conversation import Conversation, Event, Who

_LEAST_S = 0.001
"""ELAN counts milliseconds; a shorter annotation has no length there."""

TierKind = Literal["speech", "utterance", "word", "event"]

_SPEAKERS: tuple[Who, Who] = ("learner", "patient")


@dataclass(frozen=True, slots=True)
class Label:
    """One annotation, seconds."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier; its labels are in order and do not overlap."""

    name: str
    kind: TierKind
    who: Who | None
    labels: tuple[Label, ...]


def tiers_of(found: Conversation) -> list[Tier]:
    """Speech of both, then utterances and words where there are any, then what lies between."""
    tiers = [
        _tier(f"{who} speech", "speech", who, ((s.start_s, s.end_s, s.kind) for s in own))
        for who in _SPEAKERS
        if (own := [s for s in found.stretches if s.who == who]) or True
    ]
    tiers += [
        _tier(f"{who} utterances", "utterance", who, ((u.start_s, u.end_s, u.text) for u in said))
        for who in _SPEAKERS
        if (said := [u for u in found.utterances if u.who == who])
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


def _event_text(event: Event) -> str:
    """Such as `gap, learner` or `silence after_question, learner; broken by learner`."""
    what = event.kind.replace("_", " ")
    if event.silence:
        what += f" {event.silence.replace('_', ' ')}"
    if event.outcome:
        what += f" {event.outcome}"
    if event.owner:
        what += f", {event.owner}"
    if event.kind == "silence" and event.breaker:
        what += f"; broken by {event.breaker}"
    return f"{what}: {event.text}" if event.text else what


def _tier(
    name: str, kind: TierKind, who: Who | None, spans: Iterable[tuple[float, float, str]]
) -> Tier:
    labels = [Label(round(a, 3), round(b, 3), text) for a, b, text in spans]
    return Tier(name, kind, who, tuple(disjoint(labels)))


def disjoint(labels: Sequence[Label]) -> list[Label]:
    """In order; one that begins before the last has ended begins there, or joins it when nothing
    of it is left."""
    kept: list[Label] = []
    for label in sorted(labels, key=lambda found: (found.start_s, found.end_s)):
        start_s = max(label.start_s, kept[-1].end_s) if kept else label.start_s
        if label.end_s - start_s >= _LEAST_S:
            kept.append(Label(start_s, label.end_s, label.text))
        elif kept:
            last = kept.pop()
            kept.append(Label(last.start_s, last.end_s, f"{last.text} {label.text}".strip()))
    return kept
