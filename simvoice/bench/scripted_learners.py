"""Read the scripts of simulated learners of eight kinds, from `scenarios/<case>/learners.yaml`.

A script is what one learner says, in order, and what this learner replies to single lines of the
patient. Who wrote it stands in the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, ValidationError

from simvoice.errors import CaseError
from simvoice.safe_text import field_place
from simvoice.strict_model import StrictModel
from simvoice.yaml_file import read_yaml

LearnerKind = Literal[
    "skilled",
    "average",
    "clumsy",
    "cold",
    "jargon",
    "monologue",
    "walks_out",
    "ticks_boxes",
]

KINDS: Final[dict[LearnerKind, str]] = {
    "skilled": "listens, tells plainly, answers, takes up feelings",
    "average": "a decent student with gaps",
    "clumsy": "kind, but awkward",
    "cold": "correct and clear, without warmth",
    "jargon": "technical words all along",
    "monologue": "talks at length and leaves no room",
    "walks_out": "tells the news, and leaves soon after it",
    "ticks_boxes": "says the taught sentences at the wrong moments, without listening",
}
"""Kind to what such a learner does."""

PATIENCE_S: Final[dict[LearnerKind, float]] = {
    "skilled": 9.0,
    "average": 4.5,
    "clumsy": 3.5,
    "cold": 3.0,
    "jargon": 3.0,
    "monologue": 1.6,
    "walks_out": 3.0,
    "ticks_boxes": 2.2,
}
"""Kind to the silence after the own words, without an answer, after which the learner goes on. The
scripts do not say it: simvoice chose it."""


class ScriptedTurn(StrictModel):
    """One turn of a script: words, or a silence."""

    say: str = ""
    or_: tuple[str, ...] = Field(default=(), alias="or")
    """Other wordings; a run draws one."""
    gap_s: float = Field(default=0.8, ge=0.0, le=20.0)
    """Silence after the patient's last word, seconds."""
    silent_s: float | None = Field(default=None, gt=0.0, le=60.0)
    """Says nothing for so long, or until the patient speaks."""
    cut_in_s: float | None = Field(default=None, gt=0.0, le=30.0)
    """Cuts in so long after the start of the patient's next utterance."""
    backchannel_s: float | None = Field(default=None, gt=0.0, le=30.0)
    """An acknowledgement so long after the start of the patient's utterance."""
    ends: bool = False
    """The learner leaves after these words."""

    @property
    def wordings(self) -> tuple[str, ...]:
        """All wordings; empty for a silence."""
        return (self.say, *self.or_) if self.say else ()


def _turn(given: object) -> object:
    return {"say": given} if isinstance(given, str) else given


class LearnerScriptText(StrictModel):
    """One learner."""

    name: str
    replies: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    """Ids of the patient's lines, separated by commas, to what this learner replies, once each."""
    turns: tuple[Annotated[ScriptedTurn, BeforeValidator(_turn)], ...] = Field(min_length=1)

    def reply_to(self, line_id: str) -> tuple[str, tuple[str, ...]] | None:
        """(key of the reply, its wordings) for a line; None without a reply."""
        for key, words in self.replies.items():
            if line_id in (each.strip() for each in key.split(",")):
                return key, (words,) if isinstance(words, str) else words
        return None


class ScriptedLearners(StrictModel):
    """The learners of one case."""

    case: str
    author: str
    """Who wrote the scripts, and what the author had seen."""
    judging: bool = False
    """Kept for judging: nobody changes rules by the result."""
    learners: dict[LearnerKind, tuple[LearnerScriptText, ...]]


def load_learners(file: Path) -> ScriptedLearners:
    """Read a file of learners. Raises CaseError with the first problem."""
    try:
        return ScriptedLearners.model_validate_json(read_yaml(file).json)
    except ValidationError as error:
        first = error.errors()[0]
        where = field_place(first["loc"])
        raise CaseError(f"{file.name}: {where}: {first['msg']}") from error
