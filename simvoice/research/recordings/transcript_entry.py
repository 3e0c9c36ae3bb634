"""One entry of a transcript."""

from __future__ import annotations

from dataclasses import dataclass, replace

# -- said -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """Some words and when they were spoken."""

    label: str
    """Who spoke, as the transcript names them; empty when it does not."""
    start_s: float
    end_s: float
    text: str
    is_word: bool = False
    """One word with its own times; else an utterance."""
    channel: int | None = None
    """0 left, 1 right, where the transcript names a channel."""

    def labelled(self, label: str) -> TranscriptEntry:
        """The same, spoken by `label`."""
        return replace(self, label=label)
