"""One entry of a transcript, and how readers collect them: what is broken is left out by name."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from simvoice.errors import AudioFileError

_MOST_NAMED = 3
"""How many entries that were left out are named in a remark."""


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """Words with their times and, where known, their speaker."""

    label: str
    """The speaker's name in the transcript; empty when it has none."""
    start_s: float
    end_s: float
    text: str
    """Empty where the file tells only who speaks, as RTTM does."""
    is_word: bool = False
    """Whether it is one word with its own times; else it is an utterance."""
    channel: int | None = None
    """0 left, 1 right, where the transcript names a channel."""

    def with_label(self, label: str) -> TranscriptEntry:
        """Return the entry with another label."""
        return replace(self, label=label)


@dataclass(slots=True)
class EntryCollector:
    """Collects the entries of one file. One that is broken is left out, with place and reason."""

    name: str
    """The file's name, for messages."""
    entries: list[TranscriptEntry] = field(default_factory=list)
    length_s: float = 0.0
    """The length that the file states, seconds; 0 when it states none."""
    notes: list[str] = field(default_factory=list)
    """Sentences about the file as a whole."""
    _left_out: list[str] = field(default_factory=list)

    def add(self, entry: TranscriptEntry, place: str) -> bool:
        """Add an entry if its times are possible; return whether they are.

        place: where it is, such as `line 12`.
        """
        if not (math.isfinite(entry.start_s) and math.isfinite(entry.end_s)):
            self.leave_out(place, "a time is not a number")
        elif entry.start_s < 0.0:
            self.leave_out(place, "it begins before 0")
        elif entry.end_s < entry.start_s:
            self.leave_out(place, "it ends before it starts")
        else:
            self.entries.append(entry)
            return True
        return False

    def leave_out(self, place: str, reason: str) -> None:
        """Leave an entry out."""
        self._left_out.append(f"{place} ({reason})")

    def remarks(self) -> list[str]:
        """Return sentences about what was left out."""
        if not self._left_out:
            return list(self.notes)
        named = ", ".join(self._left_out[:_MOST_NAMED])
        more = len(self._left_out) - _MOST_NAMED
        rest = f" and {more} more" if more > 0 else ""
        count = len(self._left_out)
        were = "1 entry was" if count == 1 else f"{count} entries were"
        return [f"of the transcript {self.name!r} {were} left out: {named}{rest}", *self.notes]

    def check(self) -> None:
        """Raise AudioFileError when the file contains no words, or is broken for the most part."""
        if len(self._left_out) > len(self.entries):
            named = ", ".join(self._left_out[:_MOST_NAMED])
            raise AudioFileError(
                f"most entries of the transcript {self.name!r} cannot be read, such as {named}; "
                "repair it, or analyse without it: --no-transcript"
            )
        if not self.entries:
            raise AudioFileError(
                f"the transcript {self.name!r} contains no words; remove it, or analyse without "
                "it: --no-transcript"
            )


def cannot_read(name: str, kind: str) -> AudioFileError:
    """Return the error for a file that is not what its ending says."""
    return AudioFileError(
        f"the transcript {name!r} cannot be read as {kind}; repair it, or analyse without it: "
        "--no-transcript"
    )
