"""The learner's reflection: own words about moments, written before the debrief is shown.

It is a file beside the journal, is exported and shown beside the debrief, and is never scored. Each
text is saved while it is typed. From the moment at which the debrief was shown it does not change.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from simvoice.errors import AttemptError, UsageError
from simvoice.record.files import read_regular, replace_file, storage_error
from simvoice.rounding import Seconds
from simvoice.safe_text import encodable
from simvoice.strict_model import StrictModel

REFLECTION: Final = "reflection.json"

MOST_MOMENTS: Final = 5
LONGEST_TEXT: Final = 4_000
"""Characters of one text: two pages. A learner writes one for a minute or two."""
LONGEST_WORDS: Final = 4_000
"""Characters that are kept of what the learner had said: over four minutes of fast speech."""
LARGEST_REFLECTION: Final = 1_000_000
"""Bytes of the file; five moments full of emoji have 420,000."""

ReflectionField = Literal["aim", "effect", "instead"]

QUESTIONS: Final[dict[ReflectionField, str]] = {
    "aim": "What were you trying to do?",
    "effect": "What did it do to the patient?",
    "instead": "What would you say now?",
}
"""What is asked about each moment, in order."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_writing = threading.Lock()
"""Held while a text is saved: of two that are saved at once, none is lost."""


class TextChanged(UsageError):
    """The text was changed in another window meanwhile."""

    def __init__(self, text: str) -> None:
        """text: what is kept now."""
        super().__init__(
            "This answer was changed in another window. What stands here is kept when you change "
            "it once more."
        )
        self.text = text


class ReflectionEnded(UsageError):
    """The debrief was shown, so nothing can be added."""


class ReflectedMoment(StrictModel):
    """A moment of the learner's own words, and what the learner writes about it."""

    at_s: Seconds
    """Start of the learner's turn; names the moment."""
    words: str = Field("", max_length=LONGEST_WORDS)
    """What the learner had said, as it was read then; a transcript can be corrected later."""
    aim: str = Field("", max_length=LONGEST_TEXT)
    effect: str = Field("", max_length=LONGEST_TEXT)
    instead: str = Field("", max_length=LONGEST_TEXT)

    @property
    def answers(self) -> tuple[tuple[str, str], ...]:
        """The questions that were answered, each with its answer."""
        pairs = ((question, getattr(self, name)) for name, question in QUESTIONS.items())
        return tuple((question, text) for question, text in pairs if text)


class LearnerReflection(StrictModel):
    """What a learner wrote about an attempt before reading its debrief."""

    format: int = Field(1, ge=1, le=1)
    begun_at: str = ""
    """ISO 8601 with time zone; when the first text was saved, or the debrief was asked for."""
    ended_at: str = ""
    """When the debrief was shown; empty before."""
    moments: tuple[ReflectedMoment, ...] = Field((), max_length=MOST_MOMENTS)
    """In order of time."""

    @property
    def is_over(self) -> bool:
        """Whether the debrief was shown."""
        return bool(self.ended_at)

    @property
    def written(self) -> tuple[ReflectedMoment, ...]:
        """The moments about which something was written."""
        return tuple(moment for moment in self.moments if moment.answers)


def read_reflection(folder: Path) -> LearnerReflection | None:
    """Return the reflection in the folder of an attempt; None when none was begun.

    Raises AttemptError for a file that cannot be read.
    """
    try:
        return LearnerReflection.model_validate_json(
            read_regular(folder / REFLECTION, LARGEST_REFLECTION)
        )
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise AttemptError(
            f"what the learner wrote about attempt {folder.name} cannot be read; look at "
            f"{REFLECTION} in its folder"
        ) from error


def reflection_for_page(folder: Path) -> LearnerReflection | None:
    """Return the reflection that a debrief shows; None before its end, or when none can be read."""
    try:
        found = read_reflection(folder)
    except AttemptError:
        return None
    return found if found is not None and found.is_over else None


def save_text(
    folder: Path,
    chosen: Sequence[ReflectedMoment],
    at_s: float,
    name: ReflectionField,
    text: str,
    before: str,
    now: datetime,
) -> str:
    """Save one text about a moment. Returns the text as it is kept.

    chosen: the moments that are offered; used when nothing was saved yet. at_s: names the moment.
    before: the text as the writer last knew it, so that two windows do not overwrite each other
    unseen. now: with time zone.

    Raises TextChanged, ReflectionEnded, UsageError for a text that is too long or a moment that is
    not offered, AttemptError for a file that cannot be read, StorageFull and SimvoiceError.
    """
    text = _kept(text)
    with _writing:
        found = _open_reflection(folder, chosen, now)
        place = next((n for n, each in enumerate(found.moments) if each.at_s == at_s), None)
        if place is None:
            raise UsageError("This moment is not among those that are offered. Reload the page.")
        moment = found.moments[place]
        present: str = getattr(moment, name)
        if present == text:
            return text
        if present != _kept(before):
            raise TextChanged(present)
        changed = moment.model_copy(update={name: text})
        moments = (*found.moments[:place], changed, *found.moments[place + 1 :])
        _write(folder, found.model_copy(update={"moments": moments}))
    return text


def end_reflection(folder: Path, chosen: Sequence[ReflectedMoment], now: datetime) -> None:
    """Note that the debrief is shown from now on. Does nothing when it was shown before.

    chosen, now, and what it raises: as `save_text`.
    """
    with _writing:
        try:
            found = _open_reflection(folder, chosen, now)
        except ReflectionEnded:
            return
        ended = now.isoformat(timespec="seconds")
        _write(folder, found.model_copy(update={"ended_at": ended}))


def _open_reflection(
    folder: Path, chosen: Sequence[ReflectedMoment], now: datetime
) -> LearnerReflection:
    found = read_reflection(folder)
    if found is None:
        return LearnerReflection(
            begun_at=now.isoformat(timespec="seconds"), moments=tuple(chosen[:MOST_MOMENTS])
        )
    if found.is_over:
        raise ReflectionEnded(
            "The debrief was shown meanwhile, so this cannot be changed. Reload the page."
        )
    return found


def _kept(text: str) -> str:
    """Return a typed text as it is kept. Raises UsageError when it is too long."""
    text = _CONTROLS.sub("", encodable(text.replace("\r\n", "\n").replace("\r", "\n"))).strip()
    if len(text) > LONGEST_TEXT:
        raise UsageError(
            f"This text has {len(text)} characters, and at most {LONGEST_TEXT} can be kept. Make "
            "it shorter; until then the last one that was saved is kept."
        )
    return text


def _write(folder: Path, reflection: LearnerReflection) -> None:
    try:
        replace_file(folder / REFLECTION, reflection.model_dump_json(indent=1).encode() + b"\n")
    except FileNotFoundError as error:
        raise AttemptError("This attempt was erased meanwhile, so nothing can be kept.") from error
    except OSError as error:
        raise storage_error(error, "saving what you wrote") from error
