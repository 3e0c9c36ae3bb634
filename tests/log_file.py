"""The log of one test, at level debug."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simvoice import log

SECRETS = ("zebra", "Quincy", "marmalade")
"""Words that the learner says, that the patient says, and the learner's pseudonym."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log that runs until its text is read."""

    path: Path
    running: log.Log

    def text(self) -> str:
        """Stop the log and return what it holds."""
        self.running.stop()
        return self.path.read_text(encoding="utf-8")

    def text_without_secrets(self) -> str:
        """Stop the log and return what it holds, which is none of `SECRETS`."""
        text = self.text()
        assert not [word for word in SECRETS if word.lower() in text.lower()], text
        return text
