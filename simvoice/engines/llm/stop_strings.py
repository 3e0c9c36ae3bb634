"""Stop strings in a stream: what may be the beginning of one is held back until it is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


class StopFilter:
    """Pieces in, pieces out, up to the first stop string."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.stopped = False
        """A stop string has come; nothing more will."""

    def push(self, piece: str) -> str:
        """What may be shown after this piece; may be empty."""
        if self.stopped:
            return ""
        text = self._held + piece
        ends = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if ends:
            self.stopped = True
            self._held = ""
            return text[: min(ends)]
        kept = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def flush(self) -> str:
        """What was held back, when nothing more comes."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` begin `stop`."""
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0


def one_line(pieces: Iterable[str]) -> Iterator[str]:
    """The first line that says something: chat models put empty ones before, and more behind."""
    begun = False
    for piece in pieces:
        text = piece if begun else piece.lstrip()
        begun = begun or bool(text)
        line, broken, _ = text.partition("\n")
        if line:
            yield line
        if broken:
            return
