"""Determine how much of the patient's line was played to the learner."""

from __future__ import annotations

from dataclasses import dataclass

from simvoice.conversation.state import Reply
from simvoice.record.events import DeliveredWord

_DELIVERED_SHARE = 0.5
"""A word counts as delivered once half of it was played, usually enough to recognise it."""

_WORDS_PER_S = 2.6
"""A patient's measured pace, for clauses that were not synthesised before the stop."""


@dataclass(frozen=True, slots=True)
class DeliveredLine:
    """A reply as it was played."""

    delivered: str
    unsaid: str
    words: tuple[DeliveredWord, ...]
    """The delivered words, in session seconds."""
    start_s: float | None
    end_s: float | None
    """The last sound of the voice. A clip is longer: the pause after the clause belongs to it."""
    lost_s: float
    """Seconds of speech that were not played; estimated for clauses not yet synthesised."""


def delivered_line(reply: Reply) -> DeliveredLine:
    """Split the reply at the word where the sound stopped."""
    words: list[DeliveredWord] = []
    delivered: list[str] = []
    unsaid: list[str] = []
    start_s: float | None = None
    end_s: float | None = None
    lost_s = 0.0
    for index, clause in enumerate(reply.clauses):
        clip = reply.clips[index] if index < len(reply.clips) else None
        if clip is None:
            unsaid.append(clause)
            lost_s += len(clause.split()) / _WORDS_PER_S
            continue
        if clip.started_s is None:
            unsaid.append(clause)
            lost_s += clip.voice_end_s
            continue
        start_s = clip.started_s if start_s is None else start_s
        end_s = clip.started_s + min(clip.played_s, clip.voice_end_s)
        lost_s += max(0.0, clip.voice_end_s - clip.played_s)
        for word in clip.words:
            middle = word.start_s + _DELIVERED_SHARE * (word.end_s - word.start_s)
            if clip.played_s >= middle:
                delivered.append(word.text)
                until = min(word.end_s, clip.played_s)
                words.append(
                    DeliveredWord(
                        text=word.text,
                        start_s=clip.started_s + word.start_s,
                        end_s=clip.started_s + until,
                    )
                )
            else:
                unsaid.append(word.text)
    return DeliveredLine(
        delivered=" ".join(delivered),
        unsaid=" ".join(unsaid),
        words=tuple(words),
        start_s=start_s,
        end_s=end_s,
        lost_s=lost_s,
    )
