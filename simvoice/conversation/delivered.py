"""What of the patient's line reached the learner's ear. That is the truth that counts."""

from __future__ import annotations

from dataclasses import dataclass

from simvoice.conversation.state import Reply
from simvoice.record.events import DeliveredWord

_HEARD_SHARE = 0.5
"""A word counts as heard once half of it has sounded: enough to be recognised as a rule."""


@dataclass(frozen=True, slots=True)
class DeliveredLine:
    """A reply as it sounded."""

    heard: str
    unsaid: str
    words: tuple[DeliveredWord, ...]
    """Session seconds."""
    start_s: float | None
    end_s: float | None
    lost_s: float
    """Seconds of made speech that never sounded; estimated for clauses not made yet."""


_WORDS_PER_S = 2.6
"""A patient's measured pace, for clauses that were not synthesised when she was stopped."""


def delivered_line(reply: Reply) -> DeliveredLine:
    """Split the reply's text where the sound stopped, to the word."""
    words: list[DeliveredWord] = []
    heard: list[str] = []
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
            lost_s += clip.duration_s
            continue
        start_s = clip.started_s if start_s is None else start_s
        end_s = clip.started_s + clip.played_s
        lost_s += max(0.0, clip.duration_s - clip.played_s)
        for word in clip.words:
            middle = word.start_s + _HEARD_SHARE * (word.end_s - word.start_s)
            if clip.played_s >= middle:
                heard.append(word.text)
                until = min(word.end_s, clip.played_s)
                words.append(
                    DeliveredWord(
                        text=word.text,
                        start_s=round(clip.started_s + word.start_s, 3),
                        end_s=round(clip.started_s + until, 3),
                    )
                )
            else:
                unsaid.append(word.text)
    return DeliveredLine(
        heard=" ".join(heard),
        unsaid=" ".join(unsaid),
        words=tuple(words),
        start_s=start_s,
        end_s=end_s,
        lost_s=lost_s,
    )
