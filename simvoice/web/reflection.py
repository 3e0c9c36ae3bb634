"""Reflecting before a debrief: whether it is due, what its page shows, and how a text is saved.

The learner's own pages, a hub and a station share this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi.responses import JSONResponse

from simvoice.debrief.model import Debrief
from simvoice.debrief.own_moments import MomentToHear, choose_moments, hear_moment
from simvoice.debrief.own_view import own_views
from simvoice.errors import AttemptError, UsageError
from simvoice.reading.reading import Reading
from simvoice.record.reflection import (
    LONGEST_TEXT,
    QUESTIONS,
    ReflectedMoment,
    ReflectionEnded,
    ReflectionField,
    TextChanged,
    read_reflection,
    save_text,
)
from simvoice.record.store import Attempt
from simvoice.strict_model import StrictModel


class SentText(StrictModel):
    """One text that a page sends while the learner types."""

    at_s: float
    """Names the moment."""
    field: ReflectionField
    text: str
    before: str
    """The text as the page last knew it."""


@dataclass(frozen=True, slots=True)
class AskedText:
    """One question about a moment, and what was written so far."""

    field: ReflectionField
    question: str
    text: str


@dataclass(frozen=True, slots=True)
class ReflectionPage:
    """One moment of a reflection, as a page shows it."""

    attempt: str
    """As it stands in addresses."""
    title: str
    patient_name: str
    duration_s: float
    has_sound: bool
    moments: tuple[ReflectedMoment, ...]
    number: int
    """Of the moment that is shown, from 1."""
    heard: MomentToHear
    texts: tuple[AskedText, ...]
    longest: int = LONGEST_TEXT

    @property
    def moment(self) -> ReflectedMoment:
        """The moment that is shown."""
        return self.moments[self.number - 1]

    @property
    def is_last(self) -> bool:
        """Whether the debrief comes next."""
        return self.number == len(self.moments)


def moments_due(attempt: Attempt, reading: Callable[[], Reading]) -> tuple[ReflectedMoment, ...]:
    """Return the moments that the learner writes about before the debrief; empty when it opens.

    Those that were begun stay as they are. reading: of the attempt; asked for when none were. A
    reflection that cannot be read keeps nobody from the debrief.
    """
    if not attempt.header.options.reflects or attempt.state != "complete":
        return ()
    try:
        found = read_reflection(attempt.folder)
    except AttemptError:
        return ()
    if found is None:
        return choose_moments(reading(), attempt.header)
    return () if found.is_over else found.moments


def shown_reflection(attempt: Attempt, reading: Reading, debrief: Debrief) -> dict[str, Any]:
    """Return what a debrief shows of a reflection, for its template.

    `own_views`: the learner's view beside the record's. `own_problem`: why it cannot be shown, in a
    sentence; empty for no reason.
    """
    try:
        found = read_reflection(attempt.folder)
    except AttemptError as error:
        return {"own_views": (), "own_problem": str(error)}
    is_over = found is not None and found.is_over
    views = own_views(reading, debrief, found if is_over else None)
    return {"own_views": views, "own_problem": ""}


def reflection_page(
    attempt: Attempt,
    reading: Reading,
    moments: tuple[ReflectedMoment, ...],
    number: int,
    *,
    named: str = "",
) -> ReflectionPage:
    """Return what the page of one moment shows.

    moments: as `moments_due`, at least one. number: from 1; another one means the nearest. named:
    the attempt in addresses; its identifier when empty.
    """
    number = max(1, min(number, len(moments)))
    moment = moments[number - 1]
    return ReflectionPage(
        attempt=named or attempt.id,
        title=attempt.header.case_title,
        patient_name=attempt.header.patient_name,
        duration_s=reading.speech_times.end_s,
        has_sound=attempt.audio_path is not None,
        moments=moments,
        number=number,
        heard=hear_moment(reading, moment.at_s),
        texts=tuple(
            AskedText(name, question, getattr(moment, name)) for name, question in QUESTIONS.items()
        ),
    )


def save_sent(
    folder: Path, moments: Sequence[ReflectedMoment], sent: SentText, now: datetime
) -> str:
    """Save a text that a page sent. Returns it as it is kept.

    moments: as `moments_due`. Raises what `record.reflection.save_text` raises.
    """
    return save_text(folder, moments, sent.at_s, sent.field, sent.text, sent.before, now)


def answer_to_text(save: Callable[[], str]) -> JSONResponse:
    """Return the answer to a text that a page sent: the text as `save` keeps it.

    A text that is refused gets 409 when something changed meanwhile, else 422; `text` is then what
    another window wrote, where it did. Raises AttemptError when the record cannot be read.
    """
    try:
        return JSONResponse({"text": save()})
    except AttemptError:
        raise
    except UsageError as error:
        return _refusal(error)


def _refusal(error: UsageError) -> JSONResponse:
    content = {"message": str(error)}
    if isinstance(error, TextChanged):
        content["text"] = error.text
    changed = isinstance(error, TextChanged | ReflectionEnded)
    return JSONResponse(content, status_code=409 if changed else 422)
