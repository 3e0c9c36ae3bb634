"""End a stream of text at a stop string, or after its first line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


class StopFilter:
    """Passes pieces of text on, up to the first stop string.

    Characters that may begin a stop string are held back until the next pieces decide.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.stopped = False
        """A stop string was found; all further text is dropped."""

    def push(self, piece: str) -> str:
        """Return the text that is certain after this piece; it can be empty."""
        if self.stopped:
            return ""
        text = self._held + piece
        ends = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if ends:
            self.stopped = True
            self._held = ""
            return text[: min(ends)]
        held = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def flush(self) -> str:
        """Return the text that was held back, at the end of the stream."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of `text` begin `stop`."""
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0


def first_line(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the first line with text; chat models often begin with empty lines and add more."""
    started = False
    for piece in pieces:
        text = piece if started else piece.lstrip()
        started = started or bool(text)
        line, newline, _ = text.partition("\n")
        if line:
            yield line
        if newline:
            return
