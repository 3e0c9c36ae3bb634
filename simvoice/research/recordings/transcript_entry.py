"""One entry of a transcript."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """Words with their times and, where known, their speaker."""

    label: str
    """The speaker's name in the transcript; empty when it has none."""
    start_s: float
    end_s: float
    text: str
    is_word: bool = False
    """Whether it is one word with its own times; else it is an utterance."""
    channel: int | None = None
    """0 left, 1 right, where the transcript names a channel."""

    def with_label(self, label: str) -> TranscriptEntry:
        """Return the entry with another label."""
        return replace(self, label=label)
