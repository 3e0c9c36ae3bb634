"""The last warnings of the log, for technicians: they hold ids and fixed text, and no words."""

from __future__ import annotations

import logging
from collections import deque
from datetime import datetime
from typing import Final

from simvoice.safe_text import one_line

MOST: Final = 10
_LONGEST: Final = 300


class RecentErrors(logging.Handler):
    """Keeps the last warnings and errors of simvoice, each with its time."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        super().__init__(logging.WARNING)
        self._kept: deque[str] = deque(maxlen=MOST)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line of a record."""
        at = datetime.fromtimestamp(record.created).time().isoformat("seconds")
        sentence = f"{at} {one_line(record.getMessage())}"
        if not self._kept or self._kept[0] != sentence:
            self._kept.appendleft(sentence[:_LONGEST])

    def sentences(self) -> tuple[str, ...]:
        """Return the lines, the newest first."""
        return tuple(self._kept)
